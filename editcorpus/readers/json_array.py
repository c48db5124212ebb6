"""A JSON array decoded member by member: a file of 300,000 records is never in memory."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

from editcorpus.errors import RowsDamaged

_LONGEST = 4 << 20
"""Characters of one member: 2,000 times what a published record has."""
_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def decoded(pieces: Iterator[bytes], name: str) -> Iterator[Any]:
    """The members of a JSON array, each as soon as it is whole.

    Args:
        pieces: The file. Bytes that are no UTF-8 stand as the replacement character.
        name: Of the file, for sentences.

    Raises:
        RowsDamaged: It is no array, breaks off, or has a member of more than 4 million characters.
    """
    return _Array(pieces, name).members()


def text_of(value: object) -> str | None:
    """A text as it can be written, None for anything else.

    Halves of characters, which JSON can name, stand as `?`.
    """
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


class _Array:
    def __init__(self, pieces: Iterator[bytes], name: str) -> None:
        self._pieces = pieces
        self._name = name
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("replace").decode
        self._text = ""
        self._at = 0
        self._count = 0

    def members(self) -> Iterator[Any]:
        if self._sign() != "[":
            raise self._damaged("it holds no JSON array")
        if self._sign(1) == "]":
            return
        while True:
            yield self._value()
            self._count += 1
            if (sign := self._sign()) == "]":
                return
            if sign != ",":
                raise self._damaged("a comma or its end is expected")
            self._sign(1)

    def _value(self) -> Any:
        """The member that begins here."""
        while True:
            try:
                value, self._at = _DECODER.raw_decode(self._text, self._at)
            except (ValueError, RecursionError):
                long = len(self._text) - self._at > _LONGEST
                if long or not self._more():
                    raise self._damaged("it is no whole JSON") from None
            else:
                return value

    def _sign(self, skipped: int = 0) -> str:
        """The next character that is no space, behind some that are left out; none at the end."""
        self._at += skipped
        while True:
            found = _SPACE.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _more(self) -> bool:
        """Read as much again as there is of the member that begins here."""
        left, added = self._text[self._at :], 0
        parts = [left]
        while added <= len(left):
            piece = next(self._pieces, None)
            if piece is None:
                break
            parts.append(self._decode(piece))
            added += len(parts[-1])
        self._text, self._at = "".join(parts), 0
        return bool(added)

    def _damaged(self, what: str) -> RowsDamaged:
        return RowsDamaged(f"{self._name} is damaged behind its record {self._count}: {what}.")
