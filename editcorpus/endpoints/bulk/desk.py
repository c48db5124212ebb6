"""The calls by which files and batches are made, looked at and deleted; they cost nothing.

Source: the files and batch API references as the openai 3.52 client types them, and OpenAI's guide to
the Batch API. Whatever an answer says is checked before it is believed.
"""

import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import IO, Any, Literal, TypeVar

import openai

from editcorpus.endpoints.classify import Verdict, classify
from editcorpus.endpoints.client import CALL_ERRORS, client_of, delay_s
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.replies import Raw, parse
from editcorpus.endpoints.rules import Kind
from editcorpus.endpoints.streaks import hopeless
from editcorpus.errors import EndpointStopped, ModelMisbehaved, ModelRefused, ModelUnavailable
from editcorpus.records import Reason

_T = TypeVar("_T")
TAG = "editcorpus"
"""The name, in a batch's metadata, of the word by which it is found again."""
LONGEST_LINE = 64 * 1024 * 1024
"""Bytes; the largest picture that is served, 8.3 megapixels without loss, takes 45 MB as base64."""
HEAD_BYTES = 4096
"""What is kept of a line that is longer."""
_EXPIRES: Any = {"anchor": "created_at", "seconds": 2_592_000}
"""Uploaded files go after 30 days, the longest that can be asked for, should nobody delete them."""
_PAGE, _FILES_PAGE = 100, 10_000
"""Batches and files in one part of a list, the most that there can be."""
_ID = re.compile(r"[\w-]{1,128}", re.ASCII)
_DOUBTFUL: frozenset[Kind] = frozenset(
    {"server", "edge", "transport", "timeout", "damaged", "unknown"}
)
"""After these nobody knows whether the API did what it was asked."""
Deleted = Literal["now", "before", "no"]
"""The file was deleted; there was none; or nobody knows."""


