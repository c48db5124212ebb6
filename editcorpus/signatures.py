"""URLs that bear their own permission: what of them may be written down, and what may not.

Whoever has a presigned URL can read what it names until it expires. So only what names the file is
kept; and a URL that was signed anew names the same file.

Sources: Amazon S3, "Authenticating requests: using query parameters" (versions 2 and 4) and CloudFront,
"Signed URLs with a canned policy"; Google Cloud Storage, "Signed URLs"; Azure Storage, "Create a service
SAS" and "user delegation SAS"; others have one member with a token.
"""

import re
from urllib.parse import unquote_plus

_SIGNED = re.compile(r"https?://[^\s'\"<>]*", re.IGNORECASE)
_PREFIXES = ("x-amz-", "x-goog-", "x-oss-", "x-cos-")
_ALONE = {
    *("signature", "sig", "token", "access_token", "auth_token", "authorization", "auth"),
    *("api_key", "apikey", "key", "password"),
}
"""Members that are a secret by themselves."""
_BESIDE = {
    *(
        "awsaccesskeyid",
        "googleaccessid",
        "key-pair-id",
        "policy",
        "expires",
        "se",
        "st",
        "sp",
        "sv",
    ),
    *("sr", "sip", "spr", "ss", "srt", "skoid", "sktid", "skt", "ske", "sks", "skv", "sdd"),
}
"""Members that belong to a signature where there is one."""


def unsigned(url: str) -> str:
    """The URL without its signature; what is no URL of a web server is left as it is.

    Members of the query that say which file or version is meant stay, in their order.
    """
    base, mark, query = url.partition("?")
    if not mark or not _SIGNED.match(url):
        return url
    members = query.partition("#")[0].split("&")
    secret = {one for one in members if _name(one).startswith(_PREFIXES) or _name(one) in _ALONE}
    kept = [one for one in members if one not in secret and not (secret and _name(one) in _BESIDE)]
    if len(kept) == len(members):
        return url
    return "?".join([base, "&".join(kept)]) if kept else base


def without_signatures(text: str) -> str:
    """The text with every URL in it as it may be shown."""
    return _SIGNED.sub(lambda found: unsigned(found[0]), text)


def _name(member: str) -> str:
    return unquote_plus(member.partition("=")[0]).lower()
