"""Why a server cannot be reached: plain words, its address, and no credential."""

from __future__ import annotations

import asyncio
import errno
import random
import ssl
from datetime import UTC, datetime

import aiohttp
import pytest

from inplace.kube import discovery, errors
from inplace.kube.client import Client
from inplace.kube.connection import plain
from inplace.kube.unreachable import address, unreachable
from inplace.runtime.clock import LoopClock
from inplace.runtime.observe import NullObserver

pytestmark = pytest.mark.looptime
PYTHON = ("Errno", "Cannot connect", "Connect call", "Error(", "ssl:", "None", "_ssl.c")


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("https://10.0.0.1:6443", "https://10.0.0.1:6443"),
        ("https://me:secret@api.example/k8s/c-1?token=secret#x", "https://api.example/k8s/c-1"),
        ("https://[::1]:6443", "https://[::1]:6443"),
        ("me:secret@api.example", "api.example"),
    ],
)
def test_an_address_has_no_credential(host, shown):
    assert address(host) == shown


def untrusted() -> ssl.SSLCertVerificationError:
    """As OpenSSL raises it."""
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate (_ssl.c:1006)")
    error.verify_message = "self-signed certificate"
    return error


KEY = aiohttp.client_reqrep.ConnectionKey("api", 6443, True, True, None, None, None)
CASES = [
    (
        aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "Connect call failed ('1.2.3.4', 6443)")),
        "nothing",
    ),
    (aiohttp.ClientConnectorError(KEY, OSError("Multiple exceptions: [Errno 111] Connect call failed")), "nothing"),
    (aiohttp.ClientProxyConnectionError(KEY, ConnectionRefusedError(111, "x")), "its proxy: connection refused"),
    (aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "Name or service not known")), "the name api cannot be resolved"),
    (aiohttp.ClientConnectorCertificateError(KEY, untrusted()), "its certificate is not accepted: self-signed"),
    (
        aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] _ssl.c:1")),
        "no TLS connection",
    ),
    (aiohttp.ServerDisconnectedError(), "closed before the answer"),
    (aiohttp.ClientPayloadError("Response payload is not completed"), "in the middle of the answer"),
    (OSError(errno.EHOSTUNREACH, "x"), "no route to the host"),
    (OSError(errno.EACCES, "x"), "permission denied"),
    (TimeoutError(), "did not answer in time"),
]


@pytest.mark.parametrize(("error", "words"), CASES, ids=lambda case: type(case).__name__)
def test_words_for_people(error, words):
    said = str(unreachable("https://api:6443", error, outcome_unknown=False))
    assert said.startswith("https://api:6443 ")
    assert words in said
    assert not any(word in said for word in PYTHON)


async def test_a_real_refusal_names_the_address_alone():
    clock = LoopClock(datetime(2026, 1, 1, tzinfo=UTC))
    async with plain("http://me:secret@127.0.0.1:1", user_agent="t", clock=clock) as connection:
        client = Client(connection, NullObserver(), clock, rng=random.Random(1))
        with pytest.raises(errors.Unreachable) as caught:
            await discovery.version(client)
    said = str(caught.value)
    assert said == "http://127.0.0.1:1 cannot be reached: connection refused: nothing listens there"
    await asyncio.sleep(0)
