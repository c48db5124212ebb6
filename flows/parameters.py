"""The parameters of a build: what the form in the Prefect UI shows and what the command line sets."""

from decimal import Decimal
from functools import partial
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from editcorpus.budgets import MOST_DOLLARS
from editcorpus.inputs import is_far
from editcorpus.planning import Selection
from editcorpus.presets import preset_names
from editcorpus.records import Reason
from editcorpus.rows import Source
from editcorpus.signatures import unsigned
from editcorpus.sources.folder import Config as FolderConfig
from editcorpus.stages.fetch import Config as FetchConfig
from editcorpus.stages.filter import Config as FilterConfig
from editcorpus.stages.order import KNOWN, roles_of, steps_of
from editcorpus.stages.view import config_of as view_config
from editcorpus.stages.workshop import Variant
from editcorpus.steps.align import Config as AlignConfig
from editcorpus.steps.caption import Config as CaptionConfig
from editcorpus.steps.classify import Config as ClassifyConfig
from editcorpus.steps.compose import Config as ComposeConfig
from editcorpus.steps.embed import Config as EmbedConfig
from editcorpus.steps.pad import Config as PadConfig
from editcorpus.steps.publish import Config as PublishConfig
from editcorpus.steps.regenerate import Config as RegenerateConfig
from editcorpus.steps.rewrite import Config as RewriteConfig
from editcorpus.steps.synthesize import Config as SynthesizeConfig
from flows.modes import Modes


def _known(names: tuple[str, ...], what: str, value: str) -> str:
    if value not in names:
        raise ValueError(f"{value!r:.80} is no {what}; there are {', '.join(names)}")
    return value


def _exact(value: object) -> object:
    """Dollars as they were written: the float 0.15 is "0.15", not 0.1499999999999999944."""
    return str(value) if isinstance(value, float) else value


Dollars = Annotated[
    Decimal,
    BeforeValidator(_exact),
    Field(gt=0, le=MOST_DOLLARS),
    PlainSerializer(float, when_used="json"),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": MOST_DOLLARS}),
]
"""An exact amount; a plain number in JSON, since a form shows a Decimal's own schema as a text."""


Preset = Annotated[
    str,
    AfterValidator(partial(_known, preset_names(), "preset")),
    WithJsonSchema({"type": "string", "enum": [*preset_names()]}),
]
"""The name of a preset; a form offers them to pick from."""

ANY = "any"
"""In place of reasons: for whichever may end otherwise now."""
STEPS = (
    *("classify", "caption", "synthesize", "pad", "compose", "regenerate"),
    *("filter", "rewrite", "align", "embed", "publish"),
)
"""The steps that have settings."""
_WANTED = (ANY, *(reason.value for reason in Reason))


def _one_of(value: str) -> str:
    if value not in _WANTED:
        raise ValueError(f"{value!r} is no reason; docs/reasons.md lists them")
    return value


Wanted = Annotated[
    str, AfterValidator(_one_of), WithJsonSchema({"type": "string", "enum": [*_WANTED]})
]
"""A reason for which triplets are done again; a form offers them to pick from."""


class Endpoints(BaseModel):
    """Names of the saved blocks that a build calls and writes to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: str = Field("editcorpus", description="Corpus store block: runs, answers, corpora.")
    images: str = Field("images", description="Model endpoint block that edits images.")
    writer: str = Field("writer", description="Model endpoint block that rewrites instructions.")
    judge: str = Field("judge", description="Model endpoint block of the Qwen-VL judge.")
    embedder: str = Field("", description="Model endpoint block for vectors. Empty: the judge's.")
    budget: str = Field(
        "",
        description="Budget block; the smaller of it and effort.budget_usd counts. Empty: none.",
    )


class Effort(BaseModel):
    """How a build is carried out; all of it may change when the same run is started again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dry_run: bool = Field(
        False,
        description="On: nothing is paid and nothing is built. Connections, input and settings are "
        "checked, and what the run would cost and how long it would take is told.",
    )
    budget_usd: Dollars | None = Field(
        None,
        description="Dollars that the run may cost in all, from its first start on: more than 0, at "
        "most 10,000,000. Left out: no limit.",
    )
    store_budget_usd: Dollars | None = Field(
        None,
        description="Dollars that all runs of the store may cost together, rehearsals included: more "
        "than 0, at most 10,000,000. Left out: what was set before. Only a store that honours "
        "conditional writes can promise it.",
    )
    warn_share: float = Field(
        0.8,
        ge=0.01,
        le=1,
        description="Share of the budget, 0.01 to 1, at which the run sends a warning; that of a saved "
        "budget comes before it.",
    )
    repay: bool = Field(
        True,
        description="Whether an answer that was paid for and is damaged in the store is paid for again.",
    )
    max_failed_share: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Share of unanswered triplets, 0 to 1, above which the run fails.",
    )
    processes: int = Field(
        1,
        ge=1,
        le=32,
        description="Processes that share the work, 1 to 32: of this machine, where 1 is this one alone, "
        "or of workers.",
    )
    workers: str = Field(
        "",
        max_length=200,
        description="Name of the deployment, such as omniedit-partition, whose flow runs take the work; "
        "workers of its pool do them, as many at once as processes says, and this process only hands "
        "them out. Empty: this machine does the work.",
    )
    shards_in_progress: int = Field(
        0,
        ge=0,
        le=64,
        description="Shards worked on at once, 0 to 64; 0 follows the calls in flight.",
    )
    gallery: int = Field(
        200,
        ge=0,
        le=10_000,
        description="Triplets shown in the run's gallery, 0 to 10,000; 0 makes none.",
    )
    retry_delay_s: float = Field(
        30,
        ge=0,
        le=3600,
        description="Seconds, 0 to 3,600, before a stage with unanswered calls is retried.",
    )
    modes: Modes = Field(
        default_factory=Modes,
        description="How each step asks: online (call by call), batch (files that are answered within "
        "a day, at half the price), or auto (batches first, and online what they leave open).",
    )
    batch_look_s: float = Field(
        60,
        ge=0.1,
        le=3600,
        description="Longest time, 0.1 to 3,600 seconds, between two looks at batches under way; the "
        "first looks come sooner.",
    )
    redrive: tuple[Wanted, ...] = Field(
        (),
        description="Do again only whom the run gave up for these reasons, and nobody else; any "
        "takes whatever may end otherwise now. Empty: a build as usual.",
    )
    redrive_sample: bool = Field(
        False,
        description="Whether a redrive pays for another edit where the same one would be rejected "
        "again.",
    )

    @property
    def redriven(self) -> tuple[Reason, ...]:
        """The reasons of a redrive; none where it takes any."""
        return () if ANY in self.redrive else tuple(map(Reason, self.redrive))


