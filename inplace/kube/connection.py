"""Credentials -> an aiohttp session that we own.

Which cluster and user a kubeconfig means is decided by `kubeconfig`. The loaders of kubernetes_asyncio do the rest
(in-cluster tokens, exec plugins, OIDC); none of its HTTP code is used (docs/design/architecture.md, "Libraries"). They
are imported only when a connection is made.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import aiohttp
from msgspec.structs import replace
from multidict import CIMultiDict
from yarl import URL

from inplace.kube import kubeconfig as files
from inplace.kube.errors import ConfigError
from inplace.kube.kubeconfig import Flags, Impersonation
from inplace.kube.loaders import loaders
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
#: Exec tokens are renewed this long before they expire.
RENEW_BEFORE: Final = timedelta(seconds=60)
#: How long credentials may take to be renewed, and how long nobody asks for them again, in seconds, however it ended.
RENEW_SECONDS: Final = 30.0
RENEW_PAUSE: Final = 10.0
#: Connections for calls; watches have a session of their own.
CALLS: Final = 64

Reload = Callable[[Any], Awaitable[Any]]


class Connection:
    """An API server: its address, TLS, credentials, and sessions for calls and for watches."""

    def __init__(
        self, configuration: Any, reload: Reload, clock: Clock, *, namespace: str, as_who: Impersonation, agent: str
    ) -> None:
        self._clock = clock
        self._configuration = configuration
        self._reload = reload
        self._as_who = as_who
        self._agent = agent
        self._renewing = asyncio.Lock()
        #: When they were renewed last, by the monotonic clock, and why that failed.
        self._renewed_at = float("-inf")
        self._failure: ConfigError | None = None
        self._expires: datetime | None = None
        self.tls: ssl.SSLContext | None = None
        self._certificate = b""
        self._sessions: list[aiohttp.ClientSession] = []
        self._retired: list[aiohttp.ClientSession] = []
        self.namespace = namespace
        scheme, colon, rest = str(configuration.host).rstrip("/").partition(":")
        #: The scheme in small letters, whatever it was written in: what is asked of it decides about TLS.
        self.host: str = scheme.lower() + colon + rest

    async def __aenter__(self) -> Self:
        self.tls = self._make_tls()
        self.calls = self._session(CALLS)
        self.watches = self._session(0)
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for session in (*self._sessions, *self._retired):
            await session.close()

    @property
    def address(self) -> str:
        """The host for people: without a credential."""
        return address(self.host)

    def url(self, path: str) -> URL:
        """The full URL of an API path that is already encoded."""
        return URL(self.host + path, encoded=True)

    async def headers(self) -> CIMultiDict[str]:
        """Headers of a request: who we are, and a token that is still valid.

        Raises ConfigError if there is none; one that could not be renewed is good until it expires.
        """
        if self._expires is not None and self._clock.now() > self._expires - RENEW_BEFORE:
            try:
                await self.renew(self._token)
            except ConfigError:
                if self._clock.now() >= self._expires:
                    raise
        token = await self._refreshed()
        headers = CIMultiDict({"User-Agent": self._agent, "Accept": "application/json", "Accept-Encoding": "identity"})
        if token and self._is_private:
            headers["Authorization"] = token
        headers.extend(_impersonating(self._as_who))
        return headers

    async def renew(self, used: str | None) -> None:
        """Reload the credentials, after a 401 or before they expire, unless they are not those `used` any more.

        Many calls fail for one reason at the same time: one reloads, and nobody does again for a while. Raises
        ConfigError if that fails, or has failed just now.
        """
        async with self._renewing:
            if used != self._token:
                return
            if self._clock.monotonic() < self._renewed_at + RENEW_PAUSE:
                if self._failure is not None:
                    raise self._failure
                return
            try:
                async with asyncio.timeout(RENEW_SECONDS):
                    loader = await self._reload(self._configuration)
                await self._renew_certificate()
                self._failure = None
            except ConfigError as error:
                self._failure = error
                raise
            except Exception as error:  # of the library, of a file, of a plugin: none of them may end the process
                why = " ".join(str(error).split()) or type(error).__name__
                why = f"no answer within {RENEW_SECONDS:.0f} s" if isinstance(error, TimeoutError) else why
                self._failure = ConfigError(f"the credentials of {self.address} cannot be renewed: {why}")
                raise self._failure from error
            finally:
                self._renewed_at = self._clock.monotonic()
            self._expires = getattr(loader, "exec_plugin_expiry", None)

    @property
    def _token(self) -> str | None:
        token = self._configuration.api_key.get("BearerToken")
        return token.strip() if token else None

    async def _refreshed(self) -> str | None:
        """The token, from its file if it is time to read that again; while it cannot be read, the one from before."""
        try:
            token = await self._configuration.get_api_key_with_prefix("BearerToken")
        except Exception:  # noqa: BLE001 - of the library or a file; a token that is too old is answered with 401
            return self._token
        return token.strip() if token else None

    @property
    def _is_private(self) -> bool:
        """Whether nobody can listen: as kubectl does, no token is sent over plain HTTP, but on this machine."""
        return self.host.startswith("https:") or URL(self.host).host in {"127.0.0.1", "::1", "localhost"}

    async def _renew_certificate(self) -> None:
        """Use a client certificate that has changed: for new connections, so that no old one is used for long."""
        if self.tls is None or not self._configuration.cert_file:
            return
        before, self._certificate = self._certificate, self._read_certificate()
        if self._certificate == before:
            return
        self.tls.load_cert_chain(self._configuration.cert_file, keyfile=self._configuration.key_file)
        for session in self._retired:  # what was asked on them is answered by now
            await session.close()
        self._retired, self._sessions = self._sessions, []
        self.calls, self.watches = self._session(CALLS), self._session(0)

    def _read_certificate(self) -> bytes:
        files = (self._configuration.cert_file, self._configuration.key_file or self._configuration.cert_file)
        return b"".join(Path(file).read_bytes() for file in files)

    @property
    def server_name(self) -> str | None:
        """The name that the server's certificate must have, if it is not the host's."""
        return self._configuration.tls_server_name or None

    @property
    def proxy(self) -> str | None:
        """The kubeconfig's proxy-url."""
        return self._configuration.proxy or None

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

    def _make_tls(self) -> ssl.SSLContext | None:
        configuration = self._configuration
        if not self.host.startswith("https"):
            return None
        try:
            context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
            if configuration.cert_file:
                context.load_cert_chain(configuration.cert_file, keyfile=configuration.key_file)
                self._certificate = self._read_certificate()
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"the certificates of {self.address} cannot be used: {error}") from error
        if hasattr(ssl, "VERIFY_X509_STRICT"):
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not configuration.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _impersonating(who: Impersonation) -> list[tuple[str, str]]:
    """The headers that ask for it; a key of `extra` may hold what no header's name may (client-go, transport)."""
    if not who.user:
        return []
    uid = [("Impersonate-Uid", who.uid)] if who.uid else []
    groups = [("Impersonate-Group", group) for group in who.groups]
    extra = [(f"Impersonate-Extra-{quote(key, safe='')}", value) for key, values in who.extra for value in values]
    return [("Impersonate-User", who.user), *uid, *groups, *extra]


