"""Why there was no response, in words: the address, what happened, and never a credential."""

from __future__ import annotations

import errno
import os
import re
import ssl
from typing import Final

import aiohttp
from yarl import URL

from inplace.kube.errors import Unreachable

_ERRNO: Final = re.compile(r"\[Errno (\d+)\]")
_WORDS: Final = {
    errno.ECONNREFUSED: "connection refused: nothing listens there",
    errno.ECONNRESET: "the connection was reset",
    errno.EPIPE: "the connection was closed",
    errno.ETIMEDOUT: "no answer to the attempt to connect",
    errno.EHOSTUNREACH: "no route to the host",
    errno.ENETUNREACH: "the network is unreachable",
    errno.EMFILE: "this process has too many open files",
}


def address(host: str) -> str:
    """A server's address without what may be a credential in it: user, password and query. It may be no address."""
    try:
        url = URL(host)
        found = str(url.with_user(None).with_query(None).with_fragment(None)) if url.host else ""
    except ValueError:
        found = ""
    return found or host.rpartition("@")[2]


def unreachable(server: str, error: BaseException, *, outcome_unknown: bool) -> Unreachable:
    """The error for a failed request, with a one-line message; `server` is an `address`."""
    if isinstance(error, TimeoutError):
        return Unreachable(f"{server} did not answer in time", outcome_unknown=outcome_unknown)
    return Unreachable(f"{server} cannot be reached: {_why(error)}", outcome_unknown=outcome_unknown)


def _why(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientConnectorCertificateError | OSError):
        return _not_connected(error)
    match error:
        case aiohttp.ServerDisconnectedError():
            return "the connection was closed before the answer"
        case aiohttp.ClientPayloadError():
            return "the connection was closed in the middle of the answer"
        case aiohttp.ClientHttpProxyError():
            return f"its proxy answers {error.status}"
        case aiohttp.ClientResponseError():
            return f"what answers there does not speak HTTP as expected: {error.message}"
        case _:
            return " ".join(str(error).split()) or type(error).__name__


def _not_connected(error: BaseException) -> str:
    through = "its proxy: " if isinstance(error, aiohttp.ClientProxyConnectionError) else ""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return f"{through}the name {error.host} cannot be resolved"
        case aiohttp.ClientConnectorCertificateError():
            return _of_certificate(error.certificate_error)
        case aiohttp.ClientConnectorSSLError(os_error=inner) | (ssl.SSLError() as inner):
            return f"no TLS connection: {_of_tls(inner)}"
        case aiohttp.ClientConnectorError(os_error=inner) | (OSError() as inner):
            return through + _of_system(inner)
        case _:
            raise AssertionError(type(error).__name__)


def _of_system(error: OSError) -> str:
    """By number, since the text is for programmers; that of several addresses has the numbers in its text."""
    numbers = [error.errno] if error.errno else [int(one) for one in _ERRNO.findall(str(error))]
    for number in numbers:
        if number in _WORDS:
            return _WORDS[number]
    return os.strerror(numbers[0]).lower() if numbers else " ".join(str(error).split()) or type(error).__name__


def _of_certificate(error: Exception) -> str:
    why = getattr(error, "verify_message", "") or " ".join(str(error).split())
    return f"its certificate is not accepted: {why}"


def _of_tls(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _of_certificate(error)
    reason = getattr(error, "reason", None)
    return str(reason).replace("_", " ").lower() if reason else _of_system(error)
