import os
from pathlib import Path

import pytest

from editcorpus.archives.archive import Archive
from editcorpus.archives.folder import Folder
from editcorpus.archives.parts import archives_among
from editcorpus.errors import ConfigError, SourceError, StorageError
from editcorpus.inputs import Inputs


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "a.jpg").write_bytes(b"picture")
    (root / "with#and?.jpg").write_bytes(b"odd")
    (tmp_path / "secret").write_bytes(b"secret")
    return root


def test_files_are_read_by_their_paths(tree: Path):
    folder = Folder(f"{tree}/", Inputs())
    assert folder.read("sub/a.jpg", 7) == folder.read("./sub//a.jpg", 7) == b"picture"
    assert folder.read("with#and?.jpg", 7) == b"odd"
    assert folder.read("sub/none.jpg", 7) is None
    assert folder.read("sub", 7) is None
    assert "sub/a.jpg" in folder
    assert "sub" not in folder
    assert folder.complete
    assert folder.in_order(["b", "a"]) == ["a", "b"]


def test_a_file_above_the_limit_is_refused(tree: Path):
    with pytest.raises(SourceError, match=r"'sub/a\.jpg' has 7 bytes or more, and 6 are the most"):
        Folder(str(tree), Inputs()).read("sub/a.jpg", 6)


@pytest.mark.parametrize(
    "path",
    [
        "../secret",
        "sub/../../secret",
        "/etc/passwd",
        "",
        ".",
        "a\0",
        "\udcff",
        "x" * 300,
        "sub/a.jpg/b",
    ],
)
def test_no_path_leaves_the_folder(tree: Path, path: str):
    folder = Folder(str(tree), Inputs())
    assert folder.read(path, 100) is None
    assert path not in folder


def test_links_are_followed_only_within_the_folder(tree: Path):
    (tree / "out").symlink_to(tree.parent / "secret")
    (tree / "up").symlink_to(tree.parent)
    (tree / "in").symlink_to("sub/a.jpg")
    (tree / "round").symlink_to("round")
    os.mkfifo(tree / "pipe")
    folder = Folder(str(tree), Inputs())
    assert folder.read("in", 100) == b"picture"
    for path in ("out", "up/secret", "round", "pipe"):
        assert folder.read(path, 100) is None
        assert path not in folder


def test_a_folder_that_is_itself_a_link_is_one(tree: Path):
    (tree.parent / "link").symlink_to(tree)
    assert Folder(str(tree.parent / "link"), Inputs()).read("sub/a.jpg", 100) == b"picture"


@pytest.mark.parametrize("name", ["none", "pictures/sub/a.jpg"])
def test_a_folder_that_is_none_is_one_sentence(tree: Path, name: str):
    with pytest.raises(ConfigError, match="There is no folder of pictures at"):
        Folder(str(tree.parent / name), Inputs())


@pytest.mark.s3
def test_a_bucket_is_a_folder(s3, s3_numbers):
    name = s3.bucket(f"folders-{next(s3_numbers)}")
    s3.files.pipe_file(f"{name}/seed/sub/a.jpg", b"picture")
    s3.files.pipe_file(f"{name}/secret", b"secret")
    folder = Folder(f"s3://{name}/seed", Inputs(options=s3.options))
    assert folder.read("sub/a.jpg", 7) == b"picture"
    assert folder.read("sub/b.jpg", 7) is None
    assert folder.read("../secret", 7) is None
    assert folder.read("é" * 1_000, 7) is None
    assert "sub/a.jpg" in folder
    assert "sub" not in folder
    assert "sub/b.jpg" not in folder
    with pytest.raises(SourceError):
        folder.read("sub/a.jpg", 6)
    with pytest.raises(ConfigError, match="There is no folder of pictures"):
        Folder(f"s3://{name}/none", Inputs(options=s3.options))


@pytest.mark.s3
def test_a_bucket_that_refuses_the_key_is_one_sentence(s3):
    options = s3.options | {"secret": "wrong-one"}
    with pytest.raises((StorageError, ConfigError)) as caught:
        Folder("s3://no-such-bucket/x", Inputs(options=options)).read("a", 1)
    assert "wrong-one" not in str(caught.value)


def test_a_dataset_on_the_hub_is_a_folder(hub):
    sha = hub.dataset("team/set").commit({"seed/a b#1.jpg": b"picture", "other/b.jpg": b"no"})
    inputs = Inputs(options={"hub": {"endpoint": hub.url}})
    folder = Folder("hf://datasets/team/set/seed", inputs)
    assert folder.read("a b#1.jpg", 7) == b"picture"
    assert folder.read("../other/b.jpg", 7) is None
    assert folder.read("b.jpg", 7) is None
    assert "a b#1.jpg" in folder
    assert "other/b.jpg" in Folder(f"hf://datasets/team/set@{sha}", inputs)
    with pytest.raises(SourceError):
        folder.read("a b#1.jpg", 6)
    with pytest.raises(StorageError, match="has no file or folder at this path"):
        Folder("hf://datasets/team/set/none", inputs)


def test_an_archive_on_the_hub_is_read_by_range(hub, bench, packed, some):
    files = {f"x.tar.gz.part{n:03}": packed[n * 3_000_000 :][:3_000_000] for n in range(3)}
    sha = hub.dataset("team/set").commit(files)
    [parts] = archives_among(f"hf://datasets/team/set@{sha}/{name}" for name in files)
    inputs = Inputs(options={"hub": {"endpoint": hub.url}})
    archive = Archive.opened(parts, inputs, bench.store)
    assert archive.complete
    assert archive.read("images/00044.jpg", 1 << 20) == some["images/00044.jpg"]
    archive.close()