class _Anonymous:
    """The configuration of a server without TLS that needs no credentials."""

    api_key: Mapping[str, str] = {}
    tls_server_name = None
    proxy = None

    def __init__(self, host: str) -> None:
        self.host = host

    async def get_api_key_with_prefix(self, identifier: str) -> None:
        """No token."""


def plain(url: str, *, user_agent: str, clock: Clock, as_user: str | None = None) -> Connection:
    """A connection without TLS and credentials: to the embedded server, or to `kubectl proxy`."""

    async def reload(_: Any) -> None:
        """There is nothing to load."""

    as_who = Impersonation(user=as_user or "")
    return Connection(_Anonymous(url), reload, clock, namespace="default", as_who=as_who, agent=user_agent)


async def connect(
    *,
    user_agent: str,
    kubeconfig: str | None = None,
    context: str | None = None,
    as_user: str | None = None,
    as_groups: tuple[str, ...] = (),
    as_uid: str | None = None,
    flags: Flags = Flags(),  # noqa: B008 - frozen
    in_cluster: bool | None = None,
    clock: Clock,
) -> Connection:
    """Find credentials: the named kubeconfig, $KUBECONFIG or the default file, else the cluster that we run in.

    Raises ConfigError with one line that names the file or field and what to do.
    """
    inside = in_cluster if in_cluster is not None else "KUBERNETES_SERVICE_HOST" in os.environ
    asked = Impersonation(user=as_user or "", uid=as_uid or "", groups=as_groups)
    if inside and kubeconfig is None and context is None and flags == Flags() and not files.exists(None):
        return _in_cluster(clock, user_agent, _as_who(Impersonation(), asked))
    return await _from_file(kubeconfig, context, flags, clock, user_agent, asked)


