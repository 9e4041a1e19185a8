"""Asking for a new password at the server's own prompt."""

import getpass
import sys

from django.core.management.base import CommandError


def new_password(question: str) -> str:
    """What is typed twice and not shown; without a terminal the first line that is piped in, or nothing."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass(question)
    if password and getpass.getpass("Once more: ") != password:
        raise CommandError("The two are not the same.")
    return password
