"""Pairs in folders, as trainers of LoRAs for FLUX.1 Kontext and Qwen-Image-Edit read them.

```
images/00004711.png    the edited picture: what is to be generated
images/00004711.txt    the instruction: its caption
control/00004711.jpg   the source picture
pairs.jsonl            paths and instruction under the names of two trainers, and all texts of the record
```

AI Toolkit (`ostris/ai-toolkit`, `config/examples/train_lora_flux_kontext_24gb.yaml`) finds the control
picture by the same name with any of its endings; musubi-tuner (`kohya-ss/musubi-tuner`,
`docs/dataset_config.md`) does, too, or reads `pairs.jsonl` by `image_path`, `control_path` and `caption`.
DiffSynth-Studio (`modelscope/DiffSynth-Studio`) reads it by `image`, `prompt`, and what its pipelines call
the source picture: `edit_image` (`examples/qwen_image/model_training/lora/Qwen-Image-Edit.sh`) or
`kontext_images` (`examples/flux/model_training/lora/FLUX.1-Kontext-dev.sh`). Names are numbers of one
length: a name that begins like another could be taken for its second control picture.
"""

import json
from collections.abc import Iterable, Iterator

from editcorpus.errors import ShardError
from editcorpus.layouts.corpus import Corpus, Shard
from editcorpus.layouts.layout import Layout, Line, always, ending, published, texts_of, write_lines
from editcorpus.layouts.output import Output
from editcorpus.records import Published
from editcorpus.storage import Store

PAIRS = "pairs.jsonl"

_LOADING = """
AI Toolkit, in the configuration of a job for FLUX.1 Kontext or Qwen-Image-Edit:

```yaml
datasets:
  - folder_path: "path/to/this/folder/images"
    control_path: "path/to/this/folder/control"
    caption_ext: "txt"
```

musubi-tuner, in its dataset configuration:

```toml
[[datasets]]
image_jsonl_file = "path/to/this/folder/pairs.jsonl"
cache_directory = "path/to/a/cache"
```

The paths in `pairs.jsonl` are relative to it: start musubi-tuner in this folder. Instead of the file it
takes `image_directory`, `control_directory` and `caption_extension = ".txt"`, but compares every name with
every other.

DiffSynth-Studio, with the options of its training scripts (`kontext_images` instead of `edit_image` for
FLUX.1 Kontext):

```sh
--dataset_base_path path/to/this/folder --dataset_metadata_path path/to/this/folder/pairs.jsonl \\
--data_file_keys image,edit_image --extra_inputs edit_image
```
"""


def _shard(shard: Shard, output: Output) -> Iterator[Line]:
    for number, record in shard.records():
        image = f"images/{number:08d}.{ending(record, record.edited_image)}"
        control = f"control/{number:08d}.{ending(record, record.source_image)}"
        output.put(control, record.source_image)
        output.put(image, record.edited_image)
        output.put(f"images/{number:08d}.txt", record.instruction.encode())
        yield _named(image, control, record.instruction) | texts_of(record)


def _named(image: str, control: str, instruction: str) -> Line:
    """One pair under the names that musubi-tuner and DiffSynth-Studio have for its parts."""
    musubi = {"image_path": image, "control_path": control, "caption": instruction}
    sources = dict.fromkeys(("edit_image", "kontext_images"), control)
    return musubi | {"image": image, "prompt": instruction} | sources


def _finish(_: Corpus, lines: Iterable[Line], output: Output) -> None:
    write_lines(output, PAIRS, lines)


_FILES = (PAIRS, "images/*", "control/*")
LAYOUT = Layout("kontext", always(_shard), _finish, "", _LOADING, _FILES)


def read_kontext(store: Store, folder: str) -> Iterator[Published]:
    """The records of an export, in the order of the corpus.

    Raises:
        ShardError: `pairs.jsonl` is damaged, a file that it names is missing, or a caption is
            another than its instruction.
    """
    try:
        for row in read_lines(store, f"{folder}/{PAIRS}"):
            caption = f"{row['image_path'].rpartition('.')[0]}.txt"
            if store.read(f"{folder}/{caption}").decode() != row["instruction"]:
                raise ShardError(f"{store.url(folder)}: {caption} is not the instruction.")
            names = (row["control_path"], row["image_path"])
            source, edited = (store.read(f"{folder}/{name}") for name in names)
            yield published(row, source, edited)
    except (ValueError, TypeError, KeyError, FileNotFoundError) as error:
        raise ShardError(f"{store.url(folder)} is no whole export of pairs: {error}") from error


def read_lines(store: Store, path: str) -> Iterator[Line]:
    """The lines of a file of JSON lines, one in memory at a time.

    Raises:
        ValueError: A line is no JSON.
        FileNotFoundError: There is no such file.
    """
    with store.open(path) as file:
        yield from map(json.loads, file)
