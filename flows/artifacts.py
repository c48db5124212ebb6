"""What people see of a build while it runs and after it: artifacts of the flow run.

A figure goes into an artifact's description, since the run page shows descriptions, not contents.
"""

import logging
import threading
from collections.abc import Callable
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

from editcorpus.errors import EditcorpusError
from editcorpus.layouts.markdown import code, inline
from editcorpus.lookups.calls import read_calls
from editcorpus.lookups.failures import Group, grouped
from editcorpus.lookups.verdicts import Gone
from editcorpus.records import SENTENCES
from editcorpus.stages.awaiting import batch_lines
from editcorpus.stages.plan import Plan
from editcorpus.stages.workshop import Workshop
from flows.again import ARTIFACT, Again
from flows.given_up import described, failures
from flows.outcome import Outcome

_log = logging.getLogger(__name__)
_EVERY_S = 5.0
_MOST_CALLS = 200_000
"""Calls of a run that are read once more for the dollars of its failures: some seconds."""
_SENTENCE = 2_000
"""Longest text that is shown whole, in characters."""


class Watch:
    """Keeps the progress artifact of a flow run up to date; use it as a context manager.

    It is a convenience: a Prefect server that does not answer costs artifacts, never the build.

    Args:
        shop: Whose engine and ledger are watched.
        again: How its triplets are done again.
    """

    def __init__(self, shop: Workshop, again: Again) -> None:
        self._shop = shop
        self._again = again
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
        if outcome.failed or outcome.standing.rejected:
            groups, priced = _groups(self._shop, outcome)
            page = failures(outcome, groups, self._again, priced=priced)
            self._show(ARTIFACT.removeprefix("editcorpus-"), page, described(groups))

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
        for line in batch_lines(self._shop.batches, self._shop.clocks.now()):
            description += f" {line}."
        share = 100 * len(self._ended) / self._shards
        self._ask(partial(update_progress_artifact, self._artifact, share, description=description))


def _groups(shop: Workshop, outcome: Outcome) -> tuple[list[Group], bool]:
    """Who was given up in groups, and whether their dollars are known."""
    gone: list[Gone] = [*outcome.standing.failed, *outcome.standing.rejected]
    if sum(outcome.calls.values()) > _MOST_CALLS:
        return grouped(gone), False
    try:
        return grouped(gone, read_calls(shop.store, shop.run)), True
    except (EditcorpusError, OSError) as error:
        _log.warning("Nobody can say what the rejected and failed cost: %s", error)
        return grouped(gone), False


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


def _link(place: str) -> str:
    """A place as a link where a browser can follow one, else as it is."""
    url = Path(place).as_uri() if "://" not in place else place
    safe = quote(url, safe=":/%?=&,;+~@-._")
    return f"[{safe}]({safe})" if url.startswith(("http:", "https:", "file:")) else code(url)


def _why(reason: str) -> str:
    return {str(key): sentence for key, sentence in SENTENCES.items()}[reason]
