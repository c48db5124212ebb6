"""What is found out before a run starts."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus.errors import ConfigError
from editcorpus.inputs import Inputs
from editcorpus.runs import identify_run
from editcorpus.stages.opening import Job, check
from editcorpus.steps import align

Make = Callable[..., Job]


def test_a_run_in_order_passes(tmp_path: Path, make_job: Make):
    check(make_job(tmp_path))


def many(folder: Path, good: Path, count: int, bad: int) -> Inputs:
    """Links to a good file, and one file of another kind."""
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:03d}.parquet").symlink_to(good)
    (folder / f"{bad:03d}.parquet").unlink()
    pq.write_table(pa.table({"other": [1]}), folder / f"{bad:03d}.parquet")
    return Inputs.find(str(folder))


@pytest.mark.parametrize(("count", "bad"), [(3, 2), (40, 7), (300, 298)])
def test_any_file_with_other_columns_is_told(
    count: int, bad: int, tmp_path: Path, source: Path, make_job: Make
):
    inputs = many(tmp_path / "in", source / "a.parquet", count, bad)
    with pytest.raises(ConfigError, match=rf"{bad:03d}\.parquet"):
        check(replace(make_job(tmp_path), inputs=inputs))


def test_of_very_many_files_two_hundred_are_looked_at(tmp_path: Path, source: Path, make_job: Make):
    inputs = many(tmp_path / "in", source / "a.parquet", 300, 299)
    check(replace(make_job(tmp_path), inputs=inputs))


def test_token_ids_of_another_vocabulary_are_told_with_the_right_ones(
    tmp_path: Path, make_job: Make
):
    job = make_job(tmp_path, align=align.Config(token_ids=(9454, 2753)))
    with pytest.raises(
        ConfigError, match=r"has the token ids 9454 .*2308 .*: set align\.token_ids"
    ):
        check(job)


def test_the_sandbox_under_another_name_is_refused(tmp_path: Path, make_job: Make):
    job = make_job(tmp_path)
    endpoints = {
        name: item.model_copy(update={"provider": "openai"}) for name, item in job.endpoints.items()
    }
    with pytest.raises(ConfigError, match="is the sandbox, but its provider is 'openai'"):
        check(replace(job, endpoints=endpoints))


def test_a_run_that_began_before_a_setting_was_known_goes_on(tmp_path: Path, make_job: Make):
    job = make_job(tmp_path, align=align.Config())
    older = {"model": job.identity["align"]["model"]}
    identify_run(job.store, job.run, {**job.identity, "align": older})
    check(job)
    changed = {**older, "model": "another"}
    identify_run(job.store, "other", {**job.identity, "align": changed})
    with pytest.raises(ConfigError, match=r'align\.model was "another"'):
        check(replace(job, run="other"))
