"""The desk: tickets and everything that happens to them."""
