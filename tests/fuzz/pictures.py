"""Mutated pictures, through every way in which a picture from outside comes in."""

import io
import struct
import zlib
from pathlib import Path
from random import Random

from mutations import mutated, with_right_checksums
from PIL import Image, PngImagePlugin

from editcorpus import images
from editcorpus.errors import ModelMisbehaved, SourceError

SIZE = (72, 48)
LIMITS = images.Limits(max_pixels=2_000_000, min_side=16)
_BOMB_BYTES = 400_000_000


def _encoded(image: Image.Image, name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _bombs() -> list[bytes]:
    """Pictures of a few kilobytes that would fill the memory of whoever believes them."""
    packer = zlib.compressobj(9)
    piece = bytes(1_000_000)
    packed = b"".join(packer.compress(piece) for _ in range(_BOMB_BYTES // len(piece)))
    packed += packer.flush()
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", *SIZE, 8, 2, 0, 0, 0))
    wide = _chunk(b"IHDR", struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0))
    end = _chunk(b"IEND", b"")
    rows = _chunk(b"IDAT", packed)
    texts = [_chunk(b"zTXt", b"a\0\0" + packed), _chunk(b"iCCP", b"a\0\0" + packed)]
    small = _chunk(b"IDAT", zlib.compress(bytes((1 + 3 * SIZE[0]) * SIZE[1])))
    mark = b"\x89PNG\r\n\x1a\n"
    return [
        mark + head + rows + end,
        mark + wide + rows + end,
        *(mark + head + text + small + end for text in texts),
        b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + bytes(20),
        b"BM" + bytes(12) + struct.pack("<IiiHHI", 40, 60_000, 60_000, 1, 24, 0) + bytes(40),
        *(b"RIFF\x60\0\0\0WEBP" + name + b"\xff" * 88 for name in (b"VP8X", b"VP8L", b"VP8 ")),
    ]


def seeds() -> list[bytes]:
    """Whole pictures of every kind, and bombs."""
    shown = Image.linear_gradient("L").resize(SIZE)
    rgb = Image.merge(
        "RGB", (shown, shown.rotate(180), shown.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    )
    rgba = rgb.copy()
    rgba.putalpha(shown)
    turned = Image.Exif()
    turned[0x0112] = 6
    texts = PngImagePlugin.PngInfo()
    texts.add_text("a", "b" * 200, zip=True)
    deep = shown.convert("I;16") if shown.mode == "L" else shown
    frames = [rgb.rotate(90 * n).convert("P") for n in range(3)]
    kinds = [
        *(
            _encoded(one, "PNG")
            for one in (rgb, rgba, shown, rgb.convert("P"), shown.convert("1"), deep)
        ),
        _encoded(rgb, "PNG", pnginfo=texts, exif=turned),
        _encoded(rgb, "PNG", save_all=True, append_images=[rgba.convert("RGB")]),
        _encoded(rgb, "JPEG"),
        _encoded(rgb, "JPEG", progressive=True, exif=turned),
        _encoded(rgb.convert("CMYK"), "JPEG"),
        _encoded(shown, "JPEG", restart_marker_blocks=2),
        _encoded(rgb, "WEBP"),
        _encoded(rgba, "WEBP", lossless=True),
        _encoded(rgba, "WEBP", exif=turned),
        _encoded(rgb, "WEBP", save_all=True, append_images=frames[:1]),
        _encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        _encoded(shown, "GIF", transparency=0),
        *(_encoded(one, "BMP") for one in (rgb, rgba, rgb.convert("P"))),
        *(_encoded(one, "TIFF") for one in (rgb, deep, shown.convert("F"))),
        *(
            _encoded(rgb, "TIFF", compression=name, exif=turned)
            for name in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits")
        ),
    ]
    return kinds + _bombs()


class Pictures:
    """Checks one mutated picture after the other.

    Args:
        folder: Not needed: the seeds are made anew, and bombs are small only while they are packed.
    """

    def __init__(self, folder: Path) -> None:
        self._seeds = seeds()

    def check(self, chance: Random) -> str:
        """Decode one; gives in one word what became of it."""
        seed, other = chance.choice(self._seeds), chance.choice(self._seeds)
        data = seed if chance.random() < 0.02 else mutated(seed, chance, other)
        if chance.random() < 0.5:
            data = with_right_checksums(data)
        size = SIZE if chance.random() < 0.9 else None
        as_answer = _as_answer(data, size)
        return f"{_as_source(data)}, {as_answer}"


def _as_source(data: bytes) -> str:
    """Decode a picture as an input's; what is accepted must be what it says."""
    try:
        source = images.decode_source(data, LIMITS)
    except SourceError as error:
        within_memory(error)
        assert len(str(error)) < 400, error
        return f"source {error.reason}"
    width, height = source.image.size
    assert source.image.mode == "RGB"
    assert width * height <= LIMITS.max_pixels and min(width, height) >= LIMITS.min_side
    assert len(source.image.tobytes()) == width * height * 3
    assert source.format == images.sniff(data)
    assert images.is_plain(data) == source.as_published
    if source.as_published:
        with Image.open(io.BytesIO(data)) as other:
            assert other.convert("RGB").tobytes() == source.image.tobytes(), "readers disagree"
    return "source taken"


def _as_answer(data: bytes, size: tuple[int, int] | None) -> str:
    """Check a picture as a model's; what is accepted must decode to the size that was asked for."""
    try:
        name = images.check_answer(data, size, LIMITS.max_pixels)
    except ModelMisbehaved as error:
        within_memory(error)
        return "answer damaged"
    assert name == images.sniff(data)
    found = images.decode(data)
    assert size is None or found.size == size, f"{found.size} px were accepted for {size} px"
    return "answer taken"


def within_memory(error: BaseException | None) -> None:
    """Nothing was refused only because memory ran out."""
    while error is not None:
        assert not isinstance(error, MemoryError), "it asked for more memory than it may have"
        error = error.__cause__
