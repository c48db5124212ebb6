"""Export: whole or not at all, gone on with after a kill, never outside of its folder."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from editcorpus.errors import ConfigError, ShardError, StorageFull, Taken
from editcorpus.layouts.catalogue import LAYOUTS
from editcorpus.layouts.corpus import Corpus, Shard, open_corpus
from editcorpus.layouts.export import NAME, PARTS, export
from editcorpus.layouts.layout import Layout, Line
from editcorpus.layouts.output import Output
from editcorpus.storage import Store

Files = dict[str, bytes]
EVERY = pytest.mark.parametrize("name", LAYOUTS)


@pytest.fixture
def corpus(build, sample) -> Corpus:
    return open_corpus(build(), sample.folder)


@pytest.fixture
def target(tmp_path: Path) -> Store:
    return Store.on_disk(tmp_path / "target")


def files_of(store: Store, folder: str = "out") -> Files:
    return {path: store.read(path) for path in store.list(folder)}


class Died(BaseException):
    """What a process that dies raises nowhere."""


def dying(layout: Layout, at: int) -> Layout:
    """A layout whose writer dies in the middle of a shard, from 0."""

    def writer(corpus: Corpus):
        write = layout.writer(corpus)

        def write_and_die(shard: Shard, output: Output) -> Iterator[Line]:
            yield from write(shard, output)
            if shard.number == at:
                raise Died

        return write_and_die

    return replace(layout, writer=writer)


@EVERY
def test_an_export_says_what_it_wrote(corpus: Corpus, target: Store, name: str) -> None:
    made = export(corpus, LAYOUTS[name], target, "out")
    files = files_of(target)
    assert (made.layout, made.records) == (name, 3)
    assert (made.files, made.bytes) == (len(files), sum(map(len, files.values())))
    assert made.path == target.url("out")
    told = json.loads(files[f"out/{NAME}"])
    assert (told["corpus"], told["records"]) == ("spring", 3)
    assert not any(PARTS in path for path in files)
    assert not (target.local / "out" / PARTS).exists()


@EVERY
def test_the_same_corpus_gives_the_same_bytes(corpus: Corpus, target: Store, name: str) -> None:
    export(corpus, LAYOUTS[name], target, "out")
    export(corpus, LAYOUTS[name], target, "too")
    again = {path.replace("too/", "out/"): data for path, data in files_of(target, "too").items()}
    assert again == files_of(target)


@pytest.mark.parametrize("name", ["gpt-image-edit", "webdataset"])
def test_a_repeated_export_does_nothing(corpus: Corpus, target: Store, name: str) -> None:
    made = export(corpus, LAYOUTS[name], target, "out")
    times = {file: file.stat().st_mtime_ns for file in target.local.rglob("*") if file.is_file()}
    assert export(corpus, dying(LAYOUTS[name], 0), target, "out") == made
    assert {file: file.stat().st_mtime_ns for file in times} == times


@pytest.mark.parametrize(("name", "at"), [*((name, 1) for name in LAYOUTS), ("kontext", 0)])
def test_an_export_that_died_is_not_whole_and_is_gone_on_with(
    corpus: Corpus, target: Store, name: str, at: int
) -> None:
    with pytest.raises(Died):
        export(corpus, dying(LAYOUTS[name], at), target, "out")
    assert not target.exists(f"out/{NAME}")
    done = [path for path in target.list(f"out/{PARTS}") if path.endswith(".jsonl")]
    assert len(done) == at
    export(corpus, dying(LAYOUTS[name], at - 1), target, "out")  # that shard is not done again
    whole = files_of(target)
    export(corpus, LAYOUTS[name], target, "too")
    again = {path.replace("too/", "out/"): data for path, data in files_of(target, "too").items()}
    assert whole == again


KILLED = """
import os, sys
from pathlib import Path
from editcorpus.layouts.catalogue import LAYOUTS
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.export import export
from editcorpus.storage import Store
root, target, name, left = sys.argv[1:]
left, replace = int(left), Path.replace
def replaced(self, other):
    global left
    left -= 1
    if left < 0:
        os._exit(9)
    return replace(self, other)
