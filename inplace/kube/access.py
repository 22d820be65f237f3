"""How a server is reached, and by whom: everything that a connection is made of, and that may change while it lasts.

`Access` is the value; a `Source` reads it, from a kubeconfig (`FromKubeconfig`) or from the Pod that we run in
(`OfThePod`). Source of the rules: client-go, rest/config.go, transport/transport.go and token_source.go.
"""

from __future__ import annotations

import base64
import binascii
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Protocol

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace
from yarl import URL

from inplace.kube import entries, kubeconfig, plugin, proxies
from inplace.kube.entries import Cluster, Provider, User
from inplace.kube.errors import ConfigError
from inplace.kube.kubeconfig import Chosen, Flags
from inplace.kube.loaders import loaders
from inplace.kube.unreachable import address
from inplace.runtime.clock import Clock

#: An id-token is not used so shortly before it expires (client-go, plugin/pkg/client/auth/oidc, expiryDelta).
_MARGIN: Final = timedelta(seconds=10)
#: Where a plugin's own settings stand in a cluster's extensions.
_FOR_PLUGINS: Final = "client.authentication.k8s.io/exec"
_POD: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class Credential(Struct, frozen=True):
    """What says who asks; what is empty is not used."""

    #: The whole header `Authorization`.
    authorization: str = ""
    #: A chain of certificates and its key, both in PEM.
    certificate: bytes = b""
    key: bytes = b""
    #: When it is to be replaced, if that is known.
    expires: datetime | None = None


class Access(Struct, frozen=True):
    """How a server is reached, and by whom."""

    #: `https://HOST:PORT/PATH`, without a slash at its end.
    server: str
    #: Certificates in PEM, the only ones that are trusted; of None those of this machine are.
    authority: bytes | None = None
    is_verified: bool = True
    #: The name that the server's certificate must have, if it is not the host's.
    server_name: str = ""
    proxy: str = ""
    credential: Credential = Credential()


class Source(Protocol):
    """Where access comes from."""

    async def ask(self) -> Access:
        """All of it anew, by what may take its time. Raises ConfigError."""

    async def look(self) -> Access:
        """What is in files now, with the answers from before: quick. Raises ConfigError."""


class Anonymous:
    """Of a server that needs to know nothing: always the same."""

    def __init__(self, server: str) -> None:
        self.access = Access(server.rstrip("/"))

    async def ask(self) -> Access:
        """What it is."""
        return self.access

    async def look(self) -> Access:
        """What it is."""
        return self.access


class FromKubeconfig:
    """A context of a kubeconfig: once chosen it stays the same one, whatever the file's current context becomes."""

    def __init__(self, path: str | None, context: str | None, flags: Flags, clock: Clock) -> None:
        """Raises ConfigError, as everything here does."""
        self._path, self._flags, self._clock = path, flags, clock
        self._written = self._stamp()
        self.chosen = kubeconfig.choose(path, context, flags)
        self._server = _server(self.chosen)
        #: What the plugin answered.
        self._answer = Credential()

    async def ask(self) -> Access:
        """Ask the plugin, if there is one; nobody is asked for a server to which no credential is sent."""
        self._read_again()
        user = self.chosen.user
        if user.exec is not None and _is_private(self._server):
            status = await plugin.ask(user.exec, _told(self.chosen, self._server))
            self._answer = Credential(
                authorization=_bearer(status.token),
                certificate=status.client_certificate_data.encode(),
                key=status.client_key_data.encode(),
                expires=status.expiration_timestamp,
            )
        return await self.look()

    async def look(self) -> Access:
        """Read the kubeconfig, if it was written again, and the files that it names."""
        self._read_again()
        chosen, cluster = self.chosen, self.chosen.cluster
        proxy = proxies.find(URL(self._server), cluster.proxy_url, os.environ)
        found = Access(self._server, server_name=cluster.tls_server_name, proxy=proxy)
        if not _is_private(self._server):
            return found
        return replace(
            found,
            authority=_authority(f"{chosen.where}: clusters", cluster),
            is_verified=not cluster.insecure_skip_tls_verify,
            credential=_credential(chosen, self._answer, self._clock.now()),
        )

    def _read_again(self) -> None:
        stamp = self._stamp()
        if stamp == self._written:
            return
        found = kubeconfig.choose(self._path, self.chosen.context, self._flags)
        if _server(found) != self._server:
            raise ConfigError(f"{found.where}: {found.context} is another server now: start again to use that")
        self._written, self.chosen = stamp, found

    def _stamp(self) -> tuple[tuple[int, int], ...]:
        """What changes with the contents of the files, but for those that are not there."""
        held = [file.stat() for file in kubeconfig.files(self._path) if file.exists()]
        return tuple((one.st_mtime_ns, one.st_size) for one in held)


def _server(chosen: Chosen) -> str:
    """The address of the server, as client-go reads it. Raises ConfigError."""
    written, where = chosen.cluster.server, f"{chosen.where} cannot be used: clusters: server"
    text = written if "://" in written else f"http://{written}"
    expected = "expected https://HOST or https://HOST:PORT"
    try:
        url = URL(text)
        usable = url.scheme in {"http", "https"} and bool(url.host) and url.port is not None
    except ValueError as error:
        raise ConfigError(f"{where} {address(written)!r}: {error}") from error
    if not written or not usable:
        raise ConfigError(f"{where} {address(written)[:100]!r} is no address: {expected}")
    if url.raw_user or url.raw_password:
        raise ConfigError(f"{where} {address(text)} has a user or password in it: expected them under users")
    return str(url.with_query(None).with_fragment(None)).rstrip("/")


