"""A run stays what it was."""

import re

import pytest

from editcorpus.errors import ConfigError
from editcorpus.runs import identify_run, read_identity
from editcorpus.storage import Store

IDENTITY = {
    "source": "omniedit",
    "pad": {"canvas": "fixed", "fill": [255, 255, 255]},
    "align": {"done": 0.5, "deep": {"a": 1}},
}


def test_a_run_stays_what_it_was(any_store: Store):
    identify_run(any_store, "spring", IDENTITY)
    before = any_store.read("runs/spring/run.json")
    identify_run(any_store, "spring", dict(reversed(IDENTITY.items())))
    assert any_store.read("runs/spring/run.json") == before
    assert read_identity(any_store, "spring") == IDENTITY
    assert read_identity(any_store, "autumn") == {}


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"source": "hqedit"}, 'source was "omniedit" and is now "hqedit"'),
        (
            {"pad": {**IDENTITY["pad"], "canvas": "free"}},
            'pad.canvas was "fixed" and is now "free"',
        ),
        (
            {"pad": {**IDENTITY["pad"], "fill": [0]}},
            r"pad.fill was \[255, 255, 255\] and is now \[0\]",
        ),
        ({"align": {"done": 0.5, "deep": {"a": 2}}}, "align.deep.a was 1 and is now 2"),
        ({"align": {"done": 0.5}}, 'align.deep was {"a": 1} and is now nothing'),
        ({"seed": 7}, "seed was nothing and is now 7"),
        ({"align": "off"}, 'align was {"deep".*} and is now "off"'),
    ],
)
def test_any_difference_is_refused_and_shown(disk_store: Store, change, shown):
    identify_run(disk_store, "spring", IDENTITY)
    with pytest.raises(
        ConfigError, match=rf"The run 'spring' exists .*: {shown}\. Use another"
    ) as e:
        identify_run(disk_store, "spring", {**IDENTITY, **change})
    assert "\n" not in str(e.value)
    identify_run(disk_store, "autumn", {**IDENTITY, **change})


def test_all_differences_are_shown(disk_store: Store):
    identify_run(disk_store, "spring", IDENTITY)
    with pytest.raises(ConfigError, match=r"pad\.canvas.*; source"):
        identify_run(disk_store, "spring", {**IDENTITY, "source": "x", "pad": {"canvas": "free"}})


NEW = {**IDENTITY, "pad": {**IDENTITY["pad"], "crop": 0}, "upscale": {"by": 2, "deep": {"b": []}}}
DEFAULTS = {"pad": {"canvas": "free", "crop": 0}, "upscale": {"by": 2, "deep": {"b": []}}}


def test_a_setting_that_came_later_is_no_difference_at_its_default(any_store: Store):
    identify_run(any_store, "spring", IDENTITY)
    identify_run(any_store, "spring", NEW, DEFAULTS)
    assert read_identity(any_store, "spring") == IDENTITY
    with pytest.raises(
        ConfigError, match=r"pad\.crop was nothing and is now 0; upscale was nothing"
    ):
        identify_run(any_store, "spring", NEW)


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"pad": {**NEW["pad"], "crop": 1}}, "pad.crop was nothing and is now 1"),
        ({"upscale": {"by": 3, "deep": {"b": []}}}, "upscale.by was nothing and is now 3"),
        ({"upscale": {"by": 2, "deep": {"c": 1}}}, "upscale.deep.c was nothing and is now 1"),
        ({"upscale": None}, "upscale was nothing and is now null"),
        ({"pad": {"fill": [255, 255, 255]}}, 'pad.canvas was "fixed" and is now nothing'),
        ({"pad": {**NEW["pad"], "canvas": "free"}}, 'pad.canvas was "fixed" and is now "free"'),
    ],
)
def test_a_setting_off_its_default_or_gone_is_a_difference(disk_store: Store, change, shown):
    identify_run(disk_store, "spring", IDENTITY)
    with pytest.raises(ConfigError, match=re.escape(shown)):
        identify_run(disk_store, "spring", {**NEW, **change}, DEFAULTS)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff"])
def test_a_damaged_identity_is_one_sentence(disk_store: Store, data: bytes):
    disk_store.write("runs/spring/run.json", data)
    with pytest.raises(ConfigError, match=r"runs/spring/run\.json is damaged"):
        identify_run(disk_store, "spring", IDENTITY)


def test_the_name_of_a_united_corpus_is_none_for_a_run(any_store: Store):
    any_store.write("unions/all/union.json", b"{}")
    with pytest.raises(ConfigError, match="'all' is the name of a united corpus"):
        identify_run(any_store, "all", IDENTITY)
    assert not any_store.exists("runs/all/run.json")
