"""Every setting of the desk, grouped, read from the environment (see .env.example)."""

import os
from email.utils import parseaddr
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP
from psycopg.conninfo import conninfo_to_dict

from accounts.providers import issuers

BASE_DIR = Path(__file__).resolve().parent.parent


# --- Reading the environment ---------------------------------------------------------------------


def text(name: str, default: str = "") -> str:
    """What is set to nothing is not set: docker compose has no other way to leave a variable out."""
    return os.environ.get(name, "").strip() or default


def flag(name: str, *, default: bool = False) -> bool:
    value = text(name)
    if value == "":
        return default
    if value.lower() in {"1", "true", "yes", "on"}:
        return True
    if value.lower() in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")


def number(name: str, default: int, *, least: int = 0, most: int = 999_999_999) -> int:
    value = text(name, str(default))
    if not (value.isascii() and value.isdigit() and len(value) < 10 and least <= int(value) <= most):
        raise ImproperlyConfigured(f"{name} must be a whole number from {least} to {most}, not {value!r}.")
    return int(value)


def share(name: str, default: str) -> float:
    value = text(name, default)
    try:
        said = float(value)
    except ValueError:
        said = -1
    if not 0 <= said <= 1:
        raise ImproperlyConfigured(f"{name} must be a number from 0 to 1, not {value!r}.")
    return said


def limit(name: str, default: int, *, most: int = 999_999_999) -> int:
    """How often something may be done. Only on one's own machine is there none (0), or one that stops nobody."""
    return number(name, default) if _on_loopback else number(name, default, least=1, most=most)


def words(name: str) -> list[str]:
    return text(name).replace(",", " ").split()


def pairs(name: str) -> dict[str, str]:
    """name=value, with commas between."""
    said = [word.partition("=") for word in text(name).split(",") if word.strip()]
    if not all(left.strip() and equals for left, equals, _right in said):
        raise ImproperlyConfigured(
            f"{name} must look like name=value,name=value."
        )  # and what it is, is a secret
    return {left.strip().lower(): unquote(right.strip()) for left, _equals, right in said}


def needs(name: str, library: str, module: str) -> None:
    """What is not part of the product must be there where a setting asks for it."""
    try:
        found = find_spec(module)
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise ImproperlyConfigured(
            f"{name} needs the library {library}, which is not installed: pip install -r requirements-reporting.txt,"
            " or build the image with it (REQUIREMENTS=requirements-reporting.txt)."
        )


def is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def networks(name: str) -> list[IPv4Network | IPv6Network]:
    try:
        named = [ip_network(word, strict=False) for word in words(name)]
    except ValueError as trouble:
        raise ImproperlyConfigured(
            f"{name} must name addresses or networks, as in 10.0.0.0/8: {trouble}."
        ) from None
    # Trust in half of the world is a mistake: the largest network of one house is 10.0.0.0/8.
    if too_wide := next((network for network in named if network.prefixlen < 8), None):
        raise ImproperlyConfigured(f"{name} must name networks of yours, and {too_wide} is nobody's.")
    return named


def key(name: str, value: str, *, least: int) -> str:
    """The value, if it is long enough; and, where others reach the desk, no letter repeated or word of a hand-book."""
    simple = len(set(value)) < 8 or value.startswith(("insecure", "django-insecure", "change"))
    if len(value) < least or (simple and not _on_loopback):
        raise ImproperlyConfigured(f"{name} must be set to at least {least} random characters.")
    return value


def ed25519(name: str) -> list[str]:
    """Keys of 32 bytes each, private or public ones, in hex."""
    keys = [word.lower() for word in words(name)]
    if not all(len(word) == 64 and set(word) <= set("0123456789abcdef") for word in keys):
        raise ImproperlyConfigured(f"{name} must be of 64 hexadecimal digits: manage.py audit_key.")
    return keys


