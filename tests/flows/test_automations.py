"""Automations on a real Prefect server: each is made once, is kept, and fires; webhooks come here."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.actions import PauseDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger
from prefect.events.schemas.events import Event
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Crashed, Failed, Pending, Running, Scheduled

from editcorpus.errors import ConfigError
from editcorpus.stages.summary import Standing
from flows.automations import Change, Settings, apply
from flows.channel import Channel
from flows.events import Herald
from flows.outcome import Outcome
from flows.reactions import PREFIX, automations
from flows.tally import Share

pytestmark = pytest.mark.prefect
PATIENCE_S = 600
"""For a trigger to fire on a loaded machine."""
SHORT_S = 20
SETTINGS = Settings(notify="webhook/team", failed_percent=20)
NAMES = (
    *("budget", "too many failed", "too many gone", "endpoint down", "endpoint up"),
    *("lost worker", "run ended", "run crashed"),
)


@flow(name="bystander")
def bystander() -> None:
    """A flow for deployments that nobody runs."""


@dataclass
class Desk:
    """A server with one deployment, and what its webhooks were sent."""

    client: SyncPrefectClient
    deployment: UUID
    received: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, make: Callable[[Herald], None]) -> None:
        """Send what a herald of a run makes of something."""
        herald = Herald("spring")
        resource = f"prefect.deployment.{self.deployment}"
        herald.related = [{"prefect.resource.id": resource, "prefect.resource.role": "deployment"}]
        make(herald)
        Channel().post(herald.take())

    def until(
        self, happened: Callable[[], object], make: Callable[[], None], again_s: float = 5
    ) -> None:
        """Do something again and again until something has happened.

        The server takes some seconds to learn of an automation, and does not hear what was before.
        """
        until = time.monotonic() + PATIENCE_S
        while not happened():
            assert time.monotonic() < until, f"It did not happen in time: {self.received}"
            make()
            pause = time.monotonic() + again_s
            while not happened() and time.monotonic() < pause:
                time.sleep(0.1)

    def texts(self, event: str) -> list[str]:
        return [one["text"] for one in self.received if one["event"] == event]

    def paused(self) -> bool:
        return bool(self.client.read_deployment(self.deployment).paused)

    def flow_run(self, name: str) -> UUID:
        """A run of the deployment."""
        made = self.client.create_flow_run_from_deployment(self.deployment, name=name)
        self.client.set_flow_run_state(made.id, Running(), force=True)
        return UUID(str(made.id))

    def state(self, run: UUID) -> str:
        state = self.client.read_flow_run(run).state
        return state.name if state and state.name else ""

    def beat(self, run: UUID) -> None:
        """Send a sign of life, as the process of a flow run does."""
        tag = {"prefect.resource.id": "prefect.tag.editcorpus", "prefect.resource.role": "tag"}
        resource = {"prefect.resource.id": f"prefect.flow-run.{run}"}
        made = {"event": "prefect.flow-run.heartbeat", "resource": resource, "related": [tag]}
        Channel().post([Event.model_validate(made)])


def outcome(**changed: Any) -> Outcome:
    calls = {"paid": 1, "cached": 0, "possibly_billed": 0}
    places = {"corpus": "/store/corpora/spring", "gallery": "", "stopped": ""}
    counts = Standing(entered=3, kept=3)
    return Outcome("spring", counts, calls, Decimal("9.5"), **{**places, **changed})


@pytest.fixture(scope="module")
def receiver() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Takes what webhooks send; gives its URL and what it got."""
    got: list[dict[str, Any]] = []

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Taker) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", got
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def desk(
    tmp_path_factory: pytest.TempPathFactory,
    serve_prefect: Any,
    unused_port: Callable[[], int],
    receiver: tuple[str, list[dict[str, Any]]],
) -> Iterator[Desk]:
    folder: Path = tmp_path_factory.mktemp("automations")
    port = unused_port()
    with (
        serve_prefect(folder, port),
        temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{port}/api"}),
        get_client(sync_client=True) as client,
    ):
        Webhook(method="POST", url=receiver[0]).save("team")
        made = client.create_deployment(
            client.create_flow(bystander), "team", tags=["editcorpus"], paused=False
        )
        desk = Desk(client, made, receiver[1])
        apply(SETTINGS, client)
        yield desk


def test_they_are_made_once_and_others_are_left_alone(desk: Desk) -> None:
    def done(settings: Settings, **how: bool) -> dict[str, str]:
        found: list[Change] = apply(settings, desk.client, **how)
        return {one.name.removeprefix(PREFIX): one.what for one in found}

    trigger = EventTrigger(expect={"somebody.else"})
    pause = PauseDeployment(source="inferred")
    desk.client.create_automation(
        AutomationCore(name="somebody else's", trigger=trigger, actions=[pause])
    )
    assert done(SETTINGS) == dict.fromkeys(NAMES, "kept")
    silent = SETTINGS.model_copy(update={"notify": "", "pause_while_down": False})
    wanted = {
        **dict.fromkeys(NAMES, "deleted"),
        **dict.fromkeys(("too many failed", "too many gone"), "changed"),
        "lost worker": "kept",
    }
    assert done(silent, check=True) == wanted
    assert done(SETTINGS) == dict.fromkeys(NAMES, "kept")
    patient = SETTINGS.model_copy(update={"lost_after_s": 1000})
    (lost,) = desk.client.read_automations_by_name(f"{PREFIX}lost worker")
    desk.client.pause_automation(lost.id)
    assert done(patient) == {**dict.fromkeys(NAMES, "kept"), "lost worker": "changed"}
    (same,) = desk.client.read_automations_by_name(f"{PREFIX}lost worker")
    assert (same.id, same.enabled) == (lost.id, False)
    assert done(SETTINGS)["lost worker"] == "changed"
    assert len(desk.client.read_automations_by_name("somebody else's")) == 1
    with pytest.raises(ConfigError, match="names the block 'webhook/nobody'"):
        apply(Settings(notify="webhook/nobody"), desk.client)


