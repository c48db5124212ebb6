"""The px that vote on a fit, and the fit that they agree on."""

import numpy as np
import pytest
from PIL import Image

from editcorpus.planes import Fit, Pair, Plane, alike, laid, sampled
from editcorpus.votes import LEAST_VOTES, MOST_VOTES, Levels, Structure, refined, step

SIDE = 256


def texture(seed: int = 0, side: int = SIDE) -> Plane:
    """Smooth structure, of mean 0."""
    noise = np.random.default_rng(seed).random((side // 8, side // 8)).astype(np.float32) - 0.5
    return np.asarray(Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("fit", [Fit(), Fit(0.03, 0.02, -0.02, 0.01), Fit(-0.1, 0.2, 0.1, -0.2)])
def test_px_alone_are_read_as_the_whole_plane_is(fit: Fit) -> None:
    edited = texture()
    rows, columns = np.mgrid[0:SIDE:7, 0:SIDE:5].reshape(2, -1)
    whole = laid(Pair(edited, edited), fit).edited
    assert np.allclose(sampled(edited, rows, columns, fit), whole[rows, columns], atol=1e-6)


def test_a_plane_is_laid_out_as_the_picture_would_be() -> None:
    edited, fit = texture(), Fit(0.03, 0.02, -0.02, 0.01)
    box = (0.005 * SIDE, 0.02 * SIDE, 1.035 * SIDE, 1.0 * SIDE)
    made = Image.fromarray(edited).transform(
        edited.shape, Image.Transform.EXTENT, box, Image.Resampling.BILINEAR
    )
    assert np.allclose(laid(Pair(edited, edited), fit).edited, np.asarray(made), atol=1e-5)


def test_what_lies_beyond_the_picture_is_nothing() -> None:
    found = laid(Pair(texture(), np.ones((SIDE, SIDE), np.float32)), Fit(shift_x=0.1)).edited
    assert (found[:, -20:] == 0).all()
    assert (found[:, :-30] == 1).all()


def test_of_much_structure_a_part_votes() -> None:
    structure = Structure.of(texture(side=1024))
    assert len(structure.rows) > 3 * MOST_VOTES
    votes = structure.votes()
    assert MOST_VOTES / 2 < len(votes.values) <= MOST_VOTES
    assert np.ptp(votes.rows) > 900


def test_only_px_that_look_alike_vote_unless_they_are_too_few() -> None:
    structure = Structure.of(texture())
    half = np.zeros((SIDE // 2, SIDE // 2), bool)
    half[:, : SIDE // 4] = True
    votes = structure.votes(half)
    assert len(votes.values) > LEAST_VOTES
    assert votes.columns.max() < SIDE // 2
    few = np.zeros((SIDE, SIDE), bool)
    few[100:108, 100:108] = True
    assert len(structure.votes(few).values) == len(structure.votes().values)


def test_the_votes_find_the_fit() -> None:
    source, fit = texture(), Fit(0.004, 0.003, -0.002, -0.004)
    edited = laid(Pair(source, source), _back(fit)).edited
    found = refined(edited, Structure.of(source).votes(), Fit())
    assert np.allclose(found, fit, atol=2e-4)
    moved, _ = step(edited, Structure.of(source).votes(), found)
    assert moved < 0.02


def _back(fit: Fit) -> Fit:
    zoom_x, zoom_y = 1 / (1 + fit.zoom_x), 1 / (1 + fit.zoom_y)
    return Fit(zoom_x - 1, -fit.shift_x * zoom_x, zoom_y - 1, -fit.shift_y * zoom_y)


def test_without_structure_nothing_moves() -> None:
    flat = np.zeros((SIDE, SIDE), np.float32)
    assert step(flat, Structure.of(flat).votes(), Fit(0.01)) == (0.0, Fit(0.01))


def test_each_level_is_made_once_and_turns_with_the_pictures() -> None:
    levels = Levels(texture(), texture(1))
    there = levels.at(64)
    assert levels.at(64) is there
    assert levels.structure(64) is levels.structure(64)
    assert levels.finest == SIDE
    back = levels.turned().at(64)
    assert back.source is there.edited
    assert back.edited is there.source
    assert not alike(there).all()
