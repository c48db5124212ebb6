"""Which published pictures are shown to whom describes them, and how."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from editcorpus import images
from editcorpus.records import Reason, Rejected, Triplet
from editcorpus.steps import view

TRIPLET = Triplet("folder/a", "folder", "", "", "Add a hat.", 0, "MIT", "f", 0, 0)
CONFIG = view.Config()


def encoded(picture: Image.Image, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    picture.save(out, kind)
    return out.getvalue()


def ramp(width: int, height: int) -> bytes:
    return encoded(Image.linear_gradient("L").resize((width, height)).convert("RGB"))


def seen(
    data: bytes | None, mask: bytes | None = None, config: view.Config = CONFIG
) -> view.Viewed:
    found = view.view(TRIPLET, data, mask, config)
    assert isinstance(found, view.Viewed)
    return found


def refused(data: bytes | None, mask: bytes | None = None) -> Rejected:
    found = view.view(TRIPLET, data, mask, CONFIG)
    assert isinstance(found, Rejected)
    assert (found.id, found.step) == (TRIPLET.id, "view")
    return found


def test_a_picture_is_shown_as_a_jpeg_of_a_limited_size() -> None:
    row = seen(ramp(2048, 512), config=view.Config(longest=512))
    assert row.view is not None
    assert images.sniff(row.view) == "jpeg"
    assert images.decode(row.view).size == (512, 128)
    assert images.decode(seen(ramp(300, 200)).view or b"").size == (300, 200)


def test_the_hash_is_of_the_pixels_whatever_file_they_came_in() -> None:
    picture = Image.linear_gradient("L").resize((90, 80)).convert("RGB")
    first, second = (seen(encoded(picture, kind)) for kind in ("PNG", "BMP"))
    assert first.view_hash == second.view_hash != seen(ramp(80, 90)).view_hash


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, Reason.IMAGE_MISSING),
        (b"GIF", Reason.IMAGE_UNREADABLE),
        (ramp(200, 200)[:-40], Reason.IMAGE_UNREADABLE),
        (ramp(20, 200), Reason.IMAGE_TOO_SMALL),
        (encoded(Image.new("RGB", (100, 100), "red")), Reason.IMAGE_BLANK),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_paid(
    data: bytes | None, reason: Reason
) -> None:
    assert refused(data).reason is reason


def test_a_size_bomb_is_refused_by_what_it_declares() -> None:
    small = view.Config(max_pixels=1000)
    found = view.view(TRIPLET, ramp(100, 100), None, small)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.IMAGE_TOO_LARGE


def test_a_mask_that_leaves_anything_out_fits_no_new_picture() -> None:
    part = Image.new("L", (100, 100), 0)
    part.paste(255, (20, 20, 60, 60))
    found = refused(ramp(100, 100), encoded(part))
    assert found.reason is Reason.MASK_UNUSABLE
    assert "fits no new one" in found.detail
    assert refused(ramp(100, 100), b"no mask").reason is Reason.MASK_UNUSABLE
    assert seen(ramp(100, 100), encoded(Image.new("L", (100, 100), 255))).view


def test_a_later_turn_is_not_looked_at() -> None:
    found = view.view(replace(TRIPLET, previous="folder/z"), b"broken", None, CONFIG)
    assert found == view.Viewed(TRIPLET.id, None, "")
