"""What a flow run puts around its work: its saved blocks opened, its log, its workshop."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar, cast

from prefect.blocks.core import Block
from prefect.context import FlowRunContext, TaskRunContext
from prefect.logging.handlers import APILogHandler
from prefect.runtime import flow_run
from prefect.settings import get_current_settings
from pydantic import ValidationError

from blocks.corpus_store import CorpusStore
from blocks.model_endpoint import ModelEndpoint
from editcorpus.endpoints.endpoint import first_problem
from editcorpus.errors import ConfigError
from editcorpus.rows import Source
from editcorpus.stages.opening import Job
from editcorpus.stages.workshop import Workshop
from flows.connections import ROLES
from flows.parameters import Recipe
from flows.starting import Connected, job_over
from tasks.workshop import WORKSHOP

_Saved = TypeVar("_Saved", bound=Block)


def job_of(source: Source, recipe: Recipe) -> Job:
    """The run that a recipe describes, with its saved blocks opened."""
    names = recipe.endpoints
    saved = saved_block(CorpusStore, names.store)
    made = {
        role: saved_block(ModelEndpoint, name).endpoint(name)
        for role in dict.fromkeys(ROLES.values())
        for name in (getattr(names, role),)
    }
    endpoints = {step: made[role] for step, role in ROLES.items()}
    return job_over(source, recipe, Connected(saved.store(), saved.options(), endpoints))


def saved_block(kind: type[_Saved], name: str) -> _Saved:
    """A saved block, or one sentence about why there is none."""
    label = f"{kind.get_block_type_slug()}/{name}"
    try:
        return cast(_Saved, kind.load(name))
    except ValueError:
        raise ConfigError(f"No block {label} is saved on this Prefect server.") from None
    except RuntimeError as error:  # which member has a wrong value, Prefect says in the cause alone
        cause = error.__cause__ or error.__context__
        why = first_problem(cause) if isinstance(cause, ValidationError) else str(error)
        raise ConfigError(f"The block {label} cannot be used: {why}") from None


class _Adopted(logging.Filter):
    """Gives lines of the engine's own threads, which know of no run, to the flow run."""

    def __init__(self, flow_run_id: str) -> None:
        super().__init__()
        self._flow_run_id = flow_run_id

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every line pass, with the run that it belongs to."""
        if TaskRunContext.get() is None and FlowRunContext.get() is None:
            record.flow_run_id = self._flow_run_id
        return True


@contextmanager
def core_logged() -> Iterator[None]:
    """Send what the core logs to the Prefect server, whatever the environment says of loggers."""
    logger = logging.getLogger("editcorpus")
    there = [handler for handler in logger.handlers if isinstance(handler, APILogHandler)]
    handlers, adopted = there or [APILogHandler()], _Adopted(str(flow_run.id))
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
    if url := get_current_settings().api.url:
        return str(url)
    from prefect.server.api.server import SubprocessASGIServer

    server = SubprocessASGIServer()
    return server.api_url if server.server_process is not None else ""