def one_of(name: str, default: str, choices: set[str]) -> str:
    value = text(name, default).upper()
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(sorted(choices))}, not {value!r}.")
    return value


def roles(name: str, default: str) -> frozenset[str]:
    value = text(name, default).upper().replace(",", " ").split()
    known = {"EMPLOYEE", "AGENT", "ADMIN"}
    if value == ["NONE"]:
        return frozenset()
    if not value or not known.issuperset(value):
        raise ImproperlyConfigured(f"{name} must name roles out of {', '.join(sorted(known))}, or be NONE.")
    return frozenset(value)


def zone(name: str, default: str) -> str:
    value = text(name, default)
    try:
        ZoneInfo(value)
    except (LookupError, ValueError, OSError):  # unknown, or a path that leads elsewhere
        raise ImproperlyConfigured(
            f"{name} must be a time zone such as Europe/Berlin, not {value!r}."
        ) from None
    return value


def is_here(host: str) -> bool:
    """Whether what is sent there stays on this machine: a socket's folder, or its own address."""
    return host in LOOPBACK or host.startswith(("/", "@"))


def sent_openly(name: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"{name} must ask for TLS, since secrets go to another machine; where the network between the two is"
        " yours alone, name it in PLAIN_ALLOWED."
    )


def service(name: str, default: str = "") -> str:
    """The address of somebody else's API, which is sent what is secret."""
    value = text(name, default).rstrip("/")
    parts = urlsplit(value)
    if value and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise ImproperlyConfigured(f"{name} must look like https://api.example.com, not {value!r}.")
    openly = parts.scheme == "http" and not is_here(parts.hostname or "")
    if openly and not _on_loopback and name not in PLAIN_ALLOWED:
        raise sent_openly(name)
    return value


def database(url: str) -> dict[str, Any]:
    """Django's DATABASES entry for a libpq connection string (URL or key=value)."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error:
        # The message of libpq would repeat the password.
        raise ImproperlyConfigured(
            "DATABASE_URL is not a PostgreSQL connection string, for example "
            "postgresql://user:password@host:5432/name."
        ) from None
    # What it does not say libpq looks for in its own variables, and a service may name any host.
    its_own = os.environ.get
    hosts = [
        str(each)
        for name in ("host", "hostaddr")
        if (each := parts.get(name) or its_own(f"PG{name.upper()}"))
    ]
    checked = (parts.get("sslmode") or its_own("PGSSLMODE")) == "verify-full"
    elsewhere = bool(parts.get("service") or its_own("PGSERVICE")) or not all(
        is_here(one) for each in hosts for one in each.split(",")
    )
    if elsewhere and not (checked or _on_loopback or "DATABASE_URL" in PLAIN_ALLOWED):
        raise ImproperlyConfigured(
            "DATABASE_URL must have sslmode=verify-full (and sslrootcert), since its host is another machine; where"
            " the network between the two is yours alone, name DATABASE_URL in PLAIN_ALLOWED."
        )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname", "serviceflow"),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": str(parts.pop("port", "")),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 3,
            # A host that vanishes without a word is noticed in seconds, not in the minutes TCP would wait.
            "tcp_user_timeout": 8000,
            "keepalives_idle": 15,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT} -c lock_timeout=4000"
            " -c idle_in_transaction_session_timeout=15000",
            **parts,
        },
    }


def bucket(name: str) -> dict[str, Any]:
    """Django's STORAGES entry for a bucket of an S3 store."""
    from botocore.config import Config

    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": name,
            "endpoint_url": service("FILES_S3_ENDPOINT") or None,
            "region_name": text("FILES_S3_REGION") or None,
            # Without keys boto3 looks for those of the machine.
            "access_key": text("FILES_S3_KEY") or None,
            "secret_key": text("FILES_S3_SECRET") or None,
            "default_acl": None,
            "file_overwrite": True,  # our paths are random: nobody need ask whether one is taken
            "max_memory_size": 1024 * 1024,
            "client_config": Config(
                connect_timeout=5,
                read_timeout=20,
                retries={"max_attempts": 2},
                signature_version="s3v4",
                s3={
                    "addressing_style": one_of(
                        "FILES_S3_ADDRESSING", "AUTO", {"AUTO", "PATH", "VIRTUAL"}
                    ).lower()
                },
            ),
        },
    }


