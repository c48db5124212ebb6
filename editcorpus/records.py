"""The records that steps hand to each other."""

from dataclasses import dataclass, field

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
    """A final verdict: this triplet is not fit for the corpus.

    Attributes:
        measured: What the step had measured by then, as a JSON object, so that other thresholds can be
            tried; empty where nothing was. Manifests hold it; tables of verdicts do not.
    """

    id: str
    step: str
    reason: Reason
    detail: str
    measured: str = field(default="", metadata={"column": False})


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
        border_fraction: Share of the outermost ring of the edited image that has the padding's colour, 0
            to 1, whether or not the source has it there: the border rule read plainly.
        changed_share: Share of the picture that changed visibly, 0 to 1.
        shift_x: Shift of the edited content in the answer, as a share of the width; positive is right.
        scale_x: Zoom of the edited content in the answer along x; 1 is none.
        registered: Whether shift and zoom could be measured with confidence.
        outside_mask: Share of what lies outside the mask that changed, 0 to 1; -1 without a mask.
        padded_share: Share of the canvas that was padding, 0 to 1.
        license: Licence of the source row.
        source_file: Where the source row lies.
        source_facts: The source's own scores and captions, as a JSON object; empty without any.
        previous: Id of the turn before it in a conversation, else empty.
        model: The image model that made the edited image.
        response: Hash of the image request: the name of the paid answer in the response store.
        residual_padding: Share of the outermost ring that belongs to bars of padding, 0 to 1.
        registration: How the edited image lies on its source: `aligned`, `corrected` (shift and zoom are
            undone), `displaced` (they are not), `moving` (they were asked for) or `unregistered` (they
            are not known); empty in corpora of earlier versions.
        displacement_px: How far a corner of the edited image is still off, in its px; -1 where unknown.
        lost_share: Share of the original source image that was cut off both pictures, 0 to 1.
        crop_left: Px that were cut off the left side of the original source image; the other sides
            likewise. `canvas_*` and `box_*` are those of the whole of it.
        change_area: Share of the picture that the edit takes, 0 to 1; -1 in corpora of earlier versions.
        change_x: Left edge, in px of the source image, of the box that holds all that was edited, as
            `change_y` is its upper edge; 0 where nothing was found, as of width and height.
        change_mask: What was edited: a PNG of one bit a px in base64, white where it was, its long side at
            most 192 px and its shape that of the source image; empty where nothing was found.
        psnr_outside: PSNR outside of the edit in dB, 0 to 60, at 384 px; -1 where next to nothing lies
            outside, or in corpora of earlier versions, as of the other figures of this kind.
        ssim_outside: SSIM outside of it, -1 to 1.
        tone_drift: By how much the colour or light outside of it changed, 0 to 1.
        psnr_outside_mask: PSNR outside of the mask that came with the row; -1 likewise, or without one.
        ssim_outside_mask: SSIM there.
        doubts: What makes the pair worth a look: of `tiny_edit`, `nothing_alike`, `unlike_outside` and
            `tone_drift`, between spaces; empty without any.
        language: Of the instruction, BCP 47, such as `en`; `und` where its text does not tell.
        script: Of the instruction, ISO 15924, such as `Latn`; `Zyyy` where it has no letters.
        model_version: What the image model calls itself in its answer; empty where it does not, or no
            model was asked, as are the other versions.
        rewrite_version: The same of the model that wrote the instruction of a rewrite.
        rewrite_prompt: Name of the question that it was asked; empty where nothing was rewritten.
        judge_version: What the judge calls itself in its answer.
        judge_prompt: Name of the questions that it was asked.
        source_model: The image model that made the source image; empty where it is as published.
        source_response: Hash of the request for the source image; empty likewise.
        embed_match: Cosine of the vectors of source with instruction, and of the edited image, -1 to 1;
            null, as the others of vectors, where nobody was asked for them.
        embed_image: The same of source and edited image.
        embed_dir: Cosine of what changed between the pictures, and between their captions, -1 to 1.
        clip_sim_source: Cosine of the source image and its caption by CLIP, -1 to 1.
        clip_sim_target: The same of the edited image and its caption.
        clip_sim_dir: As `embed_dir`, by CLIP.
        clip_sim_image: Cosine of source and edited image by CLIP, -1 to 1.
        dino_sim: The same by DINO.
        ssim: Structural similarity of source and edited image, -1 to 1; null where no vectors were
            asked for.
        embed_model: The models that made vectors, with commas between them; empty without any.
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
    residual_padding: float = 0.0
    registration: str = ""
    displacement_px: float = -1.0
    lost_share: float = 0.0
    crop_left: int = 0
    crop_top: int = 0
    crop_right: int = 0
    crop_bottom: int = 0
    change_area: float = -1.0
    change_x: int = 0
    change_y: int = 0
    change_width: int = 0
    change_height: int = 0
    change_mask: str = ""
    psnr_outside: float = -1.0
    ssim_outside: float = -1.0
    tone_drift: float = -1.0
    psnr_outside_mask: float = -1.0
    ssim_outside_mask: float = -1.0
    doubts: str = ""
    language: str = "und"
    script: str = "Zyyy"
    model_version: str = ""
    rewrite_version: str = ""
    rewrite_prompt: str = ""
    judge_version: str = ""
    judge_prompt: str = ""
    source_model: str = ""
    source_response: str = ""
    embed_match: float | None = None
    embed_image: float | None = None
    embed_dir: float | None = None
    clip_sim_source: float | None = None
    clip_sim_target: float | None = None
    clip_sim_dir: float | None = None
    clip_sim_image: float | None = None
    dino_sim: float | None = None
    ssim: float | None = None
    embed_model: str = ""
