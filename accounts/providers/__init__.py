"""Signing in with another account: OAuth 2.0 and OpenID Connect."""
