"""The dataset card."""

import fnmatch
import re
from collections import Counter
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest
import yaml

from editcorpus.errors import ShardError
from editcorpus.layouts.card import (
    CardFacts,
    Example,
    ListPrice,
    Loss,
    ModelUse,
    Origin,
    SourceLicence,
    TaskCount,
    card_text,
    decode,
    encode,
    write_card,
)
from editcorpus.layouts.facets import Facets
from editcorpus.layouts.tally import Group
from editcorpus.records import SENTENCES, Published, Reason
from editcorpus.storage import Store

FACTS = CardFacts(
    run="spring",
    location="s3://team/corpora/spring",
    emulated=False,
    editor="gpt-image-2.5-sunburst",
    entered=2_000,
    kept=1_600,
    paid_usd=Decimal("212.345"),
    list_usd=Decimal("212.345"),
    rejected=(Loss("pad", Reason.IMAGE_BLANK, 100), Loss("filter", Reason.NO_EDIT, 299)),
    failed=(Loss("regenerate", Reason.UNAVAILABLE, 1),),
    tasks=(TaskCount("addition", 1_000, 900), TaskCount("style", 1_000, 700)),
    models=(ModelUse("edited the images", "gpt-image-2.5-sunburst", 1_900),),
    prices=(
        ListPrice(
            "gpt-image-2.5-sunburst",
            "1M image output tokens",
            Decimal(30),
            "2026-11-20",
            "https://openai.com/api/pricing",
        ),
    ),
    licences=(SourceLicence("omniedit", "MIT", 1_600),),
    examples=(Example("addition", "Add a bird.", ""),),
    configuration={"seed": 7, "pad": {"canvas": "fixed"}},
)


def front(facts: CardFacts) -> dict[str, Any]:
    _, matter, _ = card_text(facts).split("---\n", 2)
    made: dict[str, Any] = yaml.safe_load(matter)
    return made


def test_the_front_matter_keeps_loaders_off_the_rejects() -> None:
    matter = front(FACTS)
    files = [{"split": "train", "path": "data/*.parquet"}]
    assert matter["configs"] == [{"config_name": "default", "data_files": files}]
    assert matter["license"] == ["mit"]
    assert matter["size_categories"] == ["1K<n<10K"]
    assert matter["task_categories"] == ["image-to-image"]
    assert "emulated" not in matter["tags"]


FACETS = Facets(
    Counter({"no Latn": 1_000, "en Latn": 500, "und Zyyy": 100}),
    Counter({"2 MP and more": 1_000, "below 0.1 MP": 600}),
    Counter({"1:1": 1_000, "3:2": 600}),
)


def test_it_tells_languages_sizes_and_ratios_and_that_places_are_unknown() -> None:
    card = card_text(replace(FACTS, facets=FACETS))
    assert front(replace(FACTS, facets=FACETS))["language"] == ["en", "no"]
    assert "| `no Latn` | 1,000 | 62.5% |\n| `en Latn` | 500 |" in card
    assert "| below 0.1 MP | 600 | 37.5% |\n| 2 MP and more | 1,000 |" in card
    assert "| 3:2 | 600 | 37.5% |\n| 1:1 | 1,000 |" in card
    assert "Geography: unknown. No source says where its pictures were taken." in card


def test_it_tells_places_where_a_source_says_them() -> None:
    facets = replace(FACETS, places=Counter({"Kenya | `x`": 16}))
    card = card_text(replace(FACTS, facets=facets))
    assert "Geography: unknown" not in card
    assert "Of all other pictures it is unknown where they were taken." in card
    (row,) = [line for line in card.splitlines() if "Kenya" in line]
    assert row.endswith("| 16 | 1.0% |")


def test_facts_come_back_as_they_were_and_damaged_ones_do_not() -> None:
    origin = Origin("winter", "ab" * 32, (("publish.min_done", 0.5, 0.6),))
    facts = replace(FACTS, facets=FACETS, origin=origin, groups=GROUPS)
    assert decode(encode(facts)) == facts
    turned = replace(FACETS, sizes=Counter(dict(reversed(FACETS.sizes.items()))))
    assert encode(replace(facts, facets=turned)) == encode(facts)
    assert card_text(decode(encode(facts))) == card_text(facts)
    with pytest.raises(ShardError, match="The facts of the card are damaged"):
        decode(encode(facts)[:-20])


