"""A receiver of metrics by OTLP over HTTP, which decodes what it gets."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

Answer = Callable[[BaseHTTPRequestHandler], None]


def plain(attributes: Any) -> dict[str, Any]:
    """Attributes by name."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


class Exported:
    """One export of one process."""

    def __init__(self, body: bytes) -> None:
        (made,) = ExportMetricsServiceRequest.FromString(body).resource_metrics
        (scope,) = made.scope_metrics
        assert scope.scope.name == "editcorpus"
        self.resource = plain(made.resource.attributes)
        self.metrics = {one.name: one for one in scope.metrics}

    def points(self, name: str) -> list[Any]:
        found = self.metrics[name]
        return list(getattr(found, found.WhichOneof("data")).data_points)

    def values(self, name: str, *by: str) -> dict[tuple[Any, ...], float]:
        """Values by some attributes, summed up."""
        made: dict[tuple[Any, ...], float] = {}
        for point in self.points(name) if name in self.metrics else ():
            known = plain(point.attributes)
            where = tuple(known.get(one, "") for one in by)
            made[where] = made.get(where, 0) + (point.as_double or point.as_int)
        return made


@dataclass
class Receiver:
    """What came in.

    Attributes:
        headers: Of each request, by name in lower case.
    """

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        self.headers.append({name.lower(): value for name, value in handler.headers.items()})
        self.paths.append(handler.path)
        self.bodies.append(handler.rfile.read(int(handler.headers["content-length"])))

    @property
    def last(self) -> Exported:
        """The last export."""
        return Exported(self.bodies[-1])

    @property
    def lasts(self) -> list[Exported]:
        """The last export of each process."""
        found = [Exported(body) for body in self.bodies]
        return [*{one.resource["service.instance.id"]: one for one in found}.values()]


def well(handler: BaseHTTPRequestHandler) -> None:
    """Say that all is well."""
    handler.send_response(200)
    handler.send_header("content-length", "0")
    handler.end_headers()


@contextmanager
def listening(answer: Answer = well) -> Iterator[Receiver]:
    """A receiver that answers so while the block lasts."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.take(self)
            answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
