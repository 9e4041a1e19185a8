#!/usr/bin/env python
"""Django's command line for ServiceFlow."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KEY = Path(__file__).resolve().parent / ".run" / "secret_key"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serviceflow.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
        from django.db import OperationalError
    except ImportError:
        sys.exit(
            "error: Django is not installed here: start bin/run once, then use .venv/bin/python manage.py"
        )
    try:
        with what_bin_run_has_made():
            execute_from_command_line(sys.argv)
    except ImproperlyConfigured as missing:
        if "--traceback" in sys.argv:
            raise
        sys.exit(
            f"error: {missing} See .env.example; on a machine of your own start bin/run once, it sets up all."
        )
    except OperationalError as trouble:
        # A server that has not even answered has given no code.
        if "--traceback" in sys.argv or getattr(trouble.__cause__, "sqlstate", None):
            raise
        sys.exit(f"error: the database cannot be reached: {str(trouble).splitlines()[0]}")


@contextmanager
def what_bin_run_has_made() -> Iterator[None]:
    """The key and the private database of a developer's checkout, unless the environment names others.

    There is no such key in production: there whatever is missing is refused by the settings.
    """
    if os.environ.get("SECRET_KEY") or not os.access(KEY, os.R_OK):
        yield
        return
    os.environ["SECRET_KEY"] = KEY.read_text().strip()
    if os.environ.get("DATABASE_URL"):
        yield
        return
    from serviceflow import devdb

    try:
        was_running = devdb.status() == "ready"
        os.environ["DATABASE_URL"] = devdb.ensure_running()
        try:
            yield
        finally:
            if not was_running:
                devdb.stop(only_if_unused=True)
    except devdb.Trouble as trouble:
        sys.exit(f"error: database: {trouble}")


if __name__ == "__main__":
    main()
