"""Single calls to the Hugging Face Hub: bounded in time, tries and bytes, and told in one sentence.

Files are read by range from where the Hub says that they lie, usually a CDN under a URL that is signed
for an hour; a connection that drops is taken up again at the byte where it broke off. The token goes to
the Hub alone, and the body of a refusal is never read: its headers say what it is.

Source: huggingface_hub 2.4 (`utils/_http.py`: redirects, tries; `utils/_pagination.py`: `Link`;
`file_download.py`: `X-Linked-Size`).
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urljoin, urlsplit

from editcorpus.buckets import cause
from editcorpus.errors import StorageError
from editcorpus.hubsays import no_range, refusal, wait_asked
from editcorpus.signatures import without_signatures

_MOST_HOPS = 5
"""Redirects on the Hub itself: a repository that was renamed has one."""
_MOST_ANSWER = 64 * 1024 * 1024
"""Bytes of an answer of the API; a page of a listing has a thousand files, some 300 kB."""
_HEADWAY = 64 * 1024
"""Bytes that a try must gain so that it counts as no failure, and the next one follows at once."""
_PASSING = {408, 425, 429}
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long trouble that may pass is borne.

    Attributes:
        tries: Of one call in a row without headway.
        longest_wait_s: Between two tries, whatever the server asks for; the Hub counts requests in
            windows of five minutes.
        timeout_s: Until a connection stands, and from one piece of an answer to the next.
        sleep: Waits so many seconds.
    """

    tries: int = 6
    longest_wait_s: float = 300
    timeout_s: float = 30
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)


HASTY = Patience(tries=2, longest_wait_s=2, timeout_s=10)
"""For a first look: whoever waits at a terminal gets an answer in seconds."""


class Place(NamedTuple):
    """Where a file lies: the URL to read from, its length in bytes, and whether that is the Hub's own."""

    url: str
    size: int
    here: bool


class _Passing(Exception):
    """Trouble that may pass, and after how many seconds the server says so."""

    def __init__(self, why: str, after_s: float | None = None) -> None:
        super().__init__(why)
        self.after_s = after_s


