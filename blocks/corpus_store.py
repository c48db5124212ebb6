"""A saved place for runs, paid answers and corpora."""

import os
import shutil
from pathlib import Path
from typing import Any

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, SecretStr, field_validator

from blocks.schemas import OneSchema
from blocks.wrapped import aws_options, remote_place
from editcorpus.buckets import refuse_password
from editcorpus.checks import check_store
from editcorpus.errors import ConfigError, EditcorpusError
from editcorpus.failpoints import VARIABLE, open_store
from editcorpus.hub import hub_option
from editcorpus.storage import Store

LEAST_SPOOL_BYTES = 2_000_000_000
"""Room that the spool needs: a column of 256 pictures has 0.5 GB, and several are under way at once."""


class CorpusStore(OneSchema, Block):
    """A folder or an S3 bucket that holds runs, paid answers and corpora.

    Example:
        Ask a saved store whether it can be used:
        ```python
        from blocks.corpus_store import CorpusStore

        corpus_store = CorpusStore.load("BLOCK_NAME")
        print(corpus_store.check() or "It can be used.")
        ```
    """

    _block_type_name = "Corpus store"
    _block_type_slug = "corpus-store"
    _description = "A folder or an S3 bucket that holds runs, paid answers and corpora."
    _documentation_url = HttpUrl("https://docs.prefect.io/v3/concepts/blocks")

    root: str = Field(default="store", description="A folder, or a URL such as s3://bucket/prefix.")
    endpoint_url: str = Field(
        default="", description="URL of an S3-compatible server; empty for AWS."
    )
    access_key: str = Field(
        default="", description="Access key id; empty: found by the AWS client."
    )
    secret_key: SecretStr = Field(default=SecretStr(""), description="Secret of the access key.")
    spool: str = Field(
        default="~/.cache/editcorpus/spool",
        description="Local folder for files on their way to a bucket: needs 2 GB or more.",
    )
    hub_endpoint: str = Field(
        default="", description="URL of the Hub for hf:// inputs; empty for huggingface.co."
    )
    hub_token: SecretStr = Field(
        default=SecretStr(""),
        description="Token for gated and private datasets on the Hub; empty: none is sent.",
    )
    aws_credentials: str = Field(
        default="",
        description="Name of a saved AwsCredentials block of prefect-aws, which gives key, token, profile, "
        "region and server; what is set here comes before it. Empty: none.",
    )
    remote_file_system: str = Field(
        default="",
        description="Name of a saved RemoteFileSystem block: its base path is the root in place of the "
        "one here, and its settings open it; what else is set here comes before them. Empty: none.",
    )

    @field_validator("root", "endpoint_url", "hub_endpoint")
    @classmethod
    def _holds_no_password(cls, url: str) -> str:
        """A URL is shown by the API, in manifests and in logs."""
        refuse_password(url)
        return url

    def store(self) -> Store:
        """The store as the core takes it.

        Raises:
            ConfigError: The root is none, or a block that is named here cannot be read.
        """
        root, options = self.place()
        spool = Path(self.spool).expanduser()
        options = options if "://" in root else {}
        return open_store(root, options, spool, os.environ.get(VARIABLE, ""))

    def options(self) -> dict[str, Any]:
        """What opens URLs of inputs: fsspec's options for S3, and the Hub's.

        Raises:
            ConfigError: A block that is named here cannot be read.
        """
        hub = hub_option(self.hub_endpoint, self.hub_token.get_secret_value())
        return {**self.place()[1], **hub}

    def place(self) -> tuple[str, dict[str, Any]]:
        """The root, and what fsspec takes to open it and inputs beside it.

        Blocks that are named here are read anew each time, so that an edit of theirs takes effect.

        Raises:
            ConfigError: One of them cannot be read.
        """
        root, options = self.root, dict[str, Any]()
        if self.remote_file_system:
            root, options = remote_place(self.remote_file_system)
        if self.aws_credentials:
            options |= aws_options(self.aws_credentials)
        members = {
            "endpoint_url": self.endpoint_url,
            "key": self.access_key,
            "secret": self.secret_key.get_secret_value(),
        }
        return root, {**options, **{name: value for name, value in members.items() if value}}

    def check(self) -> str:
        """Find out whether it can be used: opened, written, read and cleaned, with room in the spool.

        Returns:
            What is wrong, in one sentence; empty where nothing is.
        """
        try:
            store = self.store()
            if store.local is None:
                _check_room(Path(self.spool).expanduser())
            check_store(store)
        except EditcorpusError as error:
            return str(error)
        return ""


def _check_room(spool: Path) -> None:
    there = next(
        folder for folder in (spool.absolute(), *spool.absolute().parents) if folder.exists()
    )
    try:
        free = shutil.disk_usage(there).free
    except OSError as error:
        raise ConfigError(f"The spool folder {spool} cannot be looked at: {error}.") from None
    if free < LEAST_SPOOL_BYTES:
        raise ConfigError(
            f"The spool folder {spool} has {free / 1e9:.1f} GB of room, and files on their way to a bucket "
            f"need {LEAST_SPOOL_BYTES / 1e9:.0f} GB."
        )
