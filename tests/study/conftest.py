"""A checkout without data, and a web server on this machine whose failures are chosen."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from study import download, manifest


@dataclasses.dataclass
class Checkout:
    """Folders of a made-up checkout."""

    root: Path
    cache: Path
    shared: Path

    def describe(self, *entries: dict[str, Any]) -> None:
        """Make these the items of the manifest."""
        manifest.MANIFEST.write_text(yaml.safe_dump({"version": 1, "items": list(entries)}))
        manifest._read.cache_clear()


def entry(name: str, content: bytes, *sources: dict[str, str], **fields: Any) -> dict[str, Any]:
    """Return an item of the manifest for a file with this content."""
    return {
        "name": name,
        "file": f"things/{name}.bin",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "licence": "none",
        "citation": "nobody",
        "used_by": ["tests"],
        "sources": list(sources) or [{"kind": "local", "path": f"things/{name}.bin"}],
        **fields,
    }


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    root = tmp_path / "checkout"
    root.mkdir()
    monkeypatch.setattr(manifest, "ROOT", root)
    monkeypatch.setattr(manifest, "MANIFEST", root / "data_manifest.yaml")
    monkeypatch.delenv("STUDY_DATA", raising=False)
    monkeypatch.delenv("STUDY_CACHE", raising=False)
    return Checkout(root, root / "cache" / "data", tmp_path / "shared" / "data")


@pytest.fixture
def as_nobody() -> Iterator[None]:
    """Run without root's right to read and write everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


class Server(http.server.ThreadingHTTPServer):
    """Serves `content` at any path and remembers what it was asked."""

    content = b""
    ranges = True
    sends_length = True
    statuses: list[int]  # one per request; 200 when they run out
    cuts: list[int]  # bytes after which each reply is cut; whole when they run out
    asked: list[str]  # Range headers
    hang: threading.Event | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/file"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about clients that hang up."""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        wanted = self.headers.get("Range", "")
        server.asked.append(wanted)
        if server.hang is not None:
            server.hang.wait(10)
            return
        status = server.statuses.pop(0) if server.statuses else 200
        if status != 200:
            self.send_error(status)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.ranges else 0
        if start >= len(server.content) > 0:
            self.send_error(416)
            return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            last = len(server.content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(server.content)}")
        if server.sends_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.cuts.pop(0)] if server.cuts else body)

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(download, "BACKOFF_S", 0.001)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server(("127.0.0.1", 0), Handler) as running:
        running.statuses, running.cuts, running.asked = [], [], []
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        if running.hang is not None:
            running.hang.set()
        running.shutdown()
        thread.join()
