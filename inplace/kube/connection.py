"""Access to a server -> aiohttp sessions that we own, with credentials and certificates that are never too old.

Where access comes from is decided by `access`. A connection asks for it anew when it is refused, or before it expires;
looks at the files in it each minute, and when the server's certificate is not accepted; and opens new sessions when a
certificate has changed.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from inplace.kube import kubeconfig as files
from inplace.kube import trust
from inplace.kube.access import Access, Anonymous, FromKubeconfig, OfThePod, Source, namespace_of_the_pod
from inplace.kube.errors import ConfigError
from inplace.kube.kubeconfig import Flags, Impersonation
from inplace.kube.unreachable import address
from inplace.runtime.clock import Clock

#: A connection on which nothing was acknowledged for this long is dead (client-go: HTTP/2 ping, 30 s + 15 s).
DEAD_AFTER_MS: Final = 30_000
_KEEPALIVE: Final = (
    ("TCP_KEEPIDLE", 15),
    ("TCP_KEEPINTVL", 5),
    ("TCP_KEEPCNT", 3),
    ("TCP_USER_TIMEOUT", DEAD_AFTER_MS),
)
#: Credentials are renewed this long before they expire.
RENEW_BEFORE: Final = timedelta(seconds=60)
#: How long nobody asks for credentials again, in seconds, however it ended.
RENEW_PAUSE: Final = 10.0
#: How often files are looked at, in seconds (client-go: token files each minute, certificates each five).
LOOK_EVERY: Final = 60.0
#: Connections for calls; watches have a session of their own.
CALLS: Final = 64


class Connection:
    """An API server: its address, TLS, credentials, and sessions for calls and for watches."""

    def __init__(
        self, source: Source, access: Access, clock: Clock, *, namespace: str, as_who: Impersonation, agent: str
    ) -> None:
        self._source = source
        self._access = access
        #: Scheme, host, port and path, without a slash at the end; it never changes.
        self.host = access.server
        self._clock = clock
        self._as_who = as_who
        self._agent = agent
        #: The one that asks for credentials, whoever waits for it.
        self._renewing: asyncio.Task[None] | None = None
        #: When they were renewed last, by the monotonic clock, and why that failed.
        self._renewed_at = float("-inf")
        self._failure: ConfigError | None = None
        self._looked_at = clock.monotonic()
        self.tls: ssl.SSLContext | None = None
        self._sessions: list[aiohttp.ClientSession] = []
        self._retired: list[aiohttp.ClientSession] = []
        self.namespace = namespace

    async def __aenter__(self) -> Self:
        self.tls = trust.context_of(self._access)
        await self._open()
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
            with suppress(asyncio.CancelledError):
                await self._renewing
        for session in (*self._sessions, *self._retired):
            await session.close()

    @property
    def address(self) -> str:
        """The host for people: without a credential."""
        return address(self.host)

    def url(self, path: str) -> URL:
        """The full URL of an API path that is already encoded."""
        return URL(self.host + path, encoded=True)

    @property
    def server_name(self) -> str | None:
        """The name that the server's certificate must have, if it is not the host's."""
        return self._access.server_name or None

    @property
    def proxy(self) -> str | None:
        """The proxy that it is reached through."""
        return self._access.proxy or None

    async def headers(self) -> CIMultiDict[str]:
        """Headers of a request: who we are, and a token that is still valid.

        Raises ConfigError if there is none; one that could not be renewed is good until it expires.
        """
        if self._clock.monotonic() >= self._looked_at + LOOK_EVERY:
            await self._look()
        expires = self._access.credential.expires
        if expires is not None and self._clock.now() > expires - RENEW_BEFORE:
            renewing = self._renew_soon()
            if self._clock.now() >= expires:
                await self._done(renewing)
        headers = CIMultiDict({"User-Agent": self._agent, "Accept": "application/json", "Accept-Encoding": "identity"})
        if self._access.credential.authorization:
            headers["Authorization"] = self._access.credential.authorization
        headers.extend(_impersonating(self._as_who))
        _check(headers)
        return headers

    async def renew(self, used: str | None) -> None:
        """Ask for credentials anew, after a 401, unless they are not those `used` any more.

        Many calls fail for one reason at the same time: one asks, and nobody does again for a while. Raises ConfigError
        if that fails, or has failed just now.
        """
        if (used or "") == self._access.credential.authorization:
            await self._done(self._renew_soon())

    def distrust(self) -> None:
        """The server's certificate was not accepted: before the next request, see whether the authority has changed."""
        self._looked_at = float("-inf")

    def _renew_soon(self) -> asyncio.Task[None] | None:
        """The one that asks for credentials, started if nobody did just now."""
        if self._renewing is None and self._clock.monotonic() >= self._renewed_at + RENEW_PAUSE:
            self._renewing = asyncio.create_task(self._renew())
        return self._renewing

    async def _done(self, renewing: asyncio.Task[None] | None) -> None:
        """Wait for it. Whoever gives up leaves it to the others: somebody may be signing in."""
        if renewing is not None:
            await asyncio.shield(renewing)
        if self._failure is not None:
            raise self._failure

    async def _renew(self) -> None:
        try:
            await self._use(await self._source.ask())
            self._failure = None
        except Exception as error:  # noqa: BLE001 - of a plugin, a file, a library: none of them may end the process
            why = " ".join(str(error).split()) or type(error).__name__
            self._failure = ConfigError(f"the credentials of {self.address} cannot be renewed: {why}")
        finally:
            self._renewed_at = self._clock.monotonic()
            self._renewing = None

    async def _look(self) -> None:
        """Use what files say now; while they cannot be used, what they said before."""
        self._looked_at = self._clock.monotonic()
        with suppress(ConfigError):
            await self._use(await self._source.look())

    async def _use(self, access: Access) -> None:
        """Raises ConfigError for certificates that cannot be used, and then goes on with those from before."""
        if self.tls is not None and _certificates(access) != _certificates(self._access):
            self.tls = trust.context_of(access)
            await self._open()
        self._access = access

    async def _open(self) -> None:
        """New sessions: those from before are closed with the next ones, when what was asked on them is answered."""
        closing, self._retired, self._sessions = self._retired, self._sessions, []
        self.calls, self.watches = self._session(CALLS), self._session(0)
        for session in closing:
            await session.close()

    def _session(self, limit: int) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=limit, keepalive_timeout=90, ssl=self.tls if self.tls is not None else False, socket_factory=_socket
        )
        session = aiohttp.ClientSession(
            connector=connector,
            trust_env=False,
            auto_decompress=False,  # never requested
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=2**21,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
        )
        self._sessions.append(session)
        return session


