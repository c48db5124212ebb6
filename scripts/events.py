"""Writes docs/events.md: `make docs`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

sys.path.insert(0, str(Path(__file__).parents[1]))

from flows.payloads import KINDS, LABELS, Told
from flows.reactions import PREFIX, Settings, automations

_HEAD = """\
# Events

What a run tells the Prefect server, for automations and for whoever listens (`prefect event stream`, or
`/api/events/out`). The flow's own process sends them, every five seconds. A server that is away gets the
last thousand once it is back; that is logged once, and the build goes on. Money is text, exact. This page is
written by `make docs`.

Each is about the resource `editcorpus.run.<name of the run>`, and related to the flow run, its deployment
(of a partition, its parent's) and its tags, so that an automation can pause the deployment that it infers
from the event. The server matches labels, not payloads, so that the resource has some:

"""
_STATES = """
## Names of states

A state event of Prefect is called by the state's name, such as `prefect.flow-run.Completed (12 failed)` or
`prefect.flow-run.Stopped: budget`. To catch all failures, expect `prefect.flow-run.*` with the label
`prefect.state-type: FAILED`. What stops a run has one of these names: `budget`, `key`, `access`, `quota`,
`model`, `blocked` (by the safety system), `settings`, `endpoint`, `judge`, `disk`, `store`, `damage`,
`input`, `lease lost`, `Prefect server`, `interrupted`, `defect`; without a word for it, the state is called
`Stopped`.

## Automations

`editcorpus setup-prefect` makes these, and keeps them as its settings say; it touches no others. One that a
person switches off stays off.

"""
_SETTINGS = """
Settings, with what they are where nobody sets them:

| setting | usually | |
|---|---|---|
"""
_TRAPS = """
- An endpoint that comes back resumes the deployment, also where too many failures had paused it. A run that
  is cancelled while an endpoint is down never tells that it is up: resume the deployment by hand.
- A paused deployment starts no scheduled runs. What runs goes on: its calls wait, and nothing is lost.
- A server that was away for longer than `lost_after_s` may take healthy runs for dead. Their processes go
  on to the end, pay nothing twice, and set the state that is true then; nobody else can take the run
  meanwhile.
- Runs of a shell have no deployment and no tags: they send the same events, and are never taken for dead.
"""


def page() -> str:
    """The page, as the code has it."""
    return "".join(
        (_HEAD, *_labels(), *_events(), _STATES, *_automations(), _SETTINGS, *_settings(), _TRAPS)
    )


def _labels() -> Iterator[str]:
    for name, what in LABELS.items():
        yield f"- `{name}` {what}\n"


def _events() -> Iterator[str]:
    for name, kind in KINDS.items():
        yield f"\n## {name}\n\n{(kind.__doc__ or '').strip()}\n\n```json\n{_schema(kind)}\n```\n"


def _schema(kind: type[Told]) -> str:
    made = kind.model_json_schema(mode="serialization")
    made.pop("description", None)
    for member in made["properties"].values():
        member.pop("title", None)
        member.pop("pattern", None)
        for choice in member.get("anyOf", ()):
            choice.pop("pattern", None)
    return json.dumps(made, indent=1)


def _automations() -> Iterator[str]:
    for made in automations(Settings(notify="webhook/team"), UUID(int=0)):
        yield f"- `{PREFIX}{made.name.removeprefix(PREFIX)}`: {made.description}\n"


def _settings() -> Iterator[str]:
    for name, member in Settings.model_fields.items():
        yield f"| `{name}` | `{member.default!r}` | {member.description} |\n"


if __name__ == "__main__":
    sys.stdout.write(page())
