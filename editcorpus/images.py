"""Bytes to pictures and back: the only module that knows codecs.

Decoded pictures are `PIL.Image`, mode RGB, 8 bits a channel, upright, unless said otherwise. Bytes
from outside are opened by the reader of the one format that they bear the mark of, so that nothing
guesses, and their declared size is checked before a pixel is decoded. Colour profiles are not applied.
"""

import hashlib
import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from editcorpus import containers
from editcorpus.containers import cut_short, declared_size, proven_size
from editcorpus.errors import ModelMisbehaved, SourceError
from editcorpus.modes import to_grey, to_mask, to_rgb
from editcorpus.records import Reason

sniff = containers.sniff
PLAIN_FORMATS = ("jpeg", "png", "webp")
"""Formats whose bytes may stand in a corpus as they are: every trainer reads them."""
FILTERS = {"lanczos": Image.Resampling.LANCZOS, "bicubic": Image.Resampling.BICUBIC}
"""Filters of resampling by the names that Configs have for them."""
MAX_PIXELS = 50_000_000
"""Pixels that a picture may declare unless told otherwise: 150 MB decoded."""
MOST_PIXELS = 89_478_485
"""Pillow's own limit (`Image.MAX_IMAGE_PIXELS`), above which it warns; ours stay below it."""
_READERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "jpeg": JpegImageFile,
    "png": PngImageFile,
    "webp": WebPImageFile,
    "gif": GifImageFile,
    "bmp": BmpImageFile,
    "tiff": TiffImageFile,
}
_Convert = Callable[[Image.Image], tuple[Image.Image, bool]]
_BROKEN = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError),
    *(MemoryError, struct.error, zlib.error, Image.DecompressionBombError),
)
"""What Pillow raises over broken bytes."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How to set a picture upright, by its EXIF orientation (EXIF 2.3, tag 0x0112)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes that a picture may declare: at most `max_pixels`, at least `min_side` on each side."""

    max_pixels: int = MAX_PIXELS
    min_side: int = 64


@dataclass(frozen=True, slots=True)
class Source:
    """A decoded source picture and what was done to get there.

    Attributes:
        image: RGB, 8 bits, upright.
        format: As `sniff` names it.
        mode: Pillow's name of the mode before conversion, such as `CMYK`.
        orientation: EXIF orientation, 1 to 8; 1 is upright.
        flattened: Whether transparent pixels were put on white.
        as_published: Whether the original bytes decode to exactly these pixels in any reader.
    """

    image: Image.Image
    format: str
    mode: str
    orientation: int
    flattened: bool
    as_published: bool


def decode_source(data: bytes | None, limits: Limits) -> Source:
    """Decode a picture from outside: upright, RGB, 8 bits; of animations the first frame.

    Alpha is flattened on white; 16 bits are scaled to 8; palettes, grey and CMYK are converted.

    Raises:
        SourceError: No bytes, broken bytes, or a size beyond the limits, which is found before
            pixels are decoded.
    """
    return _opened(data, limits, to_rgb)


def decode_mask(data: bytes, limits: Limits) -> Image.Image:
    """Decode a mask from outside: upright, mode L, 255 where it says so and 0 elsewhere.

    Alpha is the mask where it varies, else luminance (see `modes.py`).

    Raises:
        SourceError: As `decode_source`.
    """
    return _opened(data, limits, to_mask).image


def decode_grey(data: bytes, limits: Limits, side: int) -> Image.Image:
    """Decode a picture to look at its luminance alone: upright, mode L.

    A JPEG is reduced while it is decoded, its sides staying at `side` px or more; errors as `decode_source`.
    """
    return _opened(data, limits, lambda image: to_grey(image, side)).image


def decode_small(data: bytes, longest: int) -> Image.Image:
    """Decode a picture as RGB with its long side at most `longest` px, as `fit` would make it.

    A JPEG is reduced while it is decoded.

    Raises:
        SourceError: The bytes are broken.
    """

    def reduced(image: Image.Image) -> tuple[Image.Image, bool]:
        image.draft("RGB", fitted(image.size, longest))
        return to_rgb(image)

    return fit(_opened(data, Limits(MOST_PIXELS, 1), reduced).image, longest)


def _opened(data: bytes | None, limits: Limits, convert: _Convert) -> Source:
    if not data:
        raise SourceError(Reason.IMAGE_MISSING, "The image has no bytes.")
    name = sniff(data)
    if cut_short(data, name):
        raise SourceError(Reason.IMAGE_UNREADABLE, f"The {name} of {len(data)} bytes is cut short.")
    try:
        return _decode(data, name, limits, convert)
    except _BROKEN as error:
        raise SourceError(
            Reason.IMAGE_UNREADABLE, f"The {name} does not decode: {_first_line(error)}"
        ) from error