class Desk:
    """Speaks to the files and batches of one endpoint; lives on the engine's event loop.

    Args:
        endpoint: Where.
        pause: Waits so many seconds, and raises if the run stops meanwhile.
    """

    def __init__(self, endpoint: Endpoint, pause: Callable[[float], Awaitable[None]]) -> None:
        self._endpoint = endpoint
        self.pause = pause
        self._client = client_of(endpoint)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def upload(self, name: str, data: bytes | IO[bytes], media_type: str) -> str:
        """Upload a picture, or the open input file of a batch; gives the API's name of it.

        Raises:
            EndpointStopped: No call can succeed.
            ModelRefused: The API does not take it.
            ModelUnavailable: No answer after all retries.
        """
        batch = not isinstance(data, bytes)

        async def work() -> str:
            if not isinstance(data, bytes):
                data.seek(0)
            raw = await self._client.files.with_raw_response.create(
                file=(name, data, media_type),
                purpose="batch" if batch else "vision",
                expires_after=_EXPIRES,
            )
            return _id(_members(raw))

        return await self._asked(name, work)

    async def create(self, input_file: str, path: str, tag: str) -> dict[str, Any] | None:
        """Make a batch; None where nobody knows whether the API has made it.

        Raises:
            EndpointStopped: No call can succeed.
            ModelRefused: The API does not take it.
            ModelUnavailable: The API had no room for the call after all retries.
        """

        async def work() -> dict[str, Any]:
            given: Any = path
            raw = await self._client.batches.with_raw_response.create(
                input_file_id=input_file,
                endpoint=given,
                completion_window="24h",
                metadata={TAG: tag},
            )
            return _batch(_members(raw))

        return await self._asked(tag, work, doubtful=_DOUBTFUL)

    async def batch(self, batch_id: str) -> dict[str, Any]:
        """How a batch stands.

        Raises:
            EndpointStopped: No call can succeed, or this key does not see the batch.
            ModelUnavailable: No answer after all retries.
        """

        async def work() -> dict[str, Any]:
            try:
                raw = await self._client.batches.with_raw_response.retrieve(batch_id)
            except openai.NotFoundError as error:
                raise EndpointStopped(
                    f"{self._endpoint.name}: the batch {batch_id} is not there; use a key of the "
                    "project that it was made in, so that nothing is paid for twice."
                ) from error
            return _batch(_members(raw))

        return await self._asked(batch_id, work)

    async def find(self, tag: str) -> dict[str, Any] | None:
        """The batch that bears a word in its metadata, if the API has it.

        Raises:
            EndpointStopped: No call can succeed.
            ModelUnavailable: No answer after all retries.
        """
        after: Any = openai.omit
        while True:
            page = await self._listed(self._client.batches, limit=_PAGE, after=after)
            for one in page:
                metadata = one.get("metadata")
                if isinstance(metadata, dict) and metadata.get(TAG) == tag:
                    return _batch(one)
            if len(page) < _PAGE or page[-1].get("id") == after:
                return None
            after = _id(page[-1])

    async def files(self, prefix: str) -> list[str]:
        """The API's names of uploaded files whose own names begin with a word.

        Raises:
            EndpointStopped: No call can succeed.
            ModelUnavailable: No answer after all retries.
        """
        found: list[str] = []
        after: Any = openai.omit
        while True:
            page = await self._listed(self._client.files, limit=_FILES_PAGE, after=after)
            found += [_id(one) for one in page if str(one.get("filename")).startswith(prefix)]
            if len(page) < _FILES_PAGE or page[-1].get("id") == after:
                return found
            after = _id(page[-1])

    async def delete(self, file_id: str) -> Deleted:
        """Delete a file; whether that was done."""
        lost = False

        async def work() -> Deleted:
            nonlocal lost
            try:
                await self._client.files.with_raw_response.delete(file_id)
            except openai.NotFoundError:
                return "now" if lost else "before"
            except CALL_ERRORS as error:
                lost |= classify(error).kind in _DOUBTFUL
                raise
            return "now"

        try:
            return await self._asked(file_id, work)
        except (EndpointStopped, ModelRefused, ModelUnavailable):
            return "no"

    async def cancel(self, batch_id: str) -> None:
        """Ask for a batch to be cancelled; nothing happens if it has ended.

        Raises:
            EndpointStopped: No call can succeed.
            ModelUnavailable: No answer after all retries.
        """

        async def work() -> None:
            try:
                await self._client.batches.with_raw_response.cancel(batch_id)
            except (openai.ConflictError, openai.NotFoundError):
                return

        await self._asked(batch_id, work)

    async def lines(self, file_id: str) -> AsyncIterator[tuple[bytes, bool]]:
        """The lines of a file as they come, and whether each is whole: of a longer one its head.

        It raises whatever the client raises.
        """
        read = self._client.files.with_streaming_response
        async with read.content(file_id) as response:
            async for line in split(response.iter_bytes()):
                yield line

    async def _listed(self, kind: Any, **given: Any) -> list[dict[str, Any]]:
        async def work() -> list[dict[str, Any]]:
            data = _members(await kind.with_raw_response.list(**given)).get("data")
            return [one for one in data if isinstance(one, dict)] if isinstance(data, list) else []

        return await self._asked("list", work)

    async def _asked(
        self, key: str, work: Callable[[], Awaitable[_T]], doubtful: frozenset[Kind] = frozenset()
    ) -> _T | Any:
        """Call until it is answered; None after an error that leaves it open what was done."""
        tries: Counter[str] = Counter()
        while True:
            try:
                return await work()
            except CALL_ERRORS as error:
                verdict = classify(error)
            if verdict.kind in doubtful:
                return None
            if verdict.action == "stop":
                raise hopeless(self._endpoint.name, verdict)
            if verdict.action == "drop":
                raise ModelRefused(Reason.REQUEST_REFUSED, verdict.sentence)
            tries[verdict.kind] += 1
            if tries[verdict.kind] > verdict.max_retries:
                raise ModelUnavailable(Reason.UNAVAILABLE, verdict.sentence)
            await self.pause(delay_s(key, tries[verdict.kind], verdict))

    async def again(self, key: str, tries: int, verdict: Verdict) -> None:
        """Wait until something that a verdict was given on may be tried once more.

        Raises:
            EndpointStopped: It may not: no call can succeed.
            ModelUnavailable: It was tried often enough.
        """
        if verdict.action == "stop":
            raise hopeless(self._endpoint.name, verdict)
        if tries > max(1, verdict.max_retries):
            raise ModelUnavailable(Reason.UNAVAILABLE, verdict.sentence)
        await self.pause(delay_s(key, tries, verdict))


async def split(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[bytes, bool]]:
    """The lines in a stream of bytes, and whether each is whole: of one too long its head comes."""
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        *whole, rest = chunk.split(b"\n")
        for piece in whole:
            yield _joined(parts, size, piece)
            parts, size = [], 0
        if size <= LONGEST_LINE:
            parts.append(rest)
        size += len(rest)
    if size:
        yield _joined(parts, size, b"")


def _joined(parts: list[bytes], size: int, last: bytes) -> tuple[bytes, bool]:
    line = b"".join((*parts, last)) if size <= LONGEST_LINE else b"".join(parts)
    whole = size + len(last) <= LONGEST_LINE
    return (line if whole else line[:HEAD_BYTES]), whole


def _members(raw: Any) -> dict[str, Any]:
    return parse(Raw(raw.content, raw.headers, ""))


def _id(members: dict[str, Any]) -> str:
    found = members.get("id")
    if not isinstance(found, str) or not _ID.fullmatch(found):
        raise ModelMisbehaved(Reason.ANSWER_DAMAGED, "The answer names nothing.")
    return found


def _batch(members: dict[str, Any]) -> dict[str, Any]:
    """A batch that has an id and a status."""
    _id(members)
    if not isinstance(members.get("status"), str):
        raise ModelMisbehaved(Reason.ANSWER_DAMAGED, "The answer does not say how a batch stands.")
    return members