def _certificates(access: Access) -> tuple[object, ...]:
    """What a TLS context is made of."""
    return access.authority, access.is_verified, access.credential.certificate, access.credential.key


def _impersonating(who: Impersonation) -> list[tuple[str, str]]:
    """The headers that ask for it; a key of `extra` may hold what no header's name may (client-go, transport)."""
    if not who.user:
        return []
    uid = [("Impersonate-Uid", who.uid)] if who.uid else []
    groups = [("Impersonate-Group", group) for group in who.groups]
    extra = [(f"Impersonate-Extra-{quote(key, safe='')}", value) for key, values in who.extra for value in values]
    return [("Impersonate-User", who.user), *uid, *groups, *extra]


#: What is behind a header, for people.
_SAID: Final = {
    "Authorization": 'the token or password (in a kubeconfig "token: |" ends in a line break)',
    "Impersonate-User": "--as",
    "Impersonate-Group": "--as-group",
    "Impersonate-Uid": "--as-uid",
}


def _check(headers: CIMultiDict[str]) -> None:
    """Raises ConfigError for a value that no header may have (RFC 9110, 5.5), as net/http does for kubectl."""
    for name, value in headers.items():
        wrong = next((one for one in value if (one < " " and one != "\t") or one == "\x7f"), None)
        if wrong is not None:
            what = _SAID.get(name, "--as-user-extra")
            raise ConfigError(f"{what} has the control character U+{ord(wrong):04X}: expected text in one line")


def plain(url: str, *, user_agent: str, clock: Clock, as_user: str | None = None) -> Connection:
    """A connection without TLS and credentials: to the embedded server, or to `kubectl proxy`."""
    source, as_who = Anonymous(url), Impersonation(user=as_user or "")
    return Connection(source, source.access, clock, namespace="default", as_who=as_who, agent=user_agent)


async def connect(
    *,
    user_agent: str,
    kubeconfig: str | None = None,
    context: str | None = None,
    as_user: str | None = None,
    as_groups: tuple[str, ...] = (),
    as_uid: str | None = None,
    as_extra: tuple[tuple[str, tuple[str, ...]], ...] = (),
    flags: Flags = Flags(),  # noqa: B008 - frozen
    in_cluster: bool | None = None,
    clock: Clock,
) -> Connection:
    """Find credentials: the named kubeconfig, $KUBECONFIG or the default file, else the cluster that we run in.

    Raises ConfigError with one line that names the file or field and what to do.
    """
    inside = in_cluster if in_cluster is not None else "KUBERNETES_SERVICE_HOST" in os.environ
    asked = Impersonation(user=as_user or "", uid=as_uid or "", groups=as_groups, extra=as_extra)
    source: FromKubeconfig | OfThePod
    if inside and kubeconfig is None and context is None and flags == Flags() and not files.says_anything(None):
        source, namespace, written = OfThePod(), namespace_of_the_pod(), Impersonation()
    else:
        source = FromKubeconfig(kubeconfig, context, flags, clock)
        namespace, written = source.chosen.namespace, source.chosen.impersonation
    as_who = _as_who(written, asked)
    return Connection(source, await source.ask(), clock, namespace=namespace, as_who=as_who, agent=user_agent)


def _as_who(written: Impersonation, asked: Impersonation) -> Impersonation:
    """What was asked for takes the place of what is written, field by field."""
    user, uid = asked.user or written.user, asked.uid or written.uid
    groups, extra = asked.groups or written.groups, asked.extra or written.extra
    if not user and (uid or groups or extra):
        more = "--as-group, --as-uid and --as-user-extra"
        raise ConfigError(f"{more} say more of the user of --as: expected --as USER as well")
    return Impersonation(user, uid, groups, extra)


def _socket(info: tuple[Any, ...]) -> socket.socket:
    """A TCP socket that detects a dead peer, as client-go does with HTTP/2 pings."""
    family, kind, protocol, _, _ = info
    tcp = socket.socket(family, kind, protocol)
    for option, value in _KEEPALIVE:
        if hasattr(socket, option):
            tcp.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return tcp
