"""The desk as it is run, for tests that must come in through the door: gunicorn on the database of the test run."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests
from django.urls import reverse

from tests.factories import PASSWORD
from tests.processes import children

CHECKOUT = Path(__file__).resolve().parent.parent
PATIENCE = 90  # seconds for a start on a busy machine


@dataclass(frozen=True)
class Desk:
    """A running desk. `url` has no slash at its end."""

    url: str
    log: Path

    def visitor(self) -> "Visitor":
        return Visitor(self.url)

    def lines_since(self, place: int) -> list[dict[str, Any]]:
        """What the desk has logged after this place of the log, which `log.stat().st_size` tells."""
        with self.log.open("rb") as log:
            log.seek(place)
            return [json.loads(line) for line in log.read().splitlines() if line.startswith(b"{")]


class Visitor(requests.Session):
    """Somebody at a browser without scripts, or a program: requests go to the desk's own addresses."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.base = url
        self.trust_env = False  # no proxy stands between a test and its server

    def request(self, method: Any, url: Any, *arguments: Any, **named: Any) -> requests.Response:
        named.setdefault("timeout", 30)
        return super().request(method, urljoin(self.base, url), *arguments, **named)

    def sign_in(self, email: str, password: str = PASSWORD) -> "Visitor":
        page = self.get(reverse("accounts:sign_in"))
        answer = self.submit(page, name="password", email=email, password=password)
        assert not forms(answer.text, name="password"), f"{email} could not sign in: {answer.status_code}"
        return self

    def submit(
        self, page: requests.Response, *, name: str = "", action: str = "", **fields: str
    ) -> requests.Response:
        """Send the one form of the page that has a field of this name, or that goes to this address."""
        found = forms(page.text, name=name, action=action)
        assert len(found) == 1, f"{len(found)} forms with {name or action} on {page.url} ({page.status_code})"
        [form] = found
        return self.post(
            urljoin(page.url, form.action), data=form.fields | fields, headers={"Referer": page.url}
        )


@dataclass
class Form:
    """A form as a browser without scripts would send it: `fields` are its hidden and filled-in ones."""

    action: str
    method: str
    fields: dict[str, str]
    names: set[str]


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self.inside = False
        self.area = self.choice = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(has.get("action", ""), has.get("method", "get").lower(), {}, set()))
            self.inside = True
        elif self.inside and (name := has.get("name")):
            form = self.found[-1]
            form.names.add(name)
            if tag == "textarea":
                self.area = name
                form.fields[name] = ""
            elif tag == "input" and (
                has.get("type") not in {"checkbox", "radio", "submit"} or "checked" in has
            ):
                form.fields[name] = has.get("value", "on" if "checked" in has else "")
            elif tag == "select":
                self.area, self.choice = "", name
        elif self.inside and tag == "option" and "selected" in has:
            self.found[-1].fields[self.choice] = has.get("value", "")

    def handle_data(self, data: str) -> None:
        if self.area:
            # HTML drops the first line break of a textarea.
            self.found[-1].fields[self.area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "textarea" and self.area:
            fields = self.found[-1].fields
            fields[self.area] = re.sub(r"\A\r?\n", "", fields[self.area])
            self.area = ""


def forms(html: str, *, name: str = "", action: str = "") -> list[Form]:
    """The posted forms of a page, narrowed to those with a field of this name or with this action."""
    parser = _Forms()
    parser.feed(html)
    return [
        form
        for form in parser.found
        if form.method == "post"
        and (not name or name in form.names)
        and (not action or form.action.endswith(action))
    ]


# --- Starting and stopping -----------------------------------------------------------------------


class Server:
    """gunicorn as it is run, which may be ended and started again at the same address."""

    def __init__(self, database: str, folder: Path, port: int, **environment: str) -> None:
        self.desk = Desk(f"http://127.0.0.1:{port}", folder / "log")
        self.process: subprocess.Popen[bytes] | None = None
        self.surroundings = os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.served_settings",
            "SERVED_DATABASE": database,
            "SERVED_STATIC": str(folder / "static"),
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "WEB_CONCURRENCY": "2",
            "WEB_THREADS": "4",
            **environment,
        }
        # The controller measures coverage; a server that is killed in the end could only confuse it.
        self.surroundings.pop("COVERAGE_PROCESS_START", None)

    def collect(self) -> None:
        """The static files, once, before the first start."""
        command = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity=0"]
        subprocess.run(command, cwd=CHECKOUT, env=self.surroundings, check=True)

    def start(self) -> None:
        with self.desk.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "-c", "python:serviceflow.gunicorn", "serviceflow.wsgi"],
                cwd=CHECKOUT, env=self.surroundings, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def wait_until_ready(self) -> None:
        desk, end = self.desk, time.monotonic() + PATIENCE
        while time.monotonic() < end:
            assert self.process is not None
            assert self.process.poll() is None, f"the server ended: {desk.log.read_text()[-3000:]}"
            try:
                if desk.visitor().get("/health/ready", timeout=6).status_code == 200:
                    return
            except (requests.ConnectionError, requests.Timeout):
                pass
            time.sleep(0.1)
        raise AssertionError(f"the server did not become ready: {desk.log.read_text()[-3000:]}")

    def workers(self) -> list[int]:
        """The processes that answer requests."""
        assert self.process is not None
        return children(self.process.pid)

    def kill(self) -> None:
        """All of it, as the kernel does when memory is short or a machine is lost."""
        assert self.process is not None
        workers = self.workers()
        self.process.kill()
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        """As a platform does that replaces it."""
        assert self.process is not None
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()


@contextmanager
def free_port() -> Iterator[int]:
    """Held, never listened on: nobody else gets the port, and the server, which shares ports, may have it."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@contextmanager
def running(database: str, folder: Path, **environment: str) -> Iterator[Desk]:
    """The desk under the web server of production, on this database, with its collected files in this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with free_port() as port:
        server = Server(database, folder, port, **environment)
        server.collect()
        server.start()
        try:
            server.wait_until_ready()
            yield server.desk
        finally:
            server.stop()
