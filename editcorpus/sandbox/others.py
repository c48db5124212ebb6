"""Pictures that an answer may wrongly show: those of other requests, and those of a benchmark.

Whose answers are exchanged has to be known before the first call, or it would hang on their order. So the
canvases of requests lie in a folder, in a folder for each group, such as a shard, with the prompt of each
beside it: `00/0007.jpg` and `00/0007.txt`. Of a group, the first and the second canvas of a size are
partners by name, the third and the fourth, and so on.
"""

from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from editcorpus.errors import ConfigError

_SIDE = 32
_SAME, _OTHER = 6.0, 15.0
"""Mean difference of luminance, 0 to 255, up to which two canvases show the same, and from which on not."""
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}

Signature = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Other:
    """A picture that may be shown in place of the own one.

    Attributes:
        path: Its file.
        prompt: What was asked for; empty where nobody knows.
        pair: The name of the exchange: the same for both of its requests.
    """

    path: Path
    prompt: str = ""
    pair: str = ""

    def pixels(self) -> Image.Image:
        """RGB.

        Raises:
            ConfigError: The file is gone or is no picture.
        """
        try:
            with Image.open(self.path) as opened:
                return opened.convert("RGB")
        except (OSError, SyntaxError) as error:
            raise ConfigError(f"{self.path} is no picture that can be shown: {error}.") from error


@dataclass(frozen=True, slots=True)
class _Known:
    other: Other
    size: tuple[int, int]
    signature: Signature


class Others:
    """The pictures of a server's `requests` and `benchmark` folders; may be used by several threads.

    Args:
        requests: Folder of groups of canvases; None: no answers are exchanged.
        benchmark: Folder of pictures; None: there are none.

    Raises:
        ConfigError: A folder is not there.
    """

    def __init__(self, requests: Path | None, benchmark: Path | None) -> None:
        for folder in (requests, benchmark):
            if folder is not None and not folder.is_dir():
                raise ConfigError(f"{folder} is no folder of pictures.")
        self._requests = requests
        self._lock = Lock()
        self._pairs: list[tuple[_Known, _Known]] | None = None
        self.benchmark = tuple(map(Other, _pictures(benchmark))) if benchmark else ()

    def partner(self, canvas: Image.Image) -> Other | None:
        """What the request that a canvas exchanges answers with was about; None where there is none."""
        if self._requests is None:
            return None
        with self._lock:
            if self._pairs is None:
                self._pairs = _paired(self._requests)
        own = _signature(canvas)
        for one, other in self._pairs:
            for mine, its in ((one, other), (other, one)):
                if mine.size == canvas.size and _difference(mine.signature, own) < _SAME:
                    return its.other
        return None


def _paired(folder: Path) -> list[tuple[_Known, _Known]]:
    made = []
    for group in sorted(path for path in folder.iterdir() if path.is_dir()):
        waiting: dict[tuple[int, int], _Known] = {}
        for path in _pictures(group):
            known = _known(path)
            first = waiting.pop(known.size, None)
            if first is None:
                waiting[known.size] = known
            elif _difference(first.signature, known.signature) > _OTHER:
                made.append((first, known))
    return [(_named(one, one), _named(other, one)) for one, other in made]


def _named(known: _Known, first: _Known) -> _Known:
    path = first.other.path
    pair = f"{path.parent.name}/{path.name}"
    return _Known(Other(known.other.path, known.other.prompt, pair), known.size, known.signature)


def _known(path: Path) -> _Known:
    text = path.with_suffix(".txt")
    other = Other(path, text.read_text("utf-8").strip() if text.is_file() else "")
    picture = other.pixels()
    return _Known(other, picture.size, _signature(picture))


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)


def _signature(picture: Image.Image) -> Signature:
    small = picture.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(small, np.float32)


def _difference(one: Signature, other: Signature) -> float:
    return float(np.abs(one - other).mean())
