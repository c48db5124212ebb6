"""Prepared pictures, so that a server under load answers without painting."""

from threading import Lock

from PIL import Image

from editcorpus.sandbox.codecs import encode
from editcorpus.sandbox.edits import Plan, Size, edited, scene

_KEY = "canned"
_PROMPT = "Make the shirt blue"


def canned_source(size: Size) -> Image.Image:
    """The picture of which the canned answer of that size is an edit, RGB.

    Who measures a whole pipeline sends this one, and the answer passes every check of pixels.
    """
    plan = Plan("A red ball and a green hill under a blue sky", size, _KEY, 0)
    grain = Image.linear_gradient("L").resize((16, 16)).rotate(45)
    rough = Image.merge("RGB", [grain] * 3).resize((256, 256), Image.Resampling.NEAREST)
    tiled = Image.new("RGB", size)
    for x in range(0, size[0], 256):
        for y in range(0, size[1], 256):
            tiled.paste(rough, (x, y))
    return Image.blend(scene(plan), tiled, 0.3)


def canned_answer(size: Size) -> Image.Image:
    """The picture that a canned server answers with, RGB."""
    return edited(canned_source(size), Plan(_PROMPT, size, _KEY, 0))


class Shelf:
    """Encoded canned pictures by size and format, each made once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pictures: dict[tuple[Size, str, bool], bytes] = {}

    def picture(self, size: Size, output_format: str, *, source: bool = False) -> bytes:
        """The encoded answer, or its source; made when it is first asked for.

        Who has a source made and then edited, gets two pictures that belong together.
        """
        make = canned_source if source else canned_answer
        kind = (size, output_format, source)
        with self._lock:
            if kind not in self._pictures:
                self._pictures[kind] = encode(make(size), output_format)
            return self._pictures[kind]
