"""What is needed to start a build from a shell, without Prefect."""

import os
import re
import signal
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime
from types import FrameType
from typing import Any, NamedTuple

import httpx

from editcorpus.authorities import trusted
from editcorpus.budgets import read_book
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.errors import ConfigError, StorageError
from editcorpus.hub import is_hub
from editcorpus.inputs import Inputs
from editcorpus.leases import Owner
from editcorpus.presets import preset
from editcorpus.rows import Source
from editcorpus.stages.opening import Job, check
from editcorpus.stages.order import steps_and_planning
from editcorpus.stages.plan import planned_files
from editcorpus.stages.workshop import Clocks
from editcorpus.storage import Store
from editcorpus.tariffs import Tariff
from flows.connections import ROLES, Connections
from flows.parameters import Recipe
from flows.settling import settled
from flows.sources import source_named

_CHECKED: ContextVar[Job | None] = ContextVar("editcorpus-checked", default=None)
"""The run that was found in order just now."""


def direct_job(source: str, recipe: Recipe, connections: Connections) -> Job:
    """The run that a recipe describes, without saved blocks.

    Raises:
        ConfigError: The input is not to be found, or a connection cannot be made.
    """
    of = source_of(source, recipe)
    on = Connected(connections.open_store(), connections.options(), connections.endpoints())
    return job_over(of, settled(recipe, of), on)


def source_of(name: str, recipe: Recipe) -> Source:
    """The source of that name as a recipe builds from it.

    Raises:
        ConfigError: There is none, or it cannot be built from like this.
    """
    return source_named(name, recipe_name(recipe), recipe.folder, recipe.variant)


def roles_asked(name: str, recipe: Recipe) -> frozenset[str]:
    """The roles of the endpoints that a build from a source asks, such as `judge`.

    Raises:
        ConfigError: It cannot be built from like this.
    """
    source = source_of(name, recipe)
    made = settled(recipe, source)
    steps = steps_and_planning(source, made.variant, embeds=bool(made.embed.models))
    idle = set() if made.rewrite.share else {"rewrite"}
    return frozenset(ROLES[step] for step in steps - idle if step in ROLES)


def recipe_name(recipe: Recipe) -> str:
    """Which recipe of its source is built: the one that is named, or that of the preset."""
    found: str = recipe.recipe or preset(recipe.preset).get("recipe", "")
    return found


class Connected(NamedTuple):
    """What a run is connected to: its store, fsspec's options for URLs, and its endpoints."""

    store: Store
    options: Mapping[str, Any]
    endpoints: Mapping[str, Endpoint]


def job_over(source: Source, recipe: Recipe, on: Connected) -> Job:
    """The run that a recipe describes, over what was opened for it.

    Raises:
        ConfigError: The input is not to be found, or several processes are to ask in batches.
    """
    effort = recipe.effort
    if effort.modes.asked and source.rounds > 1:
        raise ConfigError(
            "Turns of a conversation wait for each other: ask online, not in batches."
        )
    if effort.modes.asked and (effort.processes > 1 or effort.workers):
        raise ConfigError(
            "One process alone asks in batches: leave effort.processes at 1 and effort.workers empty, "
            "or ask online."
        )
    return Job(
        run=recipe.run,
        store=on.store,
        source=source,
        inputs=replace(_inputs(source, recipe, on), store=on.store),
        recipe=recipe.identity(source),
        configs=recipe.configs(source),
        endpoints=on.endpoints,
        budget_usd=recipe.effort.budget_usd,
        owner=this_process(),
        clocks=real_clocks(),
        today=datetime.now(UTC).date(),
        store_budget_usd=effort.store_budget_usd,
        repay=effort.repay,
        only_redriven=bool(recipe.effort.redrive),
        modes=effort.modes.asked,
        variant=recipe.variant,
    )


@contextmanager
def checked(job: Job) -> Iterator[None]:
    """Check a run (see `check`); whoever opens it in this process while the block lasts need not do it again.

    Raises:
        ConfigError: Something hinders it.
    """
    check(job)
    token = _CHECKED.set(job)
    try:
        yield
    finally:
        _CHECKED.reset(token)


def check_once(job: Job) -> None:
    """Check a run, unless that has just been done in this process (`checked`).

    Raises:
        ConfigError: Something hinders it.
    """
    known = _CHECKED.get()
    if known is None or known.inputs != job.inputs or _checkable(known) != _checkable(job):
        check(job)


def _checkable(job: Job) -> Any:
    """What a check looks at beside the input; endpoints less their names, which saved blocks change."""
    endpoints = {step: one.model_copy(update={"name": ""}) for step, one in job.endpoints.items()}
    limits = job.store_budget_usd, dict(job.modes), job.variant
    return job.run, job.store.root, job.recipe, job.configs, endpoints, limits