class Recipe(BaseModel):
    """What is built, from what, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str = Field(
        description="Name of the run: small letters, digits, dot and dash; it names the corpus.",
        pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$",
    )
    input: str = Field(description="Source files: a path, folder, glob or s3:// URL.", min_length=1)
    recipe: str = Field(
        "",
        description="Which recipe of the source, such as edit, generate or inverse of hqedit; empty: "
        "its usual one.",
        pattern=r"^[a-z0-9-]{0,40}$",
    )
    variant: Variant = Field(
        "output",
        description="output: a new edited image; rewrite: and each instruction rewritten after it; pair: "
        "both images new; base: both images as published.",
    )
    preset: Preset = Field(
        "standard",
        description="Named settings: standard, paper (as published), modern (no padding), a subset of "
        "the paper such as omniedit100k-gpt, or custom (as set below).",
    )
    folder: FolderConfig = Field(
        default_factory=FolderConfig,
        description="What the columns of your own data are called; for the source folder alone.",
    )
    selection: Selection = Field(default_factory=Selection, description="Which rows are taken.")
    pad: PadConfig = Field(default_factory=PadConfig, description="Laying on canvases.")
    classify: ClassifyConfig = Field(
        default_factory=ClassifyConfig, description="Telling the kind of edit, where rows do not."
    )
    caption: CaptionConfig = Field(
        default_factory=CaptionConfig, description="Captions, of a pair whose rows have none."
    )
    synthesize: SynthesizeConfig = Field(
        default_factory=SynthesizeConfig, description="New source images, of a pair recipe."
    )
    compose: ComposeConfig = Field(
        default_factory=ComposeConfig, description="Complex instructions, of complex-edit."
    )
    regenerate: RegenerateConfig = Field(
        default_factory=RegenerateConfig, description="The edit by the image model."
    )
    filter: FilterConfig = Field(
        default_factory=FilterConfig, description="Which results are refused."
    )
    rewrite: RewriteConfig = Field(
        default_factory=RewriteConfig, description="Rewriting of instructions."
    )
    align: AlignConfig = Field(default_factory=AlignConfig, description="The judge.")
    embed: EmbedConfig = Field(
        default_factory=EmbedConfig, description="A second scorer: vectors of each pair."
    )
    publish: PublishConfig = Field(
        default_factory=PublishConfig, description="Thresholds of the judge's scores."
    )
    endpoints: Endpoints = Field(default_factory=Endpoints, description="Names of saved blocks.")
    effort: Effort = Field(default_factory=Effort, description="Budget, retries and pace.")

    def configs(self, source: Source) -> dict[str, BaseModel]:
        """Each step's Config by the step's name."""
        return {
            "fetch": FetchConfig(
                roles=roles_of(source, self.variant), chained=self.variant != "base"
            ),
            "view": view_config(self.pad),
            **{step: getattr(self, step) for step in STEPS},
        }

    def identity(self, source: Source) -> dict[str, Any]:
        """What a run is: everything that decides its corpus."""
        how = {"far": is_far(self.input), "embeds": bool(self.embed.models)}
        names = {KNOWN[name].name for name in steps_of(source, self.variant, **how)}
        names |= {"classify"} if source.classes else set()
        configs = self.configs(source)
        return {
            "source": source.name,
            "recipe": source.recipe,
            "variant": self.variant,
            "input": unsigned(self.input),
            "selection": self.selection.model_dump(mode="json"),
            **({"folder": self.folder.model_dump(mode="json")} if source.name == "folder" else {}),
            **{name: configs[name].model_dump(mode="json") for name in configs if name in names},
        }
