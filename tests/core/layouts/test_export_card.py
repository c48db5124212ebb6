"""The card of an export."""

import re

import pytest

from editcorpus.layouts.catalogue import LAYOUTS
from editcorpus.layouts.export_card import Count, export_card

CARD = """---
pretty_name: "spring"
license:
- mit
configs:
- config_name: default
  data_files:
  - split: train
    path: "data/*.parquet"
---

# spring

A corpus of 3 triplets.

## Load it

```python
load_dataset("path/to/corpora/spring", split="train")
```

## Funnel

| entered | 3 |
"""
COUNTS = [Count("object_addition", "omniedit", "MIT", 1_234), Count("", "hqedit", "CC <b>", 1)]


def front_matter(card: str) -> str:
    found = re.match(r"---\n(.*?)^---\n", card, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_card_says_how_to_load_its_own_layout(name: str) -> None:
    layout = LAYOUTS[name]
    card = export_card(CARD, layout, COUNTS)
    assert card.count("## Load it") == 1
    assert layout.loading.strip() in card
    assert "corpora/spring" not in card
    head = front_matter(card)
    assert head.startswith('pretty_name: "spring"\nlicense:\n- mit\n')
    assert head.count("configs:") == bool(layout.data)
    assert ('split: train\n    path: "data/train-*.parquet"' in head) == (name == "parquet")


def test_the_splits_of_a_united_corpus_stay_apart() -> None:
    head = front_matter(export_card(CARD, LAYOUTS["webdataset"], COUNTS, ("train", "test")))
    assert (
        """  data_files:
  - split: train
    path: "data/train-*.tar"
  - split: test
    path: "data/test-*.tar"
"""
        in head
    )


def test_what_a_corpus_is_and_lost_stays() -> None:
    card = export_card(CARD, LAYOUTS["kontext"], COUNTS)
    assert "# spring\n\nA corpus of 3 triplets.\n\n## Load it\n" in card
    assert card.endswith("## Funnel\n\n| entered | 3 |\n")


def test_families_are_counted_and_their_text_is_inert() -> None:
    card = export_card(CARD, LAYOUTS["kontext"], COUNTS)
    assert "| `object_addition` | `omniedit` | `MIT` | 1,234 |" in card
    assert "| not told by the source | `hqedit` | CC &#60;b&#62; | 1 |" in card


@pytest.mark.parametrize("card", ["", "# mine\n", "---\nno end\n", "---\n---\n# mine\n"])
def test_a_card_of_another_form_gets_a_section(card: str) -> None:
    made = export_card(card, LAYOUTS["webdataset"], COUNTS)
    assert front_matter(made).count("configs:") == 1
    assert made.count("## Load it") == 1
    assert made.endswith(" |\n")
