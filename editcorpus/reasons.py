"""Why a triplet is not in a corpus: the closed list, each with a sentence and a remedy."""

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
    LOW_SOURCE_SCORE = "low_source_score"
    CAPTION_MISSING = "caption_missing"
    EARLIER_TURN = "earlier_turn"
    IMAGE_IS_LINK = "image_is_link"
    PATH_OUTSIDE = "path_outside"
    IMAGE_MISSING = "image_missing"
    IMAGE_UNREADABLE = "image_unreadable"
    IMAGE_TOO_LARGE = "image_too_large"
    IMAGE_TOO_SMALL = "image_too_small"
    IMAGE_BLANK = "image_blank"
    TOO_MUCH_PADDING = "too_much_padding"
    MASK_UNUSABLE = "mask_unusable"
    CAPTION_UNREADABLE = "caption_unreadable"
    COMPOSE_UNREADABLE = "compose_unreadable"
    MODERATION_INPUT = "moderation_input"
    MODERATION_OUTPUT = "moderation_output"
    REQUEST_REFUSED = "request_refused"
    ANSWER_DAMAGED = "answer_damaged"
    EDITED_MISSING = "edited_missing"
    EDITED_UNREADABLE = "edited_unreadable"
    RESIDUAL_PADDING = "residual_padding"
    NO_EDIT = "no_edit"
    EVERYTHING_CHANGED = "everything_changed"
    WRONG_PICTURE = "wrong_picture"
    ANSWER_BLANK = "answer_blank"
    DISPLACED = "displaced"
    CONTENT_LOST = "content_lost"
    JUDGE_UNREADABLE = "judge_unreadable"
    NOT_DONE = "not_done"
    NOT_PRESERVED = "not_preserved"
    CHANGED_OUTSIDE = "changed_outside"
    ARTEFACTS = "artefacts"
    UNLIKE = "unlike"
    BEYOND_BAND = "beyond_band"
    NOT_JUDGED = "not_judged"
    LICENCE_LEFT_OUT = "licence_left_out"
    CONTAMINATED = "contaminated"
    DUPLICATE_TRIPLET = "duplicate_triplet"
    ID_TAKEN = "id_taken"
    NEAR_DUPLICATE = "near_duplicate"
    SPLIT_CONFLICT = "split_conflict"
    OVER_QUOTA = "over_quota"
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
    Reason.LOW_SOURCE_SCORE: "The source's own scores of the published pair are below its rule.",
    Reason.CAPTION_MISSING: "The row has no caption to make a source image from.",
    Reason.EARLIER_TURN: "An earlier turn of this conversation is not in the corpus.",
    Reason.IMAGE_IS_LINK: "The row holds no picture, only an address where one was.",
    Reason.PATH_OUTSIDE: "The path of a picture leads out of the folder that holds them.",
    Reason.IMAGE_MISSING: "The row holds no bytes for the source image.",
    Reason.IMAGE_UNREADABLE: "The source image does not decode; it is cut short or damaged.",
    Reason.IMAGE_TOO_LARGE: "The source image declares more pixels than the limit.",
    Reason.IMAGE_TOO_SMALL: "The source image is smaller than the limit.",
    Reason.IMAGE_BLANK: "The source image shows one flat colour.",
    Reason.TOO_MUCH_PADDING: "More than half of every allowed canvas would be padding.",
    Reason.MASK_UNUSABLE: "The mask is broken, allows no edit anywhere, or is of a picture that is replaced.",
    Reason.CAPTION_UNREADABLE: "The writer gave no usable caption of the source image, twice.",
    Reason.COMPOSE_UNREADABLE: "The writer gave no usable complex instruction, twice.",
    Reason.MODERATION_INPUT: "The safety system of the image API refused the request.",
    Reason.MODERATION_OUTPUT: "The safety system of the image API withheld the result.",
    Reason.REQUEST_REFUSED: "The API says that this request is invalid and always will be.",
    Reason.ANSWER_DAMAGED: "The answer was damaged each time it was asked for.",
    Reason.EDITED_MISSING: "The row holds no bytes for the published edited image.",
    Reason.EDITED_UNREADABLE: "The published edited image cannot be used; it is damaged or too large.",
    Reason.RESIDUAL_PADDING: "A bar of the padding colour is left at the edge of the result.",
    Reason.NO_EDIT: "The result shows no change against the source.",
    Reason.EVERYTHING_CHANGED: "The whole picture changed where the task is local.",
    Reason.WRONG_PICTURE: "The result is an edit of another source image, not of its own.",
    Reason.ANSWER_BLANK: "The result shows one flat colour.",
    Reason.DISPLACED: "The result is shifted or zoomed against the source beyond the limit.",
    Reason.CONTENT_LOST: "The result has moved more of the picture out of its frame than may be cut off.",
    Reason.JUDGE_UNREADABLE: "The judge gave no usable verdict, twice.",
    Reason.NOT_DONE: "The judge finds that the edit was not carried out as asked.",
    Reason.NOT_PRESERVED: "The judge finds that more changed than was asked for.",
    Reason.CHANGED_OUTSIDE: "What lies outside of the edit differs more from the source than the limit.",
    Reason.ARTEFACTS: "The judge finds visible artefacts in the result.",
    Reason.UNLIKE: "The vectors of the pair, or its SSIM, miss a limit that was set for them.",
    Reason.BEYOND_BAND: "Its figures are rare among the accepted triplets of its family in this very run.",
    Reason.NOT_JUDGED: "It passes the thresholds of the refiltered corpus, but nobody was asked to judge it.",
    Reason.LICENCE_LEFT_OUT: "Its licence is not among those that the united corpus takes.",
    Reason.CONTAMINATED: "One of its pictures is a benchmark's, or resembles one with the same instruction.",
    Reason.DUPLICATE_TRIPLET: "An earlier triplet has the same two pictures and the same instruction.",
    Reason.ID_TAKEN: "An earlier triplet of the united corpus has the same id, and is another one.",
    Reason.NEAR_DUPLICATE: "Another triplet has nearly the same two pictures and the same words.",
    Reason.SPLIT_CONFLICT: "Its source image is near those of two splits, which no picture may join.",
    Reason.OVER_QUOTA: "As many of its source, task or family as may enter are in the corpus.",
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
    Reason.LOW_SOURCE_SCORE: "Nothing; or build another variant, which replaces the scored picture.",
    Reason.CAPTION_MISSING: "Build another recipe: this one makes source images from captions.",
    Reason.EARLIER_TURN: "Look for the reason of that turn; if it is kept later, start the same again.",
    Reason.IMAGE_IS_LINK: "Fetch these pictures from their publisher, and build from a folder.",
    Reason.PATH_OUTSIDE: "Write paths that begin in the folder of pictures, which folder.pictures names.",
    Reason.IMAGE_MISSING: "Fetch the input again if its publisher has these pictures.",
    Reason.IMAGE_UNREADABLE: "Fetch the input again; nothing if its publisher's copy is damaged, too.",
    Reason.IMAGE_TOO_LARGE: "Raise pad.max_pixels under another run name if such sizes are honest.",
    Reason.IMAGE_TOO_SMALL: "Lower pad.min_side under another run name to take them.",
    Reason.IMAGE_BLANK: "Nothing; there is nothing to edit.",
    Reason.TOO_MUCH_PADDING: (
        "Set pad.canvas=free, or raise pad.max_padded_share, under another run name."
    ),
    Reason.MASK_UNUSABLE: "Look at the row's mask; white is where the edit goes. No new pair has one.",
    Reason.CAPTION_UNREADABLE: (
        "Check caption.model and its endpoint; ask again with `editcorpus redrive`."
    ),
    Reason.COMPOSE_UNREADABLE: (
        "Check compose.model and its endpoint; ask again with `editcorpus redrive`."
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
    Reason.EDITED_MISSING: "Fetch the input again, or build the variant that makes this picture anew.",
    Reason.EDITED_UNREADABLE: "Fetch the input again, or build the variant that makes it anew.",
    Reason.RESIDUAL_PADDING: "Set pad.canvas=free under another run name: it leaves no padding.",
    Reason.NO_EDIT: (
        "Look in the gallery; set a lower filter.judge.unchanged_share under another run name."
    ),
    Reason.EVERYTHING_CHANGED: (
        "Look in the gallery; set regenerate.prompt=keep-1, or a higher "
        "filter.judge.max_changed_share, under another run name."
    ),
    Reason.WRONG_PICTURE: (
        "Look at both triplets with `editcorpus show --pictures`; tell the provider the request ids."
    ),
    Reason.ANSWER_BLANK: "Look at the answers with `editcorpus show --pictures`; tell the provider.",
    Reason.DISPLACED: (
        "Look in the gallery; set a higher filter.judge.max_displacement under another run name."
    ),
    Reason.CONTENT_LOST: (
        "Look in the gallery; set a higher filter.judge.max_lost_share under another run name."
    ),
    Reason.JUDGE_UNREADABLE: (
        "Check the judge's server, align.model and align.token_ids; ask again with `editcorpus redrive`."
    ),
    Reason.NOT_DONE: ("Look in the gallery; set a lower publish.min_done under another run name."),
    Reason.NOT_PRESERVED: (
        "Look in the gallery; lower publish.min_preserved or whole_min_preserved under another run name."
    ),
    Reason.CHANGED_OUTSIDE: (
        "Look in the gallery; set publish.min_psnr_outside, min_ssim_outside or by_kind under another name."
    ),
    Reason.ARTEFACTS: (
        "Look in the gallery; set a lower publish.min_clean under another run name."
    ),
    Reason.UNLIKE: (
        "Look in the gallery; set other limits in publish.likeness under another run name."
    ),
    Reason.BEYOND_BAND: "Look at it; refilter without --bands if what is rare is not wrong.",
    Reason.NOT_JUDGED: "Build with these thresholds under another run name: only its judgement is paid for.",
    Reason.LICENCE_LEFT_OUT: "Nothing, unless you hold a licence of your own: then name it with --license.",
    Reason.CONTAMINATED: "Nothing; look at the pair in the corpus' hits page.",
    Reason.DUPLICATE_TRIPLET: "Nothing; the earlier one, which the detail names, is in the corpus.",
    Reason.ID_TAKEN: "Unite the other run first, or under another name, if its triplet is the better one.",
    Reason.NEAR_DUPLICATE: (
        "Look at the pair in the corpus' hits page; --keep-near-duplicates, under another name, keeps both."
    ),
    Reason.SPLIT_CONFLICT: "Nothing; or unite all runs once more with --anew, which draws splits afresh.",
    Reason.OVER_QUOTA: "Unite under another name with a higher --most, --most-per-task or --most-per-family.",
    Reason.UNAVAILABLE: "Start the same command again, or `editcorpus redrive`: only these are asked.",
    Reason.NOT_REACHED: "Mend what stopped the run, and start the same command again.",
    Reason.NOT_REPAID: (
        "Put the answer back from a copy, or start the same command without --no-repay to pay again."
    ),
}
"""What a person can do about each reason. Another run name pays for nothing that the store holds."""
