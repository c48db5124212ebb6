"""Splits keep pictures and conversations together; limits choose by hash and leave in what is in."""

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editcorpus.layouts.parquet import read_outcomes
from editcorpus.records import Published, Rejected
from editcorpus.union.entries import Entries
from editcorpus.union.nearness import Nearness, Told
from editcorpus.union.splitting import split_of
from editcorpus.union.terms import Terms
from editcorpus.union.verdicts import SPLITS, Relations, Verdict, decide, rank_of

GOLDEN_SPLITS, GOLDEN_RANKS = [0, 2, 1, 2], [11394, 57497, 61775, 8038]
"""What a released version gave: corpora that exist depend on it."""
THIRDS = {"validation_share": 0.3, "test_share": 0.3}


def splits(world: Any, name: str = "all") -> dict[str, str]:
    """The split of each id."""
    return {row.id: split for split in SPLITS for row in world.kept(name, split)}


def details(world: Any) -> set[str]:
    rows = read_outcomes(world.store, "corpora/all/rejects.parquet", Rejected)
    return {row.detail for row in rows}


def test_edits_of_one_picture_lie_in_one_split_whichever_run_they_are_of(
    world: Any, one: Any
) -> None:
    def edits(first: int) -> list[Published]:
        numbers = range(first, first + 100)
        return [one(n, source_image=b"\xff\xd8\xff %d" % (n % 20)) for n in numbers]

    world.run("a", edits(0))
    world.run("b", edits(100))
    world.unite("a", **THIRDS)
    world.unite("b", **THIRDS)
    found: dict[int, set[str]] = defaultdict(set)
    for record_id, split in splits(world).items():
        found[int(record_id.rpartition("/")[2]) % 20].add(split)
    assert len(found) == 20
    assert {len(each) for each in found.values()} == {1}
    assert {split for each in found.values() for split in each} == set(SPLITS)


def test_turns_of_a_conversation_lie_in_the_split_of_its_first_picture(
    world: Any, one: Any
) -> None:
    rows = []
    for talk in range(30):
        for turn in (3, 1, 2):  # in no order
            before = f"seed/{talk}#{turn - 1}" if turn > 1 else ""
            rows.append(one(10 * talk + turn, id=f"seed/{talk}#{turn}", previous=before))
    world.run("a", rows)
    world.unite("a", **THIRDS)
    found: dict[str, set[str]] = defaultdict(set)
    for record_id, split in splits(world).items():
        found[record_id.partition("#")[0]].add(split)
    assert {len(each) for each in found.values()} == {1}
    firsts = [row for row in rows if row.id.endswith("#1")]
    world.run("b", firsts)
    world.unite("b", name="firsts", **THIRDS)
    assert splits(world, "firsts").items() <= splits(world).items()


def test_turns_stay_together_where_the_first_is_gone_or_they_go_in_circles(
    world: Any, one: Any
) -> None:
    rows = [one(n, id=f"s/{n}#2", previous="s/0#1") for n in range(40)]
    rows += [one(50, id="s/a", previous="s/b"), one(51, id="s/b", previous="s/a")]
    world.run("a", rows)
    world.unite("a", **THIRDS)
    assert len({split for key, split in splits(world).items() if "#2" in key}) == 1


def test_shares_are_those_that_are_asked_for() -> None:
    images = np.arange(200_000, dtype="u8") * np.uint64(0x9E37_79B9_7F4A_7C15)
    found = np.bincount(split_of(images, Terms()), minlength=3) / len(images)
    assert found == pytest.approx([0.98, 0.01, 0.01], abs=0.001)
    other = split_of(images, Terms(seed=7))
    assert 0.01 < float(np.mean(other != split_of(images, Terms()))) < 0.05


def test_a_seed_gives_the_same_splits_and_ranks_for_ever() -> None:
    keys = np.array([0, 1, 2**64 - 1, 12345], "u8")
    assert split_of(keys, Terms(seed=3, **THIRDS)).tolist() == GOLDEN_SPLITS
    assert [rank >> 48 for rank in rank_of(keys, Terms(seed=3)).tolist()] == GOLDEN_RANKS


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({"most": {"hqedit": 7}}, "7 of hqedit may enter, chosen by hash."),
        ({"most_per_task": 7}, "7 of hqedit's task edit may enter, chosen by hash."),
        ({"most_per_family": 7}, "7 of the family unknown may enter, chosen by hash."),
    ],
)
def test_a_limit_leaves_out_who_is_too_many_and_says_so(
    world: Any, made: Any, terms: dict[str, Any], sentence: str
) -> None:
    world.run("a", made(range(5)))
    hq = made(range(100, 130), dataset_source="hqedit", task="edit", family="")
    world.run("b", hq)
    done = world.unite("a", "b", **terms)
    assert done.rejected == {"over_quota": 23}
    assert Counter(row.dataset_source for row in world.kept()) == {"omniedit": 5, "hqedit": 7}
    assert details(world) == {sentence}


def test_who_is_in_stays_in_and_a_higher_limit_would_have_kept_the_same(
    world: Any, made: Any
) -> None:
    world.run("a", made(range(50)))
    world.run("b", made(range(50, 100)))
    world.unite("a", most={"omniedit": 30})
    first = {row.id for row in world.kept()}
    assert world.unite("b", most={"omniedit": 30}).kept == 30
    assert {row.id for row in world.kept()} == first
    world.unite("a", name="more", most={"omniedit": 40})
    assert first < {row.id for row in world.kept("more")}


