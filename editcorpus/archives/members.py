"""What gives pictures by their path, and several such places as one."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from editcorpus.errors import SourceError
from editcorpus.reasons import Reason


class Members(Protocol):
    """Pictures by path; any thread may ask.

    Attributes:
        complete: Whether all that the publisher's files held can be read.
        problem: Why not, in a sentence; else empty.
    """

    @property
    def complete(self) -> bool:
        """Whether all that the publisher's files held can be read."""

    @property
    def problem(self) -> str:
        """Why not, in a sentence; else empty."""

    def __contains__(self, path: str) -> bool: ...

    def read(self, path: str, most_bytes: int) -> bytes | None:
        """The bytes of a picture; None where there is none of this path.

        A path that leaves the folder or archive (`..`, absolute) is one that is not there.

        Raises:
            SourceError: It has more than `most_bytes`; no more than those are read of it.
            StorageError: It cannot be read now, or is not what it was.
        """

    def in_order(self, paths: Iterable[str]) -> list[str]:
        """The paths in the order in which reading them is cheapest; those that are missing go last."""


def missing(members: Members, paths: Iterable[str]) -> Iterator[str]:
    """Those of the paths that are not there, in their order."""
    return (path for path in paths if path not in members)


def too_large(path: str, size: int, most: int) -> SourceError:
    """What is raised of a picture that has more bytes than are read."""
    told = f"{path!r:.200} has {size:,} bytes or more, and {most:,} are the most that are read."
    return SourceError(Reason.IMAGE_TOO_LARGE, told)


class Joined:
    """Several places as one: the first that has a path gives it."""

    def __init__(self, members: Sequence[Members]) -> None:
        self._members = tuple(members)

    @property
    def complete(self) -> bool:
        """Whether all of them are."""
        return all(one.complete for one in self._members)

    @property
    def problem(self) -> str:
        """Their problems, one behind the other."""
        return " ".join(one.problem for one in self._members if one.problem)

    def __contains__(self, path: str) -> bool:
        return any(path in one for one in self._members)

    def read(self, path: str, most_bytes: int) -> bytes | None:
        """The bytes of the first that has the path, as `Members.read`."""
        for one in self._members:
            if (data := one.read(path, most_bytes)) is not None:
                return data
        return None

    def in_order(self, paths: Iterable[str]) -> list[str]:
        """The paths place by place, in the order of each."""
        left, made = list(paths), []
        for one in self._members:
            made += one.in_order(path for path in left if path in one)
            left = [path for path in left if path not in one]
        return made + left
