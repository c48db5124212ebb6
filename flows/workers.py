"""A crew of workers: each partition is a flow run of a deployment, which any worker of its pool fetches.

The flow runs go on when this process is gone, and whoever owns the run next finds them again by their
idempotency keys, which are made of the run's name and the permit's. They are looked at together, one
request for all. A flow run whose worker was lost stays *Running* on the server for ever; that nobody
works on it is seen from the claims to its permit's seat (`permits.py`).
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.states import Cancelling, Crashed

from editcorpus.errors import ConfigError, RunStopped, first_line
from editcorpus.permits import Permit, told
from editcorpus.storage import Store
from flows.handing import Said
from flows.outcome import stop_kind
from flows.sharing import NAMES, End, Order, share_of

_log = logging.getLogger(__name__)
_PATIENCE_S = 22.0
"""How long flow runs are waited for that were cancelled: Prefect kills this one 30 s after its own
Cancel (`grace_seconds`, prefect/runner), and they wait 20 s for their calls in flight."""
_PAGE = 200
"""Flow runs that the API gives at once."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long it is waited for what, in seconds.

    Attributes:
        told_s: Between two looks into the store: how far flow runs are, and who works on them.
        lost_s: A flow run may be Running without anybody at work under its permit: it needs some
            seconds to load its blocks before, and to report its end after.
        stuck_s: It may be Pending: a worker fetched it, and its process has not begun.
        late_s: Until it is told that no worker has fetched it.
    """

    told_s: float = 10
    lost_s: float = 120
    stuck_s: float = 600
    late_s: float = 60


@dataclass(slots=True)
class Absence:
    """For how long nobody has been seen at work on a flow run that should be.

    Attributes:
        since: Seconds of a clock that only goes forward; none while somebody is there.
        kind: Of the state that it is in.
    """

    since: float | None = None
    kind: StateType | None = None

    def lasts(self, kind: StateType, there: bool, now: float) -> float:
        """Seconds for which it has been in this state with nobody there."""
        if there or kind != self.kind or self.since is None:
            self.since, self.kind = now, kind
        return now - self.since


@dataclass(slots=True)
class _Run:
    """A flow run on a partition."""

    permit: Permit
    id: UUID
    absence: Absence
    told: frozenset[int] = frozenset()
    warned: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where the work is done, and how it is seen.

    Attributes:
        store: Where the run lies.
        deployment: Name of flow and deployment, such as `partition/omniedit-partition`.
        is_taken: Whether anybody works under a permit.
    """

    store: Store
    deployment: str
    is_taken: Callable[[Permit], bool]


