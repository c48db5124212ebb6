"""Equal pixels in different files, and nothing else."""

import io

import numpy as np
from PIL import Image

from editcorpus.images import Limits, decode, encode_jpeg, encode_png, pixel_hash
from editcorpus.similar.exact import exact_groups
from editcorpus.similar.search import near
from editcorpus.similar.views import hash_views, read_grey


def test_equal_pixels_are_one_group_and_near_ones_are_not(photos: list[Image.Image]) -> None:
    first = encode_jpeg(photos[0], 92)
    blank = Image.new("RGB", (200, 100), "white")
    webp = io.BytesIO()
    decode(first).save(webp, "WEBP", lossless=True)
    dotted = blank.copy()
    dotted.putpixel((3, 3), (254, 255, 255))
    files = [
        first,
        encode_png(decode(first)),
        encode_jpeg(photos[0], 80),
        webp.getvalue(),
        encode_png(decode(first).transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
        encode_png(photos[1]),
        encode_png(blank),
        encode_png(blank, 9),
        encode_png(dotted),
        encode_png(blank.resize((100, 200))),
    ]
    limits = Limits(min_side=1)
    hashes = np.concatenate([hash_views(read_grey(data, limits))[1][:1] for data in files])
    read: list[int] = []

    def pixels(number: int) -> str:
        read.append(number)
        return pixel_hash(decode(files[number]))

    groups = exact_groups(hashes, near(hashes).pairs, pixels)
    assert groups.tolist() == [0, 0, 2, 0, 4, 5, 6, 6, 8, 9]
    assert sorted(read) == sorted(set(read))
    assert 5 not in read


def test_without_pairs_nothing_is_read(photos: list[Image.Image]) -> None:
    hashes = np.concatenate([hash_views(photo.convert("L"))[1][:1] for photo in photos])

    def never(number: int) -> str:
        raise AssertionError(number)

    groups = exact_groups(hashes, near(hashes).pairs, never)
    assert groups.tolist() == list(range(len(photos)))
