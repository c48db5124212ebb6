"""Open a run in this process: prove that everything is in order, own it, start its engine."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

from pydantic import BaseModel

from editcorpus.checks import check_store
from editcorpus.endpoints import health
from editcorpus.endpoints.books import Books, Told, unheard
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.health import check_endpoint, check_tokens
from editcorpus.errors import StorageError, StorageFull
from editcorpus.inputs import Inputs, is_far
from editcorpus.keeping import open_journal
from editcorpus.leases import Owner
from editcorpus.ledger import Ledger, read_totals
from editcorpus.permits import read_permits
from editcorpus.planning import Selection, check_columns
from editcorpus.responses import Responses
from editcorpus.rows import Source
from editcorpus.runs import identify_run, own_run, read_identity
from editcorpus.stages.batching import by_modes, check_modes, known_modes
from editcorpus.stages.models import ASKING, Asks, models_of
from editcorpus.stages.order import USUAL, stages_named, steps_of
from editcorpus.stages.redriving import Redriving, read_redrives
from editcorpus.stages.wire import Wire
from editcorpus.stages.workshop import Clocks, Mode, Variant, Workshop
from editcorpus.steps import align, embed, pad, regenerate, rewrite
from editcorpus.storage import Store
from editcorpus.tariffs import Tariff
from editcorpus.treasury import Treasury, check_budget

SANDBOX = health.SANDBOX
"""The provider of answers that are emulated."""
_MOST_FOOTERS = 200
"""Input files, evenly chosen, whose columns are looked at before a run starts; the plan sees all."""
_MOST_FAR_FOOTERS = 64
"""The same behind a network: 110 requests, and a second at 50 ms each."""
_LOOKING = 8
"""Files that are looked at at once."""
_LOCAL_GATHER_S = 0.01
"""How long a local journal write waits for others: 1% of the shortest call, many lines an fsync."""
_BUCKET_GATHER_S = 0.25
"""The same on a bucket, where each write is a PUT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A run as it is to be opened.

    Attributes:
        recipe: Source, input, sample and Configs, as JSON takes them.
        configs: Each step's Config by the step's name.
        endpoints: The endpoint that each asking step asks, by the step's name.
        budget_usd: What the run may cost in all; None is no limit.
        repay: Whether an answer that is damaged in the store is paid for again.
        store_budget_usd: What all runs of the store may cost in all; None leaves it as it is.
        owner: This process.
        clocks: Time, for records.
        today: Decides which models are shut down.
        only_redriven: Whether only the triplets of a redrive are done (see `redriving.py`).
        modes: How each asking step asks, by its name; online where nothing is said.
        variant: How its pairs are made.
        observer: Is told of each call (see `Books`).
    """

    run: str
    store: Store
    source: Source
    inputs: Inputs
    recipe: Mapping[str, Any]
    configs: Mapping[str, BaseModel]
    endpoints: Mapping[str, Endpoint]
    budget_usd: Decimal | None
    owner: Owner
    clocks: Clocks
    today: date
    only_redriven: bool = False
    store_budget_usd: Decimal | None = None
    repay: bool = True
    modes: Mapping[str, Mode] = field(default_factory=dict)
    variant: Variant = "output"
    observer: Callable[[Told], None] = unheard

    @property
    def steps(self) -> tuple[str, ...]:
        """What its shards go through (see `order.py`)."""
        far, embedding = is_far(str(self.recipe.get("input", ""))), self.configs.get(embed.NAME)
        embeds = isinstance(embedding, embed.Config) and bool(embedding.models)
        return steps_of(self.source, self.variant, far=far, embeds=embeds)

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that decides the corpus; a rehearsal is another run than the real thing."""
        asked = {step: one.provider for step, one in self.endpoints.items() if step in self.asking}
        return {**self.recipe, "providers": asked, "steps": list(self.steps)}

    @property
    def asking(self) -> Mapping[str, type[Asks]]:
        """The steps of this run that ask a model, and the class of each one's Config."""
        steps = {*self.steps, *(["classify"] if self.source.classes else [])}
        return {step: cls for step, cls in ASKING.items() if step in steps}

    @property
    def asked(self) -> Mapping[str, type[Asks]]:
        """Those of `asking` that ask about any triplet: of no share, nothing is rewritten."""
        idle = () if getattr(self.configs[rewrite.NAME], "share", 1) else (rewrite.NAME,)
        return {step: cls for step, cls in self.asking.items() if step not in idle}

    @property
    def asking_modes(self) -> Mapping[str, Mode]:
        """How the steps of this run ask of which something is said."""
        return {step: mode for step, mode in self.modes.items() if step in self.asked}

    @property
    def defaults(self) -> dict[str, Any]:
        """The settings in `identity` as they are where nobody sets them."""
        usual = {name: type(config)() for name, config in self.configs.items()}
        settings = {"selection": Selection(), **usual}
        members = {name: config.model_dump(mode="json") for name, config in settings.items()}
        return {**members, "recipe": "", "variant": "output", "steps": list(USUAL)}

    @property
    def emulated(self) -> bool:
        """Whether any answer comes from the sandbox."""
        return any(self.endpoints[step].provider == SANDBOX for step in self.asked)


