"""A finished corpus, opened for reading: its files in order, and every record numbered."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

from editcorpus.errors import ConfigError, ShardError
from editcorpus.layouts.croissant import NAME as CROISSANT
from editcorpus.layouts.manifest import CARD, DATA, NAME, CorpusManifest, sums
from editcorpus.layouts.parquet import ShardFile
from editcorpus.layouts.previews import FOLDER as PREVIEWS
from editcorpus.layouts.row_groups import Group, proven_groups
from editcorpus.names import checked_path
from editcorpus.records import Published
from editcorpus.storage import Store

_NUMBERS = tuple(field.name for field in fields(Published) if field.type is float)


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus whose manifest is written, so that nothing is missing.

    Attributes:
        store: Where it lies.
        folder: Where in the store, such as `corpora/spring`.
        manifest: What it holds.
        sha256: Of the manifest: another one is another corpus.
    """

    store: Store
    folder: str
    manifest: CorpusManifest
    sha256: str

    @property
    def shards(self) -> tuple["Shard", ...]:
        """The files with records, in the order of their names."""
        files = sorted(
            (file for file in self.manifest.files if file.path.startswith(DATA)),
            key=lambda file: file.path,
        )
        made, first = [], 0
        for number, file in enumerate(files):
            made.append(Shard(self, number, first, file))
            first += file.records
        return tuple(made)

    @property
    def splits(self) -> list[str]:
        """Names of the splits that it has, such as `train`; that one where it is empty."""
        found = {shard.split for shard in self.shards} or {"train"}
        return sorted(found, key=lambda name: (name != "train", name != "validation", name))

    def previews(self) -> list[str]:
        """Paths of the preview pictures that its card shows, relative to the corpus."""
        found = self.store.list(f"{self.folder}/{PREVIEWS}")
        return [path.removeprefix(f"{self.folder}/") for path in found]

    def croissant(self) -> str:
        """Its description for machines; empty where it has none, as corpora of earlier versions."""
        try:
            return self.store.read(f"{self.folder}/{CROISSANT}").decode(errors="replace")
        except FileNotFoundError:
            return ""

    def card(self) -> str:
        """The dataset card.

        Raises:
            ShardError: It is missing, or no text.
        """
        path = f"{self.folder}/{CARD}"
        try:
            return self.store.read(path).decode()
        except (FileNotFoundError, UnicodeDecodeError) as error:
            raise ShardError(f"{self.store.url(path)} is missing or damaged.") from error


@dataclass(frozen=True, slots=True)
class Shard:
    """One file of a corpus.

    Attributes:
        corpus: Whose file it is.
        number: Its place among the files, from 0.
        first: Number of its first record in the corpus, from 0.
        file: Path in the corpus, records, bytes and hash.
    """

    corpus: Corpus
    number: int
    first: int
    file: ShardFile

    @property
    def path(self) -> str:
        """Where it lies in the corpus' store."""
        return f"{self.corpus.folder}/{self.file.path}"

    @property
    def stem(self) -> str:
        """Name of the file without its ending, such as `train-00017`."""
        return self.file.path.removeprefix(DATA).removesuffix(".parquet")

    @property
    def split(self) -> str:
        """The split that it belongs to, such as `train`."""
        return self.stem.rpartition("-")[0]

    def rows(self) -> Iterator["Row"]:
        """Every record with its number in the corpus and pictures that are not copied yet.

        The pictures last until the next record is asked for; to look at them later is a ValueError.

        Raises:
            ShardError: The file is missing, damaged, or a number in it is none; or, behind the last
                record, it is not the one that the manifest names. So nothing that was made of the
                records may be seen before the end.
        """
        store, count = self.corpus.store, 0
        for group in proven_groups(store, self.path, self.file):
            for texts, source, edited in _records(group):
                if not all(math.isfinite(getattr(texts, name)) for name in _NUMBERS):
                    raise ShardError(
                        f"{store.url(self.path)}: a measure of {texts.id!r} is no number."
                    )
                with source, edited:
                    yield Row(self.first + count, texts, source, edited)
                count += 1
        if count != self.file.records:
            raise ShardError(
                f"{store.url(self.path)} holds {count} records, not {self.file.records}."
            )

    def records(self) -> Iterator[tuple[int, Published]]:
        """Every record with its number in the corpus; errors as `rows`."""
        for row in self.rows():
            source, edited = bytes(row.source), bytes(row.edited)
            yield row.number, replace(row.texts, source_image=source, edited_image=edited)


class Row(NamedTuple):
    """A record of a corpus whose pictures are not copied; see `Shard.rows` on how long they last.

    Attributes:
        number: In the corpus, from 0.
        texts: All of it but its pictures, which are empty.
        source: Bytes of the source image.
        edited: Bytes of the edited image.
    """

    number: int
    texts: Published
    source: memoryview
    edited: memoryview


def _records(group: Group) -> Iterator[tuple[Published, memoryview, memoryview]]:
    texts = group.texts.to_pylist()
    for row, source, edited in zip(texts, group.sources, group.edited, strict=True):
        yield Published(**row, source_image=b"", edited_image=b""), source, edited


def open_corpus(store: Store, folder: str) -> Corpus:
    """Open the corpus that lies in a folder of a store.

    Raises:
        ConfigError: There is none, or it is not finished.
        ShardError: Its manifest is damaged.
    """
    try:
        data = store.read(f"{folder}/{NAME}")
    except FileNotFoundError:
        raise ConfigError(f"{store.url(folder)} holds no finished corpus.") from None
    manifest = CorpusManifest.decode(data)
    wrong = [*_odd_names(manifest), *sums(manifest)]
    if wrong:
        raise ShardError(f"The manifest of {store.url(folder)} is damaged: {wrong[0]}")
    return Corpus(store, folder, manifest, hashlib.sha256(data).hexdigest())


def _odd_names(manifest: CorpusManifest) -> Iterator[str]:
    names = [file.path for file in manifest.files]
    yield from (f"It names {name!r:.200}." for name in names if not _is_plain(name))
    if len(set(names)) < len(names):
        yield "It names a file twice."


def _is_plain(path: str) -> bool:
    """Whether the path stays inside the corpus, and is a shard where it lies among the shards."""
    try:
        checked_path(path)
    except ConfigError:
        return False
    name = path.removeprefix(DATA)
    return not path.startswith(DATA) or ("/" not in name and name.endswith(".parquet"))
