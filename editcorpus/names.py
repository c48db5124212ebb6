"""Names that are safe as files and keys, whatever text they come from."""

import re
from hashlib import sha256
from urllib.parse import quote

from editcorpus.disk import is_hidden
from editcorpus.errors import ConfigError

_NAME_BYTES = 255
"""Longest name that Linux file systems take (NAME_MAX of limits.h), in bytes."""
_SAFE_CHARS = 150
"""Longest name that `safe_name` gives: leaves room for suffixes within `_NAME_BYTES`."""
_FORBIDDEN = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


def safe_name(text: str) -> str:
    """`text` as one file name: letters, digits, `-`, `_`, `.`, `~` stay, the rest is %-encoded.

    Different texts give different names. A long one ends in `=` and a hash; so do no others, and
    the empty text is `=`.
    """
    name = quote(text, safe="", errors="surrogatepass") or "="
    if len(name) > _SAFE_CHARS:
        digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        name = f"{name[: _SAFE_CHARS - 33]}={digest}"
    return f"%2E{name[1:]}" if name.startswith(".") else name


def checked_path(path: str) -> str:
    """The path, proven to stay inside a store and to mean the same everywhere.

    Raises:
        ConfigError: It does not.
    """
    names = path.split("/")
    odd = any(name in {"", ".", ".."} or is_hidden(name) for name in names)
    if odd or _FORBIDDEN.search(path):
        raise ConfigError(f"{path!r} is not a path inside the store.")
    if any(len(name.encode()) > _NAME_BYTES for name in names):
        raise ConfigError(f"{path!r} has a name of more than {_NAME_BYTES} bytes.")
    return path
