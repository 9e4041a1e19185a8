"""Reads mails one after another, each in a process of its own that may take so much time and memory and no more.

Run as a program by tickets/mail/bounded.py. A frame on standard input is a mail: eight bytes of length, eight of the
seconds it may take (a double), then the bytes.
A frame on standard output is the answer: four bytes of status as waitpid gives it, eight of length, then eight of the
length of the JSON that follows, and the contents of the files in a row. It has none of our secrets in its environment
and no database.
"""

import json
import os
import resource
import signal
import struct
import sys
from dataclasses import asdict
from math import ceil
from typing import BinaryIO

from tickets.mail import message

# Of a mail that cannot be read in time the header is read once more: five seconds for both.
SECONDS, SECONDS_FOR_HEADER = 4.0, 1.0
MEMORY = 200 * 1024 * 1024


def main() -> None:
    source, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    while len(head := source.read(16)) == 16:
        length, seconds = struct.unpack(">Qd", head)
        status, read = _apart(source.read(length), seconds)
        answers.write(struct.pack(">iQ", status, len(read)))
        answers.write(read)
        answers.flush()


def _apart(raw: bytes, seconds: float) -> tuple[int, bytes]:
    """How the process that read the mail ended, and what it had written until then."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        _read(raw, into, seconds)
    os.close(into)
    with os.fdopen(out, "rb") as pipe:
        read = pipe.read()
    return os.waitpid(child, 0)[1], read


def _read(raw: bytes, into: int, seconds: float) -> None:
    """Never returns. Whoever takes too long is killed by the system itself, whatever he is doing."""
    try:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (ceil(seconds), ceil(seconds)))
        resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        with os.fdopen(into, "wb") as pipe:
            write(message.read(raw), pipe)
    except MemoryError:
        os._exit(2)
    except BaseException:  # noqa: BLE001 (it says so by its exit code, and nothing of the mail goes to a log)
        os._exit(1)
    os._exit(0)


def write(mail: message.ParsedMail, pipe: BinaryIO) -> None:
    plain = asdict(mail)
    plain["date"] = mail.date.isoformat() if mail.date else None
    plain["files"] = [(file.name, file.content_type, len(file.content)) for file in mail.files]
    head = json.dumps(plain).encode()
    pipe.write(struct.pack(">Q", len(head)) + head)
    pipe.writelines(file.content for file in mail.files)


if __name__ == "__main__":
    main()
