"""What the Prefect server does by itself about runs: who is told, what is paused, what counts as dead.

These automations are made for all deployments at once: a deployment is inferred from the event, a flow run
is known by its tag `editcorpus`. Those whose names begin with `editcorpus: ` belong to this module; all
others are left alone.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Literal
from uuid import UUID

from prefect.client.schemas.objects import StateType
from prefect.events.actions import (
    ActionTypes,
    CallWebhook,
    ChangeFlowRunState,
    PauseDeployment,
    ResumeDeployment,
    SendNotification,
)
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from pydantic import BaseModel, ConfigDict, Field

from flows.events import STEPS

PREFIX = "editcorpus: "
_WEBHOOK = "webhook"
_RUNS = "editcorpus.run.*"
_OURS = {"prefect.resource.id": "prefect.tag.editcorpus"}
_SHORT = "{{ event.payload.run }}: "
_BODY = (
    "{% set text %}TEXT{% endset %}"
    '{"event": {{ event.event|tojson }}, "text": {{ text|tojson }}, "payload": {{ ABOUT|tojson }}}'
)
"""What a webhook is sent: an object whose `text` a chat's own webhook shows as it is."""

_AT_WORK = ("heartbeat", "Pending", "Submitting", "InfrastructurePending", "Running")
"""After these something has to follow: a worker has the flow run. One that waits for a worker may wait."""

Percent = Literal[0, 5, 10, 20, 30, 50, 80]
"""A step at which `editcorpus.failures.share` is sent; 0 is none."""