class HubCalls:
    """The Hub under one URL and one token.

    What goes wrong is a `StorageError` with the end of a sentence.

    Args:
        endpoint: Such as `https://huggingface.co`.
        token: Of an account; empty: nobody's.
        patience: With trouble that may pass.
    """

    def __init__(self, endpoint: str, token: str, patience: Patience) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._known = bool(token)
        self._patience = patience
        self._plain = {"Accept-Encoding": "identity", "User-Agent": "editcorpus"}
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        self._headers = {**bearer, **self._plain}

    def ask(self, method: str, url: str, **members: Any) -> tuple[Any, str]:
        """What the API answers, as JSON has it, and the URL of the next page; empty where there is none.

        Args:
            method: `GET` or `POST`.
            url: Whole, or from the first `/` on.
            members: `params` or `data`, as httpx takes them.
        """
        whole = url if "://" in url else self._endpoint + url
        return self._tried(lambda: self._asked(method, whole, members))

    def locate(self, path: str) -> Place:
        """Where the file lies that the Hub resolves a path to."""
        return self._tried(lambda: self._located(f"{self._endpoint}/{path}"))

    def read(self, place: Callable[[bool], Place], start: int, length: int) -> bytes:
        """Bytes of a file; fewer never.

        Args:
            place: Says where it lies; asked anew (True) where its URL may have expired.
            start: First byte.
            length: How many; at least 1, and not beyond its end.
        """
        got, failures = bytearray(), 0
        while len(got) < length:
            before = len(got)
            try:
                self._more(place(failures > 0), got, start, length)
            except _Passing as trouble:
                if len(got) - before >= _HEADWAY:
                    failures = 0
                    continue
                failures += 1
                self._bear(trouble, failures)
        return bytes(got)

    def _tried(self, call: Callable[[], _T]) -> _T:
        failures = 0
        while True:
            try:
                return call()
            except _Passing as trouble:
                failures += 1
                self._bear(trouble, failures)

    def _bear(self, trouble: _Passing, failures: int) -> None:
        """Wait for the next try, or give up."""
        if failures >= self._patience.tries:
            raise StorageError(f"{trouble}, {failures} times in a row.") from None
        asked = 2.0 ** (failures - 1) if trouble.after_s is None else trouble.after_s
        self._patience.sleep(min(asked, self._patience.longest_wait_s))

    def _asked(self, method: str, url: str, members: Mapping[str, Any]) -> tuple[Any, str]:
        for _ in range(_MOST_HOPS):
            with self._answer(method, url, self._headers, **members) as answer:
                self._check(answer)
                if not answer.has_redirect_location:
                    following = str(answer.links.get("next", {}).get("url", ""))
                    return _json(answer), following and self._own(urljoin(url, following))
                url = self._own(urljoin(url, answer.headers["Location"]))
        raise StorageError("the Hub sends from one URL to the next.")

    def _located(self, url: str) -> Place:
        for _ in range(_MOST_HOPS):
            with self._answer("HEAD", url, self._headers) as answer:
                self._check(answer)
                answer.read()  # nothing, after which the connection is used again
                target = urljoin(url, answer.headers.get("Location", url))
                here = _origin(target) == _origin(self._endpoint)
                if here and answer.has_redirect_location:
                    url = target
                    continue
                own = "" if answer.has_redirect_location else "Content-Length"
                size = answer.headers.get("X-Linked-Size") or answer.headers.get(own)
                return Place(_sound(target, url), _whole(size), here)
        raise StorageError("the Hub sends from one URL to the next.")

    def _more(self, place: Place, got: bytearray, start: int, length: int) -> None:
        """Add bytes to those that were got, as far as they come."""
        at = start + len(got)
        headers = self._headers if place.here else self._plain
        headers = {**headers, "Range": f"bytes={at}-{start + length - 1}"}
        with self._answer("GET", place.url, headers) as answer:
            if not place.here and answer.status_code in {400, 401, 403, 404, 410}:
                raise _Passing(f"the store behind the Hub answers {answer.status_code}", 0)
            self._check(answer)
            if told := no_range(answer.status_code, answer.headers, at, place.size):
                raise StorageError(told)
            for piece in answer.iter_raw():  # to its end: the connection is used again
                room = length - len(got)
                got += piece[:room]
                if len(piece) > room:
                    return
        if len(got) < length:
            raise _Passing(f"the answer ends after {len(got)} of {length} bytes", 0)

    @contextmanager
    def _answer(
        self, method: str, url: str, headers: Mapping[str, str], **members: Any
    ) -> Iterator[Any]:
        """An answer whose body is not read yet; redirects are not followed."""
        import httpx2
        from huggingface_hub import get_session
        from huggingface_hub.errors import OfflineModeIsEnabled

        try:
            with get_session().stream(
                method,
                url,
                headers=dict(headers),
                timeout=self._patience.timeout_s,
                follow_redirects=False,
                **members,
            ) as answer:
                yield answer
        except OfflineModeIsEnabled:
            raise StorageError(
                "HF_HUB_OFFLINE is set, and so nothing is asked of the Hub."
            ) from None
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            host = urlsplit(url).netloc
            raise _Passing(f"no whole answer comes from {host}: {_why(error)}") from None
        except (httpx2.InvalidURL, ValueError):
            raise StorageError("the Hub sends to what is no URL.") from None

    def _check(self, answer: Any) -> None:
        """Raise what an answer other than a good one means."""
        status = answer.status_code
        if status in _PASSING or status >= 500:
            raise _Passing(f"the Hub answers {status}", wait_asked(answer.headers))
        if status >= 400:
            raise StorageError(refusal(status, answer.headers, known=self._known))

    def _own(self, url: str) -> str:
        """The URL, if it is the Hub's own: others do not get the token."""
        if _origin(url) != _origin(self._endpoint):
            raise StorageError(f"the Hub sends to another server, {urlsplit(url).netloc}.")
        return url


def _json(answer: Any) -> Any:
    body = bytearray()
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > _MOST_ANSWER:
            raise StorageError("the Hub's answer is endless.")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise StorageError("the server at the Hub's URL gives no JSON: is it a Hub?") from None


def _whole(text: str | None) -> int:
    if text and text.isascii() and text.isdecimal() and len(text) < 19:
        return int(text)
    raise StorageError("the Hub does not say how long it is.")


def _sound(target: str, url: str) -> str:
    """Where the Hub sends to, if it is a web server and not a less safe one."""
    schemes = {"https"} if urlsplit(url).scheme == "https" else {"http", "https"}
    if urlsplit(target).scheme not in schemes:
        raise StorageError(f"the Hub sends to {urlsplit(target).scheme}://, where nothing is read.")
    return target


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _why(error: BaseException) -> str:
    return without_signatures(cause(error)).rstrip(".")
