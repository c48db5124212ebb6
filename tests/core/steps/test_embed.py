"""Which vectors are asked for, and what is made of them."""

from dataclasses import dataclass

import numpy as np
import pytest

from editcorpus.endpoints import embeddings
from editcorpus.endpoints.replies import Raw
from editcorpus.endpoints.requests import Embed, Picture
from editcorpus.responses import TextAnswer
from editcorpus.steps import embed
from editcorpus.steps.embed import Captions, Config

SOURCE, EDITED = (Picture(name, "image/jpeg", 90, (8, 8), bytes) for name in ("source", "edited"))
ALL = Config(model="q", clip_model="c", dino_model="d")
BOTH = Captions("A cat.", "A dog.")


@dataclass(frozen=True)
class _Record:
    key: str


def asked(told: Captions, config: Config) -> dict[str, Embed]:
    return embed.requests("Make it a dog.", told, SOURCE, EDITED, config)


def answer(name: str, *numbers: float) -> TextAnswer:
    body = f'{{"data": [{{"embedding": {list(numbers)}}}]}}'
    kept = embeddings.read(Raw(body.encode(), {}, "")).payload.decode()
    return TextAnswer(_Record(name), kept)  # type: ignore[arg-type]


def test_each_model_is_asked_for_its_own_vectors():
    ends = ("source", "edited", "source-text", "edited-text")
    wanted = ["pair-query", *(f"pair-{end}" for end in ends), *(f"clip-{end}" for end in ends)]
    assert list(asked(BOTH, ALL)) == [*wanted, "dino-source", "dino-edited"]
    assert list(asked(BOTH, Config(dino_model="d"))) == ["dino-source", "dino-edited"]
    assert asked(BOTH, Config()) == {}
    assert ALL.models == ("q", "c", "d")
    assert Config(model="q", clip_model="q").models == ("q",)


def test_a_direction_takes_two_captions_and_a_likeness_one():
    one = asked(Captions("A cat."), ALL)
    assert not {"pair-source-text", "pair-edited-text", "clip-edited-text"} & one.keys()
    assert "clip-source-text" in one
    none = asked(Captions(), ALL)
    assert not [name for name in none if name.endswith("-text")]


def test_the_query_is_the_source_with_the_instruction():
    made = asked(BOTH, ALL)
    query, picture, text = (made[f"pair-{name}"] for name in ("query", "edited", "edited-text"))
    assert query.content == (SOURCE, "Make it a dog.")
    assert len({query.guide, picture.guide, text.guide}) == 3
    assert query.options == {"mm_processor_kwargs": {"min_pixels": 65_536, "max_pixels": 1_048_576}}
    assert text.options == {}
    assert made["clip-edited-text"].options == {"truncate_prompt_tokens": -1}
    assert made["clip-edited"].options == made["dino-edited"].options == {}
    assert not made["clip-edited"].guide + made["dino-edited"].guide


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ("", Captions()),
        ("{}", Captions()),
        ('{"input_description": " A cat. ", "output_description": "A dog."}', BOTH),
        ('{"input_description": 7, "output_description": null}', Captions()),
        ('{"output_description": "A dog."}', Captions("", "A dog.")),
    ],
    ids=["no facts", "none told", "both", "no texts", "one"],
)
def test_captions_are_facts_of_the_triplet(facts: str, told: Captions):
    assert embed.captions(facts) == told


def test_measures_are_cosines_of_what_is_there():
    given = {
        "pair-query": (1, 1, 0),
        "pair-source": (1, 0, 0),
        "pair-edited": (0, 1, 0),
        "clip-source": (1, 0),
        "clip-edited": (0, 1),
        "clip-source-text": (1, 0),
        "clip-edited-text": (0, 1),
    }
    row = embed.embedded("a", {name: answer(name, *each) for name, each in given.items()}, ALL)
    assert row.embed_match == pytest.approx(np.sqrt(0.5), abs=1e-3)
    assert (row.embed_image, row.embed_dir) == (0, None)
    assert (row.clip_sim_source, row.clip_sim_target) == (1, 1)
    assert (row.clip_sim_dir, row.clip_sim_image) == (pytest.approx(1), 0)
    assert (row.dino_sim, row.ssim) == (None, None)
    assert row.embed_responses == "+".join(given)
    assert (row.embed_model, row.embed_note) == ("q,c,d", "")


def test_vectors_of_two_sizes_are_no_pair():
    given = {"dino-source": answer("a", 1, 0), "dino-edited": answer("b", 1, 0, 0)}
    with pytest.raises(ValueError, match="2 and 3 dimensions"):
        embed.embedded("a", given, ALL)


def test_who_has_no_vectors_has_a_note_and_no_measures():
    row = embed.without("a", "Refused.", ALL)
    assert {getattr(row, name) for name in embed.MEASURES} == {None}
    assert row.embed_note == "Refused."