# --- What this process is ------------------------------------------------------------------------

DEBUG = flag("DEBUG")
# The address people type. Links in messages and the safety of cookies follow from it.
BASE_URL = text("BASE_URL", "http://127.0.0.1:8000").rstrip("/")
_base = urlsplit(BASE_URL)
if (
    _base.scheme not in {"http", "https"}
    or not _base.hostname
    or f"{_base.scheme}://{_base.netloc}" != BASE_URL
):
    raise ImproperlyConfigured(
        "BASE_URL must look like https://desk.example.com, and end with the host or its port."
    )
if "@" in _base.netloc:
    raise ImproperlyConfigured("BASE_URL must hold neither a name nor a password.")
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_on_loopback = _base.hostname in LOOPBACK
_over_tls = _base.scheme == "https"
if not (_over_tls or _on_loopback):
    raise ImproperlyConfigured("BASE_URL must be https:// unless it is on this very machine.")
if DEBUG and not _on_loopback:
    raise ImproperlyConfigured(
        "DEBUG must be 0 unless BASE_URL is on this very machine: it shows traces to everybody."
    )

# Settings that may name another machine without TLS, or without a look at its certificate.
PLAIN_ALLOWED = set(words("PLAIN_ALLOWED"))
if _other := PLAIN_ALLOWED - {
    "DATABASE_URL",
    "FILES_S3_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "SLACK_API",
    "TELEGRAM_API",
}:
    raise ImproperlyConfigured(f"PLAIN_ALLOWED must name settings that hold addresses, not {min(_other)!r}.")

SECRET_KEY = text("SECRET_KEY")
if not SECRET_KEY and DEBUG:
    SECRET_KEY = "insecure-key-of-a-developers-machine-only-0123456789"  # noqa: S105 (DEBUG only)
else:
    key("SECRET_KEY", SECRET_KEY, least=50)
SECRET_KEY_FALLBACKS = [key("SECRET_KEY_FALLBACKS", word, least=50) for word in words("SECRET_KEY_FALLBACKS")]

ALLOWED_HOSTS = words("ALLOWED_HOSTS") or [_base.hostname]
if any("*" in host or host.startswith(".") for host in ALLOWED_HOSTS) and not DEBUG:
    raise ImproperlyConfigured("ALLOWED_HOSTS must name the hosts one by one, without * and a leading dot.")
if _base.hostname not in {host.lower() for host in ALLOWED_HOSTS} and not _on_loopback:
    raise ImproperlyConfigured("ALLOWED_HOSTS must name the host of BASE_URL, where all links lead.")

# What this is, as its image says: told in the administration.
RELEASE = text("RELEASE")

# Who has it may know how the desk stands: see serviceflow.health and serviceflow.probes.
METRICS_KEY = text("METRICS_KEY")
if METRICS_KEY:
    key("METRICS_KEY", METRICS_KEY, least=24)

# Where faults are reported to: the DSN of a Sentry project. See serviceflow.reporting.
SENTRY_DSN = service("SENTRY_DSN")
if SENTRY_DSN:
    needs("SENTRY_DSN", "sentry-sdk", "sentry_sdk")

# Where it is told how long what took: a collector of OpenTelemetry, by HTTP. See serviceflow.tracing.
OTEL_EXPORTER_OTLP_ENDPOINT = service("OTEL_EXPORTER_OTLP_ENDPOINT")
OTEL_EXPORTER_OTLP_HEADERS = pairs("OTEL_EXPORTER_OTLP_HEADERS")
OTEL_TRACES_SAMPLER_ARG = share("OTEL_TRACES_SAMPLER_ARG", "1")
if OTEL_EXPORTER_OTLP_ENDPOINT:
    for _module in ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"):
        needs("OTEL_EXPORTER_OTLP_ENDPOINT", _module.replace(".", "-"), _module)

