"""Uploads that nobody finished: found by the server's own clock, and given up."""

import pytest

from editcorpus.leases import Owner
from editcorpus.lookups import garbage
from editcorpus.lookups.garbage import find_garbage, remove_garbage
from editcorpus.storage import Store
from editcorpus.uploads import abort, unfinished

AT = "2026-11-21T00:00:00.000+00:00"


def begun(store: Store, path: str, parts: int) -> str:
    """Begin an upload as a process does that dies in the middle of it."""
    files, key = store.beneath(path)
    bucket, _, name = key.partition("/")
    made = files.call_s3("create_multipart_upload", Bucket=bucket, Key=name)["UploadId"]
    for number in range(1, parts + 1):
        where = {"Bucket": bucket, "Key": name, "UploadId": made, "PartNumber": number}
        files.call_s3("upload_part", **where, Body=b"x" * 1000)
    return str(made)


def test_a_folder_has_none(disk_store: Store):
    assert list(unfinished(disk_store)) == []


@pytest.mark.s3
def test_those_below_the_root_are_found_with_their_length_and_age(s3_store: Store):
    outside = Store(s3_store.root.removesuffix("/team") + "/team2", s3_store._options)
    begun(outside, "a", 1)
    name = begun(s3_store, "runs/a/x.parquet", 2)
    s3_store.write("runs/a/y.parquet", b"1")
    (found,) = unfinished(s3_store)
    assert found[:3] == ("runs/a/x.parquet", name, 2000)
    assert -5 < found.age_s < 600
    abort(s3_store, found.path, found.id)
    assert list(unfinished(s3_store)) == []
    assert len(list(unfinished(outside))) == 1
    assert s3_store.list("runs") == ["runs/a/y.parquet"]


@pytest.mark.s3
def test_what_is_given_up_already_is_no_error(s3_store: Store):
    name = begun(s3_store, "a", 1)
    for _ in range(2):
        abort(s3_store, "a", name)


@pytest.mark.s3
def test_garbage_collection_gives_up_those_older_than_a_day_and_shows_them_before(
    s3_store: Store, monkeypatch: pytest.MonkeyPatch
):
    begun(s3_store, "runs/a/x.parquet", 1)
    assert list(find_garbage(s3_store, "responses", 0)) == []
    monkeypatch.setattr(garbage, "ORPHAN_S", -60.0)
    (shown,) = find_garbage(s3_store, "responses", 0)
    assert (shown.kind, shown.path, shown.bytes) == ("uploads", "runs/a/x.parquet", 1000)
    (gone,) = remove_garbage(s3_store, "responses", 0, Owner("a", "here", 1), AT)
    assert gone == shown
    assert list(unfinished(s3_store)) == []
