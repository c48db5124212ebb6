"""Pictures in and out: decoding what a client sent, encoding what the emulator painted."""

import base64
import binascii
import hashlib
import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError

from editcorpus.sandbox.refusals import ApiError, invalid

#: What every picture says of its origin, in the field that its format has for software.
MARK = "editcorpus sandbox (emulated)"

#: Formats that the image API takes in, as Pillow names them.
FORMATS = ("PNG", "JPEG", "WEBP")

#: Modes that the image API takes in; 16-bit, CMYK and 1-bit pictures are refused.
_MODES = ("RGB", "RGBA", "L", "LA", "P")

_EXIF_SOFTWARE = 0x0131


@dataclass(frozen=True, slots=True)
class Sent:
    """An encoded picture as a client sent it, with the size that its header declares."""

    data: bytes
    width: int
    height: int


def bad_picture(number: int) -> ApiError:
    """400: picture `number`, from 1, cannot be used."""
    message = f"Invalid image file or mode for image {number}, please check your image file."
    return invalid(message, "image")


def open_picture(data: bytes, number: int, max_pixels: int) -> Image.Image:
    """A lazily opened picture whose header is sound.

    Raises:
        ApiError: It is no PNG, JPEG or WebP, has a mode that is refused, or is too large.
    """
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise bad_picture(number) from error
    except Image.DecompressionBombError as error:
        raise bad_picture(number) from error
    if picture.width * picture.height > max_pixels or picture.mode not in _MODES:
        raise bad_picture(number)
    return picture


def sent(data: bytes, number: int, max_pixels: int) -> Sent:
    """A picture with its declared size; no pixel is decoded."""
    picture = open_picture(data, number, max_pixels)
    return Sent(data, picture.width, picture.height)


def decode(picture: Sent, number: int, max_pixels: int) -> Image.Image:
    """The picture as 8-bit RGB, transparency flattened on white.

    Raises:
        ApiError: The data is cut short or damaged.
    """
    opened = open_picture(picture.data, number, max_pixels)
    try:
        opened.load()
    except (OSError, ValueError, SyntaxError, zlib.error) as error:
        raise bad_picture(number) from error
    if "A" in opened.getbands() or "transparency" in opened.info:
        layered = opened.convert("RGBA")
        ground = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(ground, layered).convert("RGB")
    return opened.convert("RGB")


def pixel_digest(picture: Image.Image) -> str:
    """SHA-256, in hex, over size and decoded RGB pixels."""
    header = f"{picture.width}x{picture.height}:".encode()
    return hashlib.sha256(header + picture.tobytes()).hexdigest()


def opened(
    pictures: Sequence[Sent], max_pixels: int, *, canned: bool
) -> tuple[list[Image.Image], list[str]]:
    """The pictures of a request, and a hash of each: of its pixels.

    A canned server looks at none: it has the hashes of their bytes alone.

    Raises:
        ApiError: One cannot be used.
    """
    if canned:
        return [], [hashlib.sha256(picture.data).hexdigest() for picture in pictures]
    made = [decode(picture, number, max_pixels) for number, picture in enumerate(pictures, 1)]
    return made, [pixel_digest(picture) for picture in made]


def data_url(url: str, param: str) -> bytes:
    """The bytes inside a base64 `data:` URL of a picture.

    Raises:
        ApiError: It is no such URL. The emulator fetches nothing from the network.
    """
    head, comma, body = url.partition(",")
    if not (comma and head.startswith("data:image/") and head.endswith(";base64")):
        raise invalid(
            f"Invalid '{param}': expected a base64 data URL of an image.", param, "invalid_value"
        )
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise invalid(
            f"Invalid base64 image data in '{param}'.", param, "invalid_base64_image"
        ) from error


def encode(picture: Image.Image, output_format: str, compression: int = 100) -> bytes:
    """The picture as PNG, JPEG or WebP, marked as emulated.

    Args:
        picture: RGB, 8 bit.
        output_format: `png`, `jpeg` or `webp`.
        compression: Quality of JPEG and WebP, 0 to 100.
    """
    if output_format == "png":
        return _png(picture)
    exif = Image.Exif()
    exif[_EXIF_SOFTWARE] = MARK
    stream = io.BytesIO()
    if output_format == "jpeg":
        picture.save(stream, "JPEG", quality=max(compression, 1), exif=exif, comment=MARK)
    else:
        picture.save(stream, "WEBP", quality=compression, method=0, exif=exif)
    return stream.getvalue()


def _png(picture: Image.Image) -> bytes:
    """PNG at level 1 with one fixed filter: 60% of the time that Pillow's search for one takes."""
    pixels = np.asarray(picture)
    rows = pixels.reshape(picture.height, picture.width * 3)
    filtered = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = 2  # the PNG filter "up": each row less the row above it
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"tEXt", b"Software\0" + MARK.encode("latin-1")),
            _chunk(b"IDAT", zlib.compress(filtered.data, 1)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(name: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(name))
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum)
