"""Sequences of edits as JSON lines, in the keys of SEED-Data-Edit's third part.

```
images/00004711-source.jpg    the picture that a sequence begins with
images/00004711.png           what the edit of record 4711 made of it
sequences.jsonl               source_image, instruction_1, edit_image_1, instruction_2, ...
```

The keys are flat and numbered, and their number varies (`AILab-CVC/SEED-Data-Edit`, part 3, up to five
turns). A record whose id is `<sequence>#<k>` is a turn; it continues the record before it if that is
turn k - 1 of the same sequence and made the very picture that this one begins with. Any other record
begins a sequence, of one turn perhaps, so that no picture is lost.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby

from editcorpus.errors import ShardError
from editcorpus.layouts.corpus import Corpus, Shard
from editcorpus.layouts.kontext import read_lines
from editcorpus.layouts.layout import Layout, Line, always, ending, family_name, write_lines
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
    begun, before = -1, None
    for number, record in shard.records():
        source = ""
        if before is None or not _continues(before, record):
            begun = number
            source = f"images/{number:08d}-source.{ending(record, record.source_image)}"
            output.put(source, record.source_image)
        edited = f"images/{number:08d}.{ending(record, record.edited_image)}"
        output.put(edited, record.edited_image)
        before = record
        yield {
            "sequence": begun,
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


def _continues(before: Published, record: Published) -> bool:
    (sequence, last), (same, turn) = _turn(before.id), _turn(record.id)
    follows = sequence == same and turn == last + 1
    return follows and before.edited_image == record.source_image


def _turn(record_id: str) -> tuple[str, int]:
    """Sequence and turn, from 1; a record without turns is a sequence of its own, at turn 1."""
    sequence, marked, turn = record_id.rpartition("#")
    if marked and turn.isascii() and turn.isdecimal() and len(turn) < 10:
        return sequence, int(turn)
    return record_id, 1


def _finish(_: Corpus, lines: Iterable[Line], output: Output) -> None:
    grouped = groupby(lines, key=lambda line: line["sequence"])
    write_lines(output, SEQUENCES, (_sequence(list(turns)) for _, turns in grouped))


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


LAYOUT = Layout("multi-turn", always(_shard), _finish, (), _LOADING)


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
