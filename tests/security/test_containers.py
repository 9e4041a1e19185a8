"""What Dockerfile and docker-compose.yml promise: nobody is root, nothing is written, nothing open but the web."""

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
    """Seen to fail: without any one line of x-hardened or of a service's limits."""
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert any(place.startswith("/tmp") for place in service["tmpfs"])  # noqa: S108
    assert service["mem_limit"]
    assert 0 < service["cpus"] <= 4
    assert 0 < service["pids_limit"] <= 500
    assert not {"privileged", "network_mode", "pid", "ipc", "devices", "userns_mode"} & service.keys()
    assert service["restart"] != "no"
    # Volumes with names: nothing of the host, and not its Docker.
    assert all(re.fullmatch(r"[a-z]+:/[\w/]+", volume) for volume in service["volumes"])
    assert service["logging"]["options"]["max-size"]


def test_only_the_web_server_can_be_reached_and_from_this_machine_alone() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["web"]
    assert SERVICES["web"]["ports"] == ["${LISTEN:-127.0.0.1:8000}:8000"]
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert SERVICES["db"]["networks"] == ["inside"]
    assert SERVICES["migrate"]["networks"] == ["inside"]


def test_nobody_is_root() -> None:
    assert SERVICES["db"]["user"] == "postgres"
    users = re.findall(r"(?m)^USER (.+)$", IMAGE)
    assert users == ["10001:10001"]
    assert not any("user" in SERVICES[name] for name in ("web", "worker", "migrate"))


def test_only_migrations_have_the_password_of_the_owner() -> None:
    """Seen to fail: with POSTGRES_PASSWORD in the environment of all."""
    for name, service in SERVICES.items():
        has_it = any("POSTGRES_PASSWORD" in str(value) for value in service["environment"].values())
        assert has_it == (name in {"db", "migrate"}), name
    for name in ("web", "worker"):
        assert SERVICES[name]["environment"]["DATABASE_URL"].startswith("postgresql://serviceflow_app@")


def test_no_secret_has_a_value_of_its_own() -> None:
    for service in SERVICES.values():
        for name, value in service["environment"].items():
            if re.search(r"PASSWORD|SECRET|TOKEN|KEY$", name) and value is not None:
                assert re.fullmatch(r"\$\{\w+(:-|:\?[^}]*)\}", str(value)), name
    assert not re.search(r"(?m)^(ENV|ARG)[^\n]*(SECRET|PASSWORD|TOKEN)", DOCKERFILE)


def test_the_image_is_made_of_what_is_locked_and_can_build_nothing() -> None:
    assert "--require-hashes" in DOCKERFILE
    assert "--only-binary :all:" in DOCKERFILE
    assert DOCKERFILE.count("\nFROM ${BASE}") == 2  # what builds is left behind
    assert "pip" not in re.sub(r"(?m)^#.*|--without-pip", "", IMAGE)
    assert not re.search(r"(?m)^(ADD|VOLUME)\b|curl|wget|apt", IMAGE)
    assert "HEALTHCHECK" in IMAGE
    assert not re.search(r"(?m)^COPY (?!--from=build)", IMAGE)


def test_what_goes_into_the_image_is_named() -> None:
    """Neither .git nor .env nor tests nor what developers only need."""
    first, *others = [
        line for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"
    ]
    assert first == "*"
    let_in = {line[1:] for line in others if line.startswith("!")}
    assert not let_in & {".git", ".env", ".run", "tests", "bin", "docs", "benchmarks", "requirements-dev.txt"}
    assert {"serviceflow/devdb.py", "serviceflow/settings_test.py"} <= set(others)
