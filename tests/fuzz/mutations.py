"""Seeded damage to bytes and to JSON: what a bad disk, a bad proxy or a bad mind does to them."""

import copy
import json
import struct
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_FORMATS = ("<B", "<H", ">H", "<I", ">I", "<Q", ">Q")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def mutated(data: bytes, chance: Random, other: bytes = b"") -> bytes:
    """The bytes after one to six changes; `other` gives a piece to splice in."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        data = chance.choice(_CHANGES)(data, chance, other)
    return data


def _place(data: bytes, chance: Random) -> int:
    """Anywhere, but half of the time near one of both ends, where headers and footers lie."""
    near = min(len(data), chance.choice((16, 64, 512)))
    wanted = chance.choice(
        (
            chance.randrange(len(data) + 1),
            chance.randrange(len(data) + 1),
            chance.randrange(near + 1),
            len(data) - chance.randrange(near + 1),
        )
    )
    return max(0, min(len(data), wanted))


def _flip(data: bytes, chance: Random, _other: bytes) -> bytes:
    if not data:
        return data
    at = min(_place(data, chance), len(data) - 1)
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def _number(data: bytes, chance: Random, _other: bytes) -> bytes:
    form = chance.choice(_FORMATS)
    size = struct.calcsize(form)
    number = (chance.choice(_NUMBERS) + chance.choice((-1, 0, 0, 1))) % 2 ** (8 * size)
    at = _place(data, chance)
    return data[:at] + struct.pack(form, number) + data[at + size :]


def _cut(data: bytes, chance: Random, _other: bytes) -> bytes:
    return data[: _place(data, chance)]


def _drop(data: bytes, chance: Random, _other: bytes) -> bytes:
    at = _place(data, chance)
    return data[:at] + data[at + chance.choice((1, 1, 2, 7, 64)) :]


def _insert(data: bytes, chance: Random, _other: bytes) -> bytes:
    at = _place(data, chance)
    more = chance.choice((b"\0", b"\xff", b"\n", chance.randbytes(8), b"\xff" * 64, b"[" * 5000))
    return data[:at] + more + data[at:]


def _repeat(data: bytes, chance: Random, _other: bytes) -> bytes:
    at = _place(data, chance)
    piece = data[at : at + chance.choice((1, 4, 12, 100))]
    return data[:at] + piece * chance.choice((2, 3, 100)) + data[at:]


def _splice(data: bytes, chance: Random, other: bytes) -> bytes:
    at, start = _place(data, chance), _place(other, chance)
    return data[:at] + other[start : start + chance.choice((4, 40, 4000))] + data[at:]


_CHANGES: tuple[Callable[[bytes, Random, bytes], bytes], ...] = (
    *(_flip, _flip, _number, _number, _number),
    *(_cut, _drop, _insert, _repeat, _splice),
)


def with_right_checksums(data: bytes) -> bytes:
    """A PNG whose chunks have the checksums that belong to them, so that decoders look further."""
    if not data.startswith(_SIGNATURE):
        return data
    made, at = bytearray(data), 8
    while at + 12 <= len(made):
        end = at + 12 + int.from_bytes(made[at : at + 4])
        if end > len(made):
            break
        made[end - 4 : end] = zlib.crc32(made[at + 4 : end - 4]).to_bytes(4)
        at = end
    return bytes(made)


_VALUES: tuple[Callable[[Random], Any], ...] = (
    *(lambda chance: None, lambda chance: True, lambda chance: [], lambda chance: {}),
    lambda chance: chance.choice((0, -1, 1, 2**31, 2**63, 10**400, -(10**30))),
    lambda chance: chance.choice((0.5, -0.5, 1e308, float("inf"), float("-inf"), float("nan"))),
    lambda chance: chance.choice(
        ("", "\0", "\ud800", "yes", "no", "stop", "x" * 100_000, "\u2028")
    ),
    lambda chance: chance.choice(
        ("<script>alert(1)</script>", "a\nb\rc", "../../etc", "12s", "429")
    ),
    lambda chance: nested(chance.choice((10, 150))),
)


def nested(depth: int) -> Any:
    """A list in a list in a list."""
    made: Any = []
    for _ in range(depth):
        made = [made]
    return made


def mutated_json(body: Any, chance: Random) -> Any:
    """A copy of parsed JSON with one to three members replaced, dropped, moved or doubled."""
    made = copy.deepcopy(body)
    for _ in range(chance.choice((1, 1, 2, 3))):
        places = list(_places(made))
        if not places:
            return _value(chance)
        holder, name = chance.choice(places)
        if chance.random() < 0.15:
            del holder[name]
        elif chance.random() < 0.15:
            source, key = chance.choice(places)
            holder[name] = copy.deepcopy(source[key])
        else:
            holder[name] = _value(chance)
    return made


def dumped(body: Any, chance: Random) -> bytes:
    """JSON as bytes, in one of the ways in which servers write it."""
    text = json.dumps(body, ensure_ascii=chance.random() < 0.5)
    return text.encode("utf-8", "surrogatepass")


def _value(chance: Random) -> Any:
    return chance.choice(_VALUES)(chance)


def _places(body: Any) -> list[tuple[Any, Any]]:
    """Every member of every object and list, by its holder and its name there."""
    found: list[tuple[Any, Any]] = []
    waiting = [body]
    while waiting:
        one = waiting.pop()
        names = (
            list(one) if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        )
        for name in names:
            found.append((one, name))
            waiting.append(one[name])
    return found
