"""The records that steps hand to each other."""

from dataclasses import dataclass

from editcorpus.reasons import REMEDIES, SENTENCES, Reason

__all__ = [
    "REMEDIES",
    "SENTENCES",
    "Failed",
    "Geometry",
    "Published",
    "Reason",
    "Rejected",
    "Triplet",
]


@dataclass(frozen=True, slots=True)
class Triplet:
    """One row of a source, without pixels: what the plan knows about it.

    Attributes:
        id: `<source>/<native id>`, unique over the corpus; turns of a conversation add `#<n>`.
        dataset_source: Name of the source, such as `omniedit`.
        task: The source's own name of the task.
        subtask: A finer task where the source has one, else empty.
        instruction: The instruction that is used, stripped.
        instruction_index: Which of the source's paraphrases it is, from 0.
        license: SPDX id (or the source's own name) of the licence of this row.
        file: URL or path of the source file.
        row_group: Row group in `file`, from 0.
        row: Row in `file`, from 0.
        caption: What a new source image shows, where one is made; else empty.
        facts: The source's own scores and captions, as a JSON object; empty where it has none.
        paths: Where its pictures lie that are not in columns of its row: a JSON object from
            `source`, `edited` and `mask` to paths; an empty one says that there is none.
        previous: Id of the turn before it, whose edited image is its source image.
        turn: Its place in a conversation, from 1.
    """

    id: str
    dataset_source: str
    task: str
    subtask: str
    instruction: str
    instruction_index: int
    license: str
    file: str
    row_group: int
    row: int
    caption: str = ""
    facts: str = ""
    paths: str = ""
    previous: str = ""
    turn: int = 1


@dataclass(frozen=True, slots=True)
class Rejected:
    """A final verdict: this triplet is not fit for the corpus."""

    id: str
    step: str
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Failed:
    """No verdict: the next run does this triplet again."""

    id: str
    step: str
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where the source lies on its canvas, in whole pixels, and so the exact way back.

    The source, resampled to `box_width` x `box_height`, lies with its upper left corner at
    (`box_x`, `box_y`) of a canvas of `canvas_width` x `canvas_height`; all else is padding.
    """

    source_width: int
    source_height: int
    canvas_width: int
    canvas_height: int
    box_x: int
    box_y: int
    box_width: int
    box_height: int


@dataclass(frozen=True, slots=True)
class Published:
    """One record of a finished corpus: all that a trainer or an auditor needs, pictures included.

    Attributes:
        id: `<source>/<native id>`, unique over the corpus.
        instruction: The instruction to train on.
        family: The task in the vocabulary of `taxonomy.py`; empty where the source does not tell.
        variant: How the pair was made: `output` (a new edited image), `rewrite` (and its instruction
            rewritten), `pair` (both images new) or `base` (both as published).
        instruction_type: `original`, `rewrite` or `complex`.
        instruction_original: The source's text on rewrites, else empty.
        source_image: Encoded picture, upright, RGB: the source's own bytes wherever they serve.
        edited_image: Encoded picture of the same size in pixels; a base pair may differ in size.
        edited_width: Of the edited image in pixels, as is `edited_height`.
        score: Geometric mean of the three judgements, 0 to 1.
        score_done: P(the edit was carried out as asked), 0 to 1.
        score_preserved: P(all else was preserved), 0 to 1.
        score_clean: P(free of artefacts), 0 to 1.
        border_fraction: Share of the outermost ring that is residual padding, 0 to 1.
        changed_share: Share of the picture that changed visibly, 0 to 1.
        shift_x: Shift of the edited content, as a share of the width; positive is right.
        scale_x: Zoom of the edited content along x; 1 is none.
        registered: Whether shift and zoom could be measured with confidence.
        outside_mask: Share of what lies outside the mask that changed, 0 to 1; -1 without a mask.
        padded_share: Share of the canvas that was padding, 0 to 1.
        license: Licence of the source row.
        source_file: Where the source row lies.
        source_facts: The source's own scores and captions, as a JSON object; empty without any.
        previous: Id of the turn before it in a conversation, else empty.
        model: The image model that made the edited image.
        response: Hash of the image request: the name of the paid answer in the response store.
    """

    id: str
    dataset_source: str
    task: str
    subtask: str
    family: str
    variant: str
    instruction: str
    instruction_type: str
    instruction_original: str
    source_image: bytes
    edited_image: bytes
    width: int
    height: int
    edited_width: int
    edited_height: int
    score: float
    score_done: float
    score_preserved: float
    score_clean: float
    border_fraction: float
    changed_share: float
    shift_x: float
    shift_y: float
    scale_x: float
    scale_y: float
    registration_ncc: float
    registered: bool
    outside_mask: float
    canvas_width: int
    canvas_height: int
    box_x: int
    box_y: int
    box_width: int
    box_height: int
    padded_share: float
    license: str
    source_file: str
    source_row: int
    source_facts: str
    previous: str
    instruction_index: int
    model: str
    quality: str
    response: str
    prompt_version: str
    rewrite_model: str
    judge_model: str
