"""Administrators at work on people, teams and keys. Every change is a verb; nothing is deleted."""

from accounts.admin import keys, people, teams

__all__ = ["keys", "people", "teams"]
