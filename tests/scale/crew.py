"""A Prefect worker that can be killed, while its flow runs may live on."""

import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field

import psutil
from daemons import PATIENCE_S


@dataclass(eq=False)
class Worker:
    """A worker of Prefect's own, without the drain of `editcorpus-worker`.

    Attributes:
        name: As the server has it.
        process: Its process.
    """

    name: str
    process: "subprocess.Popen[bytes]"
    _seen: dict[int, psutil.Process] = field(default_factory=dict)

    def flow_processes(self) -> list[psutil.Process]:
        """The processes that it has started and that live, also once it is gone itself."""
        with suppress(psutil.NoSuchProcess):
            for one in psutil.Process(self.process.pid).children(recursive=True):
                self._seen.setdefault(one.pid, one)
        return [one for one in self._seen.values() if _lives(one)]

    def asking(self, port: int) -> set[int]:
        """Those of its processes that are connected to a port of this machine, by their ids."""
        return {one.pid for one in self.flow_processes() if _connected(one, port)}

    def end(self, number: signal.Signals) -> None:
        """Send a signal to the worker itself, and return once it is gone."""
        self.flow_processes()
        self.process.send_signal(number)
        self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        """End it and all that it has started."""
        family = self.flow_processes()
        if self.process.poll() is None:
            self.process.kill()
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self.process.wait()


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _connected(process: psutil.Process, port: int) -> bool:
    with suppress(psutil.Error):
        there = (one.raddr for one in process.net_connections("tcp") if one.raddr)
        return any(address.port == port for address in there)
    return False
