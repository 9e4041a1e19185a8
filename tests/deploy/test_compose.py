"""What the second and third file for docker compose add: a proxy that ends TLS, and what backs up and restores.

docker-compose.yml itself is looked at by tests/security/test_containers.py.
"""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from django.conf import settings
from django.db import connection
from requests.adapters import HTTPAdapter

from serviceflow import gunicorn
from tests.served import PATIENCE, Desk, Visitor, running

CHECKOUT = Path(__file__).resolve().parents[2]
CADDYFILE = CHECKOUT / "deploy/proxy/Caddyfile"


class Reset:
    """`!reset`: what is there from an earlier file is taken away."""


class Loader(yaml.SafeLoader):
    pass


Loader.add_constructor("!reset", lambda _loader, _node: Reset())


def read(name: str) -> dict[str, Any]:
    told: dict[str, Any] = yaml.load((CHECKOUT / name).read_text(), Loader)  # noqa: S506 (a SafeLoader)
    return told


def together(*names: str) -> dict[str, Any]:
    """As docker compose merges its files: mappings by their keys, lists one behind the other."""
    whole: dict[str, Any] = {}
    for name in names:
        whole = merged(whole, read(name))
    return whole


def merged(first: Any, second: Any, key: str = "") -> Any:
    if key in {"networks", "depends_on"}:
        first, second = (
            {n: {} for n in each} if isinstance(each, list) else each for each in (first, second)
        )
    if isinstance(first, dict) and isinstance(second, dict):
        whole = first | {name: merged(first.get(name), value, name) for name, value in second.items()}
        return {name: value for name, value in whole.items() if not isinstance(value, Reset)}
    if isinstance(first, list) and isinstance(second, list):
        return first + second
    return second


TLS = together("docker-compose.yml", "deploy/compose.tls.yml")
ARCHIVE = together("docker-compose.yml", "deploy/compose.backup.yml")


@pytest.mark.parametrize("whole", [TLS, ARCHIVE], ids=["tls", "backup"])
def test_together_they_are_what_the_specification_says(whole: dict[str, Any]) -> None:
    """Seen to fail: with `port` for `ports`, with a network that nobody has made."""
    jsonschema.validate(whole, get_builtin_schema("vendor.compose-spec"))
    for name, service in whole["services"].items():
        assert set(service["networks"]) <= whole["networks"].keys(), name
        named = {volume.partition(":")[0] for volume in service["volumes"]}
        assert {each for each in named if each[0] not in ".$"} <= whole["volumes"].keys(), name


# --- The proxy ------------------------------------------------------------------------------------


def test_only_the_proxy_can_be_reached() -> None:
    """Seen to fail: without `!reset`; with a port of the worker's."""
    open_to = {name: service["ports"] for name, service in TLS["services"].items() if service.get("ports")}
    assert open_to == {"proxy": ["80:80", "443:443", "443:443/udp"]}


def test_the_desk_believes_the_proxy_and_nobody_else() -> None:
    """The address it believes is the proxy's on a network that only the two of them share, so that no other container
    can have it, and so that the proxy is seen with this very address.

    Nor may the web server have got it, which starts first and takes the next one of the range.

    Seen to fail: with the proxy on the network `outside`; with another address; with the network open to the world;
    with a range that holds the address.
    """
    services, networks = TLS["services"], TLS["networks"]
    proxy, web = services["proxy"], services["web"]
    assert web["environment"]["TRUSTED_PROXIES"] == proxy["networks"]["edge"]["ipv4_address"]
    assert set(proxy["networks"]) & set(web["networks"]) == {"edge"}
    assert [name for name, service in services.items() if "edge" in service["networks"]] == ["web", "proxy"]
    assert networks["edge"]["internal"] is True
    assert {"inside", "outside", "edge"} == set(web["networks"])
    [config] = networks["edge"]["ipam"]["config"]
    own, taken = IPv4Address(proxy["networks"]["edge"]["ipv4_address"]), IPv4Network(config["ip_range"])
    assert taken.subnet_of(IPv4Network(config["subnet"]))
    assert not {own, IPv4Address(config["gateway"])} & set(taken)


