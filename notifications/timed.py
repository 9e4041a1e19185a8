"""Reading from a socket until a deadline, be it in single bytes: a timeout of a socket would begin anew with each."""

import io
import socket
from collections.abc import Callable
from typing import Any


class TimedReader(io.RawIOBase):
    """`hurry` is called before each read: it sets the socket's timeout to what is left, or raises TimeoutError."""

    def __init__(self, sock: socket.socket, hurry: Callable[[], None]) -> None:
        self.source = sock.makefile("rb", buffering=0)
        self.hurry = hurry

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self.hurry()
        return self.source.readinto(buffer)

    def close(self) -> None:
        self.source.close()
        super().close()
