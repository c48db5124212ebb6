"""The folder that an export fills."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from editcorpus.layouts.output import Output
from editcorpus.storage import Store


@pytest.fixture
def output(tmp_path: Path) -> Output:
    return Output(Store.on_disk(tmp_path), "out")


@pytest.mark.timeout(60)
def test_many_large_files_are_filled_side_by_side(output: Output) -> None:
    with output, ExitStack() as stack:
        files = [stack.enter_context(output.large(f"{number}.bin")) for number in range(30)]
        for number, file in enumerate(files):
            file.write_bytes(b"%d" % number)
    made = {path: output.store.read(path) for path in output.store.list("out")}
    assert made == {f"out/{number}.bin": b"%d" % number for number in range(30)}


def test_a_block_that_fails_leaves_nothing(output: Output) -> None:
    def fill() -> None:
        with output, output.large("a.bin") as file:
            file.write_bytes(b"half")
            raise ValueError("It broke.")

    with pytest.raises(ValueError, match="It broke"):
        fill()
    assert output.store.list("out") == []