Path.replace = replaced
export(open_corpus(Store.on_disk(root), "corpora/spring"), LAYOUTS[name], Store.on_disk(target), "out")
"""


@pytest.mark.parametrize(
    ("name", "left"), [("gpt-image-edit", 4), ("webdataset", 1), ("scaleedit", 4)]
)
def test_a_killed_process_leaves_nothing_behind_in_a_whole_export(
    corpus: Corpus, target: Store, start, name: str, left: int
) -> None:
    child = start(KILLED, str(corpus.store.local), str(target.local), name, str(left))
    assert child.wait() == 9
    assert list((target.local / "out").rglob(".*.tmp"))
    assert not target.exists(f"out/{NAME}")
    export(corpus, LAYOUTS[name], target, "out")
    assert not list((target.local / "out").rglob(".*.tmp"))
    export(corpus, LAYOUTS[name], target, "too")
    again = {path.replace("too/", "out/"): data for path, data in files_of(target, "too").items()}
    assert files_of(target) == again


@EVERY
def test_an_export_that_lost_a_file_is_made_anew(corpus: Corpus, target: Store, name: str) -> None:
    export(corpus, LAYOUTS[name], target, "out")
    whole = files_of(target)
    lost = max(whole, key=lambda path: len(whole[path]))
    target.remove(lost)
    export(corpus, LAYOUTS[name], target, "out")
    assert files_of(target) == whole


@pytest.mark.timeout(300)
def test_two_shards_are_written_side_by_side(corpus: Corpus, target: Store) -> None:
    both = Barrier(2)  # one alone would wait for ever
    kontext = LAYOUTS["kontext"]

    def writer(corpus: Corpus):
        write = kontext.writer(corpus)

        def meet_and_write(shard: Shard, output: Output) -> Iterator[Line]:
            both.wait()
            yield from write(shard, output)

        return meet_and_write

    assert export(corpus, replace(kontext, writer=writer), target, "out").records == 3


def test_every_shard_is_told_of(corpus: Corpus, target: Store) -> None:
    heard: list[tuple[int, int]] = []
    export(corpus, LAYOUTS["kontext"], target, "out", lambda *counts: heard.append(counts))
    assert heard == [(1, 2), (2, 2)]


def test_two_exports_never_work_in_one_folder(corpus: Corpus, target: Store) -> None:
    def writer(_: Corpus):
        with pytest.raises(Taken, match=r"Another process is at work in /.*/out\."):
            export(corpus, LAYOUTS["kontext"], target, "out")
        return LAYOUTS["kontext"].writer(corpus)

    assert export(corpus, replace(LAYOUTS["kontext"], writer=writer), target, "out").records == 3


def test_a_folder_with_something_else_in_it_is_refused(corpus: Corpus, target: Store) -> None:
    target.write("out/diary.txt", b"Dear diary")
    with pytest.raises(ConfigError, match=r"out is not empty; choose another folder\."):
        export(corpus, LAYOUTS["kontext"], target, "out")
    assert files_of(target) == {"out/diary.txt": b"Dear diary"}


@pytest.mark.parametrize("whole", [True, False])
def test_a_folder_with_another_export_is_refused(
    corpus: Corpus, target: Store, whole: bool
) -> None:
    first = LAYOUTS["webdataset"] if whole else dying(LAYOUTS["webdataset"], 1)
    try:
        export(corpus, first, target, "out")
    except Died:
        assert not whole
    before = files_of(target)
    with pytest.raises(ConfigError, match="holds an export of 'spring' as 'webdataset'"):
        export(corpus, LAYOUTS["kontext"], target, "out")
    assert files_of(target) == before


def test_another_state_of_the_same_run_is_another_corpus(
    build, sample, corpus: Corpus, target: Store
) -> None:
    export(corpus, LAYOUTS["kontext"], target, "out")
    changed = open_corpus(build(shards=(sample.records[:1],)), sample.folder)
    with pytest.raises(ConfigError, match="or of an earlier state"):
        export(changed, LAYOUTS["kontext"], target, "out")


def test_a_corpus_that_changes_meanwhile_is_no_export(build, corpus: Corpus, target: Store) -> None:
    def finish(*_: object) -> None:
        build(failed=())

    with pytest.raises(ShardError, match="changed while it was exported"):
        export(corpus, replace(LAYOUTS["kontext"], finish=finish), target, "out")
    assert not target.exists(f"out/{NAME}")


@pytest.mark.parametrize("damage", [b"{", b"[]", b"\xff"])
def test_a_damaged_mark_is_one_sentence(corpus: Corpus, target: Store, damage: bytes) -> None:
    target.write(f"out/{NAME}", damage)
    with pytest.raises(ConfigError, match=r"export\.json is damaged; remove the folder\."):
        export(corpus, LAYOUTS["kontext"], target, "out")


@pytest.mark.parametrize("name", ["parquet", "kontext"])
@pytest.mark.parametrize("damage", ["missing", "cut", "fewer"])
def test_a_damaged_corpus_is_one_sentence_and_no_export(
    corpus: Corpus, target: Store, store: Store, sample, name: str, damage: str
) -> None:
    path = f"{sample.folder}/data/train-00000.parquet"
    data, other = store.read(path), store.read(path.replace("00000", "00001"))
    store.remove(path)
    if damage != "missing":
        store.write(path, data[:-100] if damage == "cut" else other)
    with pytest.raises(ShardError, match=r"train-00000\.parquet"):
        export(corpus, LAYOUTS[name], target, "out")
    assert not target.exists(f"out/{NAME}")


@EVERY
def test_a_corpus_without_records_is_exported(build, sample, target: Store, name: str) -> None:
    made = export(open_corpus(build(shards=()), sample.folder), LAYOUTS[name], target, "out")
    assert made.records == 0
    assert target.exists("out/README.md")


HOSTILE = ("../../../escaped", "..", "/etc/passwd", "a\x00b", "<image>", "é" * 300, ".x.tmp")


@EVERY
def test_no_text_leads_out_of_the_folder(build, sample, tmp_path: Path, name: str) -> None:
    records = [
        sample.published(
            number, id=text, dataset_source=text, task=text, subtask=text, instruction=text
        )
        for number, text in enumerate(HOSTILE)
    ]
    corpus = open_corpus(build(shards=(tuple(records),)), sample.folder)
    outside = tmp_path / "a" / "b"
    made = export(corpus, LAYOUTS[name], Store.on_disk(outside / "c"), "out")
    assert made.records == len(HOSTILE)
    assert [file.name for file in outside.iterdir()] == ["c"]
    assert [file.name for file in (outside / "c").iterdir()] == ["out"]
    assert {file.name for file in tmp_path.iterdir()} == {"a", "store"}


@pytest.mark.parametrize("name", ["gpt-image-edit", "webdataset", "kontext", "multi-turn"])
def test_a_broken_picture_is_one_sentence(build, sample, target: Store, name: str) -> None:
    broken = sample.published(0, source_image=b"<svg>")
    corpus = open_corpus(build(shards=((broken,),)), sample.folder)
    with pytest.raises(ShardError, match="A picture of 'omniedit/task_obj_add_0' is damaged"):
        export(corpus, LAYOUTS[name], target, "out")


@pytest.mark.parametrize("name", ["parquet", "gpt-image-edit", "webdataset", "scaleedit"])
def test_a_full_disk_is_one_sentence_and_no_export(build, sample, tiny: Path, name: str) -> None:
    large = sample.published(0, edited_image=sample.draw(7, size=(700, 700)))
    corpus = open_corpus(build(shards=((large,),)), sample.folder)
    store = Store.on_disk(tiny)
    with pytest.raises(StorageFull, match=r"^No space is left for /.*\.$"):
        export(corpus, LAYOUTS[name], store, "out")
    assert not store.exists(f"out/{NAME}")


def test_there_is_no_corpus_without_a_manifest(store: Store) -> None:
    with pytest.raises(ConfigError, match="holds no finished corpus"):
        open_corpus(store, "corpora/none")


@pytest.mark.parametrize("path", ["../../x", "data/../../x", "data/deeper/x.parquet", "data/x"])
def test_a_manifest_that_names_files_elsewhere_is_refused(
    build, sample, store: Store, path: str
) -> None:
    build()
    manifest = store.read(f"{sample.folder}/manifest.json")
    changed = manifest.replace(b"data/train-00000.parquet", path.encode())
    store.write(f"{sample.folder}/manifest.json", changed)
    with pytest.raises(ShardError, match="It names"):
        open_corpus(store, sample.folder)


@pytest.mark.parametrize(
    ("told", "instead", "sentence"),
    [
        ("data/train-00001.parquet", "data/train-00000.parquet", "It names a file twice"),
        ('"kept": 3', '"kept": 4', "ids entered, but 4 were kept"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(
    build, sample, store: Store, told: str, instead: str, sentence: str
) -> None:
    build()
    path = f"{sample.folder}/manifest.json"
    store.write(path, store.read(path).replace(told.encode(), instead.encode()))
    with pytest.raises(ShardError, match=sentence):
        open_corpus(store, sample.folder)


@pytest.mark.parametrize("name", ["scaleedit", "webdataset"])
def test_a_measure_that_is_no_number_is_one_sentence(
    build, sample, target: Store, name: str
) -> None:
    record = sample.published(0, score_done=float("nan"))
    corpus = open_corpus(build(shards=((record,),)), sample.folder)
    with pytest.raises(ShardError, match="a measure of 'omniedit/task_obj_add_0' is no number"):
        export(corpus, LAYOUTS[name], target, "out")


@pytest.mark.s3
def test_an_export_to_a_bucket_is_the_one_on_disk(
    corpus: Corpus, target: Store, s3_store: Store
) -> None:
    for name in ("kontext", "webdataset"):
        s3_store.write("beside.txt", b"It is not ours.")
        made = export(corpus, LAYOUTS[name], s3_store, name)
        assert export(corpus, LAYOUTS[name], s3_store, name) == made
        export(corpus, LAYOUTS[name], target, name)
        assert files_of(s3_store, name) == files_of(target, name)


@pytest.mark.s3
def test_an_export_of_a_corpus_on_a_bucket_is_the_one_of_a_corpus_on_disk(
    corpus: Corpus, sample, target: Store, s3_store: Store
) -> None:
    for path, data in files_of(corpus.store, sample.folder).items():
        s3_store.write(path, data)
    there = open_corpus(s3_store, sample.folder)
    for name in ("parquet", "webdataset"):
        export(there, LAYOUTS[name], target, f"from/{name}")
        export(corpus, LAYOUTS[name], target, name)
        made = files_of(target, f"from/{name}")
        assert {path.removeprefix("from/"): data for path, data in made.items()} == files_of(
            target, name
        )


def test_shards_know_the_numbers_of_their_records(corpus: Corpus) -> None:
    numbers = [[number for number, _ in shard.records()] for shard in corpus.shards]
    assert numbers == [[0, 1], [2]]
    assert [shard.stem for shard in corpus.shards] == ["train-00000", "train-00001"]