def test_it_tells_the_funnel_with_sentences_and_the_cost() -> None:
    card = card_text(FACTS)
    sentence = SENTENCES[Reason.NO_EDIT]
    assert "| entered | | | 2,000 | 100.0% |" in card
    assert f"| rejected | `filter` | `no_edit` {sentence} | 299 | 14.9% |" in card
    assert "| failed | `regenerate` | `unavailable`" in card
    assert "| **kept** | | | **1,600** | 80.0% |" in card
    assert "| `addition` | 1,000 | 900 | 90.0% |" in card
    assert "Paid: **$212.35**, $0.1327 for each accepted triplet." in card
    assert "| 30 | 2026-11-20 | `https://openai.com/api/pricing` |" in card
    assert 'load_dataset("s3://team/corpora/spring", split="train")' in card
    assert '"canvas": "fixed"' in card
    assert "EMULATED" not in card
    assert "may have been billed" not in card


def test_an_emulated_corpus_says_so_and_what_it_would_have_cost() -> None:
    card = card_text(replace(FACTS, emulated=True, paid_usd=Decimal(0), possibly_billed=2))
    assert "> **EMULATED.**" in card
    assert "would have cost\n**$212.35**, $0.1327 for each accepted triplet." in card
    assert "2 calls were cut off and may have been billed" in card
    assert "Paid:" not in card
    assert "emulated" in front(replace(FACTS, emulated=True))["tags"]


def test_published_pairs_are_said_to_be_nobody_s_work_of_ours() -> None:
    card = card_text(replace(FACTS, editor=""))
    assert "Both pictures are as their\npublisher has them; none was made anew." in card
    assert "were generated" not in card
    assert "the terms of the operator" not in card
    assert "the scores are those of no judge" in card_text(replace(FACTS, editor="", emulated=True))


@pytest.mark.parametrize("groups", ["none", "some"])
def test_tables_are_not_torn(groups: str) -> None:
    facts = replace(FACTS, groups=GROUPS, licences=BOTH) if groups == "some" else FACTS
    lines = card_text(facts).splitlines()
    for number, line in enumerate(lines):
        if line.startswith("| ---"):
            assert lines[number - 1].startswith("|")
            assert lines[number + 1].startswith("|"), lines[number - 1]
            assert lines[number - 2] == ""
            assert line.count("|") == lines[number - 1].count("|") == lines[number + 1].count("|")


def test_text_from_outside_is_inert() -> None:
    evil = "x | y\n\n# <script>alert(1)</script> [a](b) `c`\n---\n- {{ 7 * 7 }}"
    facts = replace(
        FACTS,
        run=evil,
        editor=evil,
        location='a"b\nc',
        tasks=(TaskCount(evil, 1, 1),),
        models=(ModelUse(evil, evil, 1),),
        licences=(SourceLicence(evil, evil, 1),),
        examples=(Example(evil, evil, evil),),
        limits=(evil,),
        configuration={"prompt": "```\n" + evil},
    )
    card = card_text(facts)
    body = card.split("---\n", 2)[2].rsplit("````json", 1)[0]
    assert "<script" not in body
    assert "\n# <" not in body
    assert "49" not in body.replace("&#", "")
    assert [line for line in body.splitlines() if line.startswith("# ")][1:] == []
    assert 'load_dataset("a\\"b c", split="train")' in card
    rows = [line for line in body.splitlines() if line.startswith("| ") and "alert" in line]
    assert sorted(row.count("|") for row in rows) == [4, 4, 5, 5]
    matter = front(facts)
    assert matter["license"] == ["other"]
    assert "<script>" in matter["pretty_name"]
    assert matter["configs"][0]["config_name"] == "default"


@pytest.mark.parametrize(
    ("kept", "size"), [(0, "n<1K"), (999, "n<1K"), (1_553_575, "1M<n<10M"), (10**7, "10M<n<100M")]
)
def test_the_size_category_follows_from_the_records(kept: int, size: str) -> None:
    assert front(replace(FACTS, kept=kept))["size_categories"] == [size]