def _is_private(server: str) -> bool:
    """Whether nobody can listen: as kubectl does, no credential is sent over plain HTTP."""
    return server.startswith("https:")


def _bearer(token: str) -> str:
    return f"Bearer {token}" if token else ""


def _authority(where: str, cluster: Cluster) -> bytes | None:
    if cluster.certificate_authority_data:
        return entries.data(f"{where}: certificate-authority-data", cluster.certificate_authority_data)
    return _read(where, cluster.certificate_authority) if cluster.certificate_authority else None


def _read(where: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "cannot be read"
        raise ConfigError(f"{where}: {path}: {why}") from error


def _credential(chosen: Chosen, answer: Credential, now: datetime) -> Credential:
    """The credential as it is now: what the plugin answered, with what the user's entry and its files add."""
    user, where, found = chosen.user, f"{chosen.where}: users: {chosen.user_name}", answer
    if user.provider is not None:
        found = _id_token(where, user.provider, now)
    if user.client_certificate or user.client_certificate_data:
        found = replace(
            found,
            certificate=_pem(where, "client-certificate", user.client_certificate, user.client_certificate_data),
            key=_pem(where, "client-key", user.client_key, user.client_key_data),
        )
    if user.token or user.token_file:
        found = replace(found, authorization=_bearer(_token(where, user)))
    elif user.username:
        basic = base64.b64encode(f"{user.username}:{user.password}".encode()).decode()
        found = replace(found, authorization=f"Basic {basic}")
    if found == Credential() and user.exec is None:
        who = f"the user {chosen.user_name} has no credential" if chosen.user_name else "names no user"
        raise ConfigError(f"{chosen.where}: the context {chosen.context} {who}: expected --user NAME or --token")
    return found


def _pem(where: str, field: str, path: str, written: str) -> bytes:
    return entries.data(f"{where}: {field}-data", written) if written else _read(where, path)


def _token(where: str, user: User) -> str:
    """Of its file, before the one beside it. Raises ConfigError if there is none in either."""
    try:
        found = _read(where, user.token_file).decode().strip() if user.token_file else ""
    except UnicodeDecodeError as error:
        raise ConfigError(f"{where}: {user.token_file}: expected a token") from error
    except ConfigError:
        if not user.token:
            raise
        found = ""
    if not found and not user.token:
        raise ConfigError(f"{where}: {user.token_file} is empty: expected a token")
    return found or user.token


class _Claims(Struct):
    exp: Annotated[float, Meta(ge=0, le=1e11)]


def _id_token(where: str, provider: Provider, now: datetime) -> Credential:
    """The id-token while it is good.

    It is never refreshed here: many providers give a refresh token out once, so whoever uses it up without writing the
    next one into the kubeconfig logs kubectl out too. kubectl does that, under its own lock.
    """
    if provider.name != "oidc":
        raise ConfigError(f"{where}: auth-provider {provider.name!r} is not supported: expected oidc, or exec")
    token = provider.config.get("id-token", "")
    how = "log in again, or let kubectl renew it: `kubectl get --raw /version`"
    if not token:
        raise ConfigError(f"{where} has no id-token: {how}")
    try:
        part = token.split(".")[1]
        claims = msgspec.json.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), type=_Claims)
        expires = datetime.fromtimestamp(claims.exp, UTC)
    except (IndexError, binascii.Error, msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise ConfigError(f"{where}: the id-token is no JSON Web Token with an `exp`") from error
    if now + _MARGIN >= expires:
        raise ConfigError(f"{where}: the id-token has expired, at {expires.isoformat()}: {how}")
    return Credential(authorization=_bearer(token), expires=expires)


def _told(chosen: Chosen, server: str) -> dict[str, Any]:
    """What a plugin is told of the cluster, by the names of its `spec.cluster` (client-go, rest/exec.go)."""
    cluster = chosen.cluster
    authority = _authority(f"{chosen.where}: clusters", cluster)
    own = next((one.extension for one in cluster.extensions if one.name == _FOR_PLUGINS), None)
    found = {
        "server": server,
        "tls-server-name": cluster.tls_server_name,
        "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
        "certificate-authority-data": base64.b64encode(authority or b"").decode(),
        "proxy-url": cluster.proxy_url,
        "disable-compression": cluster.disable_compression,
        "config": own,
    }
    return {name: value for name, value in found.items() if value or name == "server"}


class OfThePod:
    """The Pod's own account: its token, which the kubelet renews, and the cluster's authority, which may change."""

    def __init__(self) -> None:
        self._config, make = loaders()
        self._configuration = make()
        self._load()

    async def ask(self) -> Access:
        """Read the token at once; the library does so each minute, by the wall clock."""
        self._load()
        return await self.look()

    async def look(self) -> Access:
        """Raises ConfigError, while a file is not there or empty."""
        configuration = self._configuration
        try:
            token = await configuration.get_api_key_with_prefix("BearerToken")
        except Exception as error:  # of the library or a file
            raise ConfigError(f"the Pod's token cannot be read: {' '.join(str(error).split())}") from error
        return Access(
            server=str(configuration.host).rstrip("/"),
            authority=_read("the Pod's own credentials", configuration.ssl_ca_cert),
            credential=Credential(authorization=str(token or "").strip()),
            proxy=proxies.find(URL(configuration.host), "", os.environ),
        )

    def _load(self) -> None:
        try:
            self._config.load_incluster_config(client_configuration=self._configuration)
        except (self._config.ConfigException, OSError) as error:
            raise ConfigError(f"the Pod's own credentials cannot be used: {error}") from error


def namespace_of_the_pod() -> str:
    """The namespace that we run in, "" outside a cluster."""
    path = _POD / "namespace"
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""
