"""A corpus or benchmark on a web server that dies: one sentence, the exit code, and no half a file."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from flows.cli import main


class _Dying(BaseHTTPRequestHandler):
    """Says how long a file is, and nothing more."""

    def do_GET(self) -> None:
        whole = self.headers["Range"] == "bytes=0-0"
        self.send_response(206 if whole else 503)
        self.send_header("Content-Length", "1" if whole else "0")
        if whole:
            self.send_header("Content-Range", "bytes 0-0/70000")
        self.end_headers()
        self.wfile.write(b"P" if whole else b"")

    def log_message(self, *_: object) -> None:
        """Nothing is told."""


@pytest.fixture
def dying() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Dying)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/a.parquet"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(("command", "code"), [("hashes", 3), ("lint", 1)])
def test_a_server_that_dies_is_told_and_leaves_nothing(
    dying: str, command: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be opened at all is no start; what was found and is gone then is a stop."""
    to = tmp_path / "made"
    words = {"hashes": ["--from", dying, "--name", "b"], "lint": [dying]}[command]
    assert main([command, *words, "--to", str(to)]) == code
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "the server answers 503" in said
    assert list(tmp_path.iterdir()) == []