# The key that makes the first administrator, once in the life of the installation.
ADMIN_BOOTSTRAP_KEY = text("ADMIN_BOOTSTRAP_KEY")
if ADMIN_BOOTSTRAP_KEY:
    key("ADMIN_BOOTSTRAP_KEY", ADMIN_BOOTSTRAP_KEY, least=24)

# Demo people have a printed password: only a developer's machine may have them.
DEMO_ALLOWED = DEBUG or _on_loopback

# --- Application ---------------------------------------------------------------------------------

INSTALLED_APPS = [
    "serviceflow.admin.DeskAdminConfig",
    "accounts",  # before Django's auth: its changepassword and createsuperuser would go past the verbs
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django.forms",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "procrastinate.contrib.django",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.discord",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.mfa",
    "accounts.session_list.SessionListConfig",  # allauth.usersessions
    "audit",
    "notifications",
    "tickets",
    "serviceflow",
]

MIDDLEWARE = [
    "serviceflow.middleware.request_context",
    "serviceflow.middleware.plain_answers",
    "serviceflow.probes.answer_probes",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "serviceflow.middleware.SmallPages",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.sessions.bounded",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "serviceflow.middleware.persons_choices",
    "serviceflow.middleware.second_factor_first",
    "serviceflow.middleware.fair_use",
    "serviceflow.middleware.remember_denials",
    "serviceflow.middleware.explain_refused_methods",
]

if OTEL_EXPORTER_OTLP_ENDPOINT:
    MIDDLEWARE.insert(0, "serviceflow.tracing.traced")

ROOT_URLCONF = "serviceflow.urls"
WSGI_APPLICATION = "serviceflow.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "django.template.context_processors.csp",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- Database ------------------------------------------------------------------------------------

# Milliseconds a query may take; 0 for as long as it likes, which the web server refuses.
STATEMENT_TIMEOUT = number("STATEMENT_TIMEOUT", 5000, most=60_000)
_database_url = text("DATABASE_URL")
if not _database_url:
    if not DEBUG:
        raise ImproperlyConfigured(
            "DATABASE_URL must be set, for example postgresql://user:password@host:5432/name."
        )
    from serviceflow import devdb

    _database_url = devdb.ensure_running()
DATABASES = {"default": database(_database_url)}

# --- People --------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
# It asks for unique=True; addresses are unique without regard to case, by the index user_email_once.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
AUTHENTICATION_BACKENDS = ["accounts.sign_in.EmailBackend"]
LOGIN_URL = "accounts:sign_in"
LOGIN_REDIRECT_URL = "tickets:start"
LOGOUT_REDIRECT_URL = "accounts:sign_in"
# The ways in are allauth's: its stages (a second factor), its OAuth. Everything that people see is ours.
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "accounts.adapters.ProviderAdapter"
MFA_ADAPTER = "accounts.adapters.FactorAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]
# The address of a person is what an administrator, an invitation or a trusted provider says it is.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _base.scheme
# Counted by accounts.allowances, for all processes and machines together.
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False
# Whose sessions open nothing without a second factor. Demo people have none: on one's own machine nobody is asked.
SECOND_FACTOR_FOR = roles("SECOND_FACTOR_FOR", "NONE" if DEMO_ALLOWED else "AGENT ADMIN")
# What somebody has chosen to be less safe than it is delivered: told at every start and in the administration.
WEAKENED = [] if DEMO_ALLOWED or {"AGENT", "ADMIN"} <= SECOND_FACTOR_FOR else ["SECOND_FACTOR_FOR"]
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = f"ServiceFlow ({_base.hostname})"
# What passkeys are bound to. Browsers take names only; on loopback that is localhost, whatever BASE_URL says.
PASSKEY_DOMAIN = "localhost" if _on_loopback else "" if is_address(_base.hostname) else _base.hostname
SOCIALACCOUNT_STORE_TOKENS = False
# Providers that may say who somebody is, as JSON: see docs/sign-in.md. They hold secrets, so a file may be better.
_providers = text("SIGN_IN_PROVIDERS")
if _file := text("SIGN_IN_PROVIDERS_FILE"):
    try:
        _providers = Path(_file).read_text()
    except (OSError, UnicodeError) as trouble:
        raise ImproperlyConfigured("SIGN_IN_PROVIDERS_FILE cannot be read.") from trouble
