"""What a store refuses: roots that cannot be used, and names that could lead out of it."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from editcorpus.checks import check_store
from editcorpus.errors import ConfigError, StorageError
from editcorpus.names import safe_name
from editcorpus.storage import Store


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "/etc/passwd", "..", "../a", "a/../../b", "a/..", ".", "./a", "a//b", "a/"),
        *("a\0b", "a\nb", "a/\x1b[31m", "\ud800", ".x.tmp"),
    ],
)
def test_path_tricks_are_refused(any_store: Store, path: str):
    for call in (any_store.read, any_store.exists, any_store.remove, any_store.size, any_store.url):
        if call != any_store.url or any_store.local:
            with pytest.raises(ConfigError, match="is not a path inside the store"):
                call(path)
    with pytest.raises(ConfigError, match="is not a path inside the store"):
        any_store.write(path, b"1")


def test_names_that_no_disk_takes_are_refused(any_store: Store):
    any_store.write("ü" * 127, b"1")
    with pytest.raises(ConfigError, match="more than 255 bytes"):
        any_store.write("ü" * 128, b"1")


def test_check_leaves_nothing(any_store: Store, tmp_path: Path):
    check_store(any_store)
    check_store(any_store)
    if any_store.local:
        assert names_in(any_store.local) == []
    else:
        assert names_in(tmp_path / "spool") == []


def test_many_processes_may_check_at_once(disk_store: Store):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: check_store(disk_store), range(64)))


def test_a_root_that_is_a_file_is_one_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(
        ConfigError, match=r"The store .*/file/a cannot be used: .*File exists"
    ) as e:
        check_store(Store.on_disk(tmp_path / "file/a"))
    assert "\n" not in str(e.value)


def test_a_folder_without_rights_is_a_storage_error(disk_store: Store):
    disk_store.write("a/b", b"1")
    with pytest.raises(StorageError, match=r"a: .*[Nn]ot a directory|Is a directory"):
        disk_store.read("a")


@pytest.mark.parametrize("root", ["nope://x/y", "s3://"])
def test_a_root_that_cannot_be_opened_is_one_sentence(root: str):
    with pytest.raises(ConfigError, match=r"No store can be opened|names no bucket"):
        Store(root)


def test_a_root_may_end_in_a_slash_or_begin_with_file(tmp_path: Path):
    store = Store(f"file://{tmp_path}/a/")
    store.write("b", b"1")
    assert (tmp_path / "a/b").read_bytes() == b"1"
    assert store.url("b") == f"{tmp_path}/a/b"


@pytest.mark.s3
@pytest.mark.parametrize(
    ("root", "change", "sentence"),
    [
        ("s3://no-such-bucket/x", {}, "bucket does not exist"),
        ("s3://taken/x", {"secret": "wr0ng-of-test"}, "signature"),
        ("s3://taken/x", {"key": "n0body-of-test"}, "Access|not exist"),
        ("s3://taken/x", {"endpoint_url": "http://127.0.0.1:1"}, "connect"),
    ],
)
def test_an_unusable_bucket_is_one_sentence_within_seconds(s3, tmp_path, root, change, sentence):
    if not s3.files.exists("taken"):
        s3.bucket("taken")
    began = time.monotonic()
    with pytest.raises(ConfigError, match=sentence) as caught:
        check_store(Store(root, {**s3.options, **change}, tmp_path))
    assert time.monotonic() - began < 120, "tries of a minute each, were it not hasty"
    text = str(caught.value)
    assert text.startswith(f"The store {root} cannot be used: ")
    assert "of-test" not in text
    assert "\n" not in text
    assert names_in(tmp_path) == []


@pytest.mark.s3
def test_a_spool_that_cannot_be_made_is_found_by_the_check(s3_store: Store, s3, tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match=r"cannot be used: .*File exists"):
        check_store(Store(s3_store.root, s3.options, tmp_path / "file/spool"))


def test_safe_names_keep_what_is_harmless():
    assert safe_name("omniedit/task_obj_add-12.3~x") == "omniedit%2Ftask_obj_add-12.3~x"
    assert safe_name("ü 🙂") == "%C3%BC%20%F0%9F%99%82"
    assert [safe_name(text) for text in ("", ".", "..", ".x.tmp")] == [
        *("=", "%2E", "%2E."),
        "%2Ex.tmp",
    ]


def test_safe_names_are_distinct_and_fit_on_any_disk(disk_store: Store):
    texts = [
        "",
        ".",
        "..",
        "=",
        "%2E",
        "a/b",
        "a%2Fb",
        "\0",
        "\ud800",
        *("日" * n for n in range(1, 300)),
    ]
    names = {safe_name(text) for text in texts}
    assert len(names) == len(texts)
    for name in names:
        assert len(name) <= 152
        disk_store.write(f"x/{name}", b"1")
    assert len(disk_store.list("x")) == len(texts)
