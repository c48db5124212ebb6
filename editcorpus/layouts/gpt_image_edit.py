"""The layout of GPT-IMAGE-EDIT-1.5M: folders by source and task, metadata and training JSON.

```
gpt-edit/omniedit/addition/{input,output}/00004711.png
gpt-edit/omniedit/addition/metadata/omniedit_addition.json
training_json/omniedit_gpt.json
data.txt
```

Folders, keys and names follow the dataset card of `UCSC-VLAA/GPT-Image-Edit-1.5M` and the training code
of `wyhlovecpp/GPT-Image-Edit` at 60eb6c8. The layout demands PNG: any other format becomes PNG with equal
pixels; a PNG is copied. `<n>` is the record's number in the corpus, in 8 digits. Beyond the published
keys a metadata record has `corpus_id`, `license` and `family`. As published, `instruction_original` is there
on rewrites alone; here every record has it, empty perhaps, since `datasets` refuses files of different keys.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import IO, Any

from editcorpus.errors import RecordError, ShardError
from editcorpus.images import decode, encode_png, sniff
from editcorpus.layouts.corpus import Corpus, Shard
from editcorpus.layouts.layout import Layout, Line, always, family_name, source_facts
from editcorpus.layouts.output import Output
from editcorpus.names import safe_name
from editcorpus.records import Published
from editcorpus.storage import Store
from editcorpus.taxonomy import InstructionType

ROOT = "gpt-edit"
TRAINING = "training_json"
ROOTS = "data.txt"
SHOWN, MADE = "<image>", "<gen_image>"
"""What stands for a picture in a conversation: as many as the record has pictures (`check_data.py`)."""

_MOST_FILES = 500
"""JSON files that are written side by side: two for each task of each source."""
_NAME_CHARACTERS = 100
"""Of a source or task: both, a number and an ending make one file name of at most 255 bytes."""
_PLACEHOLDERS = (SHOWN, MADE)
_OWN_ROOTS = frozenset({"hqedit"})
"""Sources whose every task is a root of its own in `data.txt`."""
_COMPLEX = "complex-edit"
_ITSELF = "gpt-image-edit"
_WITHIN = {_COMPLEX: "omniedit"}
"""Sources that lie in another one's folder in the published corpus."""

_LOADING = """
```python
from datasets import load_dataset

metadata = load_dataset(
    "json",
    data_files="path/to/this/folder/gpt-edit/*/*/metadata/*.json",
    split="train",
)
```

`input` and `output` are relative to the folder of the task, `gpt-edit/<dataset_source>/<task>`. For
training, each line of `data.txt` names a root for pictures and a JSON file whose paths begin there.
"""


def _shard(shard: Shard, output: Output) -> Iterator[Line]:
    for number, record in shard.records():
        line = _metadata(number, record)
        folder = _folder(line)
        output.put(f"{folder}/{line['input']}", _png(record, record.source_image))
        output.put(f"{folder}/{line['output']}", _png(record, record.edited_image))
        yield line


def _metadata(number: int, record: Published) -> Line:
    complex_ = record.instruction_type == InstructionType.COMPLEX
    task = _COMPLEX if complex_ else _name(record.task or "others")
    source = _name(_first_source(record))
    return {
        "id": f"{source}_{task}_{number:08d}",
        "dataset_source": source,
        "task": task,
        "input": f"input/{number:08d}.png",
        "output": f"output/{number:08d}.png",
        "instruction": record.instruction,
        "instruction_type": record.instruction_type,
        "input_description": _description(record),
        "instruction_original": record.instruction_original,
        "corpus_id": record.id,
        "license": record.license,
        "family": family_name(record),
    }


def _first_source(record: Published) -> str:
    """The source of a record; of one that was read from this layout, the one it names."""
    own = _WITHIN.get(record.dataset_source, record.dataset_source)
    told = source_facts(record).get("dataset_source", own) if own == _ITSELF else own
    return told if isinstance(told, str) else own


def _description(record: Published) -> str:
    """The caption of the input that its source gives, if any."""
    told = source_facts(record).get("input_description", "")
    return told if isinstance(told, str) else ""