def _as_who(written: Impersonation, asked: Impersonation) -> Impersonation:
    """What was asked for takes the place of what is written, field by field."""
    user, uid = asked.user or written.user, asked.uid or written.uid
    groups = asked.groups or written.groups
    if not user and (uid or groups):
        raise ConfigError("--as-group and --as-uid say more of the user of --as: expected --as USER as well")
    return replace(written, user=user, uid=uid, groups=groups)


def _in_cluster(clock: Clock, agent: str, as_who: Impersonation) -> Connection:
    config, make = loaders()
    configuration = make()
    try:
        config.load_incluster_config(client_configuration=configuration)
    except (config.ConfigException, OSError) as error:
        raise ConfigError(f"the Pod's own credentials cannot be used: {error}") from error

    async def reload(into: Any) -> None:
        """Read the token file at once; the library's hook does each minute, by the wall clock."""
        config.load_incluster_config(client_configuration=into)

    return Connection(configuration, reload, clock, namespace=_own_namespace(), as_who=as_who, agent=agent)


def _own_namespace() -> str:
    path = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


async def _from_file(
    path: str | None, context: str | None, flags: Flags, clock: Clock, agent: str, asked: Impersonation
) -> Connection:
    config, make = loaders()
    chosen = files.choose(path, context, flags)
    name = os.pathsep.join(map(str, files.files(path)))
    as_who = _as_who(chosen.impersonation, asked)

    async def load(into: Any) -> Any:
        now = files.choose(path, context, flags)
        loader = config.kube_config.KubeConfigLoader(config_dict=now.document(), config_base_path=None)
        try:
            await loader.load_and_set(into)
        except ConfigError:
            raise
        except Exception as error:  # noqa: BLE001 - of the library; some hold the user's whole entry
            raise ValueError(_without_credentials(error, now.user)) from None
        return loader

    configuration = make()
    try:
        _check(str(chosen.cluster.get("server") or ""))
        loader = await load(configuration)
    except (ConfigError, ValueError) as error:
        raise ConfigError(f"kubeconfig {name} cannot be used: {error}") from error
    host = str(configuration.host)
    if URL(host).raw_user or URL(host).raw_password:
        where = f"kubeconfig {name}: the address of the server {address(host)}"
        raise ConfigError(f"{where} has a user or password in it: expected them under users")
    connection = Connection(configuration, load, clock, namespace=chosen.namespace, as_who=as_who, agent=agent)
    connection._expires = getattr(loader, "exec_plugin_expiry", None)
    return connection


def _check(host: str) -> None:
    """What the library takes as it comes. Raises ValueError."""
    if URL(host).port is None:
        raise ValueError(f"clusters: server {host[:100]!r} is no address: expected https://HOST or https://HOST:PORT")


def _without_credentials(error: Exception, user: dict[str, Any]) -> str:
    """What the error says in one line; nothing but its kind if that holds anything of the user's entry."""
    text = " ".join(str(error).split())
    kind = type(error).__name__
    return f"users: the credential is incomplete or malformed ({kind})" if files.shows(text, user) else text or kind


def _socket(info: tuple[Any, ...]) -> socket.socket:
    """A TCP socket that detects a dead peer, as client-go does with HTTP/2 pings."""
    family, kind, protocol, _, _ = info
    tcp = socket.socket(family, kind, protocol)
    for option, value in _KEEPALIVE:
        if hasattr(socket, option):
            tcp.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return tcp
