"""A virus scanner on loopback that speaks as clamd does, and knows one virus: the one made for tests."""

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

# The harmless string that every scanner finds, put together here so that none finds it in this file.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-" + b"TEST-FILE!$H+H*"


@dataclass
class Clamd:
    """`url` is for the setting; `says` takes the place of an honest answer, None hangs up without one."""

    url: str
    says: bytes | None = b""
    asked: list[bytes] = field(default_factory=list)


@contextmanager
def clamd() -> Iterator[Clamd]:
    class Talk(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            assert self.rfile.read(10) == b"zINSTREAM\0"
            content = b""
            while size := struct.unpack("!I", self.rfile.read(4))[0]:
                content += self.rfile.read(size)
            scanner.asked.append(content)
            honest = b"stream: Eicar-Test-Signature FOUND\0" if EICAR in content else b"stream: OK\0"
            if scanner.says is not None:
                self.wfile.write(scanner.says or honest)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
        server.daemon_threads = True
        address: Any = server.server_address
        scanner = Clamd(f"clamd://127.0.0.1:{address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield scanner
        finally:
            server.shutdown()
            thread.join()
