"""The way to the Prefect server for what only people need: it must never hold up a build.

Events go out by the server's API, many in one request, not by Prefect's own queue of events: that neither
tells whether anybody took them, nor ends before it has tried each one eleven times.
"""

import logging
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import TypeVar

import httpx
from prefect.client.orchestration import get_client
from prefect.events.schemas.events import Event
from prefect.exceptions import PrefectException
from prefect.runtime import deployment, flow_run

from flows.patience import asked_again

_log = logging.getLogger(__name__)
_Made = TypeVar("_Made")
PARENT: ContextVar[tuple[dict[str, str], ...]] = ContextVar("editcorpus-parent", default=())
"""Who has to do with the flow run that has started this process, if any has; see `related`."""


class Channel:
    """Asks a Prefect server that may be away; that is logged once.

    Attributes:
        away: Whether nobody answered the last time.
    """

    def __init__(self) -> None:
        self.away = False
        self._warned = False

    def ask(self, call: Callable[[], _Made]) -> _Made | None:
        """What the server answers; None where it fails."""
        try:
            with asked_again(1):  # it is not worth a minute
                made = call()
        except (httpx.HTTPError, PrefectException) as error:
            self.away = isinstance(error, httpx.TransportError)
            if not self._warned:
                self._warned = True
                kind = type(error).__name__
                _log.warning(
                    "Artifacts and events of this run are not up to date: %s: %s", kind, error
                )
            return None
        self.away = False
        return made

    def post(self, events: Sequence[Event]) -> None:
        """Send events; those that the server does not take are dropped."""
        if events:
            self.ask(lambda: _sent(events))


def _sent(events: Sequence[Event]) -> None:
    with get_client(sync_client=True) as client:
        members = [event.model_dump(mode="json") for event in events]
        client.request("POST", "/events", json=members)


def related() -> list[dict[str, str]]:
    """Flow run, deployment and tags of the flow run that is running here, as events name them.

    A partition names the deployment of its parent: that is the one which is paused and resumed.
    """
    if of := PARENT.get():
        return [*of]
    made = [
        _resource("flow-run", str(flow_run.id or ""), str(flow_run.name or "")),
        _resource("deployment", str(flow_run.parent_deployment_id or deployment.id or "")),
        *(_resource("tag", str(tag)) for tag in flow_run.tags or ()),
    ]
    return [one for one in made if not one["prefect.resource.id"].endswith(".")]


def _resource(kind: str, name: str, title: str = "") -> dict[str, str]:
    made = {"prefect.resource.id": f"prefect.{kind}.{name}", "prefect.resource.role": kind}
    return {**made, "prefect.resource.name": title} if title else made
