"""Each defect is planted at its rate, whatever the order of calls, and the journal says which."""

import json
from collections import Counter

import pytest
from PIL import Image

from editcorpus.errors import ConfigError
from editcorpus.sandbox import Defect, SandboxConfig, running
from editcorpus.sandbox.chance import digest
from editcorpus.sandbox.defects import struck
from editcorpus.sandbox.edits import Plan, edited
from editcorpus.sandbox.others import Others
from editcorpus.sandbox.planting import Draw, planted


@pytest.fixture(scope="module")
def folders(tmp_path_factory, photo):
    """Two groups of canvases, one of whose pictures shows what another does, and a benchmark."""
    root = tmp_path_factory.mktemp("others")
    views = [photo.crop((at, at // 2, at + 600, at // 2 + 400)) for at in range(0, 900, 150)]
    for number, view in enumerate(views):
        (group := root / "requests" / str(number // 4)).mkdir(parents=True, exist_ok=True)
        view.save(group / f"{number}.jpg", quality=92)
        (group / f"{number}.txt").write_text(f"Add a ball, number {number}", "utf-8")
    (root / "requests/1/6.png").write_bytes((root / "requests/1/4.jpg").read_bytes())
    (root / "benchmark").mkdir()
    photo.rotate(180).save(root / "benchmark/one.png")
    return root, views


def plans(folders, rates, **given):
    root, views = folders
    others = Others(root / "requests", root / "benchmark")
    config = SandboxConfig(defects=rates)
    for number, view in enumerate(views):
        plan = Plan(f"Add a ball, number {number}", view.size, f"k{number}", 0, **given)
        yield planted(plan, view, Draw(f"k{number}", (), masked=False), others, config)


def test_rates_are_met_and_no_draw_hangs_on_another():
    names = [digest(number) for number in range(4_000)]
    rates = dict.fromkeys((Defect.ECHO, Defect.SHIFT, Defect.BLANK), 0.1)
    drawn = {name: struck(rates, 0, dict.fromkeys(Defect, name), ()) for name in names}
    counts = Counter(drawn.values())
    assert 320 < counts[Defect.ECHO] < 480
    assert 270 < counts[Defect.SHIFT] < 450
    assert 240 < counts[Defect.BLANK] < 420
    again = {name: struck(rates, 0, dict.fromkeys(Defect, name), ()) for name in reversed(names)}
    assert drawn == again


def test_answers_are_exchanged_in_pairs_within_a_group(folders):
    found = list(plans(folders, {Defect.SWAPPED: 1.0}))
    shown = [plan.prompt.rpartition(" ")[2] for plan in found]
    assert shown == ["1", "0", "3", "2", "5", "4"]
    assert all(plan.defect is Defect.SWAPPED for plan in found)


def test_both_requests_of_a_pair_draw_the_same_lot(folders):
    found = [plan.defect for plan in plans(folders, {Defect.SWAPPED: 0.5})]
    assert found[0::2] == found[1::2]


def test_without_others_nothing_is_exchanged_and_without_margin_no_padding_left(folders):
    config = SandboxConfig(defects=dict.fromkeys((Defect.SWAPPED, Defect.PADDING), 1.0))
    plan = Plan("Add a ball", (600, 400), "k", 0)
    draw = Draw("k", (), masked=False)
    assert planted(plan, folders[1][0], draw, Others(None, None), config) == plan


def test_a_benchmark_s_picture_is_shown(folders, photo):
    plan = next(plans(folders, {Defect.BENCHMARK: 1.0}))
    assert edited(folders[1][0], plan) == photo.rotate(180).resize((600, 400))


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no folder of pictures"):
        Others(tmp_path / "none", None)


def test_the_journal_says_of_each_call_what_was_planted(tmp_path, folders, connect, png):
    root, views = folders
    journal = tmp_path / "journal.jsonl"
    config = SandboxConfig(
        time_scale=1e-5,
        journal_path=journal,
        requests=root / "requests",
        defects={Defect.SWAPPED: 1.0},
    )
    asked = {"model": "gpt-image-2.5-flare", "quality": "low", "size": "1024x1024"}
    with running(config) as server, connect(server.url) as client:
        for prompt, view in (
            ("Add a ball", views[0]),
            ("[[emulate blank]]", Image.new("RGB", (64, 64))),
        ):
            picture = ("a.png", png(view), "image/png")
            client.images.edit(image=picture, prompt=prompt, **asked)
    told = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [one["defect"] for one in told] == ["swapped", "blank"]
