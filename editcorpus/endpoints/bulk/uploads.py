"""The pictures of edits that are on their way: each lies at the API once, as long as it is needed."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from hashlib import sha256

from editcorpus.endpoints.bulk.desk import Desk
from editcorpus.endpoints.requests import Picture

_AT_ONCE = 8
"""Pictures that are read and uploaded at once; their bodies are held that long."""


class Uploads:
    """Uploads pictures and deletes them; lives on the engine's event loop.

    Args:
        desk: Speaks to the API.
        pool: Threads that read pictures.
        prefix: Gives what the names of the files begin with.
    """

    def __init__(self, desk: Desk, pool: Executor, prefix: Callable[[], str]) -> None:
        self._desk = desk
        self._pool = pool
        self._prefix = prefix
        self._doors = asyncio.Semaphore(_AT_ONCE)
        self._tasks: dict[str, asyncio.Task[str]] = {}
        self._identities: dict[str, str] = {}
        self._needed: Counter[str] = Counter()
        self.count = 0

    @property
    def busy(self) -> bool:
        """Whether some file may be at the API whose name nobody knows yet."""
        return any(not task.done() for task in self._tasks.values())

    def needed(self, file_id: str) -> bool:
        """Whether some line that is on its way needs a file."""
        return self._needed[file_id] > 0

    async def hold(self, picture: Picture) -> str:
        """See that a picture is at the API, and keep it there until it is let go; the API's name.

        Raises:
            ShardError: It cannot be read.
            EndpointStopped: No call can succeed.
            ModelRefused: The API does not take it.
            ModelUnavailable: No answer after all retries.
        """
        identity = json.dumps([picture.identity(), picture.media_type], sort_keys=True)
        while True:
            task = self._tasks.get(identity)
            if task is None:
                work = self._upload(picture, sha256(identity.encode()).hexdigest())
                task = self._tasks[identity] = asyncio.get_running_loop().create_task(work)
            try:
                file_id = await asyncio.shield(task)
            except BaseException:
                if self._tasks.get(identity) is task:
                    del self._tasks[identity]
                raise
            if self._tasks.get(identity) is task:  # or it was let go just now
                self._identities[file_id] = identity
                self._needed[file_id] += 1
                return file_id

    def keep(self, file_ids: Iterable[str]) -> None:
        """Count files that an earlier process uploaded as needed."""
        self._needed.update(file_ids)

    async def let_go(self, file_ids: Iterable[str]) -> None:
        """Count files as needed no more, and delete those that no other line needs."""
        self._needed.subtract(file_ids)
        idle = [file_id for file_id in set(file_ids) if not self.needed(file_id)]
        for file_id in idle:
            del self._needed[file_id]
            self._tasks.pop(self._identities.pop(file_id, ""), None)
        await asyncio.gather(*(self._delete(file_id) for file_id in idle))

    async def close(self) -> None:
        """Wait for no upload any longer."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _upload(self, picture: Picture, name: str) -> str:
        loop = asyncio.get_running_loop()
        suffix = picture.media_type.partition("/")[2]
        async with self._doors:
            self.count += 1
            body = await loop.run_in_executor(self._pool, picture.load)
            return await self._desk.upload(
                f"{self._prefix()}{name[:32]}.{suffix}", body, picture.media_type
            )

    async def _delete(self, file_id: str) -> None:
        async with self._doors:
            await self._desk.delete(file_id)
