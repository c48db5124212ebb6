"""Blocks that a team has saved already, behind a store: their keys, server and path are taken."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.blocks.core import Block
from prefect.filesystems import RemoteFileSystem
from pydantic import Field, SecretStr

from blocks.corpus_store import CorpusStore
from editcorpus.errors import ConfigError

pytestmark = pytest.mark.prefect
SECRET = "s3-planted-51c0de"


class TeamsCredentials(Block):
    """As prefect_aws/credentials.py has it, which need not be installed where it is read."""

    _block_type_name = "AWS Credentials"
    _block_type_slug = "aws-credentials"

    region_name: str | None = None
    profile_name: str | None = None
    aws_access_key_id: str | None = None
    aws_secret_access_key: SecretStr | None = None
    aws_session_token: str | None = None
    aws_client_parameters: dict[str, Any] = Field(default_factory=dict)


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, serve_s3: Callable[..., Any]
) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("s3")
    (folder / "team").mkdir()
    with serve_s3(folder, SECRET) as url:
        yield url, folder


@pytest.mark.s3
def test_a_store_takes_key_and_server_from_saved_credentials(
    prefect_api: str, server: tuple[str, Path], tmp_path: Path
) -> None:
    url, folder = server
    TeamsCredentials(
        aws_access_key_id="access",
        aws_secret_access_key=SecretStr(SECRET),
        region_name="eu-central-1",
        aws_client_parameters={"endpoint_url": url, "verify": None, "config": {"x": 1}},
    ).save("team-keys", overwrite=True)
    block = CorpusStore(root="s3://team/a", aws_credentials="team-keys", spool=str(tmp_path))
    assert block.check() == ""
    block.store().write("runs/one", b"1")
    assert (folder / "team" / "a" / "runs" / "one").read_bytes() == b"1"
    assert block.options() == {
        "key": "access",
        "secret": SECRET,
        "endpoint_url": url,
        "client_kwargs": {"region_name": "eu-central-1"},
    }
    assert SECRET not in f"{block!r} {block.store()!r} {block.model_dump_json()}"


@pytest.mark.s3
def test_a_store_takes_root_and_settings_from_a_saved_file_system(
    prefect_api: str, server: tuple[str, Path], tmp_path: Path
) -> None:
    url, folder = server
    settings = {"key": "access", "secret": SECRET, "client_kwargs": {"endpoint_url": url}}
    RemoteFileSystem(basepath="s3://team/b", settings=settings).save("team-files", overwrite=True)
    block = CorpusStore(remote_file_system="team-files", spool=str(tmp_path))
    assert block.check() == ""
    assert block.store().root == "s3://team/b"
    block.store().write("runs/one", b"1")
    assert (folder / "team" / "b" / "runs" / "one").read_bytes() == b"1"


def test_what_is_set_on_the_store_itself_comes_first(prefect_api: str) -> None:
    RemoteFileSystem(basepath="s3://team/c", settings={"key": "theirs", "token": "t"}).save(
        "team-more", overwrite=True
    )
    TeamsCredentials(aws_access_key_id="keys", profile_name="lab").save("team-own", overwrite=True)
    both = CorpusStore(remote_file_system="team-more", aws_credentials="team-own")
    assert both.options() == {"key": "keys", "token": "t", "profile": "lab"}
    own = CorpusStore(remote_file_system="team-more", access_key="mine", endpoint_url="http://here")
    assert own.options() == {"key": "mine", "token": "t", "endpoint_url": "http://here"}


def test_an_edit_of_what_is_named_takes_effect_when_the_store_is_opened_again(
    prefect_api: str,
) -> None:
    block = CorpusStore(remote_file_system="team-moves")
    for name in ("first", "second"):
        RemoteFileSystem(basepath=f"s3://team/{name}").save("team-moves", overwrite=True)
        assert block.store().root == f"s3://team/{name}"


@pytest.mark.parametrize("field", ["aws_credentials", "remote_file_system"])
def test_a_block_that_is_not_there_is_one_sentence(prefect_api: str, field: str) -> None:
    block = CorpusStore(**{field: "nobody"})
    with pytest.raises(ConfigError, match=r"^No block [a-z-]+/nobody is saved on this Prefect"):
        block.store()
    assert block.check().startswith("No block ")
