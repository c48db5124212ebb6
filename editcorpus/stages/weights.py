"""How many bytes a run will keep, by what each kind of picture weighs for each of its pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

from editcorpus import images
from editcorpus.records import Geometry
from editcorpus.stages.looking import Look
from editcorpus.steps import pad

# Bytes for a pixel, measured over the demo's photographs:
# `.venv/bin/python tests/benchmarks/weights.py editcorpus/demo/photos`
_CANVAS = 1.24
_EDITED = 1.24
_VIEW = 0.23
_ANSWER = {"png": 1.12, "jpeg": 0.53, "webp": 0.28}


@dataclass(frozen=True, slots=True)
class Weight:
    """Bytes that a run keeps, if no result is rejected.

    Attributes:
        answers: Paid pictures in the response store.
        pad: Canvases, and the pictures that judges see.
        filter: Edited images, and likewise.
        corpus: Source and edited images as they are published.
    """

    answers: float = 0.0
    pad: float = 0.0
    filter: float = 0.0
    corpus: float = 0.0

    @property
    def total(self) -> float:
        """All together."""
        return self.answers + self.pad + self.filter + self.corpus


def weigh(
    laid: Sequence[tuple[Look, Geometry]], times: float, output_format: str, config: pad.Config
) -> Weight:
    """What rows like these will weigh.

    Args:
        laid: Rows, and where each lies on its canvas.
        times: How many rows of the selection each stands for.
        output_format: Of the API's answers.
        config: How they are padded and shown.
    """
    canvas = sum(geometry.canvas_width * geometry.canvas_height for _, geometry in laid)
    source = sum(_pixels(look.size) for look, _ in laid)
    view = sum(_pixels(images.fitted(look.size, config.view_longest)) for look, _ in laid)
    again = sum(_pixels(look.size) for look, _ in laid if not look.as_published)
    published = sum(look.stored_bytes for look, _ in laid if look.as_published)
    return Weight(
        answers=times * canvas * _ANSWER[output_format],
        pad=times * (canvas * _CANVAS + view * _VIEW + again * _EDITED),
        filter=times * (source * _EDITED + view * _VIEW),
        corpus=times * (source * _EDITED + published + again * _EDITED),
    )


def answer_bytes(size: tuple[int, int], output_format: str) -> int:
    """Bytes of an answer with a picture of this size in pixels."""
    return round(_pixels(size) * _ANSWER[output_format])


def _pixels(size: tuple[int, int]) -> int:
    return size[0] * size[1]
