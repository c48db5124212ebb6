"""A dataset repository on the Hub, as a push needs it: what is there, what is sent, what is committed.

All calls go through `huggingface_hub` with endpoint and token as they are given; what goes wrong is one
sentence that holds neither the token nor a signed URL. Calls that a server refuses for the moment (429,
5xx) are repeated by `huggingface_hub`, five times at most.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from httpx2 import HTTPError
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    RepoFile,
    get_session,
    hf_hub_url,
)
from huggingface_hub.errors import (
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from editcorpus.errors import ConfigError, EditcorpusError, RunStopped
from editcorpus.layouts.markdown import one_line

ENDPOINT = "https://huggingface.co"
"""The public Hub."""

_KIND = "dataset"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_FULL_STATUS = {402, 413, 507}
"""Payment required, content too large, insufficient storage."""
_FULL_WORDS = ("quota", "storage limit", "storage space", "exceeded", "too large")
_MOST_TEXT = 2**20
"""Longest file that `read` gives: a manifest of 5,000 files has 0.9 MB."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A file of the repository.

    Attributes:
        bytes: Its length.
        sha256: Of its content, in hex, where the Hub keeps it as a large file; else empty.
        blob: Its name in git, in hex: the SHA-1 of `blob <length>`, a zero byte and its content.
    """

    bytes: int
    sha256: str
    blob: str


@dataclass(frozen=True, slots=True)
class Sending:
    """A local file on its way to the repository.

    Attributes:
        path: In the repository.
        content: A file, or the bytes themselves.
        sha256: Of the content, in hex.
    """

    path: str
    content: Path | bytes
    sha256: str


class Repository:
    """One branch of one dataset repository."""

    def __init__(self, name: str, revision: str, token: str, endpoint: str = ENDPOINT) -> None:
        """Nothing is called yet.

        Args:
            name: `<user or organisation>/<name>`.
            revision: The branch.
            token: Opens it; without one, only what is public is seen.
            endpoint: URL of the Hub.

        Raises:
            ConfigError: The name is none.
        """
        if not _NAME.fullmatch(name) or ".." in name or "--" in name:
            raise ConfigError(
                f"{one_line(name)[:200]!r} is no name of a repository; it is <owner>/<name>, of "
                "letters, digits, '-', '_' and '.'."
            )
        self.name = name
        self.revision = revision
        self._token = token
        self._endpoint = endpoint.rstrip("/")
        self._api = HfApi(endpoint=self._endpoint, token=token or False)

    @property
    def url(self) -> str:
        """The page of the branch."""
        return f"{self._endpoint}/datasets/{self.name}/tree/{self.revision}"

    def look(self) -> dict[str, Remote] | None:
        """All files by path; None where the repository or the branch is missing.

        One call for each thousand files.

        Raises:
            ConfigError: The name is none, or the token opens nothing.
            RunStopped: The Hub does not answer.
        """
        with self._told():
            try:
                found = self._api.list_repo_tree(
                    self.name, recursive=True, revision=self.revision, repo_type=_KIND
                )
                files = [item for item in found if isinstance(item, RepoFile)]
            except RevisionNotFoundError:
                return None
            except RepositoryNotFoundError as error:
                if error.response.status_code == 404 or not self._token:
                    return None
                raise
        return {
            file.path: Remote(file.size, file.lfs.sha256 if file.lfs else "", file.blob_id)
            for file in files
        }

    def is_public(self) -> bool:
        """Whether everybody sees it; not where it is missing.

        Raises:
            RunStopped: The Hub does not answer.
        """
        with self._told():
            try:
                return self._api.repo_info(self.name, repo_type=_KIND).private is False
            except RepositoryNotFoundError:
                return False

    def head(self) -> str:
        """Hash of the last commit."""
        with self._told():
            info = self._api.repo_info(self.name, repo_type=_KIND, revision=self.revision)
        return str(info.sha)

    def make(self, *, private: bool) -> None:
        """Make the repository and the branch, where they are missing.

        Raises:
            ConfigError: The token may not.
        """
        with self._told():
            self._api.create_repo(self.name, private=private, repo_type=_KIND, exist_ok=True)
            if self.revision != "main":
                self._api.create_branch(
                    self.name, branch=self.revision, repo_type=_KIND, exist_ok=True
                )

    def read(self, path: str) -> bytes | None:
        """The content of a small file; None where there is none, or it is no small one."""
        url = hf_hub_url(
            self.name, path, repo_type=_KIND, revision=self.revision, endpoint=self._endpoint
        )
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        with (
            self._told(),
            get_session().stream("GET", url, headers=headers, follow_redirects=True) as reply,
        ):
            if reply.status_code == 404:
                return None
            if not reply.is_success:
                raise self._refusal(reply.status_code, self._plain(""))
            data = b""
            for chunk in reply.iter_bytes():
                data += chunk
                if len(data) > _MOST_TEXT:
                    return None
        return data

    def send(self, files: Sequence[Sending], threads: int) -> list[CommitOperationAdd]:
        """Send the content of files that the Hub does not have yet; a commit makes them visible.

        Returns:
            What `commit` takes. It holds the content of files that the Hub keeps in git itself; the
            others may be removed.

        Raises:
            ConfigError: The token may not.
            RunStopped: The Hub takes no more, or does not answer.
        """
        made = [_addition(file) for file in files]
        with self._told():
            self._api.preupload_lfs_files(
                self.name, made, repo_type=_KIND, revision=self.revision, num_threads=threads
            )
        for one in made:
            if isinstance(one.path_or_fileobj, str):
                one.path_or_fileobj = Path(one.path_or_fileobj).read_bytes()
        return made

    def commit(
        self, added: Sequence[CommitOperationAdd], removed: Sequence[str], message: str
    ) -> str:
        """Make what was sent visible, and remove files, all at once; gives the hash of the commit.

        Raises:
            ConfigError: The token may not.
            RunStopped: The Hub takes no more, does not answer, or somebody else commits there.
        """
        deletions = [CommitOperationDelete(path, is_folder=False) for path in removed]
        with self._told():
            made = self._api.create_commit(
                self.name,
                [*deletions, *added],
                commit_message=message,
                repo_type=_KIND,
                revision=self.revision,
            )
        return str(made.oid)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say what went wrong in one sentence, without token or signed URL."""
        try:
            yield
        except EditcorpusError:
            raise
        except (HTTPError, ConnectionError, RuntimeError, ValueError) as error:
            raise self._sentence(error) from None

    def _sentence(self, error: BaseException) -> EditcorpusError:
        said = _answer(error)
        if said is None and isinstance(error, ValueError):
            return RunStopped(f"The Hub could not take the files: {self._plain(str(error))}")
        if said is None:
            return RunStopped(
                f"{self._endpoint} did not answer ({_kind(error)}). Run the same again to go on."
            )
        return self._refusal(said.response.status_code, self._plain(said.server_message or ""))

    def _refusal(self, status: int, told: str) -> EditcorpusError:
        if status in _FULL_STATUS or (status in {400, 403} and _speaks_of_room(told)):
            return RunStopped(f"The Hub takes no more for {self.name}: {told}")
        known = {
            401: "The Hub does not know the token; set HF_TOKEN to one of settings/tokens.",
            403: f"The token may not write to {self.name}; it needs the right to, in {self._owner}.",
            404: f"{self.name} is missing, or private and closed to the token.",
        }
        if status in known:
            return ConfigError(f"{known[status]} ({status}: {told})")
        if status in {409, 412}:
            return RunStopped(
                f"Somebody else commits to {self.name} ({told}). Run the same again to go on."
            )
        return RunStopped(
            f"The Hub refused with status {status}: {told} Run the same again to go on."
        )

    @property
    def _owner(self) -> str:
        return self.name.partition("/")[0]

    def _plain(self, text: str) -> str:
        """What the server itself says, on one line, without the token."""
        told = one_line(text or "it gives no reason")[:300]
        told = told.replace(self._token, "***") if self._token else told
        return told if told.endswith(".") else f"{told}."


def _addition(file: Sending) -> CommitOperationAdd:
    content = file.content if isinstance(file.content, bytes) else str(file.content)
    made = CommitOperationAdd(file.path, content)
    made.upload_info.sha256 = bytes.fromhex(file.sha256)  # else it would read the file once more
    return made


def _answer(error: BaseException | None) -> HfHubHTTPError | None:
    """The server's answer, perhaps as the cause of what was raised."""
    while error is not None:
        if isinstance(error, HfHubHTTPError):
            return error
        error = error.__cause__
    return None


def _kind(error: BaseException) -> str:
    """The kind of the innermost error: its text could hold a signed URL."""
    while error.__cause__ is not None:
        error = error.__cause__
    return type(error).__name__


def _speaks_of_room(text: str) -> bool:
    return any(word in text.lower() for word in _FULL_WORDS)
