"""Credentials -> an aiohttp session that we own.

The configuration loaders of kubernetes_asyncio are used as they are (in-cluster tokens, kubeconfig, exec plugins,
OIDC); none of its HTTP code is
(docs/design/architecture.md, "Libraries"). They are loaded when a connection is made and not before.
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

import aiohttp
from yarl import URL

from inplace.kube.errors import ConfigError, Unreachable
from inplace.kube.loaders import loaders
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
#: Connections for calls; watches and the lease have sessions of their own.
CALLS: Final = 64

Reload = Callable[[Any], Awaitable[Any]]


class Connection:
    """An API server that we can talk to: its address, TLS, credentials, and sessions for calls and for watches."""

    def __init__(
        self, configuration: Any, reload: Reload, clock: Clock, *, namespace: str, as_user: str | None, agent: str
    ) -> None:
        self._clock = clock
        self._configuration = configuration
        self._reload = reload
        self._as_user = as_user
        self._agent = agent
        self._renewing = asyncio.Lock()
        self._expires: datetime | None = None
        self._sessions: list[aiohttp.ClientSession] = []
        self.namespace = namespace
        self.host: str = str(configuration.host).rstrip("/")

    async def __aenter__(self) -> Self:
        self.tls = self._make_tls()
        self.calls = self._session(CALLS)
        self.watches = self._session(0)
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for session in self._sessions:
            await session.close()

    def url(self, path: str) -> URL:
        """The full URL of an API path, which is not encoded again."""
        return URL(self.host + path, encoded=True)

    async def headers(self) -> dict[str, str]:
        """Headers of a request made now: who we are, and a token that is still valid."""
        if self._expires is not None and self._clock.now() > self._expires - RENEW_BEFORE:
            await self.renew()
        token = await self._configuration.get_api_key_with_prefix("BearerToken")
        found = {"User-Agent": self._agent, "Accept": "application/json", "Accept-Encoding": "identity"}
        if token:
            found["Authorization"] = token.strip()
        if self._as_user:
            found["Impersonate-User"] = self._as_user
        return found

    async def renew(self) -> bool:
        """Load the credentials anew, after a 401 or before they expire. False where nothing new was to be had."""
        async with self._renewing:
            before = self._configuration.api_key.get("BearerToken")
            loader = await self._reload(self._configuration)
            self._expires = getattr(loader, "exec_plugin_expiry", None)
            return bool(self._configuration.api_key.get("BearerToken") != before)

    @property
    def server_name(self) -> str | None:
        """The name that the server's certificate must show, where it is not the host's."""
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
            auto_decompress=False,  # asked for nowhere
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=2**21,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
        )
        self._sessions.append(session)
        return session

    def _make_tls(self) -> ssl.SSLContext | None:
        one = self._configuration
        if not self.host.startswith("https"):
            return None
        try:
            context = ssl.create_default_context(cafile=one.ssl_ca_cert)
            if one.cert_file:
                context.load_cert_chain(one.cert_file, keyfile=one.key_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"the certificates of {self.host} cannot be used: {error}") from error
        if hasattr(ssl, "VERIFY_X509_STRICT"):
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not one.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class _Nobody:
    """The configuration of a server that asks for no credentials and speaks plain HTTP."""

    api_key: Mapping[str, str] = {}
    tls_server_name = None
    proxy = None

    def __init__(self, host: str) -> None:
        self.host = host

    async def get_api_key_with_prefix(self, identifier: str) -> None:
        """There is none."""


def plain(url: str, *, user_agent: str, clock: Clock, as_user: str | None = None) -> Connection:
    """A connection without TLS and credentials: to the embedded server, or to `kubectl proxy`."""

    async def again(_: Any) -> None:
        """There is nothing to load."""

    return Connection(_Nobody(url), again, clock, namespace="default", as_user=as_user, agent=user_agent)


async def connect(
    *,
    user_agent: str,
    kubeconfig: str | None = None,
    context: str | None = None,
    as_user: str | None = None,
    in_cluster: bool | None = None,
    clock: Clock,
) -> Connection:
    """Find credentials: the named kubeconfig, else the cluster that we run in, else $KUBECONFIG or the default file.

    Raises ConfigError with one line that names the file or field and what to do.
    """
    inside = in_cluster if in_cluster is not None else "KUBERNETES_SERVICE_HOST" in os.environ
    if kubeconfig is None and context is None and "KUBECONFIG" not in os.environ and inside:
        return _in_cluster(clock, user_agent, as_user)
    return await _from_file(kubeconfig, context, clock, user_agent, as_user)


def _in_cluster(clock: Clock, agent: str, as_user: str | None) -> Connection:
    config, make = loaders()
    configuration = make()
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException as error:
        raise ConfigError(f"the Pod's own credentials cannot be used: {error}") from error

    async def again(_: Any) -> None:
        """The token file is read again by the library's own hook."""

    return Connection(configuration, again, clock, namespace=_own_namespace(), as_user=as_user, agent=agent)


def _own_namespace() -> str:
    path = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


async def _from_file(
    path: str | None, context: str | None, clock: Clock, agent: str, as_user: str | None
) -> Connection:
    config, make = loaders()
    name = path or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    if not any(Path(one).expanduser().is_file() for one in name.split(os.pathsep) if one):
        raise ConfigError(f"kubeconfig {name} does not exist: give --kubeconfig FILE, or set KUBECONFIG")

    async def load(into: Any) -> Any:
        return await config.load_kube_config(
            config_file=name,
            context=context,
            client_configuration=into,
            persist_config=False,
        )

    configuration = make()
    try:
        loader = await load(configuration)
    except Exception as error:
        raise ConfigError(_explain(name, context, error)) from error
    found = (loader.current_context or {}).get("context", {})
    made = Connection(configuration, load, clock, namespace=found.get("namespace", ""), as_user=as_user, agent=agent)
    made._expires = getattr(loader, "exec_plugin_expiry", None)
    return made


def _explain(name: str, context: str | None, error: Exception) -> str:
    """The library raises whatever its code meets: AttributeError for an empty file, AssertionError, YAML errors."""
    text = " ".join(str(error).split()) or type(error).__name__
    if context is not None and f"name {context}" in text:
        return f"kubeconfig {name} has no context {context!r}: see kubectl config get-contexts"
    return f"kubeconfig {name} cannot be used: {text}"


def _socket(info: tuple[Any, ...]) -> socket.socket:
    """A TCP socket that notices a dead peer: the stand-in for client-go's HTTP/2 ping."""
    family, kind, protocol, _, _ = info
    made = socket.socket(family, kind, protocol)
    for option, value in _KEEPALIVE:
        if hasattr(socket, option):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return made


def unreachable(host: str, error: BaseException, *, outcome_unknown: bool) -> Unreachable:
    """What a failed request means, in one line."""
    if isinstance(error, TimeoutError):
        return Unreachable(f"{host} did not answer in time", outcome_unknown=outcome_unknown)
    text = " ".join(str(error).split()) or type(error).__name__
    return Unreachable(f"{host} cannot be reached: {text}", outcome_unknown=outcome_unknown)
