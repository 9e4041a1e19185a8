"""Unsafe settings refuse to start, and name themselves."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[2]
GOOD = {
    "SECRET_KEY": "k" * 50,
    "DATABASE_URL": "postgresql://desk:hush-hush@db:5432/desk",
    "BASE_URL": "https://desk.example.com",
}


def loaded(wanted: str = "None", /, **environment: Any) -> subprocess.CompletedProcess[str]:
    """Read the settings in a process of their own and print one expression about them."""
    changed = {name: value for name, value in {**GOOD, **environment}.items() if value is not None}
    return subprocess.run(
        [sys.executable, "-c", f"import serviceflow.settings as s; print(({wanted}))"],
        cwd=CHECKOUT, env={"PATH": os.environ["PATH"], **changed}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"SECRET_KEY": None}, "SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"DATABASE_URL": None}, "DATABASE_URL"),
        ({"DATABASE_URL": "mysql:desk:hush-hush"}, "DATABASE_URL"),
        ({"BASE_URL": "http://desk.example.com"}, "BASE_URL"),
        ({"BASE_URL": "desk.example.com"}, "BASE_URL"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
        ({"ADMIN_BOOTSTRAP_KEY": "easy"}, "ADMIN_BOOTSTRAP_KEY"),
        ({"DEBUG": "perhaps"}, "DEBUG"),
        ({"RATE_LIMIT_KEY": "many"}, "RATE_LIMIT_KEY"),
        ({"STATEMENT_TIMEOUT": "-1"}, "STATEMENT_TIMEOUT"),
        ({"WEB_CONCURRENCY": "0"}, "WEB_CONCURRENCY"),
        ({"WEB_THREADS": "four"}, "WEB_THREADS"),
        ({"TRUSTED_PROXIES": "10.0.0.0/8 nginx"}, "TRUSTED_PROXIES"),
        ({"TIME_ZONE": "Mars"}, "TIME_ZONE"),
        ({"TIME_ZONE": "../UTC"}, "TIME_ZONE"),
        ({"TIME_ZONE": "America"}, "TIME_ZONE"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
    ],
)
def test_what_is_unsafe_or_missing_refuses_by_name(environment: dict[str, str | None], named: str) -> None:
    refused = loaded(**environment)
    assert refused.returncode != 0
    last = refused.stderr.strip().splitlines()[-1]
    assert last.startswith("django.core.exceptions.ImproperlyConfigured")
    assert named in last
    assert "hush-hush" not in refused.stderr


def test_behind_tls_cookies_are_bound_to_the_host() -> None:
    said = loaded("s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.SECURE_HSTS_SECONDS")
    assert said.stdout.strip() == "('__Host-session', '__Host-csrf', True, 31536000)"


def test_on_loopback_the_desk_works_without_tls() -> None:
    said = loaded("s.SESSION_COOKIE_NAME, s.SECURE_SSL_REDIRECT", BASE_URL="http://127.0.0.1:8000")
    assert said.stdout.strip() == "('session', False)"


def test_forwarded_tls_is_believed_only_with_proxies_named() -> None:
    assert loaded("hasattr(s, 'SECURE_PROXY_SSL_HEADER')").stdout.strip() == "False"
    assert loaded("s.SECURE_PROXY_SSL_HEADER[0]", TRUSTED_PROXIES="10.0.0.0/8").stdout.strip() == (
        "HTTP_X_FORWARDED_PROTO"
    )


def test_proxies_are_addresses_and_networks() -> None:
    said = loaded("*map(str, s.TRUSTED_PROXIES),", TRUSTED_PROXIES="10.1.2.3/8, 192.0.2.1 2001:db8::/32")
    assert said.stdout.strip() == "('10.0.0.0/8', '192.0.2.1/32', '2001:db8::/32')"


def test_what_is_set_to_nothing_has_its_usual_value() -> None:
    names = ["WEB_CONCURRENCY", "WEB_THREADS", "TIME_ZONE", "LOG_LEVEL"]
    wanted = ", ".join(f"s.{name}" for name in names)
    usual = loaded(wanted)
    assert usual.stdout.strip() == "(2, 4, 'UTC', 'INFO')"
    assert loaded(wanted, **dict.fromkeys(names, "")).stdout == usual.stdout


def test_gunicorn_says_in_one_line_what_is_missing() -> None:
    started = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--config", "python:serviceflow.gunicorn", "serviceflow.wsgi"],
        cwd=CHECKOUT, env={"PATH": os.environ["PATH"], **GOOD, "SECRET_KEY": ""},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert started.returncode == 1
    assert started.stderr.splitlines() == [
        "error: SECRET_KEY must be set to at least 50 random characters. See .env.example."
    ]
