"""Finished runs, united into one corpus.

Each batch of files is a task run, twice: it is digested, then copied; where benchmarks are named, it is held
against them by a third. Between these it is decided, for all records at once, who enters and into which
split. Started again, it goes on behind its last whole file; with more runs, it adds files and changes
none. From a shell: `editcorpus corpus --help`.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.futures import wait
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import BaseModel, ConfigDict, Field

from blocks.corpus_store import CorpusStore
from editcorpus.errors import EditcorpusError, RunStopped
from editcorpus.storage import Store
from editcorpus.union.benchmarks import once_each, read_benchmark
from editcorpus.union.hands import Work
from editcorpus.union.results import United
from editcorpus.union.terms import Terms
from editcorpus.union.unite import Wish, unite
from flows.corpora import named_corpus
from flows.forms import Plain
from flows.outcome import stopped_name
from flows.starting import this_process
from flows.surroundings import core_logged, known, saved_block
from tasks.corpus import WORK, batch


class Unification(BaseModel):
    """Which runs are united, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        description="Name of the corpus: small letters, digits, dot and dash; no run has it.",
        pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$",
    )
    runs: tuple[str, ...] = Field(
        min_length=1,
        max_length=1000,
        description="Names of finished runs of the store, or folders or URLs of corpora. Those that are "
        "in already are passed over.",
    )
    version: str = Field(
        "",
        max_length=60,
        description="Version of the corpus, such as 1.2.0; empty for the one that follows.",
    )
    anew: bool = Field(False, description="Whether the corpus is made from nothing once more.")
    against: tuple[str, ...] = Field(
        (),
        max_length=50,
        description="Files of `editcorpus hashes`, as paths or URLs: what these benchmarks have is left out.",
    )
    terms: Terms = Field(
        default_factory=Terms, description="Split, licences and limits; the same for all runs."
    )
    store: str = Field("editcorpus", description="Corpus store block: runs, answers, corpora.")


class TaskRuns:
    """Has each batch done by a task run."""

    def over(self, step: str, work: Work, count: int, stop: Callable[[], None]) -> None:
        """Return once all is done; of several errors the first is raised."""
        token = WORK.set(work)
        running = [batch.submit(step, number) for number in range(count)]
        try:
            for future in running:
                future.result()
        except BaseException:
            stop()
            wait(running, timeout=60)
            raise
        finally:
            WORK.reset(token)


@flow(
    name="corpus",
    flow_run_name="corpus-{unification.name}",
    task_runner=ThreadPoolTaskRunner(max_workers=4),  # type: ignore[arg-type]
    cache_result_in_memory=True,
    persist_result=False,
)
def corpus(unification: Annotated[Unification, Plain()]) -> State[Any]:
    """Unite finished runs into one corpus, or add runs to it.

    Args:
        unification: Which runs are united, and how.
    """
    try:
        with core_logged():
            made = _united(unification)
    except EditcorpusError as error:
        stopped = isinstance(error, RunStopped | OSError)
        name = stopped_name(error.kind) if stopped else "Could not start"
        return Failed(name=name, message=str(error))
    left_out = ", ".join(f"{number:,} {reason}" for reason, number in made.rejected.items())
    splits = ", ".join(f"{number:,} {split}" for split, number in made.splits.items())
    told = (
        f"{made.name} {made.version}: {made.kept:,} of {made.entered:,} triplets of {len(made.runs)} runs "
        f"({splits or 'none'}); left out: {left_out or 'nobody'}. It lies at {made.path}."
    )
    return Completed(name=f"{made.kept:,} kept", message=told, data=made)


def _united(asked: Unification) -> United:
    saved = saved_block(CorpusStore, asked.store)
    store, opens = saved.store(), partial(_opened, saved)
    corpora = tuple(named_corpus(store, run, opens) for run in asked.runs)
    options = saved.options()
    against = once_each(read_benchmark(one, options) for one in asked.against)
    wish = Wish(asked.name, corpora, asked.terms, asked.version, asked.anew, against)
    return unite(store, wish, known(this_process()), TaskRuns())


def _opened(saved: CorpusStore, root: str) -> Store:
    """Another store, with the keys of the saved one."""
    return Store(root, saved.options() if "://" in root else {}, saved.store().spool)
