"""The records that steps hand to each other, and the closed list of reasons."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a triplet is not in the corpus.

    `SENTENCES` says each one to a person, and `REMEDIES` what there is to do about it.
    """

    EMPTY_INSTRUCTION = "empty_instruction"
    DEGENERATE_INSTRUCTION = "degenerate_instruction"
    OVERLONG_INSTRUCTION = "overlong_instruction"
    DUPLICATE_ID = "duplicate_id"
    MALFORMED_ID = "malformed_id"
    ROW_UNREADABLE = "row_unreadable"
    IMAGE_MISSING = "image_missing"
    IMAGE_UNREADABLE = "image_unreadable"
    IMAGE_TOO_LARGE = "image_too_large"
    IMAGE_TOO_SMALL = "image_too_small"
    IMAGE_BLANK = "image_blank"
    TOO_MUCH_PADDING = "too_much_padding"
    MODERATION_INPUT = "moderation_input"
    MODERATION_OUTPUT = "moderation_output"
    REQUEST_REFUSED = "request_refused"
    ANSWER_DAMAGED = "answer_damaged"
    RESIDUAL_PADDING = "residual_padding"
    NO_EDIT = "no_edit"
    EVERYTHING_CHANGED = "everything_changed"
    ANSWER_BLANK = "answer_blank"
    DISPLACED = "displaced"
    JUDGE_UNREADABLE = "judge_unreadable"
    NOT_DONE = "not_done"
    NOT_PRESERVED = "not_preserved"
    ARTEFACTS = "artefacts"
    UNAVAILABLE = "unavailable"
    NOT_REACHED = "not_reached"
    NOT_REPAID = "not_repaid"


SENTENCES: dict[Reason, str] = {
    Reason.EMPTY_INSTRUCTION: "The source gives no instruction for this pair.",
    Reason.DEGENERATE_INSTRUCTION: "The instruction is one character or word over and over.",
    Reason.OVERLONG_INSTRUCTION: "The instruction is longer than the limit.",
    Reason.DUPLICATE_ID: "An earlier row of the input has the same id.",
    Reason.MALFORMED_ID: "The id is empty or holds characters that no id may hold.",
    Reason.ROW_UNREADABLE: "The row lies in a damaged part of its file.",
    Reason.IMAGE_MISSING: "The row holds no bytes for the source image.",
    Reason.IMAGE_UNREADABLE: "The source image does not decode; it is cut short or damaged.",
    Reason.IMAGE_TOO_LARGE: "The source image declares more pixels than the limit.",
    Reason.IMAGE_TOO_SMALL: "The source image is smaller than the limit.",
    Reason.IMAGE_BLANK: "The source image shows one flat colour.",
    Reason.TOO_MUCH_PADDING: "More than half of every allowed canvas would be padding.",
    Reason.MODERATION_INPUT: "The safety system of the image API refused the request.",
    Reason.MODERATION_OUTPUT: "The safety system of the image API withheld the result.",
    Reason.REQUEST_REFUSED: "The API says that this request is invalid and always will be.",
    Reason.ANSWER_DAMAGED: "The answer was damaged each time it was asked for.",
    Reason.RESIDUAL_PADDING: "A bar of the padding colour is left at the edge of the result.",
    Reason.NO_EDIT: "The result shows no change against the source.",
    Reason.EVERYTHING_CHANGED: "The whole picture changed where the task is local.",
    Reason.ANSWER_BLANK: "The result shows one flat colour.",
    Reason.DISPLACED: "The result is shifted or zoomed against the source beyond the limit.",
    Reason.JUDGE_UNREADABLE: "The judge gave no usable verdict, twice.",
    Reason.NOT_DONE: "The judge finds that the edit was not carried out as asked.",
    Reason.NOT_PRESERVED: "The judge finds that more changed than was asked for.",
    Reason.ARTEFACTS: "The judge finds visible artefacts in the result.",
    Reason.UNAVAILABLE: "The API gave no answer after all retries; the next run asks again.",
    Reason.NOT_REACHED: "The run stopped before this triplet's turn; the next run goes on.",
    Reason.NOT_REPAID: "The paid answer is damaged in the store, and may not be paid for again.",
}


