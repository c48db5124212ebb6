"""One address for several servers of this machine: who connects is given the next one that takes it."""

import asyncio
import gc
import threading
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from typing import Self

_CHUNK = 65_536


class Balancer:
    """Passes connections on, in turn; a server that takes none is passed over.

    Args:
        ports: Of the servers, on loopback.

    Attributes:
        port: Where it listens, on loopback.
        passed: How many connections each server was given, by its port.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports
        self._turn = count()
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.passed = dict.fromkeys(ports, 0)

    def __enter__(self) -> Self:
        begun = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(begun,), daemon=True)
        self._thread.start()
        assert begun.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, begun: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        start = asyncio.start_server(self._met, "127.0.0.1", 0)
        server = self._loop.run_until_complete(start)
        self.port = server.sockets[0].getsockname()[1]
        begun.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        del tasks, server
        gc.collect()  # writers, while there is a loop on which they can be closed
        self._loop.run_until_complete(asyncio.sleep(0.1))

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        turn = next(self._turn)
        for step in range(len(self._ports)):
            port = self._ports[(turn + step) % len(self._ports)]
            with suppress(OSError, asyncio.CancelledError):  # the latter at the end of all
                there, back = await asyncio.open_connection("127.0.0.1", port)
                self.passed[port] += 1
                try:
                    await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
                finally:
                    back.close()
                    writer.close()
                return
        writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass everything on until one side ends; then the other one is ended, too."""
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    with suppress(OSError, RuntimeError):
        writer.close()
