"""What people see of a build while it runs and after it: artifacts of the flow run.

A figure goes into an artifact's description, since the run page shows descriptions, not contents.
"""

import logging
import shlex
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote
from uuid import UUID

import httpx
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    update_progress_artifact,
)
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from editcorpus.layouts.markdown import code, inline
from editcorpus.lookups.failures import Group, grouped
from editcorpus.records import SENTENCES
from editcorpus.stages.plan import Plan
from editcorpus.stages.workshop import Workshop
from flows.outcome import Outcome

_log = logging.getLogger(__name__)
_EVERY_S = 5.0
_SHARDS = 20
"""Shards that are named of a group of failures, so that the page stays readable."""
_SENTENCE = 2_000
"""Longest text that is shown whole, in characters."""


class Watch:
    """Keeps the progress artifact of a flow run up to date; use it as a context manager.

    It is a convenience: a Prefect server that does not answer costs artifacts, never the build.

    Args:
        shop: Whose engine and ledger are watched.
    """

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._artifact: UUID | None = None
        self._shards = 1
        self._ended: set[int] = set()
        self._warned = False
        self._away = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()

    def opened(self, shop: Workshop) -> None:
        """The run is open."""

    def planned(self, plan: Plan) -> None:
        """The work is known: show its progress from now on."""
        self._shards = plan.shards
        made = self._ask(
            partial(
                create_progress_artifact,
                0.0,
                key="editcorpus-progress",
                description=f"{plan.entered} triplets in {plan.shards} shards.",
            )
        )
        self._artifact = made if isinstance(made, UUID) else None
        self._thread.start()

    def shard_ended(self, number: int) -> None:
        """One more shard has gone through its stages."""
        self._ended.add(number)

    def ended(self, outcome: Outcome) -> None:
        """Show the funnel, the cost, and the failures."""
        self._update()
        if self._away:
            return  # each would only try in vain for some seconds more
        self._show("funnel", funnel(outcome), outcome.sentence())
        rejected = len(outcome.standing.rejected)
        if outcome.failed or rejected:
            described = f"{outcome.failed} failed: run again to redo them. {rejected} rejected."
            self._show("failures", failures(outcome, self._shop.store.root), described)

    def _show(self, name: str, markdown: str, description: str) -> None:
        self._ask(
            partial(
                create_markdown_artifact,
                markdown,
                key=f"editcorpus-{name}",
                description=description,
            )
        )

    def _ask(self, call: Callable[[], Any]) -> Any:
        """What the Prefect server answers; None where it fails, which is logged once."""
        try:
            with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 1}):  # it is not worth a minute
                made = call()
        except (httpx.HTTPError, PrefectException) as error:
            self._away = isinstance(error, httpx.TransportError)
            if not self._warned:
                self._warned = True
                kind = type(error).__name__
                _log.warning("Artifacts of this run are not up to date: %s: %s", kind, error)
            return None
        self._away = False
        return made

    def _keep(self) -> None:
        while not self._done.wait(_EVERY_S):
            self._update()

    def _update(self) -> None:
        if self._artifact is None:
            return
        standing, ledger = self._shop.engine.standing(), self._shop.ledger
        budget = f" of ${ledger.budget_usd}" if ledger.budget_usd is not None else ""
        description = (
            f"{len(self._ended)} of {self._shards} shards; {standing.in_flight} calls in "
            f"flight, {standing.waiting} waiting, {standing.refused} refused; "
            f"${ledger.spent:.4f}{budget} booked, ${ledger.reserved:.4f} reserved."
        )
        share = 100 * len(self._ended) / self._shards
        self._ask(partial(update_progress_artifact, self._artifact, share, description=description))


def funnel(outcome: Outcome) -> str:
    """The funnel and the cost as Markdown."""
    standing, calls = outcome.standing, outcome.as_json()
    rows = [("entered", standing.entered, ""), ("kept", standing.kept, "")]
    rows += [(f"rejected: {name}", n, _why(name)) for name, n in calls["rejected"].items()]
    rows += [(f"failed: {name}", n, _why(name)) for name, n in calls["failed"].items()]
    paid = outcome.calls
    lines = [
        f"# {inline(outcome.run)}",
        "",
        inline(outcome.stopped, longest=_SENTENCE),
        "",
        "| | triplets | |",
        "|---|---:|---|",
        *(f"| {inline(name)} | {count} | {inline(why)} |" for name, count, why in rows),
        "",
        (
            f"${outcome.cost_usd:.4f} booked: {paid['paid']} calls paid, {paid['cached']} served "
            f"from the store, {paid['possibly_billed']} possibly billed."
        ),
        "",
        f"Corpus: {code(outcome.corpus)}" if outcome.corpus else "No corpus yet.",
        "",
        f"Gallery: {_link(outcome.gallery)}" if outcome.gallery else "",
    ]
    return "\n".join(lines)


def failures(outcome: Outcome, store: str) -> str:
    """Who is not in the corpus, grouped as `editcorpus failures` does it, as Markdown.

    Args:
        outcome: Of the run.
        store: Root of the store, for the command line that shows more.
    """
    standing = outcome.standing
    command = shlex.join(["editcorpus", "failures", "--store", store, "--run", outcome.run])
    return "\n".join(
        (
            "Run the same again: answers come from the store, and only those that failed are asked.",
            "",
            *(line for group in grouped(standing.failed) for line in _group(group, outcome)),
            *(line for group in grouped(standing.rejected) for line in _group(group, outcome)),
            f"What they cost: {code(command)}",
        )
    )


def _group(group: Group, outcome: Outcome) -> Iterator[str]:
    title = f"{group.verdict}: {group.count} at {group.step}: {group.reason.value}"
    yield f"## {inline(title)}"
    yield ""
    yield f"{inline(group.sentence)} What to do: {inline(group.remedy)}"
    yield ""
    shards = _shards(group, outcome) if group.verdict == "failed" else []
    if shards:
        more = f" and {len(shards) - _SHARDS} more" if len(shards) > _SHARDS else ""
        yield f"Shards: {', '.join(f'{shard:05d}' for shard in shards[:_SHARDS])}{more}."
        yield ""
    yield from (f"- {inline(item.id)}: {inline(item.detail)}" for item in group.examples)
    yield ""


def _shards(group: Group, outcome: Outcome) -> list[int]:
    kind = (group.step, group.reason)
    found = outcome.standing.failed_by_shard.items()
    return sorted(n for n, items in found if kind in {(one.step, one.reason) for one in items})


def _link(place: str) -> str:
    """A place as a link where a browser can follow one, else as it is."""
    url = Path(place).as_uri() if "://" not in place else place
    safe = quote(url, safe=":/%?=&,;+~@-._")
    return f"[{safe}]({safe})" if url.startswith(("http:", "https:", "file:")) else code(url)


def _why(reason: str) -> str:
    return {str(key): sentence for key, sentence in SENTENCES.items()}[reason]
