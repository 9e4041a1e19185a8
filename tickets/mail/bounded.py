"""Reading a mail in a process of its own, so that no mail can stop the desk: five seconds, 200 MB."""

import atexit
import json
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from tickets.mail import zygote
from tickets.mail.headers import Address
from tickets.mail.machine import Machine
from tickets.mail.message import File, ParsedMail

# The process itself is stopped after zygote.SECONDS; this is for a machine that is too busy to do so.
PATIENCE = 4 * zygote.SECONDS
READERS = 3
_CHECKOUT = Path(__file__).resolve().parent.parent.parent


class NotRead(Exception):
    """The mail could not be read within its bounds. The text says why."""


def read(raw: bytes) -> ParsedMail:
    """Raises NotRead. So many mails are read at a time as there are READERS: one that takes long stops no other."""
    with _places:
        reader = _idle.pop() if _idle else _Reader()
        try:
            status, answer = reader.ask(raw)
        except (OSError, EOFError, struct.error):
            reader.stop()
            raise NotRead("the reading process broke off") from None
        _idle.append(reader)
    if os.WIFSIGNALED(status):
        slow = os.WTERMSIG(status) in {signal.SIGALRM, signal.SIGXCPU, signal.SIGKILL}
        raise NotRead(f"reading took longer than {zygote.SECONDS} s" if slow else "reading crashed")
    if os.WEXITSTATUS(status) == 2:
        raise NotRead(f"reading took more than {zygote.MEMORY >> 20} MB")
    if status != 0:
        raise NotRead("reading failed")
    return _understood(answer)


class _Reader:
    """A process that reads one mail after another."""

    def __init__(self) -> None:
        self.of = os.getpid()
        self.process = subprocess.Popen(
            [sys.executable, "-E", "-s", "-m", "tickets.mail.zygote"],
            cwd=_CHECKOUT,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )

    def ask(self, raw: bytes) -> tuple[int, bytes]:
        """How the child ended, as waitpid gives it, and what it had to say."""
        if self.process.stdin is None or self.process.stdout is None:
            raise EOFError
        deadline = time.monotonic() + PATIENCE
        frame = memoryview(struct.pack(">Q", len(raw)) + raw)
        while frame:
            frame = frame[os.write(self.process.stdin.fileno(), frame) :]
        status, length = struct.unpack(">iQ", _exactly(self.process.stdout, 12, deadline))
        return status, _exactly(self.process.stdout, length, deadline)

    def stop(self) -> None:
        if self.of != os.getpid():
            return
        with suppress(OSError):
            self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(5)


_places = threading.BoundedSemaphore(READERS)
_idle: list[_Reader] = []


def _exactly(pipe: IO[bytes], length: int, deadline: float) -> bytes:
    got = bytearray()
    while len(got) < length:
        ready, _w, _x = select.select([pipe], [], [], max(deadline - time.monotonic(), 0))
        part = os.read(pipe.fileno(), min(length - len(got), 1 << 20)) if ready else b""
        if not part:
            raise EOFError
        got += part
    return bytes(got)


@atexit.register
def stop() -> None:
    """End the readers; the next mail starts others."""
    while _idle:
        _idle.pop().stop()


def _forget() -> None:
    """They are the parent's."""
    global _places  # noqa: PLW0603 (one for the process)
    _places = threading.BoundedSemaphore(READERS)
    _idle.clear()


os.register_at_fork(after_in_child=_forget)


def _understood(answer: bytes) -> ParsedMail:
    head, _newline, contents = answer.partition(b"\n")
    plain: dict[str, Any] = json.loads(head)
    files, place = [], 0
    for name, content_type, size in plain["files"]:
        files.append(File(name, content_type, contents[place : place + size]))
        place += size
    return ParsedMail(
        **plain
        | {
            "sender": Address(**plain["sender"]),
            "files": tuple(files),
            "references": tuple(plain["references"]),
            "date": datetime.fromisoformat(plain["date"]) if plain["date"] else None,
            "recipients": tuple(Address(**one) for one in plain["recipients"]),
            "delivered_to": tuple(plain["delivered_to"]),
            "results": tuple(plain["results"]),
            "machine": Machine(plain["machine"]) if plain["machine"] else None,
            "loops": tuple(plain["loops"]),
        }
    )
