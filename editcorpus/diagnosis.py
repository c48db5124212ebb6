"""Why a server could not be used, as the end of a sentence that says what to look at."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from editcorpus.buckets import error_code

MOST_SKEW = timedelta(minutes=5)
"""How far a clock may be from a server's: S3 refuses at 15 minutes ("Authenticating Requests", Amazon S3
API reference), and leases of two machines are compared by their clocks."""
_MOST_CAUSES = 20
_CODES = {
    "AccessDenied": "this key may not read and write here",
    "AuthorizationHeaderMalformed": "the bucket lies in another region",
    "ExpiredToken": "the session token has expired",
    "InvalidAccessKeyId": "the server does not know this access key",
    "InvalidBucketName": "no bucket can have this name",
    "InvalidToken": "the session token does not fit the key",
    "NoSuchBucket": "the bucket does not exist",
    "PermanentRedirect": "the bucket lies in another region",
    "RequestTimeTooSkewed": "this machine's clock is wrong; set it by NTP",
    "SignatureDoesNotMatch": "the secret does not fit the access key",
}
"""What S3's error codes mean to a person (Amazon S3 API reference, "Error responses")."""


def unreached(error: BaseException) -> str:
    """Why no connection came about; empty where something else went wrong.

    Args:
        error: As a client raised it; its causes are looked at, too.
    """
    for one in _causes(error):
        if isinstance(one, socket.gaierror):
            return "its host is not known; look at the URL, and at this machine's DNS"
        if isinstance(one, ConnectionRefusedError):
            return "its host refuses the connection; nothing listens at this port"
        if isinstance(one, ssl.SSLCertVerificationError):
            return f"its TLS certificate is not accepted: {one.verify_message}"
        if isinstance(one, ssl.SSLError):
            return "it does not speak TLS there; is the URL to begin with http://?"
        if isinstance(one, TimeoutError):
            return "no answer came in time"
    return ""


def refused(error: BaseException) -> str:
    """Why an S3 server refused a request; empty where it gave no code that is known."""
    told = next((code for one in _causes(error) if (code := error_code(one))), "")
    if told == "RequestTimeTooSkewed" and (apart := _told_skew(error)):
        return f"this machine's clock is {apart} the server's; set it by NTP"
    return _CODES.get(told, "")


def skewed(date: str, now: datetime) -> str:
    """How far a clock is from a server's, such as `20 min behind`; empty where that does no harm.

    Args:
        date: The header `Date` of an answer; empty where there is none.
        now: Of this machine, with its zone.
    """
    try:
        theirs = parsedate_to_datetime(date)
    except ValueError:
        return ""
    return _apart(now, theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC))


def _told_skew(error: BaseException) -> str:
    """By the two times that S3 tells with its refusal; empty where it does not."""
    for one in _causes(error):
        response = getattr(one, "response", None)
        told = response.get("Error", {}) if isinstance(response, Mapping) else {}
        try:
            ours = datetime.strptime(str(told.get("RequestTime", "")), "%Y%m%dT%H%M%S%z")
            return _apart(ours, datetime.fromisoformat(str(told.get("ServerTime", ""))))
        except (ValueError, TypeError):
            continue
    return ""


def _apart(ours: datetime, theirs: datetime) -> str:
    apart = ours - theirs
    if abs(apart) <= MOST_SKEW:
        return ""
    return f"{abs(apart).total_seconds() / 60:.0f} min {'ahead of' if apart > timedelta() else 'behind'}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if found is None:
            return
        yield found
        found = found.__cause__ or found.__context__
