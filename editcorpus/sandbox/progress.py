"""The two files that a batch fills while it runs, and the record of what is in them already."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from editcorpus.sandbox.batches import Batch


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered line: whether all went well, and the line to be written."""

    custom_id: str
    sound: bool
    line: bytes
    input_tokens: int = 0
    output_tokens: int = 0


class Progress:
    """Answers so far; opening it again drops what a kill left half written.

    A line is appended to its file and flushed, and then noted with the length that the file has now.
    """

    def __init__(self, folder: Path, batch: Batch) -> None:
        self._batch = batch
        self.output = folder / f"{batch.id}.output"
        self.errors = folder / f"{batch.id}.errors"
        self._notes = folder / f"{batch.id}.notes"
        self.done: set[str] = set()
        batch.completed = batch.failed = batch.input_tokens = batch.output_tokens = 0
        ends = {True: 0, False: 0}
        for custom_id, sound, end, *tokens in _notes(self._notes):
            ends[sound] = end
            self._count(custom_id, sound, tokens)
        for sound, end in ends.items():
            _cut(self._file(sound), end)

    def add(self, answer: Answer) -> None:
        """Write an answer; when this returns, killing the server no longer loses it."""
        tokens = [answer.input_tokens, answer.output_tokens]
        with self._file(answer.sound).open("ab") as file:
            file.write(answer.line + b"\n")
            end = file.tell()
        with self._notes.open("a") as notes:
            notes.write(json.dumps([answer.custom_id, answer.sound, end, *tokens]) + "\n")
        self._count(answer.custom_id, answer.sound, tokens)

    def forget(self) -> None:
        """Drop the record once both files are in their places."""
        self._notes.unlink(missing_ok=True)

    def _file(self, sound: bool) -> Path:
        return self.output if sound else self.errors

    def _count(self, custom_id: str, sound: bool, tokens: list[int]) -> None:
        self.done.add(custom_id)
        self._batch.completed += sound
        self._batch.failed += not sound
        self._batch.input_tokens += tokens[0]
        self._batch.output_tokens += tokens[1]


def _notes(path: Path) -> list[list[Any]]:
    """All whole notes; one that a kill cut short is dropped for good."""
    if not path.exists():
        return []
    text = path.read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole)
    return [json.loads(line) for line in whole.splitlines()]


def _cut(path: Path, end: int) -> None:
    if path.exists() and path.stat().st_size > end:
        with path.open("r+b") as file:
            file.truncate(end)
