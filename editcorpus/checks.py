"""Prove that a store can be used at all, before anything is paid."""

import uuid

from editcorpus.diagnosis import refused, unreached
from editcorpus.errors import ConfigError, StorageError
from editcorpus.storage import Store


def check_store(store: Store) -> None:
    """Prove within seconds that a root can be written, read and cleaned.

    Raises:
        ConfigError: It can't; the sentence says what to look at. Nothing is left behind.
        StorageFull: The disk, the bucket or the spool has no space.
    """
    try:
        _tried(store.hasty(), f"probe-{uuid.uuid4().hex}", b"editcorpus")
    except (StorageError, FileNotFoundError) as error:
        told = store.plain(error.__cause__ or error)
        why = unreached(error) or refused(error)
        sentence = f"{why} ({told.rstrip('.')})." if why else told
        raise ConfigError(f"The store {store.root} cannot be used: {sentence}") from None


def _tried(store: Store, path: str, data: bytes) -> None:
    if store.spool is None:
        store.write(path, data)
    else:
        with store.upload(path) as file:
            file.write_bytes(data)
    found = store.read(path)
    store.remove(path)
    if found != data:
        raise StorageError("it does not give back what was written.")
