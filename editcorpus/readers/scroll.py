"""Bytes of a file read forwards in large pieces, from any place on.

A bucket answers each read with a request, however small it is: lines and headers are taken out of
pieces.
"""

from typing import IO

PIECE = 1 << 20
"""Bytes of a request, where nothing is known of what comes."""


class Scroll:
    """A file read forwards; for one thread.

    Attributes:
        at: Bytes before the next one that is taken.
        size: Of the file.
    """

    def __init__(self, file: IO[bytes], piece: int = PIECE) -> None:
        """Begin at the beginning; nothing is read.

        Args:
            file: Seekable; closed by whoever opened it.
            piece: Bytes that are read at once, at least.
        """
        self._file = file
        self._piece = piece
        self._start = 0
        self._data = b""
        self.at = 0
        self.size = file.seek(0, 2)

    def take(self, most: int) -> memoryview:
        """The next bytes, at least one and at most so many; none at the end.

        Raises:
            StorageError, OSError: It cannot be read.
        """
        place = self._place()
        taken = memoryview(self._data)[place : place + most]
        self.at += len(taken)
        return taken

    def exactly(self, at: int, length: int) -> bytes:
        """So many bytes from a place on, fewer only at the end; the next taken follow them."""
        self.at = at
        made = bytearray()
        while len(made) < length and (taken := self.take(length - len(made))):
            made += taken
        return bytes(made)

    def line(self, most: int) -> bytes:
        """The next line with its end, cut after so many bytes; what is cut off is passed over.

        Empty at the end of the file.
        """
        made, end = b"", 0
        while not end:
            place = self._place()
            end = self._data.find(b"\n", place) + 1
            stop = end or len(self._data)
            if stop == place:
                break
            made += self._data[place : min(stop, place + most - len(made))]
            self.at += stop - place
        return made

    def _place(self) -> int:
        """Where the next byte lies in the piece, which is read where it is not there yet."""
        place = self.at - self._start
        if not 0 <= place < len(self._data):
            self._file.seek(self.at)
            self._start, self._data = self.at, self._file.read(self._piece)
            return 0
        return place
