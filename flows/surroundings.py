"""What a flow run puts around its work: its saved blocks opened, its log, its workshop."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar, cast

from prefect.blocks.core import Block
from prefect.context import FlowRunContext, TaskRunContext
from prefect.logging.handlers import APILogHandler
from prefect.runtime import flow_run
from prefect.settings import get_current_settings
from pydantic import ValidationError

from blocks.budget import Budget
from blocks.corpus_store import CorpusStore
from blocks.model_endpoint import ModelEndpoint
from editcorpus.endpoints.endpoint import first_problem
from editcorpus.errors import ConfigError
from editcorpus.leases import Owner
from editcorpus.rows import Source
from editcorpus.stages.opening import Job
from editcorpus.stages.workshop import Workshop
from flows.connections import ROLES
from flows.logs import shorten_ends
from flows.parameters import Recipe
from flows.starting import Connected, job_over
from tasks.workshop import WORKSHOP

_Saved = TypeVar("_Saved", bound=Block)


def job_of(source: Source, recipe: Recipe) -> Job:
    """The run that a recipe describes, with its saved blocks opened."""
    names = recipe.endpoints
    saved = saved_block(CorpusStore, names.store)
    own = {step: getattr(names, role) or names.judge for step, role in ROLES.items()}
    made = {
        name: saved_block(ModelEndpoint, name).endpoint(name)
        for name in dict.fromkeys(own.values())
    }
    endpoints = {step: made[name] for step, name in own.items()}
    job = job_over(source, recipe, Connected(saved.store(), saved.options(), endpoints))
    return replace(job, owner=known(job.owner))


def known(owner: Owner) -> Owner:
    """The owner under the name by which people find its flow run."""
    return replace(owner, label=f"flow run {flow_run.name}, {flow_run.id}")


def saved_block(kind: type[_Saved], name: str) -> _Saved:
    """A saved block, or one sentence about why there is none."""
    label = f"{kind.get_block_type_slug()}/{name}"
    try:
        return cast(_Saved, kind.load(name))
    except ValueError:
        raise ConfigError(f"No block {label} is saved on this Prefect server.") from None
    except RuntimeError as error:
        raise ConfigError(f"The block {label} cannot be used: {why_unusable(error)}") from None


def why_unusable(error: RuntimeError) -> str:
    """Which member of a saved block has a wrong value, which Prefect says in the cause alone."""
    cause = error.__cause__ or error.__context__
    return first_problem(cause) if isinstance(cause, ValidationError) else str(error)


def budgeted(recipe: Recipe) -> Recipe:
    """The recipe under the saved budget that it names: of each limit the smaller one.

    Raises:
        ConfigError: There is no such block, or it cannot be used.
    """
    if not recipe.endpoints.budget:
        return recipe
    saved, effort = saved_block(Budget, recipe.endpoints.budget), recipe.effort
    run, store = saved.limits()
    made = {
        "budget_usd": _smaller(effort.budget_usd, run),
        "store_budget_usd": _smaller(effort.store_budget_usd, store),
        "warn_share": saved.warn_share,
    }
    return recipe.model_copy(update={"effort": effort.model_copy(update=made)})


def _smaller(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return min((limit for limit in (one, other) if limit is not None), default=None)


class _Adopted(logging.Filter):
    """Gives lines of the engine's own threads, which know of no run, to the flow run."""

    def __init__(self, flow_run_id: str, run: str) -> None:
        super().__init__()
        self._flow_run_id = flow_run_id
        self._run = run

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every line pass, with the run that it belongs to."""
        record.run = self._run or None
        if TaskRunContext.get() is None and FlowRunContext.get() is None:
            record.flow_run_id = self._flow_run_id
        return True


@contextmanager
def core_logged(run: str = "") -> Iterator[None]:
    """Send what core and flows log to the Prefect server, whatever the environment says of loggers.

    Args:
        run: Name of the run that it is about.
    """
    shorten_ends()
    adopted = _Adopted(str(flow_run.id), run)
    with ExitStack() as stack:
        for name in ("editcorpus", "flows"):
            stack.enter_context(_sent(logging.getLogger(name), adopted))
        yield


@contextmanager
def _sent(logger: logging.Logger, adopted: _Adopted) -> Iterator[None]:
    there = [handler for handler in logger.handlers if isinstance(handler, APILogHandler)]
    handlers = there or [APILogHandler()]
    level = logger.level
    logger.setLevel(logging.INFO)
    for handler in handlers:
        handler.addFilter(adopted)
        logger.addHandler(handler)
    try:
        yield
    finally:
        logger.setLevel(level)
        for handler in handlers:
            handler.removeFilter(adopted)
            if not there:
                logger.removeHandler(handler)


@contextmanager
def in_context(shop: Workshop) -> Iterator[None]:
    """Let tasks find the workshop."""
    token = WORKSHOP.set(shop)
    try:
        yield
    finally:
        WORKSHOP.reset(token)


def api_url() -> str:
    """Where the Prefect API of this process answers, for processes that it starts."""
    return str(get_current_settings().api.url or "")
