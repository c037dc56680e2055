"""A web server on this machine that answers like the Allen Institute's, and whose failures are chosen."""

from __future__ import annotations

import dataclasses
import http.server
import json
import threading
from collections.abc import Iterator

import pytest


@dataclasses.dataclass
class AllenServer:
    """Files by id; an unknown id has none.

    Parameters
    ----------
    files : mapping of id to bytes
    cuts : list of int
        After how many bytes the next connections break.
    asked : list of str
        Range header of every request for a file, "HEAD" for a question about its size.
    length : bool
        Whether the server says how long files are.
    """

    url: str
    files: dict[str, bytes] = dataclasses.field(default_factory=dict)
    cuts: list[int] = dataclasses.field(default_factory=list)
    asked: list[str] = dataclasses.field(default_factory=list)
    length: bool = True


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers queries for files and requests for bytes."""

    state: AllenServer

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self.state.asked.append("HEAD")
        self._head(200, len(self._content()))

    def do_GET(self) -> None:
        if "query" in self.path:
            self._answer_query()
            return
        content, asked = self._content(), self.headers.get("Range", "")
        self.state.asked.append(asked)
        first = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        extra = {"Content-Range": f"bytes {first}-{len(content) - 1}/{len(content)}"} if asked else {}
        self._head(206 if asked else 200, len(content) - first, extra)
        stop = first + self.state.cuts.pop(0) if self.state.cuts else len(content)
        self.wfile.write(content[first:stop])
        self.close_connection = True

    def _content(self) -> bytes:
        return self.state.files[self.path.rsplit("/", 1)[-1]]

    def _head(self, status: int, length: int, extra: dict[str, str] | None = None) -> None:
        self.send_response(status)
        if self.state.length:
            self.send_header("Content-Length", str(length))
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.end_headers()

    def _answer_query(self) -> None:
        found = [
            name
            for name in self.state.files
            if f"{name.removesuffix('.npz')}]" in self.path.replace("%5D", "]")
        ]
        wanted = [name for name in found if name.endswith(".npz") == ("Event" in self.path)]
        rows = [{"download_link": f"/api/v2/well_known_file_download/{name}"} for name in wanted]
        body = json.dumps(
            {"success": True, "msg": rows, "num_rows": len(rows), "total_rows": len(rows), "start_row": 0}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def allen_server() -> Iterator[AllenServer]:
    """Start a server; `Handler.state` is this one's."""
    handler = type("OwnHandler", (Handler,), {})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    state = AllenServer(f"http://127.0.0.1:{server.server_port}")
    handler.state = state  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()