class Workers:
    """Has flow runs of a deployment made for partitions.

    Args:
        order: What they work on.
        place: Where.
        limits: How long it is waited for what.
    """

    outlives = True

    def __init__(self, order: Order, place: Place, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._order = order
        self._place = place
        self._runs: dict[str, _Run] = {}
        self._pause = threading.Event()
        self._asked = float("-inf")

    def start(self, permit: Permit, *, again: bool = False) -> None:
        """Have a flow run made, or find the one that was made for this permit.

        Raises:
            RunStopped: The Prefect server does not take it.
        """
        run, share = self._order.recipe.run, share_of(self._order, permit)
        try:
            made = run_deployment(
                self._place.deployment,
                parameters={"recipe": self._order.parameters, "share": share},
                timeout=0,
                idempotency_key=f"{run}/{permit.name}",
                as_subflow=not again,  # it is another run's already
            )
        except (httpx.HTTPError, PrefectException) as error:
            raise RunStopped(f"The Prefect server takes no partition: {_told(error)}") from error
        assert isinstance(made, FlowRun)  # noqa: S101 - this is no coroutine
        self._runs[permit.name] = _Run(permit, made.id, Absence())

    def hear(self, timeout_s: float) -> Iterable[Said]:
        """What became of them meanwhile; waits so long before it asks."""
        self._pause.wait(timeout_s)
        now = time.monotonic()
        ask = now - self._asked >= self._limits.told_s
        if ask:
            self._asked = now
        yield from self._looked(now, ask=ask)

    def dismiss(self) -> Iterable[Said]:
        """Cancel all of them, and wait until they have ended, but not for long."""
        until = time.monotonic() + _PATIENCE_S
        with get_client(sync_client=True) as client:
            for run in self._runs.values():
                with suppress(httpx.HTTPError, PrefectException):
                    client.set_flow_run_state(run.id, Cancelling())
        said: list[Said] = []
        while self._runs and time.monotonic() < until:
            self._pause.wait(0.5)
            said += self._looked(time.monotonic(), ask=False)
        return said

    def _looked(self, now: float, *, ask: bool) -> Iterator[Said]:
        try:
            with get_client(sync_client=True) as client:
                states = _states(client, [run.id for run in self._runs.values()])
        except (httpx.HTTPError, PrefectException) as error:
            _log.warning("The Prefect server does not say how partitions are: %s", _told(error))
            return
        for name, run in list(self._runs.items()):
            found = states.get(run.id)
            end = _ended(found)
            gone = _gone(found) or (self._missed(run, found, now) if found and ask else "")
            if ask or gone:
                yield from self._heard(run)
            if gone:
                del self._runs[name]
                yield name, {"end": end.model_dump(exclude_defaults=True)} if end else {}
                yield name, {"gone": gone}

    def _heard(self, run: _Run) -> Iterator[Said]:
        """The shards of which word was left in the store since it was last asked."""
        shards, _ = told(self._place.store, self._order.recipe.run, run.permit.name)
        for number in sorted({*shards} - run.told):
            yield run.permit.name, {"shard": number}
        run.told = run.told.union(shards)

    def _missed(self, run: _Run, found: FlowRun, now: float) -> str:
        """Why a flow run that is not final counts as lost; empty where it does not."""
        state = found.state
        if state is None:
            return ""
        there = self._place.is_taken(run.permit)
        lasts = run.absence.lasts(state.type, there, now)
        if state.type == StateType.SCHEDULED:
            if lasts >= self._limits.late_s and not run.warned:
                run.warned = True
                _log.warning(
                    "No worker has fetched partition %d for %.0f s; is one running for the deployment "
                    "%s, and has it room?",
                    run.permit.number,
                    lasts,
                    self._place.deployment,
                )
            return ""
        limits, pending = self._limits, state.type == StateType.PENDING
        if lasts < (limits.stuck_s if pending else limits.lost_s):
            return ""
        told = f"It was {state.name} for {lasts:.0f} s with nobody at work on it."
        with suppress(httpx.HTTPError, PrefectException), get_client(sync_client=True) as client:
            client.set_flow_run_state(run.id, Crashed(message=told), force=True)
        return told


def deployment_named(name: str) -> str:
    """Flow and deployment, of the flow that takes partitions where no other is named."""
    return name if "/" in name else f"partition/{name}"


def check_deployment(name: str) -> None:
    """Find out, before anything is paid, whether there is somebody to hand partitions to.

    Raises:
        ConfigError: This Prefect server has no such deployment, or does not answer.
    """
    full = deployment_named(name)
    try:
        with get_client(sync_client=True) as client:
            client.read_deployment_by_name(full)
    except ObjectNotFound:
        raise ConfigError(
            f"effort.workers names the deployment {full!r}, and this Prefect server has none of that name; "
            "`prefect deploy --all --prefect-file deployments/prefect.yaml` makes it."
        ) from None
    except (httpx.HTTPError, PrefectException) as error:
        raise ConfigError(f"The Prefect server names no deployment: {_told(error)}") from None


def _states(client: SyncPrefectClient, ids: list[UUID]) -> dict[UUID, FlowRun]:
    found = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=ids)), limit=_PAGE
    )
    return {run.id: run for run in found}


def _gone(found: FlowRun | None) -> str:
    """How it came that nobody works on it any more; empty where somebody may."""
    if found is None:
        return "Its flow run was deleted."
    if found.state is None or not found.state.is_final():
        return ""
    return found.state.message or f"Its flow run ended as {found.state.name}."


def _ended(found: FlowRun | None) -> End | None:
    """How the work ended, as its final state tells; none where it died."""
    state = found.state if found else None
    if state is None or not state.is_final() or state.type == StateType.CRASHED:
        return None
    if state.type == StateType.COMPLETED:
        return End(how="done")
    if state.type == StateType.CANCELLED:
        return End(how="interrupted", sentence="Its flow run was cancelled.")
    hows, name = {name: how for how, name in NAMES.items()}, state.name or ""
    kind = stop_kind(name) or ""
    made = {"how": hows.get(name, "stopped"), "sentence": state.message or "", "kind": kind}
    return End.model_validate(made)


def _told(error: Exception) -> str:
    return first_line(error) + "."
