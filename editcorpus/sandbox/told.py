"""What a request says, for answers that are made of its own words.

A question about two pictures is answered from what was measured on them. Any other, such as one for a
plan of edits, for a category or for one text out of several, is answered from the texts quoted in it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from editcorpus.sandbox.chance import pick, share
from editcorpus.sandbox.wishes import COLOURS

_NUMBERED = re.compile(r"^\s*\d{1,2}[.)]\s+(\S.*?)\s*$", re.MULTILINE)
_QUOTED = (re.compile(r"“([^”]+)”"), re.compile(r'"([^"\n]+)"'))
_WORD = re.compile(r"[a-z]+")
_FILLERS = frozenset({"a", "an", "the", "of", "in", "or", "to", "and", "object", "image"})
_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_COUNT = re.compile(
    rf"\b([1-9]\d?|{'|'.join(_NUMBERS)})\s+(?:\w+\s+){{0,2}}(?:operation|edit|step|instruction)s?\b",
    re.IGNORECASE,
)
_STEM = 5
"""Letters by which forms of one word are told to be the same: "changing" is "change"."""
_PLAIN_WORDS = 2
"""Words of so many letters have no forms."""
_VERDICTS = frozenset({"", "yes", "no"})
"""What is chosen beside a text and says nothing of what it is to say."""
_PLACES = ("upper left", "upper right", "middle", "lower left", "lower right")
_HUES = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "teal")
_LONGEST_PASSAGE = 600


@dataclass(frozen=True, slots=True)
class Told:
    """The words of a request.

    Attributes:
        text: All texts of the request.
        key: Free choices are drawn under this name.
    """

    text: str
    key: str

    @property
    def passages(self) -> tuple[str, ...]:
        """The texts that the request is about: a numbered list, else what is quoted, else its end."""
        for pattern in (_NUMBERED, *_QUOTED):
            if found := [_bare(each) for each in pattern.findall(self.text)]:
                return tuple(each for each in found if each) or ("the picture",)
        lines = [line for line in self.text.splitlines() if line.strip()]
        return (_bare(lines[-1] if lines else "") or "the picture",)

    @property
    def count(self) -> int:
        """How many items are asked for, from 1; 1 where no number is named."""
        found = _COUNT.search(self.text)
        if found is None:
            return 1
        word = found[1].lower()
        return int(word) if word.isdigit() else _NUMBERS.index(word) + 1

    def choice(self, members: Sequence[Any], name: str, place: int = 0) -> Any:
        """The member whose words fit the passages best; where several do, the hash decides.

        Args:
            members: At least one.
            name: Under which it is asked for.
            place: Of several choices among the same members, which one this is, from 0: they differ
                as long as there are enough, and all but the first are decided by the hash.
        """
        said = _words(" ".join(self.passages).replace("colour", "color"))
        if any(each in COLOURS for each in said):
            said.append("color")
        drawn = sorted(range(len(members)), key=lambda one: share(self.key, "choice", name, one))
        first = max(drawn, key=lambda one: _fit(members[one], said))
        ranked = [first, *(one for one in drawn if one != first)]
        return members[ranked[place % len(members)]]

    def sentence(self, name: str, chosen: str, place: int = 0) -> str:
        """A text for a member of the answer; begins with a letter and ends with a full stop.

        Args:
            name: Of the member.
            chosen: What was chosen beside it, such as the kind of an edit; empty where nothing was.
            place: Of several texts of that name, which one this is, from 0.
        """
        if "instruction" not in name.lower():
            return _ended(f"The request speaks of this: {', '.join(self.passages)}")
        if chosen.lower() not in _VERDICTS:
            return self._edit(chosen, place)
        joined = ", then ".join(_lowered(each, number) for number, each in enumerate(self.passages))
        return _ended(joined if joined[:1].isalpha() else f"Edit {joined}")

    def _edit(self, kind: str, place: int) -> str:
        """An instruction of a kind that is named, such as `Change Color`."""
        words = " ".join(kind.replace("_", " ").replace("/", " or ").split()).lower()
        where = pick(_PLACES, self.key, "place", place)
        hue = pick(_HUES, self.key, "hue", place)
        return _ended(f"{words[:1].upper()}{words[1:]} in the {where} of the picture, in {hue}")


def _bare(passage: str) -> str:
    """One line without what ends it."""
    return " ".join(passage.split())[:_LONGEST_PASSAGE].strip(" .!,;:“”\"'")


def _lowered(passage: str, number: int) -> str:
    return passage if number == 0 else passage[:1].lower() + passage[1:]


def _ended(text: str) -> str:
    return text.rstrip(" .") + "."


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _fit(member: Any, said: Sequence[str]) -> float:
    """Share of a member's words that were said, 0 to 1."""
    words = [each for each in _words(str(member)) if each not in _FILLERS]
    hits = [any(_same(word, other) for other in said) for word in words]
    return sum(hits) / len(hits) if hits else 0.0


def _same(word: str, other: str) -> bool:
    return word == other or (len(word) > _PLAIN_WORDS and other.startswith(word[:_STEM]))
