"""Whom this machine trusts when a server shows its certificate."""

import ssl
from functools import cache

import httpx


@cache
def trusted() -> ssl.SSLContext:
    """The authorities of the environment or of certifi, read once: that takes as long as a request does."""
    return httpx.create_ssl_context()