def test_the_proxy_is_as_hardened_as_its_program_lets_it_be() -> None:
    proxy = TLS["services"]["proxy"]
    assert proxy["cap_drop"] == ["ALL"]
    assert proxy["cap_add"] == ["NET_BIND_SERVICE"]
    assert proxy["security_opt"] == ["no-new-privileges:true"]
    assert proxy["read_only"] is True
    assert proxy["mem_limit"]
    assert proxy["cpus"]
    assert proxy["pids_limit"]
    assert not {"privileged", "network_mode", "pid"} & proxy.keys()
    binds = [each for each in proxy["volumes"] if each.startswith(".")]
    assert binds == ["./deploy/proxy/Caddyfile:/etc/caddy/Caddyfile:ro"]
    assert CADDYFILE.is_file()


def test_the_proxy_lets_the_largest_upload_in_and_waits_while_the_desk_is_replaced() -> None:
    said = CADDYFILE.read_text()
    [most] = re.findall(r"max_size (\d+)MB", said)
    assert int(most) * 1_000_000 >= settings.LARGEST_UPLOAD
    [patience] = re.findall(r"lb_try_duration (\d+)s", said)
    to_start = 20  # seconds, of which a start on two cores takes five
    assert int(patience) >= gunicorn.graceful_timeout + to_start


@pytest.fixture(scope="session")
def caddy() -> str:
    found = shutil.which("caddy")
    if not found:
        pytest.skip("NOT CHECKED: there is no caddy here")
    return found


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


class From(HTTPAdapter):
    """Calls from this address of the machine, which is not the proxy's."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named, source_address=(self.address, 0))


@contextmanager
def proxied(caddy: str, desk: Desk, folder: Path) -> Iterator[requests.Session]:
    """Our Caddyfile before a desk, with a certificate of its own making; a browser that trusts it."""
    port = free_port()
    own = f"admin off\n\thttp_port {free_port()}\n\tskip_install_trust"
    (folder / "Caddyfile").write_text(CADDYFILE.read_text().replace("admin off", own, 1))
    url = f"https://localhost:{port}"
    browser = Visitor(url)
    browser.verify = str(folder / ".local/share/caddy/pki/authorities/local/root.crt")
    with (folder / "proxy.log").open("wb") as log:
        process = subprocess.Popen(
            [caddy, "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile"],
            env={
                "PATH": os.defpath,
                "HOME": str(folder),
                "BASE_URL": url,
                "DESK": desk.url.removeprefix("http://"),
            },
            stdin=subprocess.DEVNULL,
            stderr=log,
        )
    try:
        wait_for(browser, process, folder / "proxy.log")
        yield browser
    finally:
        process.terminate()
        process.wait(PATIENCE)


def wait_for(browser: Visitor, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until it has made its certificate and answers."""
    end = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, log.read_text()[-2000:]
        assert time.monotonic() < end, log.read_text()[-2000:]
        try:
            if browser.get("/health/live").ok:
                return
        except OSError:  # no connection, no certificate, no authority yet
            time.sleep(0.1)


@pytest.mark.django_db(transaction=True)
def test_through_the_proxy_the_desk_sees_who_calls_and_by_what(caddy: str, tmp_path: Path) -> None:
    """What the caller says of himself in X-Forwarded-For is not passed on. The proxy answers by TLS alone.

    Seen to fail: with a desk that believes no proxy.
    """
    name = connection.settings_dict["NAME"]
    with (
        running(name, tmp_path / "desk", SERVED_PROXY="127.0.0.1") as desk,
        proxied(caddy, desk, tmp_path) as browser,
    ):
        place = desk.log.stat().st_size
        browser.mount("https://", From("127.0.0.5"))
        lie = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"}
        assert browser.get("/api/v1/users/me", headers=lie).status_code == 401
        [line] = [each for each in desk.lines_since(place) if each.get("status") == 401]
        assert line["address"] == "127.0.0.5"


# --- Backups --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["backup", "restore"])
def test_what_backs_up_is_nobody_and_begins_by_hand_alone(name: str) -> None:
    """Seen to fail: without any of these lines, with a name of a script that is not there."""
    service = ARCHIVE["services"][name]
    assert service["profiles"] == ["archive"]
    assert service["user"] == "10001:10001"  # whose the files are: see the Dockerfile
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert service["image"] == ARCHIVE["services"]["db"]["image"]  # pg_dump as new as the server
    assert service["networks"] == ["inside"]
    assert (CHECKOUT / service["entrypoint"][1].removeprefix("/desk/")).is_file()
    assert "./bin:/desk/bin:ro" in service["volumes"]
    # A backup changes no file of the desk, a restore no backup.
    assert ("files:/files:ro" in service["volumes"]) == (name == "backup")
    assert any(volume.endswith("/backups:ro") for volume in service["volumes"]) == (name == "restore")
