import gzip
import random
import zlib
from itertools import pairwise

import pytest

from editcorpus.archives.parts import BrokenOff
from editcorpus.archives.unpacked import Point, Unpacked


class Bytes:
    """Packed bytes that lie in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def read(self, start: int, length: int) -> bytes:
        return self.data[start : start + length]


def drawn(size: int, seed: int = 3) -> bytes:
    chance = random.Random(seed)
    words = [chance.randbytes(300) for _ in range(200)]
    return b"".join(chance.choice(words) + chance.randbytes(500) for _ in range(size // 800))


def whole(stream: Unpacked) -> bytes:
    made = []
    while taken := stream.take(1 << 20):
        made.append(bytes(taken))
    return b"".join(made)


@pytest.mark.parametrize("piece", [1, 7, 1_000, 1 << 20])
def test_streams_behind_each_other_are_one(piece):
    data = [b"one " * 50, b"", drawn(4_000)]
    packed = b"".join(gzip.compress(one) for one in data)
    assert whole(Unpacked(Bytes(packed), piece=piece)) == b"".join(data)


@pytest.mark.parametrize("behind", [b"\0" * 3_000, b"rubbish", b"\x1f", b"\0\0rubbish"])
def test_what_is_no_gzip_behind_the_last_stream_is_left_alone(behind):
    assert whole(Unpacked(Bytes(gzip.compress(b"data") + behind), piece=100)) == b"data"


def test_it_can_be_begun_at_every_point_that_was_heard_of():
    data = [drawn(2_000_000), drawn(1_500_000, 4), drawn(500_000, 5)]
    packed = Bytes(b"".join(gzip.compress(one) for one in data))
    plain = b"".join(data)
    heard: list[tuple[Point, bytes]] = []
    stream = Unpacked(packed, piece=1 << 17)
    stream.watch(lambda *one: heard.append(one), 200_000, 0)
    assert whole(stream) == plain
    assert len(heard) > 8
    places = [point.packed for point, _ in heard]
    assert all(two - one >= 200_000 for one, two in pairwise(places))
    for point, window in heard:
        again = Unpacked(packed, (point, window), piece=1 << 16)
        assert again.at == point.unpacked
        assert whole(again) == plain[point.unpacked :]


def test_points_are_found_behind_a_point_it_was_begun_at():
    packed, plain = Bytes(gzip.compress(drawn(3_000_000))), drawn(3_000_000)
    heard: list[tuple[Point, bytes]] = []
    first = Unpacked(packed, piece=1 << 17)
    first.watch(lambda *one: heard.append(one), 500_000, 0)
    whole(first)
    start, later = heard[0], []
    second = Unpacked(packed, start, piece=1 << 17)
    second.watch(lambda *one: later.append(one), 500_000, start[0].packed)
    assert whole(second) == plain[start[0].unpacked :]
    assert later
    for point, window in later:
        assert whole(Unpacked(packed, (point, window))) == plain[point.unpacked :]


@pytest.mark.parametrize("cut", [5, 12, 1_000, 100_000, -9, -1])
def test_a_cut_gives_all_before_it_and_then_is_told(cut):
    plain = drawn(400_000)
    stream = Unpacked(Bytes(gzip.compress(plain)[:cut]))
    made = b""
    with pytest.raises(BrokenOff, match="it is cut short"):
        while taken := stream.take(1 << 20):
            made += bytes(taken)
    assert plain.startswith(made)
    assert len(made) >= (len(plain) if cut < 0 else max(0, cut - 60_000))


def test_damage_gives_what_lies_before_it():
    plain = drawn(400_000)
    packed = gzip.compress(plain)
    state = zlib.decompressobj(31)
    before = state.decompress(packed[:200_000])
    broken = Bytes(packed[:200_000] + random.Random(1).randbytes(50_000))
    stream, made = Unpacked(broken), b""
    with pytest.raises(BrokenOff, match="it is damaged"):
        while taken := stream.take(1 << 20):
            made += bytes(taken)
    assert made.startswith(before)
    with pytest.raises(BrokenOff):
        stream.take(1)
    assert 200_000 <= stream.packed_at <= broken.size


def test_a_bomb_is_left_early_and_never_held():
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(1 << 20)
    packed = b"".join(packer.compress(zeros) for _ in range(330)) + packer.flush()
    stream = Unpacked(Bytes(packed))
    with pytest.raises(BrokenOff, match="more than 100 times its size"):
        while taken := stream.take(1 << 30):
            assert len(taken) <= 1 << 20
    assert stream.at < (1 << 28) + 101 * len(packed)