REMEDIES: dict[Reason, str] = {
    Reason.EMPTY_INSTRUCTION: "Nothing, unless it is many: then look at the source's text column.",
    Reason.DEGENERATE_INSTRUCTION: "Nothing; such a text trains nobody.",
    Reason.OVERLONG_INSTRUCTION: "Nothing; a text of this length is rarely an instruction.",
    Reason.DUPLICATE_ID: "Look for a file that is in the input twice.",
    Reason.MALFORMED_ID: "Give the rows whole ids in the input, and build under another run name.",
    Reason.ROW_UNREADABLE: "Fetch the input again, and build under another run name.",
    Reason.IMAGE_MISSING: "Fetch the input again if its publisher has these pictures.",
    Reason.IMAGE_UNREADABLE: "Fetch the input again; nothing if its publisher's copy is damaged, too.",
    Reason.IMAGE_TOO_LARGE: "Raise pad.max_pixels under another run name if such sizes are honest.",
    Reason.IMAGE_TOO_SMALL: "Lower pad.min_side under another run name to take them.",
    Reason.IMAGE_BLANK: "Nothing; there is nothing to edit.",
    Reason.TOO_MUCH_PADDING: (
        "Set pad.canvas=free, or raise pad.max_padded_share, under another run name."
    ),
    Reason.MODERATION_INPUT: (
        "Drop such rows from the input: providers close accounts over many. `editcorpus redrive` asks again."
    ),
    Reason.MODERATION_OUTPUT: (
        "Ask again with `editcorpus redrive`; drop such rows from the input if they are many."
    ),
    Reason.REQUEST_REFUSED: (
        "Read the detail: the same everywhere means a wrong model or size. `editcorpus redrive` asks again."
    ),
    Reason.ANSWER_DAMAGED: (
        "Tell the provider the request ids of `editcorpus show`, and later ask again: `editcorpus redrive`."
    ),
    Reason.RESIDUAL_PADDING: "Set pad.canvas=free under another run name: it leaves no padding.",
    Reason.NO_EDIT: (
        "Look in the gallery; set a lower filter.judge.unchanged_share under another run name."
    ),
    Reason.EVERYTHING_CHANGED: (
        "Look in the gallery; set regenerate.prompt=keep-1, or a higher "
        "filter.judge.max_changed_share, under another run name."
    ),
    Reason.ANSWER_BLANK: "Look at the answers with `editcorpus show --pictures`; tell the provider.",
    Reason.DISPLACED: (
        "Look in the gallery; set a higher filter.judge.max_displacement under another run name."
    ),
    Reason.JUDGE_UNREADABLE: (
        "Check the judge's server, align.model and align.token_ids; ask again with `editcorpus redrive`."
    ),
    Reason.NOT_DONE: ("Look in the gallery; set a lower publish.min_done under another run name."),
    Reason.NOT_PRESERVED: (
        "Look in the gallery; set a lower publish.min_preserved under another run name."
    ),
    Reason.ARTEFACTS: (
        "Look in the gallery; set a lower publish.min_clean under another run name."
    ),
    Reason.UNAVAILABLE: "Start the same command again, or `editcorpus redrive`: only these are asked.",
    Reason.NOT_REACHED: "Mend what stopped the run, and start the same command again.",
    Reason.NOT_REPAID: (
        "Put the answer back from a copy, or start the same command without --no-repay to pay again."
    ),
}
"""What a person can do about each reason. Another run name pays for nothing that the store holds."""


@dataclass(frozen=True, slots=True)
class Triplet:
    """One row of a source, without pixels: what the plan knows about it.

    Attributes:
        id: `<source>/<native id>`, unique over the corpus.
        dataset_source: Name of the source, such as `omniedit`.
        task: The source's own name of the task.
        subtask: A finer task where the source has one, else empty.
        instruction: The instruction that is used, stripped.
        instruction_index: Which of the source's paraphrases it is, from 0.
        license: SPDX id (or the source's own name) of the licence of this row.
        file: URL or path of the source file.
        row_group: Row group in `file`, from 0.
        row: Row in `file`, from 0.
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
        instruction_type: `original` or `rewrite`.
        instruction_original: The source's text on rewrites, else empty.
        source_image: Encoded picture, upright, RGB: the source's own bytes wherever they serve.
        edited_image: Encoded picture of the same size in pixels.
        score: Geometric mean of the three judgements, 0 to 1.
        score_done: P(the edit was carried out as asked), 0 to 1.
        score_preserved: P(all else was preserved), 0 to 1.
        score_clean: P(free of artefacts), 0 to 1.
        border_fraction: Share of the outermost ring that is residual padding, 0 to 1.
        changed_share: Share of the picture that changed visibly, 0 to 1.
        shift_x: Shift of the edited content, as a share of the width; positive is right.
        scale_x: Zoom of the edited content along x; 1 is none.
        registered: Whether shift and zoom could be measured with confidence.
        padded_share: Share of the canvas that was padding, 0 to 1.
        license: Licence of the source row.
        source_file: Where the source row lies.
        model: The image model that made the edited image.
        response: Hash of the image request: the name of the paid answer in the response store.
    """

    id: str
    dataset_source: str
    task: str
    subtask: str
    instruction: str
    instruction_type: str
    instruction_original: str
    source_image: bytes
    edited_image: bytes
    width: int
    height: int
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
    instruction_index: int
    model: str
    quality: str
    response: str
    prompt_version: str
    rewrite_model: str
    judge_model: str
