"""The folder that an export fills."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from editcorpus.layouts import output as output_module
from editcorpus.layouts.output import Output
from editcorpus.storage import Store


@pytest.fixture
def output(tmp_path: Path) -> Output:
    return Output(Store.on_disk(tmp_path), "out")


@pytest.mark.timeout(300)
def test_many_large_files_are_filled_side_by_side(output: Output) -> None:
    with output, ExitStack() as stack:
        files = [stack.enter_context(output.large(f"{number}.bin")) for number in range(30)]
        for number, file in enumerate(files):
            file.write(b"%d" % number)
    made = {path: output.store.read(path) for path in output.store.list("out")}
    assert made == {f"out/{number}.bin": b"%d" % number for number in range(30)}


def test_a_block_that_fails_leaves_nothing(output: Output) -> None:
    def fill() -> None:
        with output, output.large("a.bin") as file:
            file.write(b"half")
            raise ValueError("It broke.")

    with pytest.raises(ValueError, match="It broke"):
        fill()
    assert output.store.list("out") == []


def test_what_is_put_has_its_name_once_it_is_settled(output: Output) -> None:
    with output:
        output.put("a/1.bin", b"first")
        output.put("a/1.bin", b"again")
        output.put("b.bin", b"other")
        assert output.store.list("out") == []
        output.settle()
        made = {path: output.store.read(path) for path in output.store.list("out")}
    assert made == {"out/a/1.bin": b"again", "out/b.bin": b"other"}


def test_a_file_that_is_written_while_it_is_filled_is_whole(
    output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_module, "_EAGER", 10_000)
    parts = [bytes([number]) * size for number, size in enumerate((1, 9_999, 30_000, 512, 8_192))]
    with output, output.large("a.bin") as file:
        for part in parts:
            file.write(part)
        assert file.tell() == sum(map(len, parts))
    assert output.store.read("out/a.bin") == b"".join(parts)


def test_a_shard_of_pictures_is_whole_or_not_there(output: Output) -> None:
    parts = [bytes([number]) * size for number, size in enumerate((1, 2**20, 3_000_000, 512))]

    def fill(name: str, parts: list[bytes]) -> None:
        with output.shard(name) as file:
            for part in parts:
                file.write(part)
            if not parts[-1]:
                raise ValueError("It broke.")

    with output:
        fill("a.tar", parts)
        with pytest.raises(ValueError, match="It broke"):
            fill("b.tar", [*parts, b""])
    assert output.store.list("out") == ["out/a.tar"]
    assert output.store.read("out/a.tar") == b"".join(parts)


def test_a_shard_of_pictures_goes_to_a_bucket(tmp_path: Path) -> None:
    store = Store("memory://shards", spool=tmp_path)
    with Output(store, "out") as output, output.shard("a.tar") as file:
        file.write(bytes(2**20 + 1))
    assert store.read("out/a.tar") == bytes(2**20 + 1)
    assert not list(tmp_path.iterdir())