def test_a_budget_that_runs_out_is_told(desk: Desk) -> None:
    def spent(usd: int) -> Callable[[], None]:
        return lambda: desk.tell(lambda it: it.money(Decimal(usd), Decimal(0), Decimal(10)))

    spent(5)()
    desk.until(lambda: desk.texts("editcorpus.budget.threshold"), spent(8))
    assert set(desk.texts("editcorpus.budget.threshold")) == {"spring: 80% of $10 are booked."}


def test_too_many_failures_pause_the_deployment(desk: Desk) -> None:
    assert not desk.paused()
    desk.until(desk.paused, lambda: desk.tell(lambda it: it.share(Share(100, 25, 0))))
    desk.client.resume_deployment(desk.deployment)
    desk.until(desk.paused, lambda: desk.tell(lambda it: it.share(Share(100, 0, 81))))
    desk.client.resume_deployment(desk.deployment)


def test_an_endpoint_that_is_away_pauses_the_deployment_until_it_is_back(desk: Desk) -> None:
    def back(herald: Herald) -> None:
        herald.endpoints(frozenset({"images"}))
        herald.take()
        herald.endpoints(frozenset())

    desk.until(desk.paused, lambda: desk.tell(lambda it: it.endpoints(frozenset({"images"}))))
    desk.until(lambda: not desk.paused(), lambda: desk.tell(back))
    desk.until(lambda: desk.texts("editcorpus.endpoint.up"), lambda: None)
    assert desk.texts("editcorpus.endpoint.up")[0] == (
        "spring: the endpoint images can be reached again."
    )


def test_the_end_of_a_run_is_told(desk: Desk) -> None:
    def ends(**how: Any) -> Callable[[], None]:
        return lambda: desk.tell(lambda it: it.ended(outcome(**how), Decimal(0), None))

    desk.until(lambda: desk.texts("editcorpus.run.finished"), ends())
    assert desk.texts("editcorpus.run.finished")[0] == (
        "spring: finished 3 entered: 3 kept, 0 rejected, 0 failed; $9.5."
    )
    stopped = ends(stopped='The key "x" was refused.\nCheck it.', kind="key")
    desk.until(lambda: desk.texts("editcorpus.run.stopped"), stopped)
    (told, *_) = (one for one in desk.received if one["event"] == "editcorpus.run.stopped")
    assert told["payload"]["kind"] == "key"
    assert told["text"].startswith('spring: The key "x" was refused.\nCheck it. 3 entered')


def test_a_flow_run_that_died_is_told(desk: Desk) -> None:
    runs = [desk.flow_run("spring-1")]

    def dies() -> None:
        desk.client.set_flow_run_state(runs[-1], Crashed(message="Gone."), force=True)
        runs.append(desk.flow_run(f"spring-{len(runs) + 1}"))

    desk.until(lambda: desk.texts("prefect.flow-run.Crashed"), dies)
    assert desk.texts("prefect.flow-run.Crashed")[0] == "spring-1: Crashed. Gone."


def test_a_flow_run_without_a_sign_of_life_is_ended_and_no_other(desk: Desk) -> None:
    """The same trigger with a window for which a test can wait."""
    (lost,) = (one for one in automations(Settings()) if one.name == f"{PREFIX}lost worker")
    assert isinstance(lost.trigger, EventTrigger)
    lost.trigger.within = timedelta(seconds=SHORT_S)
    lost.name = "quick"
    desk.client.create_automation(lost)
    learnt = desk.flow_run("learnt")
    crashed = partial(desk.state, learnt)
    desk.until(lambda: crashed() == "Crashed", partial(desk.beat, learnt), 2 * SHORT_S)
    ends = {"Completed (12 failed)": Completed, "Stopped: budget": Failed}
    ended = {name: desk.flow_run(name) for name in ends}
    for name, run in ended.items():
        desk.beat(run)
        desk.client.set_flow_run_state(run, ends[name](name=name), force=True)
    waits, unborn, dead = desk.flow_run("waits"), desk.flow_run("unborn"), desk.flow_run("dead")
    for run, state in {waits: Scheduled, unborn: Pending}.items():
        desk.client.set_flow_run_state(run, state(), force=True)
    desk.beat(dead)
    desk.until(lambda: desk.state(dead) == desk.state(unborn) == "Crashed", lambda: None)
    assert desk.state(waits) != "Crashed", "no worker has it"
    assert {name: desk.state(run) for name, run in ended.items()} == {name: name for name in ends}
    desk.client.set_flow_run_state(dead, Completed(name="Completed (1 failed)"))
    assert desk.state(dead) == "Completed (1 failed)", "a process that lives on has the last word"
