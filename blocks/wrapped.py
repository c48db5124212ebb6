"""What a team has saved in blocks of Prefect's own and of prefect-aws, as fsspec's options.

Such blocks are read by Prefect's API, so that prefect-aws need not be installed. The server gives
their secrets to whoever may ask it, as it does to every block that is loaded.
"""

from collections.abc import Mapping
from typing import Any

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound, PrefectException

from editcorpus.errors import ConfigError, first_line

AWS, REMOTE = "aws-credentials", "remote-file-system"
"""Slugs of the types of block (prefect_aws/credentials.py, prefect/filesystems.py)."""
_AWS_KEYS = {
    "aws_access_key_id": "key",
    "aws_secret_access_key": "secret",
    "aws_session_token": "token",
    "profile_name": "profile",
}
"""Members of `AwsCredentials`, and what s3fs calls them."""
_CLIENT = {"endpoint_url", "verify", "use_ssl", "api_version"}
"""Members of its `aws_client_parameters` that s3fs hands on to its client."""


def aws_options(name: str) -> dict[str, Any]:
    """What a saved `AwsCredentials` block comes to.

    Raises:
        ConfigError: There is none of that name, or no Prefect server.
    """
    saved = _saved(AWS, name)
    made = {to: saved[one] for one, to in _AWS_KEYS.items() if saved.get(one)}
    more = _members(saved.get("aws_client_parameters"))
    client = {one: more[one] for one in sorted(_CLIENT & more.keys()) if more[one] is not None}
    if url := client.pop("endpoint_url", ""):
        made["endpoint_url"] = url
    if region := saved.get("region_name"):
        client["region_name"] = region
    return {**made, "client_kwargs": client} if client else made


def remote_place(name: str) -> tuple[str, dict[str, Any]]:
    """Root and options of a saved `RemoteFileSystem` block.

    Raises:
        ConfigError: There is none of that name, or no Prefect server.
    """
    saved = _saved(REMOTE, name)
    return str(saved.get("basepath", "")), _members(saved.get("settings"))


def _saved(slug: str, name: str) -> Mapping[str, Any]:
    try:
        with get_client(sync_client=True) as client:
            return client.read_block_document_by_name(name, slug).data
    except ObjectNotFound:
        raise ConfigError(f"No block {slug}/{name} is saved on this Prefect server.") from None
    except (httpx.HTTPError, PrefectException) as error:
        raise ConfigError(f"The block {slug}/{name} cannot be read: {first_line(error)}.") from None


def _members(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
