"""The dataset card."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import yaml

from editcorpus.layouts.card import (
    CardFacts,
    Example,
    ListPrice,
    Loss,
    ModelUse,
    SourceLicence,
    TaskCount,
    card_text,
    write_card,
)
from editcorpus.records import SENTENCES, Reason
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


def test_tables_are_not_torn() -> None:
    lines = card_text(FACTS).splitlines()
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
    assert sorted(row.count("|") for row in rows) == [4, 4, 4, 5]
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
