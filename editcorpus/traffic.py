"""How many bytes go to and from a store."""

import io
from pathlib import Path
from threading import Lock
from typing import IO


class Traffic:
    """Counts bytes as they pass; safe from any thread.

    What is handed to a store counts, also where that then fails.

    Attributes:
        read: Bytes that came out of the store, since this was made.
        written: Bytes that were handed to it.
    """

    def __init__(self) -> None:
        self.read = 0
        self.written = 0
        self._lock = Lock()

    def took(self, data: bytes) -> bytes:
        """What was read, counted."""
        self.count(read=len(data))
        return data

    def gave(self, data: bytes) -> bytes:
        """What is to be written, counted."""
        self.count(written=len(data))
        return data

    def gave_file(self, file: Path) -> Path:
        """A file whose content is to be written, counted."""
        self.count(written=file.stat().st_size)
        return file

    def open(self, file: Path) -> IO[bytes]:
        """A local file for reading, which counts what is read of it."""
        return io.BufferedReader(_Counted(file, self))

    def count(self, *, read: int = 0, written: int = 0) -> None:
        """Add bytes."""
        with self._lock:
            self.read += read
            self.written += written


class _Counted(io.FileIO):
    """A file on this disk that tells of each read."""

    def __init__(self, file: Path, traffic: Traffic) -> None:
        super().__init__(file)
        self._traffic = traffic

    def readinto(self, buffer: "bytearray | memoryview", /) -> int:  # type: ignore[override]
        read = super().readinto(buffer) or 0
        self._traffic.count(read=read)
        return read

    def readall(self) -> bytes:
        return self._traffic.took(super().readall())
