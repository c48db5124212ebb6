"""What the Hugging Face Hub means by its answers, told from status and headers alone.

Source: huggingface_hub 2.4 (`utils/_http.py`: `hf_raise_for_status`, `X-Error-Code`, `X-Error-Message`,
`RateLimit`, `Retry-After`).
"""

import re
from collections.abc import Mapping

_RESET = re.compile(r";\s*r\s*=\s*0\s*;\s*t\s*=\s*(\d{1,6})")
"""The `RateLimit` header where no request is left: seconds until there are some again."""
_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)")
_GATED = "GatedRepo"
_CODES = {
    "RevisionNotFound": "the dataset has no such revision: no branch, tag or commit of that name.",
    "EntryNotFound": "the dataset has no file or folder at this path.",
}
_MESSAGES = {
    "Invalid credentials in Authorization header": (
        "the Hub does not know the token: HF_TOKEN is wrong or was revoked."
    ),
    "Access to this resource is disabled.": "the Hub has disabled the dataset.",
}


def refusal(status: int, headers: Mapping[str, str], *, known: bool) -> str:
    """The end of a sentence on why something cannot be had.

    The Hub tells nobody that a private dataset exists.

    Args:
        status: 400 to 499.
        headers: Of the answer.
        known: Whether a token was sent.
    """
    code = headers.get("X-Error-Code", "")
    if code == _GATED:
        return _gated(known=known)
    if told := _CODES.get(code) or _MESSAGES.get(headers.get("X-Error-Message", "")):
        return told
    if code == "RepoNotFound" or status in {401, 404}:
        seen = "the account of HF_TOKEN may not see it" if known else "no HF_TOKEN is set to see it"
        return f"there is no such dataset on the Hub, or it is private and {seen}."
    if status == 403:
        return "the token in HF_TOKEN lacks the permission to read it."
    return f"the Hub answers {status}."


def _gated(*, known: bool) -> str:
    terms = "accept its terms on its page on the Hub"
    if known:
        return f"the dataset is gated, and the account of HF_TOKEN has no access: {terms} with it."
    return f"the dataset is gated: {terms}, and set HF_TOKEN to a token of that account."


def wait_asked(headers: Mapping[str, str]) -> float | None:
    """Seconds after which the server wants to be asked again, if it says so."""
    if found := _RESET.search(headers.get("RateLimit", "")):
        return float(found[1])
    text = headers.get("Retry-After", "").strip()
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 7 else None


def no_range(status: int, headers: Mapping[str, str], start: int, size: int) -> str:
    """The end of a sentence on why an answer is not the range asked for; empty where it is.

    Args:
        status: Of the answer, 200 to 399.
        headers: Of the answer.
        start: First byte that was asked for.
        size: Bytes of the whole file.
    """
    if status == 200 and start == 0:
        return ""  # whoever sends the whole is cut off after what is wanted
    found = _RANGE.fullmatch(headers.get("Content-Range", ""))
    if status != 206 or not found or int(found[1]) != start:
        return "the server behind the Hub does not give single ranges of it."
    if found[2] not in {"*", str(size)}:
        return f"it has {found[2]} bytes where the Hub says {size}."
    return ""