def test_a_limit_takes_conversations_together(world: Any, one: Any) -> None:
    rows = [one(2 * n + turn, id=f"s/{n}#{turn}") for n in range(20) for turn in (0, 1)]
    world.run("a", rows)
    world.unite("a", most={"omniedit": 10})
    assert set(Counter(row.id.partition("#")[0] for row in world.kept()).values()) == {2}


def test_commercial_leaves_out_what_forbids_it_and_what_nobody_knows(world: Any, one: Any) -> None:
    names = ("MIT", "CC-BY-NC-4.0", "cc-by-4.0", "house rules", "Apache-2.0")
    world.run("a", [one(n, license=name) for n, name in enumerate(names)])
    done = world.unite("a", licenses=("commercial",))
    assert done.rejected == {"licence_left_out": 2}
    assert {row.license for row in world.kept()} == {"MIT", "cc-by-4.0", "Apache-2.0"}
    assert details(world) == {
        "CC-BY-NC-4.0 does not allow commercial use.",
        "house rules is not known to allow commercial use.",
    }


KEYS = st.lists(st.tuples(*[st.integers(0, 4)] * 4), min_size=1, max_size=40)


@settings(max_examples=80, deadline=None)
@given(KEYS, st.integers(0, 40), st.integers(1, 6))
def test_decisions_are_those_of_the_plain_rules(
    rows: list[tuple[int, int, int, int]], cut: int, most: int
) -> None:
    ids, contents, licences, sources = (list(column) for column in zip(*rows, strict=True))
    columns = {
        "id_key": np.array([b"%016d" % (key + 1) for key in ids], "S16"),
        "content": np.array([b"%016d" % (key + 1) for key in contents], "S16"),
        "image": np.arange(len(rows), dtype="u8"),
        "thread": np.arange(len(rows), dtype="u8"),
        "licence": np.array(licences, "i4"),
        "source": np.array(sources, "i4"),
        "task": np.array(sources, "i4"),
        "family": np.array(sources, "i4"),
    }
    words = {name: [str(n) for n in range(5)] for name in ("licence", "source", "task", "family")}
    entries, terms = Entries(columns, words), Terms(licenses=("0", "1", "2"), most={"1": most})
    cut = min(cut, len(rows))
    found = decide(entries, [slice(0, cut), slice(cut, len(rows))], terms)
    wanted = _plainly(rows, [range(cut), range(cut, len(rows))], terms, most)
    assert [Verdict(code) for code in found.codes.tolist()] == wanted


PAIRS = st.sets(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=20)


@settings(max_examples=100, deadline=None)
@given(PAIRS, st.lists(st.integers(0, 3), min_size=20, max_size=20), st.sets(st.integers(0, 19)))
def test_of_near_triplets_one_stays_and_benchmarks_pictures_do_not(
    pairs: set[tuple[int, int]], scores: list[int], theirs: set[int]
) -> None:
    columns = {name: np.arange(20, dtype="u8") for name in ("image", "thread")}
    columns |= {name: np.array([b"%016d" % n for n in range(20)]) for name in ("id_key", "content")}
    columns |= {"licence": np.zeros(20, "i4"), "score": np.array(scores, "f4")}
    entries = Entries(columns, {"licence": ["MIT"]})
    additions = [slice(0, 8), slice(8, 8), slice(8, 20)]
    ordered = {(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]}
    near = []
    for rows in additions:
        came = [pair for pair in ordered if rows.start <= pair[1] < rows.stop]
        found = np.array(came, "u4").reshape(-1, 2)
        nobody = np.empty(0, "u4"), np.empty(0, "u4")
        near.append(Nearness(nobody, nobody, (found[:, 0], found[:, 1]), Told()))
    relations = Relations(near, np.array(sorted(theirs), "i8"))
    found = decide(entries, additions, Terms(), relations)
    stays: set[int] = set()
    for rows in additions:
        left = set(range(rows.start, rows.stop)) - theirs
        there = left | stays
        while there:
            group, edge = set(), {there.pop()}
            while edge:
                group |= edge
                edge = {n for pair in ordered if set(pair) & edge for n in pair} & there
                there -= edge
            if not group & stays:
                stays.add(min(group, key=lambda n: (-scores[n], n)))
    kept = {n for n in range(20) if found.codes[n] == Verdict.KEPT}
    assert kept == stays
    assert {n for n in range(20) if found.codes[n] == Verdict.CONTAMINATED} == theirs
    lost = set(range(20)) - theirs - stays
    assert {int(found.earlier[n]) for n in lost} <= stays


def _plainly(
    rows: list[tuple[int, int, int, int]], additions: list[range], terms: Terms, most: int
) -> list[Verdict]:
    ranks = rank_of(np.arange(len(rows), dtype="u8"), terms).tolist()
    made = [Verdict.KEPT] * len(rows)
    for addition in additions:
        before = [n for n in range(addition.start) if made[n] is Verdict.KEPT]
        left = []
        for n in addition:
            if rows[n][2] > 2:
                made[n] = Verdict.LICENCE
            elif rows[n][1] in {rows[m][1] for m in (*before, *left)}:
                made[n] = Verdict.DUPLICATE
            else:
                left.append(n)
        taken, unique = {rows[n][0] for n in before}, []
        for n in left:
            if rows[n][0] in taken:
                made[n] = Verdict.TAKEN
            else:
                unique.append(n)
                taken.add(rows[n][0])
        room = max(0, most - sum(rows[n][3] == 1 for n in before))
        for n in sorted((n for n in unique if rows[n][3] == 1), key=ranks.__getitem__)[room:]:
            made[n] = Verdict.SOURCE
    return made
