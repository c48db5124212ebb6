"""Files of plain web servers: read by range, bounded in time and bytes whatever the server sends.

A URL names one file. How long that is, is asked by a GET of its first byte, because whoever signs a URL
signs a GET alone. An answer is read no further than what was asked for, and a server that sends
slower than `_LEAST_PACE` is given up. Redirects go to web servers alone, never from https to http,
and never from elsewhere to the addresses of a machine itself or of its network's own services, such
as 169.254.169.254, under which clouds hand out keys.

What goes wrong is an `OSError` with the end of a sentence; what is not there a FileNotFoundError.
"""

import atexit
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from html import unescape
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

_WEB = re.compile(r"https?://", re.IGNORECASE)
_MOST_HOPS = 5
_LEAST_PACE = 1024
"""Bytes a second that a server must send once `_GRACE_S` have passed."""
_GRACE_S = 30.0
_PATIENCE_S = 30.0
"""Seconds until a connection stands, and from one piece of an answer to the next."""
_HASTY_S = 10.0
"""The same for a first look."""
_MOST_INDEX = 4 * 1024 * 1024
"""Bytes of a page that lists a folder."""
_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})")
_LINK = re.compile(r"""href\s*=\s*["']([^"'?#]{1,1024})["']""", re.IGNORECASE)
_METADATA = {"fd00:ec2::254"}
_GONE = {404, 410}


def is_web(url: str) -> bool:
    """Whether a URL is one of a web server."""
    return _WEB.match(url) is not None


def length(url: str, *, hasty: bool = False) -> int:
    """Bytes of a file.

    Raises:
        FileNotFoundError: The server has none of that name.
        OSError: It cannot be reached, refuses, or does not say.
    """
    with _answer(url, "bytes=0-0", hasty=hasty) as answer:
        if answer.status_code == 416:  # of an empty file there is no first byte
            return 0
        found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        told = found[2] if found else answer.headers.get("Content-Length", "")
        if answer.status_code == 206 and not found:
            told = ""
    if not (told.isascii() and told.isdecimal() and len(told) < 19):
        raise OSError("the server does not say how long it is")
    return int(told)


def fetch(url: str, start: int, wanted: int, *, hasty: bool = False) -> bytes:
    """At most so many bytes of a file from a place on; fewer where it ends.

    Raises:
        FileNotFoundError: The server has none of that name.
        OSError: It cannot be reached, refuses, gives other bytes, or sends too slowly.
    """
    began, got = time.monotonic(), bytearray()
    with _answer(url, f"bytes={start}-{start + wanted - 1}", hasty=hasty) as answer:
        if answer.status_code == 416:
            return b""
        found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if not (found and int(found[1]) == start) and not (
            answer.status_code == 200 and start == 0
        ):
            raise OSError("the server does not give single ranges of it")
        for piece in answer.iter_raw():  # to its end: the connection is used again
            room = wanted - len(got)
            got += piece[:room]
            if len(piece) > room:
                break
            if time.monotonic() - began > _GRACE_S + len(got) / _LEAST_PACE:
                raise OSError(f"the server sends too slowly: {len(got)} bytes of {wanted} came")
    return bytes(got)


def listed(url: str) -> list[str]:
    """URLs of the files and folders in a folder, by the links of the page that its server shows.

    Raises:
        FileNotFoundError: The server shows none.
        OSError: As `fetch`.
    """
    folder = f"{url.rstrip('/')}/"
    page = unescape(fetch(folder, 0, _MOST_INDEX).decode("utf-8", "replace"))
    inside = (urljoin(folder, link).removeprefix(folder) for link in _LINK.findall(page))
    names = {name.rstrip("/") for name in inside if "://" not in name and not name.startswith("/")}
    return sorted(f"{folder}{unquote(name)}" for name in names if name and "/" not in name)


@contextmanager
def _answer(url: str, wanted: str, *, hasty: bool) -> Iterator[Any]:
    """A good answer whose body is not read yet, over at most `_MOST_HOPS` redirects."""
    import httpx2

    headers = {"Accept-Encoding": "identity", "User-Agent": "editcorpus", "Range": wanted}
    patience = _HASTY_S if hasty else _PATIENCE_S
    try:
        for _ in range(_MOST_HOPS + 1):
            with _client().stream("GET", _quoted(url), headers=headers, timeout=patience) as answer:
                if not answer.has_redirect_location:
                    _check(answer.status_code)
                    yield answer
                    return
                url = _followed(url, urljoin(url, answer.headers["Location"]))
    except (httpx2.TransportError, httpx2.DecodingError) as error:
        raise OSError(f"no whole answer comes from {urlsplit(url).netloc}: {_why(error)}") from None
    except (httpx2.InvalidURL, ValueError):
        raise OSError("it is no URL of a web server") from None
    raise OSError("the server sends from one URL to the next")


@cache
def _client() -> Any:
    """What keeps connections open; any thread may use it."""
    import httpx2

    made = httpx2.Client(follow_redirects=False)
    atexit.register(made.close)
    return made


def _check(status: int) -> None:
    if status in _GONE:
        raise FileNotFoundError(f"the server answers {status}")
    if (status >= 400 and status != 416) or status not in {200, 206, 416}:
        raise OSError(f"the server answers {status}")


def _followed(url: str, target: str) -> str:
    """Where a server sends to, if that is a place to be sent to."""
    old, new = urlsplit(url), urlsplit(target)
    if new.scheme not in ({"https"} if old.scheme == "https" else {"http", "https"}):
        raise OSError(f"the server sends to {new.scheme}://, where nothing is read")
    if new.hostname != old.hostname and _is_inner(new.hostname or ""):
        raise OSError(f"the server sends to {new.hostname}, which is none of the outer world")
    return target


def _is_inner(host: str) -> bool:
    """Whether a name is that of a machine itself, or of a service that a network has for its machines."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".internal"))
    address = getattr(address, "ipv4_mapped", None) or address
    named = str(address) in _METADATA or address.is_unspecified
    return named or address.is_loopback or address.is_link_local


def _quoted(url: str) -> str:
    """The URL with what only people write into one, such as blanks, as a server takes it."""
    return quote(url, safe="%/:=&?~#+!$,;'@()*[]")


def _why(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