def test_unknown_licences_are_other_with_their_names() -> None:
    facts = replace(
        FACTS,
        licences=(
            SourceLicence("omniedit", "MIT", 1),
            SourceLicence("hqedit", "CC-BY-NC-4.0", 1),
            SourceLicence("web", "Unsplash: License", 1),
        ),
    )
    assert front(facts)["license"] == ["cc-by-nc-4.0", "mit", "other"]
    assert front(facts)["license_name"] == "Unsplash: License"


def test_a_corpus_of_nothing_has_a_card() -> None:
    facts = CardFacts(
        run="empty",
        location="corpora/empty",
        emulated=True,
        editor="m",
        entered=0,
        kept=0,
        paid_usd=Decimal(0),
        list_usd=Decimal(0),
        configuration={},
    )
    card = card_text(facts)
    assert "would have cost\n**$0.00**." in card
    assert front(facts)["license"] == ["other"]


def test_the_same_facts_change_no_byte_and_write_nothing(store: Store) -> None:
    write_card(store, "corpora/spring", FACTS)
    file = store.local_file("corpora/spring/README.md")
    assert file is not None
    before = (file.read_bytes(), file.stat().st_ino)
    write_card(store, "corpora/spring", replace(FACTS))
    assert (file.read_bytes(), file.stat().st_ino) == before
    write_card(store, "corpora/spring", replace(FACTS, possibly_billed=3))
    assert b"may have been billed" in file.read_bytes()


GROUPS = (
    Group("", "hqedit", "CC-BY-NC-4.0", "original", 1, 0.5),
    Group("object_addition", "omniedit", "MIT", "original", 3, 2.4),
    Group("object_addition", "omniedit", "MIT", "rewrite", 1, 1.0),
    Group("style_transfer", "omniedit", "MIT", "original", 2, 1.0),
)
BOTH = (SourceLicence("omniedit", "MIT", 6), SourceLicence("hqedit", "CC-BY-NC-4.0", 1))


def test_it_counts_families_and_scores_them_by_the_types_of_two_benchmarks() -> None:
    card = card_text(replace(FACTS, groups=GROUPS))
    assert "| `object_addition` | `omniedit` | 4 | 0.850 |" in card
    assert "| not told by the source | `hqedit` | 1 | 0.500 |" in card
    assert "| `rewrite` | 1 | 1.000 |" in card
    gedit, imgedit = card.split("### Scores by the types of ")[1:]
    assert gedit.startswith("GEdit-Bench\n")
    assert "| `subject-add` | 4 | 0.850 |\n| `style_change`" not in gedit
    assert "| `subject-add` | 4 | 0.850 |" in gedit
    assert (
        "| **average over the types** | | **0.675** |\n\nTriplets of none of its types: 1." in gedit
    )
    assert "| `style` | 2 | 0.500 |" in imgedit


def test_licences_that_do_not_mix_are_explained_and_defects_named() -> None:
    card = card_text(replace(FACTS, licences=BOTH))
    assert "records under CC-BY-NC-4.0 are closed to commercial use" in card
    assert "- hqedit: Its pairs were made by one model as diptychs" in card
    assert "closed to commercial use" not in card_text(FACTS)
    only = (SourceLicence("hqedit", "CC-BY-NC-4.0", 1),)
    assert "closed to commercial use" not in card_text(replace(FACTS, licences=only))


def test_examples_show_their_pictures_and_no_text_ends_the_cell() -> None:
    evil = Example("a|b", "<img src=x> ](y) |", "", "previews/00000000.jpg")
    card = card_text(replace(FACTS, examples=(evil,)))
    row = next(line for line in card.splitlines() if "previews/" in line)
    assert row.startswith("| ![source and edited image](previews/00000000.jpg) | ")
    assert row.count("|") == 5
    assert "<img" not in card


def test_the_card_names_every_column_that_tells_where_a_record_is_from() -> None:
    section = card_text(FACTS).split("## Provenance")[1].split("\n## ")[0]
    named = {name for cell in re.findall("`([^`]+)`", section) for name in cell.split()}
    columns = [field.name for field in fields(Published)]
    patterns = {name for name in named if fnmatch.filter(columns, name)}
    assert {"response", "source_row", "judge_model", "previous", "box_*"} <= patterns