def _name(text: str) -> str:
    """A source or task as a file name that leaves room for another beside it."""
    name = safe_name(text)
    if len(name) <= _NAME_CHARACTERS:
        return name
    return f"{name[: _NAME_CHARACTERS - 33]}={hashlib.sha256(name.encode()).hexdigest()[:32]}"


def _folder(line: Line) -> str:
    return f"{ROOT}/{line['dataset_source']}/{line['task']}"


def _png(record: Published, picture: bytes) -> bytes:
    try:
        return picture if sniff(picture) == "png" else encode_png(decode(picture))
    except RecordError as error:
        raise ShardError(f"A picture of {record.id!r} is damaged: {error}") from error


def _finish(_: Corpus, lines: Iterable[Line], output: Output) -> None:
    roots: dict[str, str] = {}
    with ExitStack() as stack:
        arrays = _Arrays(output, stack)
        for line in lines:
            source, task = line["dataset_source"], line["task"]
            arrays.add(f"{_folder(line)}/metadata/{source}_{task}.json", line)
            root, name = _training(line)
            arrays.add(f"{TRAINING}/{name}", _conversation(line, root))
            roots[name] = root
        arrays.close()
    rows = [f"{root},{TRAINING}/{name},false\n" for name, root in sorted(roots.items())]
    output.put(ROOTS, "".join(rows).encode())


def _training(line: Line) -> tuple[str, str]:
    """The root of a record's paths in training, and the name of its JSON file."""
    source, task = line["dataset_source"], line["task"]
    if task == _COMPLEX:
        name = "complexedit_gpt" if source == "omniedit" else f"{source}_gpt_complex"
        return _folder(line), f"{name}.json"
    if source in _OWN_ROOTS:
        return _folder(line), f"{source}_gpt_{task}.json"
    kind = "_rewrite" if line["instruction_type"] == InstructionType.REWRITE else ""
    return f"{ROOT}/{source}", f"{source}_gpt{kind}.json"


def _conversation(line: Line, root: str) -> dict[str, Any]:
    beyond = _folder(line).removeprefix(root).removeprefix("/")
    start = f"{beyond}/" if beyond else ""
    text = line["instruction"]
    for placeholder in _PLACEHOLDERS:  # a text that holds one would count as one more picture
        text = text.replace(placeholder, "image")
    return {
        "image": [start + line["input"], start + line["output"]],
        "conversations": [
            {"from": "human", "value": f"{SHOWN}\n{text}"},
            {"from": "gpt", "value": MADE},
        ],
    }


class _Arrays:
    """JSON arrays that grow side by side, each a file that appears when all are complete."""

    def __init__(self, output: Output, stack: ExitStack) -> None:
        self._output = output
        self._stack = stack
        self._files: dict[str, IO[bytes]] = {}

    def add(self, name: str, member: Line) -> None:
        """Append a member, and open the array if it is the first."""
        data = json.dumps(member, ensure_ascii=False).encode()
        if name in self._files:
            self._files[name].write(b",\n" + data)
            return
        if len(self._files) == _MOST_FILES:
            raise ShardError(f"The corpus has more tasks than this layout takes ({_MOST_FILES}).")
        self._files[name] = self._stack.enter_context(self._output.large(name))
        self._files[name].write(b"[\n" + data)

    def close(self) -> None:
        for file in self._files.values():
            file.write(b"\n]\n")


_FILES = (f"{ROOT}/*/*/metadata/*.json", f"{ROOT}/*/*/*/*.png", f"{TRAINING}/*.json")
LAYOUT = Layout("gpt-image-edit", always(_shard), _finish, "", _LOADING, _FILES)


def read_gpt_image_edit(store: Store, folder: str) -> Iterator[tuple[Line, bytes, bytes]]:
    """The records of an export, or of the published corpus: metadata, input and output picture.

    One metadata file is in memory at a time.

    Raises:
        ShardError: A metadata file is damaged, or a picture that it names is missing.
    """
    for path in store.list(f"{folder}/{ROOT}"):
        task, _, name = path.partition("/metadata/")
        if not name.endswith(".json"):
            continue
        try:
            for line in json.loads(store.read(path)):
                pictures = (store.read(f"{task}/{line[key]}") for key in ("input", "output"))
                yield line, *pictures
        except (ValueError, TypeError, KeyError, RecursionError, FileNotFoundError) as error:
            raise ShardError(f"{store.url(path)} is damaged: {error}") from error
