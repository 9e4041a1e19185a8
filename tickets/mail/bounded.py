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
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
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


# One of more than this at a time: it takes several times its size while it is fetched, read and stored.
LARGE = 5 * 1024 * 1024  # bytes


class NotRead(Exception):
    """The mail could not be read within its bounds. `code` says why: slow, memory, crashed, failed, broke_off."""

    def __init__(self, code: str, **details: int) -> None:
        super().__init__(code)
        self.code, self.details = code, details


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Wait until no other large mail is dealt with in this process, if this one of so many bytes is large."""
    with _room if size > LARGE else nullcontext():
        yield


def read(raw: bytes, *, seconds: float = zygote.SECONDS) -> ParsedMail:
    """Raises NotRead if it takes longer or too much memory.

    So many mails are read at a time as there are READERS: one that takes long stops no other.
    """
    with _places:
        try:
            status, answer = _asked(raw, seconds, _idle.pop() if _idle else _Reader())
        except _BROKEN:
            # Somebody has killed it, the system perhaps, which had no memory left: the mail may be innocent.
            try:
                status, answer = _asked(raw, seconds, _Reader())
            except _BROKEN:
                raise NotRead("broke_off") from None
    if os.WIFSIGNALED(status):
        slow = os.WTERMSIG(status) in {signal.SIGALRM, signal.SIGXCPU, signal.SIGKILL}
        raise NotRead("slow", seconds=round(seconds)) if slow else NotRead("crashed")
    if os.WEXITSTATUS(status) == 2:
        raise NotRead("memory", most=zygote.MEMORY >> 20)
    if status != 0:
        raise NotRead("failed")
    return _understood(answer)


_BROKEN = (OSError, EOFError, struct.error)


def _asked(raw: bytes, seconds: float, reader: "_Reader") -> tuple[int, memoryview]:
    try:
        answer = reader.ask(raw, seconds)
    except _BROKEN:
        reader.stop()
        raise
    _idle.append(reader)
    return answer


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

    def ask(self, raw: bytes, seconds: float) -> tuple[int, memoryview]:
        """How the child ended, as waitpid gives it, and what it had to say."""
        if self.process.stdin is None or self.process.stdout is None:
            raise EOFError
        deadline = time.monotonic() + PATIENCE
        for part in (struct.pack(">Qd", len(raw), seconds), raw):
            left = memoryview(part)
            while left:
                left = left[os.write(self.process.stdin.fileno(), left) :]
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
_room = threading.Lock()
_idle: list[_Reader] = []


def _exactly(pipe: IO[bytes], length: int, deadline: float) -> memoryview:
    got = bytearray()
    while len(got) < length:
        ready, _w, _x = select.select([pipe], [], [], max(deadline - time.monotonic(), 0))
        part = os.read(pipe.fileno(), min(length - len(got), 1 << 20)) if ready else b""
        if not part:
            raise EOFError
        got += part
    return memoryview(got)


@atexit.register
def stop() -> None:
    """End the readers; the next mail starts others."""
    while _idle:
        _idle.pop().stop()


def _forget() -> None:
    """They are the parent's."""
    global _places, _room
    _places, _room = threading.BoundedSemaphore(READERS), threading.Lock()
    _idle.clear()


os.register_at_fork(after_in_child=_forget)


def _understood(answer: memoryview) -> ParsedMail:
    head = struct.unpack_from(">Q", answer)[0]
    place = 8 + head
    plain: dict[str, Any] = json.loads(bytes(answer[8:place]))
    files = []
    for name, content_type, size in plain["files"]:
        files.append(File(name, content_type, bytes(answer[place : place + size])))
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