try:
    SIGN_IN_PROVIDERS = issuers.read(_providers, plain=_on_loopback)
except issuers.Wrong as trouble:
    raise ImproperlyConfigured(f"SIGN_IN_PROVIDERS: {trouble}.") from None
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "full_name")},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# --- Language and time ---------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ru", "Русский")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "serviceflow.formats"
USE_I18N = True
USE_TZ = True
TIME_ZONE = zone("TIME_ZONE", "UTC")
LANGUAGE_COOKIE_NAME = "language"

# --- Mail ----------------------------------------------------------------------------------------

# Where mail goes out. Without a host nobody is told by mail.
MAIL_HOST = text("MAIL_HOST")
MAIL_PORT = number("MAIL_PORT", 587, least=1)
MAIL_USER = text("MAIL_USER")
MAIL_PASSWORD = text("MAIL_PASSWORD")
# starttls, tls (from the first byte) or none.
MAIL_SECURITY = one_of("MAIL_SECURITY", "STARTTLS", {"STARTTLS", "TLS", "NONE"})
if MAIL_PASSWORD and MAIL_SECURITY == "NONE" and MAIL_HOST not in LOOPBACK:
    raise ImproperlyConfigured(
        "MAIL_SECURITY must not be NONE where a MAIL_PASSWORD is sent to another machine."
    )
# Whom mails are from: "Service desk <desk@example.com>". Answers go to the same mailbox, with a token after a +.
MAIL_FROM = text("MAIL_FROM", f"ServiceFlow <desk@{_base.hostname}>")
# The right side of our Message-IDs.
_mailbox, _at, MAIL_DOMAIN = parseaddr(MAIL_FROM)[1].rpartition("@")
if not (_mailbox and MAIL_DOMAIN):
    raise ImproperlyConfigured("MAIL_FROM must look like Service desk <desk@example.com>.")

MAILERS = {
    "default": {
        "BACKEND": "notifications.transports.smtp.Backend",
        "OPTIONS": {
            "host": MAIL_HOST,
            "port": MAIL_PORT,
            "username": MAIL_USER,
            "password": MAIL_PASSWORD,
            "use_tls": MAIL_SECURITY == "STARTTLS",
            "use_ssl": MAIL_SECURITY == "TLS",
        },
    }
}
DEFAULT_FROM_EMAIL = MAIL_FROM

# --- Chats and webhooks --------------------------------------------------------------------------

# Bots that write to people. Channels bring their own.
SLACK_BOT_TOKEN = text("SLACK_BOT_TOKEN")
TELEGRAM_BOT_TOKEN = text("TELEGRAM_BOT_TOKEN")
SLACK_API = service("SLACK_API", "https://slack.com/api")
TELEGRAM_API = service("TELEGRAM_API", "https://api.telegram.org")
# Networks that messages may go to although they are not public, and without TLS: systems in the same house.
OUTBOUND_ALLOWED = networks("OUTBOUND_ALLOWED")
# For how many days it can be seen what was sent; what failed is kept four times as long.
DELIVERIES_KEPT = number("DELIVERIES_KEPT", 90, least=1)

