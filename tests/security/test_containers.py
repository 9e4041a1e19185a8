"""What Dockerfile and docker-compose.yml promise: nobody is root, nothing is written, nothing open but the web.

Each line that one of these tests asks for was taken out, and each that it forbids was put in; its test was red.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text()
IMAGE = DOCKERFILE.rpartition("\nFROM ")[2]  # what is left after the last stage


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_hardened(name: str) -> None:
    """Seen to fail: without any one line of x-hardened, of a service's limits and of its tmpfs; with `privileged`, a
    capability, or Docker's socket for a volume.
    """
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert service["init"] is True  # who reaps what a killed process leaves
    assert any(place.startswith("/tmp") for place in service["tmpfs"])  # noqa: S108
    assert service["mem_limit"]
    assert 0 < service["cpus"] <= 4
    assert 0 < service["pids_limit"] <= 500
    assert not {"privileged", "network_mode", "pid", "ipc", "devices", "userns_mode"} & service.keys()
    assert service["restart"] != "no"
    # Volumes with names: nothing of the host, and not its Docker.
    assert all(re.fullmatch(r"[a-z]+:/[\w/]+", volume) for volume in service["volumes"])
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}


def test_only_the_web_server_can_be_reached_and_from_this_machine_alone() -> None:
    """Seen to fail: with a port of the worker's; with port 8000 for everybody; without `internal`; with the database or
    migrations on the network outside.
    """
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["web"]
    assert SERVICES["web"]["ports"] == ["${LISTEN:-127.0.0.1:8000}:8000"]
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert SERVICES["db"]["networks"] == ["inside"]
    assert SERVICES["migrate"]["networks"] == ["inside"]


def test_nobody_is_root() -> None:
    """Seen to fail: without the user of db; without USER, or with root there; with root for web alone."""
    assert SERVICES["db"]["user"] == "postgres"
    users = re.findall(r"(?m)^USER (.+)$", IMAGE)
    assert users == ["10001:10001"]
    assert not any("user" in SERVICES[name] for name in ("web", "worker", "migrate"))


def test_only_migrations_have_the_password_of_the_owner() -> None:
    """Seen to fail: with POSTGRES_PASSWORD in the environment of all; with the owner in the DATABASE_URL of all."""
    for name, service in SERVICES.items():
        has_it = any("POSTGRES_PASSWORD" in str(value) for value in service["environment"].values())
        assert has_it == (name in {"db", "migrate"}), name
    for name in ("web", "worker"):
        assert SERVICES[name]["environment"]["DATABASE_URL"].startswith("postgresql://serviceflow_app@")


def test_no_secret_has_a_value_of_its_own() -> None:
    """Seen to fail: with a METRICS_KEY; with a MAIL_PASSWORD where none is set; with an ENV or ARG of a secret."""
    for service in SERVICES.values():
        for name, value in service["environment"].items():
            if re.search(r"PASSWORD|SECRET|TOKEN|KEY$", name) and value is not None:
                assert re.fullmatch(r"\$\{\w+(:-|:\?[^}]*)\}", str(value)), name
    assert not re.search(r"(?m)^(ENV|ARG)[^\n]*(SECRET|PASSWORD|TOKEN)", DOCKERFILE)


def test_the_image_is_made_of_what_is_locked_and_can_build_nothing() -> None:
    """Seen to fail: without --require-hashes, --only-binary, --without-pip, the second stage, HEALTHCHECK; with pip,
    apt, ADD, or a COPY of the checkout in it.
    """
    assert "--require-hashes" in DOCKERFILE
    assert "--only-binary :all:" in DOCKERFILE
    assert "-m venv --without-pip /opt/venv" in DOCKERFILE
    assert DOCKERFILE.count("\nFROM ${BASE}") == 2  # what builds is left behind
    assert "pip" not in re.sub(r"(?m)^#.*|--without-pip", "", IMAGE)
    assert not re.search(r"(?m)^(ADD|VOLUME)\b|curl|wget|apt", IMAGE)
    assert "HEALTHCHECK" in IMAGE
    assert not re.search(r"(?m)^COPY (?!--from=build)", IMAGE)


def test_what_goes_into_the_image_is_named() -> None:
    """Neither .git nor .env nor tests nor what developers only need.

    Seen to fail: without `*` or a line of those that developers need; with `!tests` or `!.env`.
    """
    first, *others = [
        line for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"
    ]
    assert first == "*"
    let_in = {line[1:] for line in others if line.startswith("!")}
    assert not let_in & {".git", ".env", ".run", "tests", "bin", "docs", "benchmarks", "requirements-dev.txt"}
    assert {"serviceflow/devdb.py", "serviceflow/settings_test.py"} <= set(others)
