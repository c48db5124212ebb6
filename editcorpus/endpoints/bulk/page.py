"""What is on record of each batch, so that a later process goes on with it and never submits it twice.

`runs/<run>/batches/<name>.json` says how far it got, `<name>.jsonl` what its lines are. Both stand
before any intent of the batch does, and the page is written anew before and after each step that counts:

| state | what is certain |
|---|---|
| `prepared` | its lines are on record; nothing of it is at the API but pictures, perhaps its input file |
| `uploaded` | its input file is at the API; with `tries` above 0 the API may have made the batch |
| `created` | the API has it, under `batch_id` |
| `collected` | all its lines have ended; the files in `left` may still be at the API |

`mark` holds a word that begins the names of all files that the run uploads, so that those of a process
that died before it wrote their names are found and deleted.
"""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Literal, TypeVar, get_args

from editcorpus.endpoints.bulk.lines import Line, restored
from editcorpus.endpoints.entries import storage_stop
from editcorpus.errors import StorageError
from editcorpus.journal import Line as Read
from editcorpus.journal import encode, read_lines
from editcorpus.storage import Store

_T = TypeVar("_T")
State = Literal["prepared", "uploaded", "created", "collected"]
MARK_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Page:
    """How far a batch got.

    Attributes:
        name: Unique over all that write to the store.
        tries: How often the API was asked to make it.
        input_file: The API's name of its input file.
        batch_id: The API's name of it.
        lines: Requests in it.
        left: The API's names of files that are to be deleted.
    """

    name: str
    state: State
    step: str
    endpoint: str
    model: str
    lines: int
    created: str
    tries: int = 0
    input_file: str = ""
    batch_id: str = ""
    left: tuple[str, ...] = ()

    @property
    def tag(self) -> str:
        """The word in the batch's metadata by which it is found again: one for each try."""
        return f"{self.name}.{self.tries}"


class Records:
    """Reads and writes the records of a run's batches; lives on the engine's event loop.

    Args:
        store: Where they lie.
        run: Name of the run.
        pool: Threads that read and write.
    """

    def __init__(self, store: Store, run: str, pool: Executor) -> None:
        self._store = store
        self._folder = f"runs/{run}/batches"
        self._pool = pool

    async def mark(self, process: str) -> str:
        """The word that begins the names of the run's files at the API; made if there is none."""

        def made() -> str:
            word = sha256(process.encode()).hexdigest()[:MARK_DIGITS]
            self._store.create(f"{self._folder}/mark", word.encode())
            return self._known_mark()

        return await self._done(made)

    async def known_mark(self) -> str:
        """The same; empty where the run never uploaded anything."""
        return await self._done(self._known_mark)

    async def pages(self) -> list[Page]:
        """All pages of the run; lines that a process left behind when it died are deleted.

        Raises:
            RunStopped: The store cannot be read, or one is damaged.
        """

        def read() -> list[Page]:
            paths = self._store.list(self._folder)
            pages = [_page(self._store, path) for path in paths if path.endswith(".json")]
            live = {f"{self._folder}/{one.name}.jsonl" for one in pages if one.state != "collected"}
            for path in paths:
                if path.endswith(".jsonl") and path not in live:
                    self._store.remove(path)
            return pages

        return await self._done(read)

    async def save(self, page: Page) -> None:
        """Write a page; durable when this returns.

        Raises:
            RunStopped: The store cannot be written.
        """
        name = sha256(page.name.encode()).hexdigest()
        data = encode("batch", name, **asdict(page))
        await self._done(lambda: self._store.write(f"{self._folder}/{page.name}.json", data))

    async def save_lines(self, name: str, lines: Iterable[Line]) -> None:
        """Write what the lines of a batch are.

        Raises:
            RunStopped: The store cannot be written.
        """
        path = f"{self._folder}/{name}.jsonl"
        await self._done(
            lambda: self._store.write(path, b"".join(line.encoded() for line in lines))
        )

    async def lines(self, name: str) -> list[Line]:
        """What the lines of a batch are; none where they were never written, or are gone.

        Raises:
            RunStopped: The store cannot be read, or they are damaged.
        """
        path = f"{self._folder}/{name}.jsonl"

        def read() -> list[Line]:
            try:
                return [restored(line.fields()) for line in read_lines(self._store, path)]
            except FileNotFoundError:
                return []

        return await self._done(read)

    async def forget_lines(self, name: str) -> None:
        """Delete what the lines of a batch were, once they have ended.

        Raises:
            RunStopped: The store cannot be written.
        """
        await self._done(lambda: self._store.remove(f"{self._folder}/{name}.jsonl"))

    def _known_mark(self) -> str:
        try:
            word = self._store.read(f"{self._folder}/mark").decode("ascii", "replace")
        except FileNotFoundError:
            return ""
        return word if word.isalnum() and len(word) == MARK_DIGITS else ""

    async def _done(self, work: Callable[[], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except OSError as error:
            raise storage_stop(error) from error


def _page(store: Store, path: str) -> Page:
    data = store.read(path)
    members: dict[str, Any] = Read(path, 0, "batch", "", data).fields()
    try:
        members["left"] = tuple(members["left"])
        made = Page(**{name: members[name] for name in Page.__dataclass_fields__})
    except (KeyError, TypeError) as error:
        raise StorageError(f"{path} is damaged; it should say how far a batch got.") from error
    if made.state not in get_args(State):
        raise StorageError(f"{path} has {made.state!r:.80} as state of a batch.")
    return made
