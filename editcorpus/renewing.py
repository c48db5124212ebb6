"""Files that are written only where something else lies."""

from editcorpus.storage import Store


def renew(store: Store, path: str, data: bytes) -> None:
    """Write a file, unless it holds the same already."""
    if not store.exists(path) or store.read(path) != data:
        store.write(path, data)
