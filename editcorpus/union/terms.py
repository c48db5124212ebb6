"""The terms of a united corpus: how it is split, and what it takes."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from editcorpus.union.licences import COMMERCIAL

_LICENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+ -]{0,79}")


def _licence(text: str) -> str:
    if not _LICENCE.fullmatch(text):
        raise ValueError(f"{text!r} is no licence; it is an SPDX id such as MIT, or {COMMERCIAL}")
    return text


class Terms(BaseModel):
    """How a united corpus is split, and what it takes; the same for all runs that ever enter it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(
        0,
        ge=0,
        le=2**32 - 1,
        description="Decides split and quotas: 0 to 4,294,967,295.",
    )
    validation_share: float = Field(
        0.01, ge=0, le=0.5, description="Share of source images in the validation split, 0 to 0.5."
    )
    test_share: float = Field(
        0.01, ge=0, le=0.5, description="Share of source images in the test split, 0 to 0.5."
    )
    licenses: tuple[Annotated[str, AfterValidator(_licence)], ...] = Field(
        (),
        max_length=100,
        description="Licences that are taken: SPDX ids, or `commercial` for those known to allow "
        "commercial use. None takes all.",
    )
    most: dict[str, Annotated[int, Field(ge=0)]] = Field(
        default_factory=dict,
        description="Most triplets of a source, by the source's name. A source without has no limit.",
    )
    most_per_task: int = Field(
        0,
        ge=0,
        le=10**9,
        description="Most triplets of each task of each source, 0 to 1,000,000,000; 0 is no limit.",
    )
    most_per_family: int = Field(
        0,
        ge=0,
        le=10**9,
        description="Most triplets of each task family, 0 to 1,000,000,000; 0 is no limit.",
    )
    near_duplicates: bool = Field(
        True,
        description="Whether triplets that are nearly the same are left out but for the best, and near "
        "source images kept in one split; each picture is then decoded once.",
    )
    shard_records: int = Field(
        1000, ge=1, le=10_000, description="Most records in a file, 1 to 10,000."
    )

    @model_validator(mode="after")
    def _train_is_left(self) -> "Terms":
        if self.validation_share + self.test_share >= 1:
            raise ValueError("validation_share and test_share leave nothing for train")
        return self
