"""Asking a virus scanner about a file: clamd's INSTREAM, over TCP or a local socket (man 8 clamd)."""

import socket
import struct
from typing import IO
from urllib.parse import urlsplit

from django.conf import settings

CONNECTING, WHOLE = 5, 120  # seconds; the second for each step of the talk
CHUNK = 64 * 1024
LONGEST_ANSWER = 4096


class ScannerAway(Exception):
    """The scanner has not said what it thinks of the file: it stays held, and is asked about again."""


def threat_in(content: IO[bytes]) -> str:
    """What the scanner calls the threat it has found; empty for a clean file. Raises ScannerAway."""
    try:
        with _connected() as wire:
            wire.settimeout(WHOLE)
            wire.sendall(b"zINSTREAM\0")
            while chunk := content.read(CHUNK):
                wire.sendall(struct.pack("!I", len(chunk)) + chunk)
            wire.sendall(struct.pack("!I", 0))
            said = _answer(wire)
    except OSError as trouble:
        raise ScannerAway(type(trouble).__name__) from trouble
    if said == "stream: OK":
        return ""
    if said.startswith("stream: ") and said.endswith(" FOUND"):
        return said.removeprefix("stream: ").removesuffix(" FOUND")
    raise ScannerAway(said[:200] or "no answer")


def _connected() -> socket.socket:
    address = urlsplit(settings.SCANNER)
    if address.hostname:
        return socket.create_connection((address.hostname, address.port or 3310), timeout=CONNECTING)
    wire = socket.socket(socket.AF_UNIX)
    wire.settimeout(CONNECTING)
    try:
        wire.connect(address.path)
    except OSError:
        wire.close()
        raise
    return wire


def _answer(wire: socket.socket) -> str:
    said = b""
    while b"\0" not in said and len(said) < LONGEST_ANSWER and (more := wire.recv(LONGEST_ANSWER)):
        said += more
    return said.partition(b"\0")[0].decode(errors="replace").strip()