def decode(data: bytes) -> Image.Image:
    """Decode a picture of our own, or an answer that `check_answer` has passed, as RGB.

    Raises:
        SourceError: The bytes are broken.
    """
    return decode_source(data, Limits(MOST_PIXELS, 1)).image


def is_plain(data: bytes) -> bool:
    """Whether bytes decode, in any reader, to upright RGB of 8 bits without alpha or animation."""
    try:
        name = sniff(data)
        _check_size(declared_size(data, name), Limits(MOST_PIXELS, 1))
        with _READERS[name](io.BytesIO(data)) as image:
            _check_size(image.size, Limits(MOST_PIXELS, 1))
            return _plain(image, name, data, _orientation(image))
    except (SourceError, *_BROKEN):
        return False


def encode_png(image: Image.Image, level: int = 1) -> bytes:
    """A picture as PNG; `level` is zlib's effort, 0 to 9."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=level)
    return buffer.getvalue()


def encode_jpeg(image: Image.Image, quality: int = 90) -> bytes:
    """A picture as baseline JPEG; `quality` is 1 to 95."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def fit(image: Image.Image, longest: int = 1024) -> Image.Image:
    """The picture with its long side at most `longest` px; never enlarged, antialiased."""
    size = fitted(image.size, longest)
    if size == image.size:
        return image
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)


def fitted(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """The size, in pixels, of a picture of `size` after `fit`."""
    side = max(size)
    if side <= longest:
        return size
    width, height = (max(1, (2 * n * longest + side) // (2 * side)) for n in size)
    return width, height


def pixel_hash(image: Image.Image) -> str:
    """SHA-256 in hex over mode, size and raw pixels: the same whatever the encoder did."""
    head = f"{image.mode} {image.width}x{image.height}\n".encode()
    return hashlib.sha256(head + image.tobytes()).hexdigest()


def check_answer(data: bytes, size: tuple[int, int] | None, max_pixels: int = MAX_PIXELS) -> str:
    """Prove that a model's picture decodes and has the size (in px) that was asked for.

    PNG of the usual kind is proven without a decoder: every checksum, and the inflated length and
    row filters that its header implies, in constant memory. Anything else is decoded.

    Returns:
        The format, as `sniff` names it.

    Raises:
        ModelMisbehaved: It does not decode, or has another size; the detail says which.
    """
    try:
        name = sniff(data)
        found = proven_size(data, max_pixels) if name == "png" else None
        if found is None:
            found = decode_source(data, Limits(max_pixels, 1)).image.size
    except SourceError as error:
        raise ModelMisbehaved(Reason.ANSWER_DAMAGED, f"Damaged answer: {error.detail}") from error
    if size is not None and found != size:
        raise ModelMisbehaved(
            Reason.ANSWER_DAMAGED,
            f"The answer has {found[0]}x{found[1]} px; {size[0]}x{size[1]} px were asked for.",
        )
    return name


def _decode(data: bytes, name: str, limits: Limits, convert: _Convert) -> Source:
    _check_size(declared_size(data, name), limits)
    with _READERS[name](io.BytesIO(data)) as image:
        _check_size(image.size, limits)
        orientation = _orientation(image)
        plain = _plain(image, name, data, orientation)
        mode = image.mode
        made, flattened = convert(image)
    turn = _TURNS.get(orientation or 1)
    if turn is not None and name != "tiff":  # Pillow's TIFF reader turns the picture itself
        made = made.transpose(turn)
    return Source(made, name, mode, orientation or 1, flattened, plain)


def _check_size(size: tuple[int, int] | None, limits: Limits) -> None:
    if size is None:
        return
    width, height = size
    if width * height > limits.max_pixels:
        raise SourceError(
            Reason.IMAGE_TOO_LARGE,
            f"The image declares {width}x{height} px; at most {limits.max_pixels} px are read.",
        )
    if min(width, height) < limits.min_side:
        raise SourceError(
            Reason.IMAGE_TOO_SMALL,
            f"The image has {width}x{height} px; each side needs {limits.min_side} px.",
        )


def _orientation(image: Image.Image) -> int | None:
    """EXIF orientation, 1 where there is none; None where it cannot be read."""
    try:
        found = image.getexif().get(0x0112, 1)
    except _BROKEN:
        return None
    return found if found in range(1, 9) else 1


def _plain(image: Image.Image, name: str, data: bytes, orientation: int | None) -> bool:
    deep = name == "png" and data[24:25] == b"\x10"  # Pillow shows 16 bits a channel as RGB, too
    return (
        name in PLAIN_FORMATS
        and orientation == 1
        and image.mode == "RGB"
        and not deep
        and "transparency" not in image.info
        and "mp" not in image.info  # several pictures in one JPEG
        and not getattr(image, "is_animated", False)
    )


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
