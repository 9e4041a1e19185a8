"""Unsafe settings refuse to start, and name themselves.

Seen to fail: each row of the table of refusals without the one `raise` that refuses it, in serviceflow/settings.py (the
desk starts, or ends without the name of the setting); the promises with UNSAFE_INLINE in script-src; what is told at
each start without `say_so` in gunicorn.py, or in `work`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from tests.security.policy import POLICY

CHECKOUT = Path(__file__).parents[2]
KEY = "Zx7-Qm2_Lp9vTt4RkWb8Nc3Ys6Hd1Jf5Ge0Ua-Io_Xq7Vw2Mz9"
GOOD = {
    "SECRET_KEY": KEY,
    "DATABASE_URL": "postgresql://desk:hush-hush@db:5432/desk?sslmode=verify-full",
    "BASE_URL": "https://desk.example.com",
}


IMPORTS = "import serviceflow.settings as s; from django.utils.csp import build_policy"


def loaded(wanted: str = "None", /, **environment: Any) -> subprocess.CompletedProcess[str]:
    """Read the settings in a process of their own and print one expression about them."""
    changed = {name: value for name, value in {**GOOD, **environment}.items() if value is not None}
    return subprocess.run(
        [sys.executable, "-c", f"{IMPORTS}; print(({wanted}))"],
        cwd=CHECKOUT, env={"PATH": os.environ["PATH"], **changed}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def provider(**more: Any) -> str:
    company = {
        "id": "company",
        "name": "Company",
        "url": "https://discord.com" if more.get("kind") == "discord" else "https://id.example.com",
        "client_id": "desk",
        "client_secret": "hush-hush",
    }
    return json.dumps([company | more])


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"SECRET_KEY": None}, "SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"SECRET_KEY": KEY[:49]}, "SECRET_KEY"),
        ({"SECRET_KEY": "k" * 50}, "SECRET_KEY"),
        ({"SECRET_KEY": f"django-insecure-{KEY}"}, "SECRET_KEY"),
        ({"SECRET_KEY": f"change-me-{KEY}"}, "SECRET_KEY"),
        ({"SECRET_KEY_FALLBACKS": f"{KEY} short"}, "SECRET_KEY_FALLBACKS"),
        ({"DATABASE_URL": None}, "DATABASE_URL"),
        ({"DATABASE_URL": "mysql:desk:hush-hush"}, "DATABASE_URL"),
        ({"BASE_URL": "http://desk.example.com"}, "BASE_URL"),
        ({"BASE_URL": "desk.example.com"}, "BASE_URL"),
        ({"BASE_URL": "ftp://desk.example.com"}, "BASE_URL"),
        ({"BASE_URL": "https://desk.example.com/desk"}, "BASE_URL"),
        ({"BASE_URL": "https://desk.example.com?x=1"}, "BASE_URL"),
        ({"BASE_URL": "https://desk:hush-hush@desk.example.com"}, "BASE_URL"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": "desk.example.com *.example.com"}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": "desk.example.com .example.com"}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": "other.example.com"}, "ALLOWED_HOSTS"),
        ({"ADMIN_BOOTSTRAP_KEY": "easy"}, "ADMIN_BOOTSTRAP_KEY"),
        ({"ADMIN_BOOTSTRAP_KEY": KEY[:23]}, "ADMIN_BOOTSTRAP_KEY"),
        ({"ADMIN_BOOTSTRAP_KEY": "a" * 30}, "ADMIN_BOOTSTRAP_KEY"),
        ({"DEBUG": "perhaps"}, "DEBUG"),
        ({"DEBUG": "1"}, "DEBUG"),
        ({"RATE_LIMIT_SIGN_IN": "0"}, "RATE_LIMIT_SIGN_IN"),
        ({"RATE_LIMIT_REFUSED": "0"}, "RATE_LIMIT_REFUSED"),
        *[
            ({f"RATE_LIMIT_{kind}": "0"}, f"RATE_LIMIT_{kind}")
            for kind in ("KEY", "ADDRESS", "PERSON", "CREATE", "UPLOAD", "SEARCH", "PROVIDER")
        ],
        ({"RATE_LIMIT_SIGN_IN": "1000000"}, "RATE_LIMIT_SIGN_IN"),
        ({"RATE_LIMIT_REFUSED": "601"}, "RATE_LIMIT_REFUSED"),
        ({"RATE_LIMIT_PROVIDER": "601"}, "RATE_LIMIT_PROVIDER"),
        ({"SECOND_FACTOR_FOR": "AGENTS ADMIN"}, "SECOND_FACTOR_FOR"),
        ({"SECOND_FACTOR_FOR": "NONE ADMIN"}, "SECOND_FACTOR_FOR"),
        ({"SIGN_IN_PROVIDERS": "{"}, "SIGN_IN_PROVIDERS"),
        ({"SIGN_IN_PROVIDERS": provider(url="http://id.example.com")}, "SIGN_IN_PROVIDERS"),
        ({"SIGN_IN_PROVIDERS": provider(url="http://127.0.0.1:9")}, "SIGN_IN_PROVIDERS"),
        ({"SIGN_IN_PROVIDERS": provider(account_domains=["example.com"])}, "SIGN_IN_PROVIDERS"),
        ({"SIGN_IN_PROVIDERS": provider(trusted_domains=["*"], account_domains=["*"])}, "SIGN_IN_PROVIDERS"),
        (
            {"SIGN_IN_PROVIDERS": provider(kind="discord", trusted_domains=["*"], account_domains=["*"])},
            "SIGN_IN_PROVIDERS",
        ),
        ({"SIGN_IN_PROVIDERS_FILE": "/nowhere/providers.json"}, "SIGN_IN_PROVIDERS_FILE"),
        ({"METRICS_KEY": KEY[:23]}, "METRICS_KEY"),
        ({"PLAIN_ALLOWED": "MAIL_HOST"}, "PLAIN_ALLOWED"),
        ({"SLACK_API": "http://slack.example.com/api"}, "SLACK_API"),
        ({"SLACK_API": "slack.example.com"}, "SLACK_API"),
        ({"TELEGRAM_API": "http://10.0.0.7"}, "TELEGRAM_API"),
        ({"FILES_S3_BUCKET": "x", "FILES_S3_ENDPOINT": "http://s3.example.com"}, "FILES_S3_ENDPOINT"),
        ({"DATABASE_URL": "postgresql://desk:hush-hush@db:5432/desk"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://desk:hush-hush@db/desk?sslmode=disable"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://desk:hush-hush@db/desk?sslmode=require"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://desk:hush-hush@db/desk?sslmode=verify-ca"}, "DATABASE_URL"),
        ({"DATABASE_URL": "service=prod"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://desk@localhost/desk", "PGHOSTADDR": "10.9.8.7"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://desk@localhost/desk?hostaddr=10.9.8.7"}, "DATABASE_URL"),
        ({"DATABASE_URL": "host=localhost,db dbname=desk"}, "DATABASE_URL"),
        ({"DATABASE_URL": "host=localhost hostaddr=10.0.0.7"}, "DATABASE_URL"),
        ({"DATABASE_URL": "dbname=desk", "PGHOST": "db"}, "DATABASE_URL"),
        ({"TRUSTED_PROXIES": "0.0.0.0/0"}, "TRUSTED_PROXIES"),
        ({"TRUSTED_PROXIES": "10.0.0.1 ::/0"}, "TRUSTED_PROXIES"),
        ({"OUTBOUND_ALLOWED": "0.0.0.0/1"}, "OUTBOUND_ALLOWED"),
        (
            {"MAIL_SECURITY": "none", "MAIL_PASSWORD": "hush-hush", "MAIL_HOST": "mail.example.com"},
            "MAIL_SECURITY",
        ),
        ({"MAIL_SECURITY": "ssl"}, "MAIL_SECURITY"),
        ({"MAIL_FROM": "nobody"}, "MAIL_FROM"),
        ({"SCANNER": "http://scanner"}, "SCANNER"),
        ({"FILES_FOLDER": str(CHECKOUT / "static" / "files")}, "FILES_FOLDER"),
        ({"FILES_FOLDER": "/dev/null/files"}, "FILES_FOLDER"),
        ({"RATE_LIMIT_KEY": "many"}, "RATE_LIMIT_KEY"),
        ({"STATEMENT_TIMEOUT": "-1"}, "STATEMENT_TIMEOUT"),
        ({"STATEMENT_TIMEOUT": "99999999"}, "STATEMENT_TIMEOUT"),
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


@pytest.mark.parametrize(
    "environment",
    [
        {"DATABASE_URL": "postgresql://desk:hush-hush@db/desk", "PLAIN_ALLOWED": "DATABASE_URL"},
        {"DATABASE_URL": "postgresql://desk:hush-hush@localhost/desk"},
        {"DATABASE_URL": "postgresql:///desk?host=/run/postgresql"},
        {"DATABASE_URL": "dbname=desk"},
        {"DATABASE_URL": "postgresql://desk@db/desk", "PGSSLMODE": "verify-full"},
        {"SLACK_API": "http://10.0.0.7", "PLAIN_ALLOWED": "SLACK_API"},
        {"TELEGRAM_API": "http://127.0.0.1:9"},
        {
            "FILES_S3_BUCKET": "x",
            "FILES_S3_ENDPOINT": "http://minio:9000",
            "PLAIN_ALLOWED": "FILES_S3_ENDPOINT, SLACK_API",
        },
        {"SIGN_IN_PROVIDERS": provider(trusted_domains=["*"], account_groups=["staff"])},
        {"RATE_LIMIT_KEY": "0", "BASE_URL": "http://127.0.0.1:8000"},
    ],
)
def test_what_stays_in_the_house_or_was_said_aloud_starts(environment: dict[str, str]) -> None:
    assert loaded("1", **environment).stdout.strip() == "1"


@pytest.mark.parametrize(
    ("chosen", "weakened"),
    [
        ("", []),
        ("AGENT ADMIN", []),
        ("NONE", ["SECOND_FACTOR_FOR"]),
        ("EMPLOYEE ADMIN", ["SECOND_FACTOR_FOR"]),
    ],
)
def test_what_somebody_has_chosen_to_be_less_safe_is_known_by_name(chosen: str, weakened: list[str]) -> None:
    assert loaded("s.WEAKENED", SECOND_FACTOR_FOR=chosen).stdout.strip() == str(weakened)
    here = loaded("s.WEAKENED", SECOND_FACTOR_FOR=chosen, BASE_URL="http://127.0.0.1:8000")
    assert here.stdout.strip() == "[]"


def test_it_is_told_at_every_start_of_a_server_and_of_a_worker(
    db: None, settings: Any, log_lines: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from serviceflow import gunicorn, jobs
    from serviceflow.management.commands import work

    settings.WEAKENED = ["SECOND_FACTOR_FOR"]
    monkeypatch.setattr(jobs, "work", lambda **_named: None)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")  # it is given another, and has none again afterwards
    gunicorn.on_starting(SimpleNamespace(cfg=SimpleNamespace(worker_tmp_dir=str(tmp_path))))
    work.Command().handle(only=[], alive=Path("/nowhere"), check=False)
    told = [(line["level"], line["event"], line["setting"]) for line in log_lines()]
    assert told == 2 * [("warning", "weakened_setting", "SECOND_FACTOR_FOR")]


@pytest.mark.django_db
def test_and_on_the_first_page_of_the_administration(
    admin: User, browser_of: Callable[[User], Client], settings: Any
) -> None:
    """Seen to fail: without its line in templates/admin/index.html."""
    assert "SECOND_FACTOR_FOR" not in browser_of(admin).get("/admin/").text
    settings.WEAKENED = ["SECOND_FACTOR_FOR"]
    assert "SECOND_FACTOR_FOR" in browser_of(admin).get("/admin/").text


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


def test_what_only_migrations_may_have_does_not_serve_the_web() -> None:
    started = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--config", "python:serviceflow.gunicorn", "serviceflow.wsgi"],
        cwd=CHECKOUT, env={"PATH": os.environ["PATH"], **GOOD, "STATEMENT_TIMEOUT": "0"},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert started.returncode == 1
    assert started.stderr.startswith("error: STATEMENT_TIMEOUT must not be 0")


def test_what_every_installation_is_promised() -> None:
    """The settings of security.md that no variable may change."""
    said = loaded(
        "s.DEBUG, s.SESSION_COOKIE_HTTPONLY, s.CSRF_COOKIE_HTTPONLY, s.SESSION_COOKIE_SAMESITE, s.X_FRAME_OPTIONS,"
        "s.SECURE_REFERRER_POLICY, s.SECURE_CROSS_ORIGIN_OPENER_POLICY, oct(s.FILE_UPLOAD_PERMISSIONS),"
        "s.PASSWORD_HASHERS[0].rpartition('.')[2], s.DATABASES['default']['CONN_HEALTH_CHECKS'],"
        "s.DATABASES['default']['OPTIONS']['options'], s.REST_FRAMEWORK['DEFAULT_RENDERER_CLASSES'],"
        "s.REST_FRAMEWORK['DEFAULT_PARSER_CLASSES'], s.SECURE_SSL_REDIRECT, s.SECURE_SSL_HOST,"
        "getattr(s, 'USE_X_FORWARDED_HOST', False), getattr(s, 'CSRF_TRUSTED_ORIGINS', []),"
        "getattr(s, 'SESSION_SERIALIZER', None), build_policy(s.SECURE_CSP)"
    )
    assert eval(said.stdout) == (  # noqa: S307 (our own print)
        False, True, True, "Lax", "DENY", "same-origin", "same-origin", "0o640", "Argon2PasswordHasher", True,
        "-c statement_timeout=5000 -c lock_timeout=4000 -c idle_in_transaction_session_timeout=15000",
        ["rest_framework.renderers.JSONRenderer"], ["serviceflow.api.StrictJSONParser"], True, "desk.example.com",
        False, [], None, POLICY,
    )  # fmt: skip


def test_and_of_cookies_sizes_and_programs() -> None:
    """Seen to fail: with another DATA_UPLOAD_MAX_NUMBER_FIELDS, API_DOCS_OPEN, SOCIALACCOUNT_STORE_TOKENS, usual
    SECOND_FACTOR_FOR; with no class of permission or throttle.
    """
    said = loaded(
        "s.CSRF_COOKIE_SECURE, s.CSRF_COOKIE_SAMESITE, s.SECURE_HSTS_INCLUDE_SUBDOMAINS, s.SECURE_HSTS_PRELOAD,"
        "getattr(s, 'SESSION_ENGINE', None), s.DATA_UPLOAD_MAX_MEMORY_SIZE, s.DATA_UPLOAD_MAX_NUMBER_FIELDS,"
        "s.DATA_UPLOAD_MAX_NUMBER_FILES, s.LARGEST_FILE, s.MOST_FILES, s.REST_FRAMEWORK['DEFAULT_PERMISSION_CLASSES'],"
        "s.REST_FRAMEWORK['DEFAULT_THROTTLE_CLASSES'], s.API_DOCS_OPEN, s.DEMO_ALLOWED, sorted(s.SECOND_FACTOR_FOR),"
        "s.SOCIALACCOUNT_STORE_TOKENS"
    )
    assert eval(said.stdout) == (  # noqa: S307 (our own print)
        True, "Lax", True, True, None, 2 * 1024 * 1024, 1200, 100, 20 * 1024 * 1024, 10,
        ["serviceflow.api.ScopeAllows"], ["serviceflow.api.CallerThrottle"], False, False, ["ADMIN", "AGENT"], False,
    )  # fmt: skip


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