def input_of(source: Source, recipe: Recipe, store: Store, options: Mapping[str, Any]) -> Inputs:
    """The input of a run that has a plan, for whoever needs some of its rows again.

    Raises:
        ConfigError: It is not to be found.
    """
    found = _inputs(source, settled(recipe, source), Connected(store, options, {}))
    return replace(found, store=store)


def _inputs(source: Source, recipe: Recipe, on: Connected) -> Inputs:
    """The input; a dataset on the Hub at the commit that the run was planned over, if it was."""
    options = on.options if "://" in recipe.input else {}
    known = _CHECKED.get()
    if known is not None and _is_over(known, source, recipe, on.store, options):
        return known.inputs
    if not is_hub(recipe.input):
        return Inputs.find(recipe.input, options, source.kind)
    try:
        planned = planned_files(on.store.hasty(), recipe.run)
    except StorageError as error:
        raise ConfigError(str(error)) from None
    return Inputs.find(recipe.input, options, source.kind, planned=planned)


def _is_over(
    job: Job, source: Source, recipe: Recipe, store: Store, options: Mapping[str, Any]
) -> bool:
    """Whether a run of that store is a recipe's, over an input that is reached like this."""
    same = (job.run, job.store.root, job.recipe) == (
        recipe.run,
        store.root,
        recipe.identity(source),
    )
    return same and dict(job.inputs.options) == dict(options)


def promised(job: Job) -> str:
    """What the store promises about money, in one line for whoever starts a run."""
    book = read_book(job.store)
    budget = job.store_budget_usd or (book and book.budget)
    together = f" All runs of this store together may cost ${budget}." if budget else ""
    return job.store.promise().sentence + together


def no_budget(job: Job) -> str:
    """What to tell a person whose run may pay and has no limit; empty where there is no need."""
    paid = any(job.endpoints[step].tariff is not Tariff.FREE for step in job.asked)
    if job.budget_usd is not None or job.emulated or not paid:
        return ""
    return (
        "No budget is set: the run costs what its calls cost. `editcorpus estimate` says how much that "
        "is; --budget-usd, or effort.budget_usd, limits it."
    )


def this_process() -> Owner:
    """Who we are, under a name that no other process ever has."""
    now = datetime.now(UTC)
    name = f"{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
    return Owner(name, socket.gethostname(), os.getpid(), since=f"{now:%Y-%m-%d %H:%M:%S} UTC")


def real_clocks() -> Clocks:
    """The machine's own clocks."""
    return Clocks(lambda: datetime.now(UTC).isoformat(timespec="milliseconds"), time.monotonic)


def check_prefect(environment: Mapping[str, str], timeout_s: float = 5) -> None:
    """Find out before Prefect is imported, which takes its time to give up, whether its API is there.

    Raises:
        ConfigError: `PREFECT_API_URL` is set, and no Prefect API answers at it.
    """
    url = environment.get("PREFECT_API_URL", "").rstrip("/")
    if not url or own_trust(environment):
        return
    try:
        response = httpx.get(f"{url}/health", timeout=timeout_s, verify=trusted())
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _no_prefect(url, f"does not answer: {str(error) or type(error).__name__}") from None
    if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise _no_prefect(url, f"answers {response.status_code}")
    if "html" in response.headers.get("content-type", ""):
        raise _no_prefect(url, "answers with a web page; the URL of an API ends in /api")


def answers(url: str, timeout_s: float = 5) -> bool:
    """Whether somebody takes requests at the URL of a Prefect API, be it slowly."""
    try:
        httpx.get(f"{url}/health", timeout=timeout_s, verify=trusted())
    except httpx.ReadTimeout:
        return True
    except httpx.HTTPError:
        return False
    return True


def own_trust(environment: Mapping[str, str]) -> bool:
    """Whether only Prefect's own client knows which certificates of its server to trust."""
    trust = ("PREFECT_API_TLS_INSECURE_SKIP_VERIFY", "PREFECT_API_SSL_CERT_FILE")
    return any(environment.get(name) for name in trust)


def _no_prefect(url: str, what: str) -> ConfigError:
    bare = re.sub("//[^/]*@", "//", url.partition("?")[0])  # without a password
    return ConfigError(f"The Prefect API at PREFECT_API_URL ({bare}) {what}.")


@contextmanager
def interruptible() -> Iterator[None]:
    """While this lasts, SIGTERM is what Ctrl-C is: a `KeyboardInterrupt`, and only the first counts.

    For the main thread of a command. While a flow runs, Prefect catches the signal itself, and then
    sends it once more to the handler that was there before, which is this one. Once interrupted, the
    process ends by itself, and takes its server with it: it is not to be hurried.
    """
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is _interrupt:
            signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
