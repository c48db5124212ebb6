"""A saved place for runs, paid answers and corpora."""

import os
from pathlib import Path
from typing import Any

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from editcorpus.failpoints import VARIABLE, open_store
from editcorpus.hub import hub_option
from editcorpus.storage import Store


class CorpusStore(Block):
    """A folder or an S3 bucket that holds runs, paid answers and corpora."""

    _block_type_name = "Corpus store"
    _block_type_slug = "corpus-store"
    _description = "A folder or an S3 bucket that holds runs, paid answers and corpora."

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
        description="Local folder for files on their way to a bucket: needs a few gigabytes.",
    )
    hub_endpoint: str = Field(
        default="", description="URL of the Hub for hf:// inputs; empty for huggingface.co."
    )
    hub_token: SecretStr = Field(
        default=SecretStr(""),
        description="Token for gated and private datasets on the Hub; empty: none is sent.",
    )

    def store(self) -> Store:
        """The store as the core takes it."""
        spool = Path(self.spool).expanduser()
        options = self._options() if "://" in self.root else {}
        return open_store(self.root, options, spool, os.environ.get(VARIABLE, ""))

    def options(self) -> dict[str, Any]:
        """What opens URLs of inputs: fsspec's options for S3, and the Hub's."""
        hub = hub_option(self.hub_endpoint, self.hub_token.get_secret_value())
        return {**self._options(), **hub}

    def _options(self) -> dict[str, Any]:
        """What fsspec takes to open S3 URLs: of the store, and of inputs beside it."""
        members = {
            "endpoint_url": self.endpoint_url,
            "key": self.access_key,
            "secret": self.secret_key.get_secret_value(),
        }
        return {name: value for name, value in members.items() if value}
