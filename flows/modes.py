"""How each step that asks a model asks: call by call, or in batches."""

from pydantic import BaseModel, ConfigDict, Field

from editcorpus.stages.workshop import Mode


class Modes(BaseModel):
    """How the calls of each step are made; it changes what they cost, and nothing else."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    regenerate: Mode = Field("online", description="Edits of pictures: online, batch or auto.")
    caption: Mode = Field("online", description="Captions of source images: likewise.")
    synthesize: Mode = Field("online", description="New source images: likewise.")
    compose: Mode = Field(
        "online", description="Complex instructions: likewise, three batches one after the other."
    )
    rewrite: Mode = Field("online", description="Rewriting of instructions: likewise.")
    align: Mode = Field("online", description="Verdicts of the judge: likewise.")

    @property
    def asked(self) -> dict[str, Mode]:
        """The steps that are to ask otherwise than online, and how."""
        return {step: mode for step, mode in self if mode != "online"}
