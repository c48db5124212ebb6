"""Run a flow in this process, as the command line does."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
from prefect.client.schemas.objects import State
from prefect.exceptions import PrefectException, TerminationSignal
from pydantic import Secret

from blocks.corpus_store import CorpusStore
from blocks.model_endpoint import ModelEndpoint
from editcorpus.errors import ConfigError, RunStopped, first_line
from editcorpus.stages.plan import Plan
from editcorpus.stages.workshop import Workshop
from flows.connections import Connections
from flows.listening import LISTENERS, Listener
from flows.outcome import Outcome, stop_kind
from flows.parameters import Endpoints, Recipe
from flows.patience import asked_again
from flows.server import Vigil, start_own_server
from flows.surroundings import why_unusable


@dataclass(slots=True)
class Ended:
    """How a flow ended, as far as this process saw it.

    Attributes:
        outcome: The last that was heard of the run; None where it could not start.
        message: One sentence for people.
        name: Of the flow run's final state.
        interrupted: Whether somebody stopped it.
    """

    outcome: Outcome | None = None
    message: str = ""
    name: str = ""
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """0 done, 1 could not start, 2 some failed, 3 stopped."""
        if self.outcome is None:
            return 3 if self.interrupted or stop_kind(self.name) is not None else 1
        if self.interrupted or self.outcome.stopped:
            return 3
        return 2 if self.outcome.failed else 0

    def as_json(self, run: str) -> dict[str, Any]:
        """What `--json` prints, less the seconds."""
        if self.outcome is not None:
            return self.outcome.as_json()
        calls = {"paid": 0, "cached": 0, "possibly_billed": 0}
        counts: dict[str, Any] = {"entered": 0, "kept": 0, "rejected": {}, "failed": {}}
        told = {"cost_usd": "0", "corpus": "", "error": self.message}
        return {"run": run, **counts, "calls": calls, **told}


@dataclass(slots=True)
class _Last:
    """A listener that remembers the outcome."""

    outcome: Outcome | None = field(default=None)

    def opened(self, shop: Workshop) -> None:
        """Nothing to remember."""

    def begun(self, shards: int) -> None:
        """Nothing to remember."""

    def planned(self, plan: Plan) -> None:
        """Nothing to remember."""

    def shard_ended(self, number: int) -> None:
        """Nothing to remember."""

    def ended(self, outcome: Outcome) -> None:
        """Remember the outcome."""
        self.outcome = outcome


def run_flow(
    source: str,
    recipe: Recipe,
    connections: Connections,
    listener: Listener | None,
    blocks: Mapping[str, str] = MappingProxyType({}),
) -> Ended:
    """Save the connections as blocks of this run, run the flow, and tell how it ended.

    Args:
        source: Name of the dataset, and of its flow.
        recipe: What is built.
        connections: Store and endpoints.
        listener: Who follows the build, if anybody.
        blocks: By role, saved blocks that a person named: they are used, and never written.

    Raises:
        ConfigError: The Prefect server does not take the blocks.
        RunStopped: The Prefect server ended before the build did.
    """
    last, vigil = _Last(), Vigil()
    token = LISTENERS.set((last, vigil, *([listener] if listener else [])))
    try:
        flow = flow_of(source)  # its imports take a second, in which a server starts
        start_own_server()
        names = save_blocks(recipe.run, connections, blocks)
        with vigil:
            state = flow(recipe.model_copy(update={"endpoints": names}), return_state=True)
    except (KeyboardInterrupt, TerminationSignal):
        message = "Interrupted; what is finished is kept. Run the same again to go on."
        return Ended(last.outcome, message, "Interrupted", interrupted=True)
    except (httpx.HTTPError, PrefectException, RuntimeError) as error:
        if last.outcome is None:
            told = f"The Prefect server is gone: {first_line(error)}."
            raise RunStopped(told, kind="Prefect server") from error
        return Ended(last.outcome, last.outcome.stopped, "Server gone")
    finally:
        LISTENERS.reset(token)
    return Ended(last.outcome, state.message or "", state.name or "")


def flow_of(source: str) -> Callable[..., State[Any]]:
    """The flow that builds from a source: its own, or the one for any other."""
    name = source.replace("-", "_")
    if name.isidentifier() and find_spec(f"flows.{name}") is not None:
        found: Callable[..., State[Any]] = getattr(import_module(f"flows.{name}"), name)
        return found
    from flows.own_source import own_source

    return partial(own_source, source)


def loaded(connections: Connections, blocks: Mapping[str, str]) -> Connections:
    """The connections with saved blocks in place of some.

    Args:
        connections: Of the environment.
        blocks: By role (`store`, `images`, `writer`, `judge` or `embedder`), the name of a saved block.

    Raises:
        ConfigError: There is no such block, or no Prefect server.
    """
    start_own_server()
    return replace(connections, **{role: _members(role, name) for role, name in blocks.items()})


def _members(role: str, name: str) -> dict[str, Any]:
    kind = _KINDS[role]
    try:
        block = kind.load(name)
    except ValueError:
        title = kind.get_block_type_slug()
        raise ConfigError(f"--{role}-block: no {title} block is saved as {name!r}.") from None
    except RuntimeError as error:
        why = why_unusable(error)
        raise ConfigError(f"--{role}-block: the block {name!r} cannot be used: {why}") from None
    except (httpx.HTTPError, PrefectException, KeyError) as error:
        raise ConfigError(f"The block {name!r} cannot be loaded: {first_line(error)}.") from None
    members = {field: getattr(block, field) for field in kind.model_fields}
    if isinstance(block, CorpusStore):
        root, options = block.place()
        members |= {"root": root, "opened": Secret(options)}
        members["spool"] = str(Path(block.spool).expanduser())
    return members


def save_blocks(run: str, connections: Connections, blocks: Mapping[str, str]) -> Endpoints:
    """Save what nobody named a block for, under names of this run."""
    names = dict(blocks)
    for role in _KINDS.keys() - blocks.keys():
        if not getattr(connections, role):
            continue  # another's server does its work
        names[role] = _own_name(run, role, blocks.values())
        block = _KINDS[role](**getattr(connections, role))
        try:
            with asked_again(_PATIENT):
                block.save(names[role], overwrite=True)
        except (httpx.HTTPError, PrefectException, RuntimeError) as error:
            raise ConfigError(f"The Prefect server takes no block: {first_line(error)}.") from None
    return Endpoints(**names)


def _own_name(run: str, role: str, taken: Collection[str]) -> str:
    """Name of a run's own block: of letters, digits and dashes, and of no other run's."""
    name = f"{run.replace('-', '--').replace('.', '-0')}-{role}"
    while name in taken:
        name += "-own"
    return name


_PATIENT = 5
"""How often a busy server (503: its database is locked) is asked once more before a run begins: as
often as Prefect does by itself, within a minute. It was found alive just before."""
_KINDS: dict[str, type[CorpusStore] | type[ModelEndpoint]] = {
    "store": CorpusStore,
    "images": ModelEndpoint,
    "writer": ModelEndpoint,
    "judge": ModelEndpoint,
    "embedder": ModelEndpoint,
}
"""The class of the block of each role."""
