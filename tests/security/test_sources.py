"""What the sources must not hold: secrets, and anything that unpacks archives."""

import ast
import re
import shutil
import string
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
APPS = ("accounts", "audit", "notifications", "serviceflow", "tickets")

# --- Secrets --------------------------------------------------------------------------------------

LOOKS = {
    "private key": r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY",
    "key of the API": r"\bsf_[a-z0-9]{8}_[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])",
    "secret of a webhook": r"\bwhsec_[A-Za-z0-9+/=]{24,}",
    "token of Slack": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    "webhook of Slack": r"hooks\.slack\.com/services/T\w+/B\w+/\w+",
    "bot of Telegram": r"\b\d{8,10}:[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])",
    "bot of Discord": r"\b[MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]{27,38}\b",
    "key of AWS": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "token of GitHub": r"\b(?:gh[opsur]_[A-Za-z0-9]{36}|github_pat_\w{22,})",
    "key of Google": r"\bAIza[\w-]{35}",
    "JSON Web Token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "second factor": r"otpauth://[^\s\"']*secret=[A-Z2-7]{16,}",
    "password in an address": r"\b[a-z][a-z0-9+.-]*://[^\s:/@\"'<>{}$%()|]+:[^\s:/@\"'<>{}$]+@",
}
# Looked at, and no secret of anybody: examples, and what tests plant. The bar only keeps this list out of itself.
KNOWN = {
    (".env.example", "postgresql|://serviceflow_app:password@"),
    ("serviceflow/settings.py", "postgresql|://user:password@"),
    ("tests/notifications/test_admin.py", "hooks.slack.com/|services/T0/B0/PLANTEDSECRET"),
    (
        "tests/notifications/test_deliver.py",
        "whsec_|MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ),  # of the specification
    ("tests/notifications/test_http.py", "https|://a:b@"),
    ("tests/notifications/test_webhooks.py", "https|://a:b@"),
    ("tests/serviceflow/test_settings.py", "postgresql|://desk:hush-hush@"),
    ("tests/serviceflow/test_settings.py", "https|://desk:hush-hush@"),
    ("tests/test_secrets_stay_secret.py", "xoxb-|1111-Wm4Js7Qe0Uf2"),
    ("tests/test_secrets_stay_secret.py", "xoxb-|2222-Do3Ai6Mu9Hg5"),
    ("tests/tickets/test_letters.py", "hooks.slack.com/|services/T0/B0/x"),
    ("tests/tickets/test_notices.py", "whsec_|MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
}


def secrets_in(text: str) -> Iterator[tuple[str, str]]:
    for kind, look in LOOKS.items():
        yield from ((kind, found[0]) for found in re.finditer(look, text))


def sources() -> list[str]:
    """What is tracked, and what would be with the next commit."""
    if shutil.which("git") is None or not (CHECKOUT / ".git").exists():
        pytest.skip("NOT LOOKED THROUGH: without git and a checkout nobody knows what belongs to the sources")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [name for name in listed.stdout.split("\0") if name and (CHECKOUT / name).is_file()]


def test_no_source_holds_a_secret() -> None:
    """Seen red with a fresh key of the API written into docs/api.md, and with a new file that holds a private key."""
    names = sources()
    assert {"manage.py", "tests/security/test_sources.py"} <= set(names)
    found = {
        (name, what)
        for name in names
        # Not as UTF-8: pictures are looked through too.
        for _kind, what in secrets_in((CHECKOUT / name).read_bytes().decode("latin-1"))
    }
    known = {(name, what.replace("|", "")) for name, what in KNOWN}
    assert not sorted(found - known)  # secrets, or to be added to KNOWN
    assert not sorted(known - found)  # gone, to be taken out of KNOWN


def _some(length: int, letters: str = string.ascii_letters + string.digits) -> str:
    return (letters * length)[:length]


@pytest.mark.parametrize(
    ("kind", "planted"),
    [
        ("private key", "-----BEGIN " + "OPENSSH PRIVATE KEY-----"),
        ("key of the API", f"sf_{_some(8, string.ascii_lowercase)}_{_some(43)}"),
        ("secret of a webhook", f"whsec_{_some(32)}"),
        ("token of Slack", f"xoxb-{_some(12, string.digits)}-{_some(24)}"),
        ("webhook of Slack", f"https://hooks.slack.com/services/T{_some(8)}/B{_some(8)}/{_some(24)}"),
        ("bot of Telegram", f"{_some(10, string.digits)}:{_some(35)}"),
        ("bot of Discord", f"M{_some(25)}.{_some(6)}.{_some(38)}"),
        ("key of AWS", f"AKIA{_some(16, string.ascii_uppercase)}"),
        ("token of GitHub", f"ghp_{_some(36)}"),
        ("key of Google", f"AIza{_some(35)}"),
        ("JSON Web Token", f"eyJ{_some(20)}.eyJ{_some(40)}.{_some(43)}"),
        ("second factor", f"otpauth://totp/x?secret={_some(32, string.ascii_uppercase)}"),
        ("password in an address", f"postgresql://desk:{_some(20)}@db.example.com/desk"),
    ],
)
def test_each_kind_of_secret_would_be_seen(kind: str, planted: str) -> None:
    assert kind in {one for one, _what in secrets_in(f'TOKEN = "{planted}"\n')}


def test_every_kind_is_planted() -> None:
    (mark,) = test_each_kind_of_secret_would_be_seen.pytestmark  # type: ignore[attr-defined]
    assert {kind for kind, _planted in mark.args[1]} == LOOKS.keys()


# --- Archives -------------------------------------------------------------------------------------

UNPACKERS = {
    "zipfile",
    "tarfile",
    "zipimport",
    "unpack_archive",
    "py7zr",
    "rarfile",
    "patoolib",
    "libarchive",
}


# They pack what an administrator takes away.
PACKERS = {"tickets/evidence.py", "tickets/serving.py", "tickets/management/commands/evidence_pack.py"}


def test_archives_stay_packed() -> None:
    """Nothing of the product names what could unpack one, but those that pack; and they open one to write only. Seen
    red with each of the first, the second and the fourth of UNPACKERS imported in tickets/files.py, by `import`, by
    `from` and as an attribute of shutil; and with a ZipFile of serving.py opened without "w"."""
    files = [path for app in APPS for path in (CHECKOUT / app).rglob("*.py")]
    assert len(files) > 100
    named = {
        (str(path.relative_to(CHECKOUT)), name)
        for path in files
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _names(node)
        if name in UNPACKERS
    }
    assert named == {(path, "zipfile") for path in PACKERS}
    opened = [
        ast.unparse(node.args[1]) if len(node.args) > 1 else "to read"
        for path in PACKERS
        for node in ast.walk(ast.parse((CHECKOUT / path).read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "ZipFile"
    ]
    assert set(opened) == {"'w'"}


def _names(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names):
            return [part for one in names for part in one.name.split(".")]
        case ast.ImportFrom(module, names):
            return [*(module or "").split("."), *(one.name for one in names)]
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return [name]
        case ast.Constant(value=str(text)):  # importlib.import_module("zipfile")
            return [text]
    return []
