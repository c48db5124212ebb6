"""Answers of a bounded size, packed or not: a server may send what it likes, and it may be a bomb."""

import zlib
from collections.abc import AsyncIterator

import httpx2

from editcorpus.errors import ModelMisbehaved
from editcorpus.records import Reason

MOST_BYTES = 128 * 1024 * 1024
"""Of one answer: a picture in base64 takes 67 MB where the API's limit for a picture, 50 MB, is used up."""
ACCEPTED = "gzip"
"""The one packing that is asked for, and unpacked here."""
_STEP_BYTES = 1024 * 1024
_FILE = "/content"
"""End of the path of a file, which is read line by line and never held whole."""


async def bound(response: httpx2.Response) -> None:
    """Let no more than `MOST_BYTES` of an answer be read; a hook of the client's.

    Reading it raises `ModelMisbehaved` once there are more, or where it is packed otherwise.
    """
    if response.request.url.path.endswith(_FILE):
        return
    packed = response.headers.pop("content-encoding", "identity").strip().lower()
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _Bounded(response.stream, packed)


class _Bounded(httpx2.AsyncByteStream):
    """The unpacked bytes of a stream, as long as they are not too many."""

    def __init__(self, stream: httpx2.AsyncByteStream, packed: str) -> None:
        self._stream = stream
        self._packed = packed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._unpacked():
            size += len(chunk)
            if size > MOST_BYTES:
                raise _damaged(f"It is longer than {MOST_BYTES} bytes.")
            yield chunk

    async def aclose(self) -> None:
        """Close the connection, or give it back."""
        await self._stream.aclose()

    async def _unpacked(self) -> AsyncIterator[bytes]:
        if self._packed == "identity":
            async for chunk in self._stream:
                yield chunk
            return
        if self._packed != ACCEPTED:
            raise _damaged(f"It is packed with {self._packed[:40]!r}, which was not asked for.")
        unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            async for chunk in self._stream:
                rest = chunk
                while rest:
                    yield unpacking.decompress(rest, _STEP_BYTES)
                    rest = unpacking.unconsumed_tail
            yield unpacking.flush()
        except zlib.error as error:
            raise _damaged("It cannot be unpacked.") from error


def _damaged(sentence: str) -> ModelMisbehaved:
    return ModelMisbehaved(Reason.ANSWER_DAMAGED, sentence)