class Settings(BaseModel):
    """When the server acts by itself, and whom it tells."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    notify: str = Field(
        "",
        pattern=r"^([a-z0-9-]+/[a-z0-9-]+)?$",
        description="Saved block through which people are told, as type/name: webhook/team, which is sent "
        "JSON, or any notification block, such as slack-webhook/team. Empty: nobody is told.",
    )
    failed_percent: Percent = Field(
        30,
        description="A deployment is paused when more than this many percent of the triplets that ended in "
        f"15 minutes have no verdict: one of {', '.join(map(str, STEPS))}, or 0 for never.",
    )
    gone_percent: Percent = Field(
        80, description="Likewise for those that were rejected or have no verdict."
    )
    pause_while_down: bool = Field(
        True,
        description="Whether a deployment is paused while an endpoint of its run cannot be reached.",
    )
    lost_after_s: float = Field(
        900,
        ge=0,
        le=86_400,
        description="Seconds without a sign of life after which a flow run counts as dead and becomes "
        "Crashed, at least 120; 0 for never. One comes every 180 s (PREFECT_FLOWS_HEARTBEAT_FREQUENCY).",
    )


def automations(settings: Settings, block: UUID | None = None) -> list[AutomationCore]:
    """The automations that the settings ask for.

    Args:
        settings: When the server acts, and whom it tells.
        block: Id of the block through which people are told; without one, nobody is.
    """
    tell = _Teller(settings, block)
    made = [
        _automation(
            "budget",
            "Tells when a run has booked the share of its budget at which its recipe warns.",
            _ours("editcorpus.budget.threshold", **{"editcorpus.warns": ["true"]}),
            tell("{{ event.payload.percent }}% of ${{ event.payload.budget_usd }} are booked."),
        ),
        *_failures(settings, tell),
        *(_down(tell) if settings.pause_while_down else ()),
        *_lost(settings),
        _automation(
            "run ended",
            "Tells that a run went to its end, or was stopped.",
            _ours("editcorpus.run.finished", "editcorpus.run.stopped"),
            tell(
                "{{ event.payload.sentence or 'finished' }} {{ event.payload.entered }} entered: "
                "{{ event.payload.kept }} kept, {{ event.payload.rejected }} rejected, "
                "{{ event.payload.failed }} failed; ${{ event.payload.spent_usd }}."
            ),
        ),
        _automation(
            "run crashed",
            "Tells that a flow run died, could not start, or failed in a way of which it could not tell.",
            EventTrigger(
                expect={
                    f"prefect.flow-run.{state}"
                    for state in ("Crashed", "Could not start", "Failed", "TimedOut")
                },
                match={"prefect.resource.id": "prefect.flow-run.*"},
                match_related=_OURS,
            ),
            tell.of_flow_run(),
        ),
    ]
    return [one for one in made if one.actions]


class _Teller:
    """Makes the action that tells people; none where nobody is to be told."""

    def __init__(self, settings: Settings, block: UUID | None) -> None:
        self._webhook = settings.notify.startswith(f"{_WEBHOOK}/")
        self._block = block

    def __call__(self, text: str) -> list[ActionTypes]:
        return self._made(_SHORT + text, "event.payload")

    def of_flow_run(self) -> list[ActionTypes]:
        """About a flow run that could not tell itself."""
        name = "{{ event.resource['prefect.resource.name'] }}: "
        said = "{{ event.resource['prefect.state-name'] }}. {{ event.resource['prefect.state-message'] }}"
        return self._made(name + said, "event.resource")

    def _made(self, text: str, about: str) -> list[ActionTypes]:
        if self._block is None:
            return []
        if not self._webhook:
            subject = "editcorpus: {{ event.event }}"
            return [SendNotification(block_document_id=self._block, subject=subject, body=text)]
        payload = _BODY.replace("TEXT", text).replace("ABOUT", about)
        return [CallWebhook(block_document_id=self._block, payload=payload)]


def _ours(*names: str, **labels: Sequence[str]) -> EventTrigger:
    """One of our events, about a run, with one of some values of each label."""
    match = {"prefect.resource.id": [_RUNS], **{name: [*some] for name, some in labels.items()}}
    return EventTrigger(expect=set(names), match=match)


def _automation(
    name: str, description: str, trigger: EventTrigger, actions: Sequence[ActionTypes]
) -> AutomationCore:
    return AutomationCore(
        name=PREFIX + name, description=description, trigger=trigger, actions=[*actions]
    )


def _failures(settings: Settings, tell: _Teller) -> Iterator[AutomationCore]:
    """The server knows no shares: the run sends an event at each step, with the step as a label."""
    kinds = {
        "failed": (settings.failed_percent, "have no verdict"),
        "gone": (settings.gone_percent, "were rejected or have no verdict"),
    }
    for kind, (percent, what) in kinds.items():
        steps = [str(step) for step in STEPS if percent and step >= percent]
        if steps:
            told = (
                f"{{{{ event.payload.{kind}_percent }}}}% of the triplets that ended lately {what}."
            )
            yield _automation(
                f"too many {kind}",
                f"Pauses the deployment when more than {percent}% of what ended lately {what}.",
                _ours("editcorpus.failures.share", **{f"editcorpus.{kind}-percent": steps}),
                [PauseDeployment(source="inferred"), *tell(told)],
            )


def _down(tell: _Teller) -> Iterator[AutomationCore]:
    yield _automation(
        "endpoint down",
        "Pauses the deployment while an endpoint of its run cannot be reached.",
        _ours("editcorpus.endpoint.down"),
        [
            PauseDeployment(source="inferred"),
            *tell("the endpoint {{ event.payload.endpoint }} cannot be reached; calls wait."),
        ],
    )
    yield _automation(
        "endpoint up",
        "Resumes the deployment once that endpoint can be reached again.",
        _ours("editcorpus.endpoint.up"),
        [
            ResumeDeployment(source="inferred"),
            *tell("the endpoint {{ event.payload.endpoint }} can be reached again."),
        ],
    )


def _lost(settings: Settings) -> Iterator[AutomationCore]:
    """Whatever a flow run does is a sign of life, its end included, whatever that end is called.

    A run counts from when a worker took it: one whose process never came to a heartbeat ends, too.
    """
    if not settings.lost_after_s:
        return
    within = max(settings.lost_after_s, 120)
    yield _automation(
        "lost worker",
        f"Ends a flow run as Crashed that gave no sign of life for {within:.0f} s.",
        EventTrigger(
            posture=Posture.Proactive,
            after={f"prefect.flow-run.{sign}" for sign in _AT_WORK},
            expect={"prefect.flow-run.*"},
            match={"prefect.resource.id": ["prefect.flow-run.*"]},
            match_related=_OURS,
            for_each={"prefect.resource.id"},
            threshold=1,
            within=timedelta(seconds=within),
        ),
        [
            ChangeFlowRunState(
                state=StateType.CRASHED,
                message=f"There was no sign of life of its process for {within:.0f} s: it is dead, or its "
                "machine is. Start the run again: what is finished is kept.",
            )
        ],
    )
