import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editcorpus.archives.blocks import STORED, WINDOW, find_block, opened, primed, primer


def text(size: int) -> bytes:
    chance = random.Random(5)
    return b" ".join(b"%d" % chance.randrange(10_000) for _ in range(size // 5))


def noise(size: int) -> bytes:
    return random.Random(5).randbytes(size)


def deflated(data: bytes, level: int, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, 8, strategy)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize("bit", range(1, 8))
def test_a_primer_is_empty_and_ends_at_its_bit(bit):
    state = zlib.decompressobj(-zlib.MAX_WBITS)
    assert state.decompress(primer(bit)[:-1]) == b""
    data = deflated(text(100_000), 6)
    shifted = int.from_bytes(data, "little") << bit
    moved = shifted.to_bytes(len(data) + 1, "little")
    assert opened(b"").decompress(primed(moved, bit)) == text(100_000)


@pytest.mark.parametrize("level", [6, 9])
@pytest.mark.parametrize("make", [text, noise, lambda n: (text(n // 2) + noise(n // 2))[::-1]])
def test_unpacking_can_begin_at_any_block_that_is_found(make, level):
    data = make(3_000_000)
    packed = deflated(data, level)
    state, history, done = opened(b""), b"", 0
    found = []
    for at in range(0, len(packed) - 200_000, 200_000):
        piece = packed[at : at + 200_000]
        block = find_block(state, history, piece)
        if block is not None:
            found.append(block)
            assert block.window == data[max(0, done + block.ahead - WINDOW) : done + block.ahead]
            rest = primed(packed[at + block.byte :], block.bit)
            assert opened(block.window).decompress(rest) == data[done + block.ahead :]
        made = state.decompress(piece)
        history, done = (history + made)[-WINDOW:], done + len(made)
    assert len(found) >= len(packed) // 200_000 - 1
    if make is noise:
        assert {one.bit for one in found} == {STORED}


def test_where_no_block_can_be_told_there_is_none():
    packed = deflated(text(2_000_000), 6, zlib.Z_FIXED)
    state = opened(b"")
    state.decompress(packed[:100_000])
    assert find_block(state, b"", packed[100_000:400_000]) is None


def test_a_bomb_is_not_unpacked_for_a_block():
    packed = deflated(bytes(50_000_000), 9)
    block = find_block(opened(b""), b"", packed)
    assert block is None or len(block.window) <= WINDOW


@settings(max_examples=15)
@given(st.binary(max_size=3_000), st.integers(0, 60_000))
def test_hostile_bytes_give_a_block_that_holds_or_none(junk, place):
    data = text(200_000)
    packed = deflated(data, 6)
    state = opened(b"")
    state.decompress(packed[:30_000])
    broken = packed[30_000 : 30_000 + place] + junk + packed[30_000 + place :]
    block = find_block(state, b"", broken)
    if block is not None:
        assert 0 <= block.byte < len(broken)
        assert 0 <= block.bit <= STORED