def check(job: Job) -> None:
    """Find out within seconds, and before anything is paid, what hinders a run.

    Raises:
        ConfigError: One sentence on what is wrong with input, store, endpoint, model or parameters.
    """
    _check_inputs(job.source, job.inputs)
    check_store(job.store)
    check_budget(job.store, job.store_budget_usd)
    for step, cls in job.asked.items():
        config, endpoint = job.configs[step], job.endpoints[step]
        if not isinstance(config, cls):
            raise TypeError(f"The Config of {step} is a {type(config).__name__}.")
        for model in models_of(config):
            if endpoint.tariff is Tariff.LISTED:
                endpoint.tariffs.check_model(model, job.today)
            check_endpoint(endpoint, model)
    check_modes(job.asking_modes, job.endpoints)
    _check_images(job)
    _check_judge(job)
    if read_identity(job.store, job.run):
        identify_run(job.store, job.run, job.identity, job.defaults)


def _check_inputs(source: Source, inputs: Inputs) -> None:
    """Look at footers; the first file with which something is wrong is told."""
    most = _MOST_FAR_FOOTERS if inputs.far else _MOST_FOOTERS
    step = max(1, -(-len(inputs.files) // most))
    look = partial(check_columns, source, inputs.hasty())
    with ThreadPoolExecutor(_LOOKING, "editcorpus-inputs") as pool:
        list(pool.map(look, inputs.files[::step]))


def _check_images(job: Job) -> None:
    if regenerate.NAME not in job.asking:
        return
    padding, config = job.configs[pad.NAME], job.configs[regenerate.NAME]
    assert isinstance(padding, pad.Config)  # noqa: S101
    assert isinstance(config, regenerate.Config)  # noqa: S101
    size = (1024, 1024) if padding.canvas == "fixed" else None
    for quality in sorted({config.quality, config.square_quality} - {"unset", "same"}):
        job.endpoints[regenerate.NAME].check_can(size, quality)


def _check_judge(job: Job) -> None:
    config = job.configs[align.NAME]
    assert isinstance(config, align.Config)  # noqa: S101
    check_tokens(job.endpoints[align.NAME], config.model, align.QWEN_TOKENS, config.token_ids)


@contextmanager
def opened(job: Job) -> Iterator[Workshop]:
    """Own a run and hold its engine open while the block lasts.

    Raises:
        ConfigError: The run is another one under the same name, or somebody else owns it.
    """
    wire = Wire()
    with own_run(job.store, job.run, job.owner, wire.lost):
        identify_run(job.store, job.run, job.identity, job.defaults)
        with _funded(job) as ledger, working(job, ledger, wire) as shop:
            yield shop


@contextmanager
def _funded(job: Job) -> Iterator[Ledger]:
    """The run's money while the block lasts; it draws on the store's budget, if there is one."""
    treasury = Treasury(job.store, job.run, job.owner)
    if not treasury.join(job.store_budget_usd):
        yield _ledger(job)
        return
    ledger = _ledger(job)
    treasury.open(ledger.spent + ledger.reserved)
    ledger.fund = treasury
    try:
        yield ledger
    finally:
        with suppress(StorageError, StorageFull):  # whoever comes next reads the journals
            treasury.close(ledger.spent + ledger.reserved)


def _ledger(job: Job) -> Ledger:
    """The run's money: what was spent, and what those still have whom another owner of the run sent."""
    out = read_permits(job.store, job.run)
    names = {permit.name for permit in out}
    ledger = Ledger(job.budget_usd, read_totals(job.store, job.run, without=names, keep=True))
    for permit in out:
        ledger.hold(permit.name, permit.usd or Decimal(0))
    return ledger


@contextmanager
def working(job: Job, ledger: Ledger, wire: Wire) -> Iterator[Workshop]:
    """Hold an engine open while the block lasts, on behalf of whoever holds the lease for it.

    Args:
        job: The run.
        ledger: With what is known of its money.
        wire: Over which the engine hears of a lost lease.
    """
    from editcorpus.endpoints.engine import Engine  # its client takes a second to import

    modes = known_modes(job.asking_modes, job.endpoints, repairs=job.only_redriven)
    with Engine(job.endpoints, _books(job, ledger)) as engine:
        wire.engine = engine
        shop = Workshop(
            run=job.run,
            store=job.store,
            engine=engine,
            source=job.source,
            inputs=job.inputs,
            configs=job.configs,
            providers={name: item.provider for name, item in job.endpoints.items()},
            clocks=job.clocks,
            stages=stages_named(job.steps),
            variant=job.variant,
            redriving=Redriving(
                read_redrives(job.store, job.run),
                only=job.only_redriven,
                rounds=job.source.rounds,
            ),
            modes=modes,
        )
        try:
            yield by_modes(shop)
        finally:
            shop.close()


def _books(job: Job, ledger: Ledger) -> Books:
    responses = Responses(job.store, repay=job.repay)
    responses.read_index()
    gather = _LOCAL_GATHER_S if job.store.local else _BUCKET_GATHER_S
    return Books(
        run=job.run,
        process=job.owner.process,
        responses=responses,
        ledger=ledger,
        journal=open_journal(job.store, job.run, job.owner.process, gather),
        clock=job.clocks.now,
        observer=job.observer,
    )
