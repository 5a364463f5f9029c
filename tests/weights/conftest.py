"""A server of weight files on loopback, with the faults that real ones have."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


@dataclass
class Server:
    """What is served: path -> content; faults by path; and which ranges were asked for."""

    address: str
    files: dict[str, bytes] = field(default_factory=dict)
    vanishing: dict[str, int] = field(default_factory=dict)  # path -> how many answers end after half of the bytes
    redirects: dict[str, str] = field(default_factory=dict)  # path -> where it leads
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def serve(self, content: bytes, name: str = "net", digits: str | None = None) -> str:
        """Serve a file whose name states its SHA-256, as publishers do; returns its URL."""
        digits = digits or hashlib.sha256(content).hexdigest()[:8]
        path = f"/{name}-{digits}.pth"
        self.files[path] = content
        return self.address + path


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that runs for one test."""
    state = Server("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.asked.append((self.path, wanted))
            if self.path in state.redirects:
                self.send_response(302)
                self.send_header("Location", state.redirects[self.path])
                self.end_headers()
                return
            content = state.files.get(self.path)
            if content is None:
                self.send_error(404, "Not Found")
                return
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
            if start >= len(content):
                self.send_error(416, "Range Not Satisfiable")
                return
            body = content[start:]
            self.send_response(206 if wanted else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if state.vanishing.get(self.path, 0):
                state.vanishing[self.path] -= 1
                body = body[: len(body) // 2]
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield state
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("CONVATLAS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "home" / "weights"
