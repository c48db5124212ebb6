"""Every layout that is read is recognised by its files, and its records keep their names."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from shutil import copy, copytree
from typing import Any

import pytest
from plain_corpus import plain_record, write_plain_corpus

from editcorpus.demo.folder import write_folder
from editcorpus.demo.gpt_image_edit import write_gpt_image_edit
from editcorpus.demo.hqedit import write_hqedit
from editcorpus.demo.rows import write_demo_input
from editcorpus.demo.scaleedit import write_scaleedit
from editcorpus.demo.seed_data_edit import write_seed_data_edit
from editcorpus.demo.ultraedit import write_ultraedit
from editcorpus.errors import ConfigError
from editcorpus.layouts.catalogue import LAYOUTS
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.export import export
from editcorpus.linting.checks import Check
from editcorpus.linting.forms import FORMS
from editcorpus.linting.lint import Settings, look
from editcorpus.linting.recognise import find_rows, recognise
from editcorpus.linting.report import Report
from editcorpus.linting.summed import summed
from editcorpus.records import Published, Reason, Rejected
from editcorpus.storage import Store

pytestmark = pytest.mark.long

PUBLISHED: tuple[tuple[str, Callable[[Path], Path], str, dict[str, int]], ...] = (
    ("folder", write_folder, "folder", {"row_unusable": 2}),
    ("packed", write_gpt_image_edit, "gpt-image-edit", {"picture_missing": 2}),
    (
        "hqedit",
        write_hqedit,
        "hqedit",
        {"row_unusable": 1, "picture_broken": 1, "sizes_differ": 6},
    ),
    ("scaleedit", write_scaleedit, "scaleedit", {"row_unusable": 2}),
    (
        "turns",
        write_seed_data_edit,
        "seed-data-edit",
        {"row_unusable": 1, "picture_missing": 1, "picture_broken": 2},
    ),
    ("ultraedit", write_ultraedit, "ultraedit-free", {"row_unusable": 1}),
    (
        "omniedit",
        write_demo_input,
        "omniedit",
        {"row_unusable": 3, "picture_missing": 1, "picture_broken": 1, "size_bomb": 1, "blank": 1},
    ),
)
IDS = ("omniedit/task_obj_add_1", "omniedit/conversation_7#1", "omniedit/conversation_7#2")
EXPORTED = {
    "parquet": ("corpus", IDS),
    "webdataset": ("webdataset", IDS),
    "kontext": ("kontext", IDS),
    "multi-turn": ("multi-turn", IDS),
    "scaleedit": ("scaleedit", tuple(f"scaleedit/object_addition/{n}" for n in range(3))),
    "gpt-image-edit": (
        "gpt-image-edit",
        tuple(f"gpt-image-edit/omniedit_addition_{n:08d}" for n in range(3)),
    ),
}


def linted(where: Path, **settings: Any) -> Report:
    kept = Store.on_disk(where.parent / "lists")
    return summed(look(str(where), {}, Settings(**settings), (), kept))[0]


def record(id_: str, instruction: str, pictures: tuple[bytes, bytes], size: Any) -> Published:
    names = ("width", "height", "edited_width", "edited_height")
    told = dict(zip(names, (*size, *size), strict=True))
    told |= {"source_image": pictures[0], "edited_image": pictures[1], "response": "0" * 64}
    return plain_record(0, id=id_, instruction=instruction, **told)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, planted: Any) -> Store:
    """A corpus of three records, two of them turns of one conversation."""
    made = Store.on_disk(tmp_path_factory.mktemp("exported"))
    one, other = planted.scene(0), planted.scene(1)
    second, third = planted.edited(other, 1), planted.edited(planted.edited(other, 1), 2)
    pairs = (
        (planted.png(one), planted.png(planted.edited(one))),
        (planted.png(other), planted.png(second)),
        (planted.png(second), planted.png(third)),
    )
    words = ("Add a ball.", "Add a bat to it.", "Now hang up a cap.")
    rows = [
        record(*three, planted.size)  # type: ignore[misc]
        for three in zip(IDS, words, pairs, strict=True)
    ]
    lost = [Rejected("omniedit/no", "filter", Reason.NO_EDIT, "nothing")]
    counts = {"tasks": {"addition": 3}, "licences": {"MIT": 3}}
    write_plain_corpus(made, "c", rows, lost=lost, **counts)
    return made


@pytest.mark.parametrize(
    ("name", "write", "layout", "wrong"), PUBLISHED, ids=[one[0] for one in PUBLISHED]
)
def test_published_layouts_are_recognised_and_their_known_faults_found(
    name: str,
    write: Callable[[Path], Path],
    layout: str,
    wrong: dict[str, int],
    demo_input: Path,
    tmp_path: Path,
) -> None:
    known = write is write_demo_input  # takes seconds
    report = linted((partial(copytree, demo_input) if known else write)(tmp_path / name))
    wanted = {one.check for one in report.checks if one.defect} | {Check.SIZES_DIFFER}
    found = {str(one.check): one.rate.count for one in report.checks if one.check in wanted}
    found = {name: count for name, count in found.items() if count}
    assert (report.corpus.layout, found) == (layout, wrong)
    assert report.corpus.whole
    assert report.clean.of == report.corpus.triplets
    assert all(licence.licence for licence in report.licences)


@pytest.mark.parametrize("layout", EXPORTED)
def test_exports_of_this_project_are_recognised_and_keep_their_ids(
    layout: str, store: Store
) -> None:
    where = Path(store.root) / "corpora" / "c"
    if layout != "parquet":
        export(open_corpus(store, "corpora/c"), LAYOUTS[layout], store, f"as-{layout}")
        where = Path(store.root) / f"as-{layout}"
    looked = look(str(where), {}, Settings())
    report = summed(looked)[0]
    name, ids = EXPORTED[layout]
    assert report.corpus.layout == name
    assert sorted(one.triplet.id for one in looked.examined) == sorted(ids)
    assert [one.check for one in report.findings] == []
    assert [(one.value, one.triplets) for one in report.families] == [("object_addition", 3)]
    assert (report.clean.count, report.shared_sources) == (3, 2)  # turns share a picture


def test_rows_in_several_kinds_of_file_are_read_from_the_kind_that_fits(
    tmp_path: Path, planted: Any, store: Store
) -> None:
    planted.write_folder(tmp_path / "mixed", planted.clean_rows(2), {})
    (tmp_path / "mixed" / "notes.csv").write_text("author,mail\nsomebody,nowhere\n", "utf-8")
    copy(Path(store.root) / "corpora/c/rejects.parquet", tmp_path / "mixed" / "other.parquet")
    report = linted(tmp_path / "mixed")
    assert (report.corpus.rows, report.corpus.files, report.corpus.other_files) == (2, 1, 2)


def test_columns_can_be_named(tmp_path: Path, planted: Any) -> None:
    names = {"instruction": "wish", "source_image": "a", "edited_image": "b", "id": "number"}
    where = planted.write_folder(tmp_path / "mine", planted.clean_rows(2), names)
    with pytest.raises(ConfigError, match="instruction, source_image and edited_image; it has"):
        linted(where)
    report = linted(where, columns={what: name for what, name in names.items() if what != "id"})
    assert (report.clean.count, report.corpus.layout) == (2, "folder")
    with pytest.raises(ConfigError, match="no column nowhere; it has number, wish"):
        linted(where, columns={"instruction": "nowhere"})


def test_what_was_looked_for_and_what_is_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"No corpus is found at .*parquet, JSON lines"):
        find_rows(str(tmp_path), {})
    (tmp_path / "a.jsonl").write_text('{"who": 1}\n', "utf-8")
    inputs = find_rows(str(tmp_path), {})
    with pytest.raises(ConfigError, match=r"a.jsonl has no column of known name .*it has who\."):
        recognise(inputs, "", {})
    with pytest.raises(ConfigError, match=r"not in the layout omniedit: .*omni_edit_id.*1 .jsonl"):
        recognise(inputs, "omniedit", {})
    with pytest.raises(ConfigError, match=r"no layout 'zip'; there are corpus, omniedit"):
        recognise(inputs, "zip", {})


def test_every_layout_says_what_it_is_recognised_by() -> None:
    assert {form.name for form in FORMS.values()} == set(FORMS)
    assert all(len(form.told.split()) > 3 for form in FORMS.values())
