"""What was once believed, shown, or fatal: texts that are none, passwords within URLs, bombs."""

import io
import struct
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus.demo.rows import published_schema
from editcorpus.endpoints.replies import count
from editcorpus.errors import ConfigError
from editcorpus.images import is_plain
from editcorpus.inputs import Inputs
from editcorpus.planning import Selection, plan
from editcorpus.sources.omniedit import SOURCE
from editcorpus.storage import Store

PASSWORDS = ["someone:s3cret", ":s3cret", "a:s3%40cret", "a:s3cret@b"]


@pytest.fixture
def bad_text(tmp_path: Path) -> Path:
    """A file one of whose instructions is not UTF-8."""
    rows = [{"omni_edit_id": f"task_a_{n}", "edited_prompt_list": ["Paint."]} for n in range(2)]
    table = pa.Table.from_pylist(rows, published_schema())
    broken = pa.array([b"Paint \xff\xfe", b"Paint."]).view(pa.string())
    texts = pa.ListArray.from_arrays([0, 1, 2], broken)
    at = table.schema.get_field_index("edited_prompt_list")
    path = tmp_path / "rows.parquet"
    pq.write_table(table.set_column(at, "edited_prompt_list", texts), path)
    return path


@pytest.mark.parametrize("limit", [0, 2])
def test_a_text_that_is_not_utf8_is_one_sentence_about_its_file(bad_text: Path, limit: int) -> None:
    inputs = Inputs.find(str(bad_text))
    with pytest.raises(ConfigError, match=r"rows\.parquet is damaged in row group 0, .*utf-8"):
        list(plan(SOURCE, inputs, Selection(limit=limit)))


@pytest.mark.parametrize("words", PASSWORDS)
def test_a_url_with_a_password_is_refused_without_showing_it(words: str, tmp_path: Path) -> None:
    refusals = {
        "input": lambda: Inputs.find(["a.parquet", f"https://{words}@host/a.parquet"]),
        "store": lambda: Store(f"s3://{words}@team/x", {}, tmp_path),
        "server of the input": lambda: Inputs.find(
            "s3://team/x", {"endpoint_url": f"http://{words}@host"}
        ),
        "server of the store": lambda: Store(
            "s3://team/x", {"endpoint_url": f"http://{words}@host"}
        ),
    }
    for refusal in refusals.values():
        with pytest.raises(ConfigError, match=r"//\*\*\*@\w+\S* holds a password") as caught:
            refusal()
        assert "cret" not in str(caught.value)


@pytest.mark.parametrize("root", ["abfs://container@account/x", "s3://team/a:b@c", "/a//b:c@d"])
def test_an_at_sign_alone_is_no_password(root: str) -> None:
    from editcorpus.buckets import refuse_password

    refuse_password(root)


def test_a_bomb_is_not_even_opened_to_see_whether_it_is_plain(monkeypatch) -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0))
    data = (
        b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    )
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", lambda _: pytest.fail("decoded"))
    assert not is_plain(io.BytesIO(data).getvalue())


def test_a_truth_value_is_no_number_of_tokens() -> None:
    assert count({"tokens": True}, "tokens") == 0
    assert count({"tokens": 7}, "tokens") == 7