# --- Jobs ----------------------------------------------------------------------------------------

# Jobs of each kind that one worker process does at a time.
JOB_THREADS = number("JOB_THREADS", 8, least=1)
# Where a worker serves /metrics, which a web server does by itself; at HOST. 0 for nowhere.
METRICS_PORT = number("METRICS_PORT", 0, most=65_535)
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "tasks"

# --- Web server ----------------------------------------------------------------------------------

# For serviceflow.gunicorn: where it listens, its processes, and the threads in each.
HOST = text("HOST", "127.0.0.1")
PORT = number("PORT", 8000, least=1)
WEB_CONCURRENCY = number("WEB_CONCURRENCY", 2, least=1)
WEB_THREADS = number("WEB_THREADS", 4, least=1)

# --- Static files --------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_ALLOW_ALL_ORIGINS = False
STORAGES: dict[str, dict[str, Any]] = {
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# --- Files on tickets ----------------------------------------------------------------------------

# Where files lie that people attach, and for as long as they arrive. Outside of everything that is served.
FILES_FOLDER = Path(text("FILES_FOLDER", str(BASE_DIR / ".run" / "files"))).absolute()
if any(FILES_FOLDER.is_relative_to(served) for served in (STATIC_ROOT, *STATICFILES_DIRS)):
    raise ImproperlyConfigured("FILES_FOLDER must lie outside of what is served to everybody.")
FILE_UPLOAD_TEMP_DIR = FILES_FOLDER / "arriving"
try:
    FILE_UPLOAD_TEMP_DIR.mkdir(mode=0o750, parents=True, exist_ok=True)
except OSError as trouble:
    raise ImproperlyConfigured(f"FILES_FOLDER must be a folder to write to: {trouble.strerror}.") from None
FILE_UPLOAD_PERMISSIONS, FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o640, 0o750
# What is no file, in any request; and how much there may be of it. That ten files are enough our forms say themselves,
# and keep what was typed.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1200
DATA_UPLOAD_MAX_NUMBER_FILES = 100
LARGEST_FILE = 20 * 1024 * 1024
MOST_FILES = 10  # a message
LARGEST_UPLOAD = MOST_FILES * LARGEST_FILE + DATA_UPLOAD_MAX_MEMORY_SIZE  # with all that is typed beside them
FILES_PER_TICKET = number("FILES_PER_TICKET_MB", 200, least=1) * 1024 * 1024
# A virus scanner: clamd://host:3310 or clamd:///run/clamav/clamd.sock. Files are held until it has found them clean.
SCANNER = text("SCANNER")
_scanner = urlsplit(SCANNER)
if SCANNER and (_scanner.scheme != "clamd" or not (_scanner.hostname or _scanner.path.startswith("/"))):
    raise ImproperlyConfigured("SCANNER must look like clamd://host:3310 or clamd:///run/clamd.sock.")
STORAGES["default"] = {"BACKEND": "tickets.store.Folder", "OPTIONS": {"location": FILES_FOLDER / "kept"}}
# A bucket of an S3 store instead of the folder; with its FILES_S3_ENDPOINT, _REGION, _KEY, _SECRET, _ADDRESSING.
FILES_S3_BUCKET = text("FILES_S3_BUCKET")
if FILES_S3_BUCKET:
    STORAGES["default"] = bucket(FILES_S3_BUCKET)

# --- Security ------------------------------------------------------------------------------------

# A cookie with the __Host- prefix is refused by browsers without TLS; on a developer's loopback there is none.
_prefix = "__Host-" if _over_tls else ""
SESSION_COOKIE_NAME = f"{_prefix}session"
CSRF_COOKIE_NAME = f"{_prefix}csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = _over_tls
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 7 * 24 * 3600
CSRF_FAILURE_VIEW = "serviceflow.errors.csrf_failure"
SECURE_SSL_REDIRECT = _over_tls
# To the address people type, whatever a request calls us.
SECURE_SSL_HOST = _base.netloc
# Health probes come to the container without TLS; the API answers 403 there instead of redirecting a key.
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^api/", r"^requests"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _over_tls else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _over_tls
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "manifest-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "object-src": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
# Addresses of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.
TRUSTED_PROXIES = networks("TRUSTED_PROXIES")
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- API -----------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "serviceflow.api.KeyAuthentication",
        "serviceflow.api.BrowserAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["serviceflow.api.ScopeAllows"],
    "DEFAULT_THROTTLE_CLASSES": ["serviceflow.api.CallerThrottle"],
    "DEFAULT_PARSER_CLASSES": ["serviceflow.api.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "serviceflow.api.problem",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
# How many calls a minute one caller may make, by kind (tries to sign in: in 15 minutes). What is counted for a person
# is so whichever way he comes: see serviceflow.fair_use. Whoever guesses has to stop soon.
RATE_LIMITS = {
    "key": limit("RATE_LIMIT_KEY", 6000),
    "address": limit("RATE_LIMIT_ADDRESS", 12000),
    "person": limit("RATE_LIMIT_PERSON", 120),
    "create": limit("RATE_LIMIT_CREATE", 1200),
    "upload": limit("RATE_LIMIT_UPLOAD", 120),
    "search": limit("RATE_LIMIT_SEARCH", 600),
    "export": limit("RATE_LIMIT_EXPORT", 20),
    "refused": limit("RATE_LIMIT_REFUSED", 60, most=600),
    "sign_in": limit("RATE_LIMIT_SIGN_IN", 5, most=20),
    "provider": limit("RATE_LIMIT_PROVIDER", 60, most=600),
}
# Swagger UI and the figures of /health/jobs are for everybody on a developer's machine; elsewhere for staff, and for
# whoever has METRICS_KEY.
API_DOCS_OPEN = METRICS_OPEN = DEBUG or _on_loopback
SPECTACULAR_SETTINGS = {
    "TITLE": "ServiceFlow API",
    "DESCRIPTION": "Tickets of the service desk, the people who work on them, and what happened to them.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "COMPONENT_SPLIT_PATCH": False,  # what a PATCH must hold its own input says
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["serviceflow.api.DocsAreOpen"],
    "ENUM_NAME_OVERRIDES": {
        "Door": "tickets.serializers.DOORS",
        "Status": "tickets.models.ticket.Status",
        "WaitingFor": "tickets.models.ticket.WaitingFor",
        "Priority": "tickets.models.ticket.Priority",
        "Verb": "tickets.serializers.VERBS",
        "Role": "accounts.models.Role",
        "Language": "accounts.models.Language",
        "Scope": "accounts.models.Scope",
        "KeyState": "accounts.serializers.KEY_STATES",
        "DeliveryState": "notifications.serializers.STATES",
        "FileState": "tickets.serializers.FILE_STATES",
    },
    "PREPROCESSING_HOOKS": ["serviceflow.schema.only_v1"],
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "serviceflow.schema.finish"],
}

# --- The audit -----------------------------------------------------------------------------------

# What seals are signed with (only the worker needs it), and further public keys by which they may be signed: those of
# keys of before, and of the worker's where the key itself is not.
AUDIT_SIGNING_KEY = next(iter(ed25519("AUDIT_SIGNING_KEY")), "")
AUDIT_PUBLIC_KEYS = ed25519("AUDIT_PUBLIC_KEYS")

# --- Logs ----------------------------------------------------------------------------------------

LOGGING_CONFIG = None  # serviceflow.logging sets it all up
LOG_LEVEL = one_of("LOG_LEVEL", "INFO", {"DEBUG", "INFO", "WARNING", "ERROR"})
from serviceflow.logging import configure  # noqa: E402 (needs LOG_LEVEL)

configure(LOG_LEVEL)
