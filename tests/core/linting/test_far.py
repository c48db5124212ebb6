"""Corpora behind a network: a bucket, and a dataset on the Hub."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from hub_data import HubServer

from editcorpus.errors import ConfigError
from editcorpus.linting.lint import Settings, look
from editcorpus.linting.summed import summed


def checks(report: Any) -> dict[str, str]:
    return {one.id: str(one.check) for one in report.findings}


@pytest.mark.s3
def test_a_corpus_in_a_bucket_is_looked_at(s3: Any, tmp_path: Path, planted: Any) -> None:
    rows = [row for row in planted.faulty_rows() if row.id in {"echo", "missing", "broken"}]
    rows[1].edited = "edited_image/nowhere.png"
    local = planted.write_folder(tmp_path / "corpus", [*planted.clean_rows(2), *rows], {})
    bucket = s3.bucket("published")
    for file in local.rglob("*"):
        if file.is_file():
            s3.files.put(str(file), f"{bucket}/c/{file.relative_to(local)}")
    report, _ = summed(look(f"s3://{bucket}/c", s3.options, Settings()))
    found = {"echo": "echo", "missing": "picture_missing", "broken": "picture_broken"}
    assert (checks(report), report.corpus.where) == (found, f"s3://{bucket}/c")
    assert (report.duplicates_among, report.duplicates_whole) == (3, True)
    sampled, _ = summed(look(f"s3://{bucket}/c", s3.options, Settings(sample=2)))
    assert (sampled.corpus.sampled_rows, sampled.duplicates_whole) == (2, False)


def test_a_dataset_on_the_hub_is_looked_at_with_a_token(
    hub: HubServer, tmp_path: Path, planted: Any
) -> None:
    local = planted.write_folder(tmp_path / "corpus", planted.clean_rows(3), {})
    files = {
        file.relative_to(local).as_posix(): file.read_bytes()
        for file in local.rglob("*")
        if file.is_file()
    }
    hub.dataset("team/mine", gated=True, readers={"hf_planted51c0de"}).commit(files)
    hub.tokens.add("hf_planted51c0de")
    shutil.rmtree(local)
    options = {"hub": {"endpoint": hub.url, "token": "hf_planted51c0de"}}
    report, _ = summed(look("hf://datasets/team/mine", options, Settings()))
    assert (report.clean.count, report.clean.of) == (3, 3)
    assert "hf_planted" not in report.model_dump_json()
    with pytest.raises(
        ConfigError,
        match=r"The input hf://datasets/team/mine@.* cannot be read: the dataset is gated",
    ):
        look("hf://datasets/team/mine", {"hub": {"endpoint": hub.url}}, Settings())
