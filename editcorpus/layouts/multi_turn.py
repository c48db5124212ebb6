"""Sequences of edits as JSON lines, in the keys of SEED-Data-Edit's third part.

```
images/00004711-source.jpg    the picture that a sequence begins with
images/00004711.png           what the edit of record 4711 made of it
sequences.jsonl               source_image, instruction_1, edit_image_1, instruction_2, ...
```

The keys are flat and numbered, and their number varies (`AILab-CVC/SEED-Data-Edit`, part 3, up to five
turns). A record whose `previous` names another, or whose id is `<sequence>#<k>`, is a turn; it continues
the record before it, wherever in the corpus that lies, if that made the very picture that this one begins
with. Any other record begins a sequence, of one turn perhaps, so that no picture is lost. Sequences come
in the order of their beginnings, behind the records that are no turns.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator

from editcorpus.errors import ShardError
from editcorpus.layouts.corpus import Corpus, Shard
from editcorpus.layouts.kontext import read_lines
from editcorpus.layouts.layout import (
    Layout,
    Line,
    always,
    encoded,
    ending,
    family_name,
    write_lines,
)
from editcorpus.layouts.output import Output
from editcorpus.records import Published
from editcorpus.storage import Store

SEQUENCES = "sequences.jsonl"

_NUMBERED = ("id", "instruction_type", "instruction_original", "family")
"""Members of a turn that stand beside `instruction_<k>` and `edit_image_<k>`, numbered, too."""

_LOADING = """
Each line of `sequences.jsonl` is one sequence: `source_image`, then for each turn `instruction_1` and
`edit_image_1`, `instruction_2` and so on; `turns` says how many there are. The source of turn 1 is
`source_image`, of every later turn the edited image of the turn before. Paths are relative to this folder.
"""


def _shard(shard: Shard, output: Output) -> Iterator[Line]:
    for number, record in shard.records():
        before, source = _before(record), _source(number, record)
        edited = f"images/{number:08d}.{ending(record, record.edited_image)}"
        if not before:
            output.put(source, record.source_image)
        output.put(edited, record.edited_image)
        yield {
            "number": number,
            "before": before,
            "from": _hash(record.source_image),
            "made": _hash(record.edited_image),
            "source_image": source,
            "edit_image": edited,
            "instruction": record.instruction,
            "dataset_source": record.dataset_source,
            "license": record.license,
            "id": record.id,
            "instruction_type": record.instruction_type,
            "instruction_original": record.instruction_original,
            "family": family_name(record),
        }


def _source(number: int, record: Published) -> str:
    return f"images/{number:08d}-source.{ending(record, record.source_image)}"


def _hash(picture: bytes) -> str:
    return hashlib.sha256(picture).hexdigest()


def _before(record: Published) -> str:
    """Id of the turn before a record; empty where it is the first, or no turn."""
    sequence, turn = _turn(record.id)
    return record.previous or (f"{sequence}#{turn - 1}" if turn > 1 else "")


def _turn(record_id: str) -> tuple[str, int]:
    """Sequence and turn, from 1; a record without turns is a sequence of its own, at turn 0."""
    sequence, marked, turn = record_id.rpartition("#")
    if marked and turn.isascii() and turn.isdecimal() and len(turn) < 10:
        return sequence, int(turn)
    return record_id, 0


def _finish(corpus: Corpus, lines: Iterable[Line], output: Output) -> None:
    begun: set[int] = set()
    write_lines(output, SEQUENCES, _sequences(lines, begun))
    for shard in corpus.shards if begun else ():
        if begun.isdisjoint(range(shard.first, shard.first + shard.file.records)):
            continue
        for number, record in shard.records():
            if number in begun:
                output.put(_source(number, record), record.source_image)


def _sequences(lines: Iterable[Line], begun: set[int]) -> Iterator[Line]:
    """The lines of the file.

    Args:
        lines: Of all records; turns are held as bytes until the end, the others never.
        begun: Takes the numbers of turns that begin a sequence though another should come before them.
    """
    ends: dict[str, tuple[str, list[bytes]]] = {}
    sequences: list[list[bytes]] = []
    for line in lines:
        if not line["before"] and not _turn(line["id"])[1]:
            yield _sequence([line])
            continue
        made, turns = ends.get(line["before"], ("", []))
        if made == line["from"]:
            del ends[line["before"]]
        else:
            turns = []
            sequences.append(turns)
            begun |= {line["number"]} if line["before"] else set()
        turns.append(encoded(line))
        ends[line["id"]] = line["made"], turns
    yield from (_sequence([json.loads(turn) for turn in turns]) for turns in sequences)


def _sequence(turns: list[Line]) -> Line:
    first = turns[0]
    made: Line = {
        "dataset_source": first["dataset_source"],
        "license": first["license"],
        "turns": len(turns),
        "source_image": first["source_image"],
    }
    for number, turn in enumerate(turns, start=1):
        made |= {f"{name}_{number}": turn[name] for name in ("instruction", "edit_image")}
        made |= {f"{name}_{number}": turn[name] for name in _NUMBERED}
    return made


LAYOUT = Layout("multi-turn", always(_shard), _finish, "", _LOADING, (SEQUENCES, "images/*"))


def read_multi_turn(store: Store, folder: str) -> Iterator[tuple[Line, list[bytes]]]:
    """The sequences of an export: their texts, and source and edited pictures in their order.

    Raises:
        ShardError: `sequences.jsonl` is damaged, or a file that it names is missing.
    """
    try:
        for row in read_lines(store, f"{folder}/{SEQUENCES}"):
            keys = ["source_image", *(f"edit_image_{k + 1}" for k in range(row["turns"]))]
            yield row, [store.read(f"{folder}/{row[key]}") for key in keys]
    except (ValueError, TypeError, KeyError, FileNotFoundError) as error:
        raise ShardError(f"{store.url(folder)} is no whole export of turns: {error}") from error
