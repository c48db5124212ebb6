"""Pictures whose bytes were put together by hand, damaged, or made to do harm."""

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image

from editcorpus.errors import ModelMisbehaved, SourceError
from editcorpus.images import (
    Limits,
    check_answer,
    decode,
    decode_source,
)
from editcorpus.records import Reason

LIMITS = Limits(max_pixels=1_000_000, min_side=16)


FORMATS = ("jpeg", "png", "webp", "gif", "bmp", "tiff")


SIGNATURE = b"\x89PNG\r\n\x1a\n"


def picture(width: int = 48, height: int = 32, seed: int = 0) -> Image.Image:
    """A smooth picture with some noise, no two corners alike."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = [x * 255 / width, y * 255 / height, (x + y) * 127 / (width + height)]
    noise = rng.integers(0, 9, (height, width, 3))
    return Image.fromarray((np.stack(planes, -1) + noise).clip(0, 255).astype(np.uint8))


def encoded(image: Image.Image, name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(
    width: int, height: int, rows: bytes, kind: tuple[int, int, int] = (8, 2, 0), *more: bytes
) -> bytes:
    depth, colour, interlaced = kind
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    body = chunk(b"IHDR", header) + b"".join(more) + chunk(b"IDAT", zlib.compress(rows, 1))
    return SIGNATURE + body + chunk(b"IEND", b"")


def reason(data: bytes | None, limits: Limits = LIMITS) -> Reason:
    with pytest.raises(SourceError) as caught:
        decode_source(data, limits)
    return caught.value.reason


@pytest.mark.parametrize("data", [None, b""])
def test_no_bytes_are_a_missing_image(data: bytes | None) -> None:
    assert reason(data) is Reason.IMAGE_MISSING


@pytest.mark.parametrize("data", [b"x", b"<html></html>", b"%PDF-1.7", b"\x00" * 64])
def test_other_bytes_are_unreadable(data: bytes) -> None:
    assert reason(data) is Reason.IMAGE_UNREADABLE


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_cut_file_is_unreadable(name: str, share: float) -> None:
    data = encoded(picture(96, 80), name)
    assert reason(data[: int(len(data) * share)]) is Reason.IMAGE_UNREADABLE


def bombs() -> Iterator[bytes]:
    yield png(60_000, 60_000, b"")
    yield b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + bytes(20)
    yield b"BM" + bytes(12) + struct.pack("<IiiHHI", 40, 60_000, 60_000, 1, 24, 0) + bytes(40)
    jpeg = bytearray(encoded(picture(), "jpeg"))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = struct.pack(">HH", 65_500, 65_500)
    yield bytes(jpeg)
    for name in (b"VP8X", b"VP8L", b"VP8 "):
        yield b"RIFF" + struct.pack("<I", 96) + b"WEBP" + name + b"\xff" * 88


@pytest.mark.parametrize("data", list(bombs()))
def test_a_size_bomb_is_refused_by_what_it_declares(data: bytes) -> None:
    assert reason(data, Limits()) is Reason.IMAGE_TOO_LARGE


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\x00\x00"}])
def test_the_size_of_every_kind_of_webp_is_found_before_decoding(options: dict) -> None:
    data = encoded(picture(48, 32), "webp", **options)
    assert reason(data, Limits(48 * 32 - 1, 16)) is Reason.IMAGE_TOO_LARGE
    assert decode_source(data, Limits(48 * 32, 32)).image.size == (48, 32)


def test_a_small_picture_is_too_small() -> None:
    assert reason(encoded(picture(48, 15), "png")) is Reason.IMAGE_TOO_SMALL


def test_sixteen_bits_of_rgb_are_scaled_and_need_new_bytes() -> None:
    rows = b"".join(b"\x00" + struct.pack(">HHH", 65535, 32768, 0) * 32 for _ in range(32))
    source = decode_source(png(32, 32, rows, (16, 2, 0)), LIMITS)
    assert source.image.getpixel((5, 5)) == (255, 128, 0)
    assert not source.as_published


def mutate(data: bytes, rng: random.Random) -> bytes:
    broken = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(8, len(broken) - 4)
        match rng.randrange(4):
            case 0:
                broken[at] ^= 1 << rng.randrange(8)
            case 1:
                broken[at : at + 4] = rng.randbytes(4)
            case 2:
                del broken[at : at + rng.randrange(1, 4)]
            case 3:
                broken[at:at] = rng.randbytes(3)
    return bytes(broken)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("name", FORMATS)
def test_no_broken_bytes_raise_anything_but_source_error(name: str) -> None:
    rng = random.Random(7)
    data = encoded(picture(24, 20), name)
    read = 0
    for _ in range(200):
        try:
            read += decode_source(mutate(data, rng), LIMITS).image.mode == "RGB"
        except SourceError as error:
            assert error.reason in {
                Reason.IMAGE_UNREADABLE,
                Reason.IMAGE_TOO_LARGE,
                Reason.IMAGE_TOO_SMALL,
            }
    assert read < 200


def fault(data: bytes, size: tuple[int, int] | None = (48, 32)) -> str:
    with pytest.raises(ModelMisbehaved) as caught:
        check_answer(data, size)
    assert caught.value.reason is Reason.ANSWER_DAMAGED
    return caught.value.detail


def test_an_answer_of_another_size_is_named() -> None:
    assert "48x32 px; 32x48 px" in fault(encoded(picture(), "png"), (32, 48))
    assert "48x32 px; 32x48 px" in fault(encoded(picture(), "webp"), (32, 48))


def test_provenance_chunks_do_not_trouble_an_answer() -> None:
    rows = (b"\x00" + bytes(3 * 48)) * 32
    for more in (chunk(b"caBX", b"jumbf"), chunk(b"tEXt", b"a\x00b")):
        assert check_answer(png(48, 32, rows, (8, 2, 0), more), (48, 32)) == "png"


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


ROW = b"\x00" + bytes(3 * 48)


DAMAGE: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "a page": lambda: b"<html>",
    "a row too few": lambda: png(48, 32, ROW * 31),
    "a row too many": lambda: png(48, 32, ROW * 33),
    "an unknown filter": lambda: png(48, 32, ROW * 31 + b"\x07" + ROW[1:]),
    "no rows": lambda: SIGNATURE + png(48, 32, b"")[8:33] + chunk(b"IEND", b""),
    "no header": lambda: SIGNATURE + chunk(b"IEND", b"") * 4,
    "rows that do not inflate": lambda: (
        png(48, 32, b"")[:33] + chunk(b"IDAT", b"\x78\x01junk") + chunk(b"IEND", b"")
    ),
    "no end": lambda: encoded(picture(), "png")[:-12],
    "a wrong checksum": lambda: flipped(encoded(picture(), "png"), 60),
    "a cut jpeg": lambda: encoded(picture(), "jpeg")[:-300],
    "a cut webp": lambda: encoded(picture(), "webp")[:-30],
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_answer_is_refused(what: str) -> None:
    assert fault(DAMAGE[what]())


def test_a_bomb_in_an_answer_is_refused_before_it_inflates() -> None:
    assert "60000x60000" in fault(png(60_000, 60_000, b""), None)
    assert "no header implies" in fault(png(48, 32, bytes(3_000_000)))


def test_an_answer_that_passes_can_be_decoded() -> None:
    rng = random.Random(3)
    for data in (encoded(picture(24, 20), "png"), png(24, 20, (b"\x02" + bytes(72)) * 20)):
        passed = 0
        for number in range(300):
            broken = data if number == 0 else mutate(data, rng)
            try:
                check_answer(broken, (24, 20))
            except ModelMisbehaved:
                continue
            assert decode(broken).size == (24, 20)
            passed += 1
        assert passed >= 1
