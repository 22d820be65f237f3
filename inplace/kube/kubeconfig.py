"""Kubeconfig files -> the one cluster and the one user that a context names, by client-go's rules.

Which file, which entry and which credential wins is decided here; what to do with a credential is not. Source:
client-go, tools/clientcmd (loader.go, client_config.go, validation.go).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from inplace.kube import documents, entries
from inplace.kube.entries import Cluster, Context, File, User
from inplace.kube.errors import ConfigError, Malformed

E = TypeVar("E", Cluster, User)
_MODES: Final = ("Never", "IfAvailable", "Always")
#: Versions of what a plugin is told and answers; the older one has a default for its mode.
V1, V1BETA1 = "client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"


class Impersonation(Struct, frozen=True):
    """Who a request is to count as; nobody else without a user."""

    user: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Flags(Struct, frozen=True):
    """What takes the place of entries and fields of the kubeconfig; paths are relative to the working directory."""

    cluster: str | None = None
    user: str | None = None
    server: str | None = None
    certificate_authority: str | None = None
    tls_server_name: str | None = None
    insecure_skip_tls_verify: bool = False
    token: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    username: str | None = None
    password: str | None = None

    def on_cluster(self, entry: Cluster) -> Cluster:
        """The cluster with them: trust is replaced as a whole, and another server needs no name of the file's."""
        if self.insecure_skip_tls_verify and self.certificate_authority:
            raise ConfigError("--certificate-authority and --insecure-skip-tls-verify: expected one of them")
        if self.insecure_skip_tls_verify or self.certificate_authority:
            entry = replace(
                entry,
                insecure_skip_tls_verify=self.insecure_skip_tls_verify,
                certificate_authority=_path(self.certificate_authority),
                certificate_authority_data="",
            )
        if self.server or self.tls_server_name:
            entry = replace(entry, tls_server_name=self.tls_server_name or "")
        return replace(entry, server=self.server) if self.server else entry

    def on_user(self, entry: User) -> User:
        """The user with them; a file takes the place of data. Raises ConfigError for a token that would not count."""
        if self.token and entry.token_file:
            raise ConfigError("--token: the user has a tokenFile, which comes first: expected --user with another one")
        if self.client_certificate:
            path = _path(self.client_certificate)
            entry = replace(entry, client_certificate=path, client_certificate_data="")
        if self.client_key:
            entry = replace(entry, client_key=_path(self.client_key), client_key_data="")
        if self.username is not None or self.password is not None:
            given = {"username": self.username, "password": self.password}
            entry = replace(entry, **{name: value for name, value in given.items() if value is not None})
        return replace(entry, token=self.token) if self.token else entry


def _path(given: str | None) -> str:
    return str(Path(given).absolute()) if given else ""


class Chosen(Struct, frozen=True):
    """A context, with its cluster and user; every path in them is absolute."""

    #: The files, for messages.
    where: str
    context: str
    namespace: str
    cluster: Cluster
    user: User
    #: What the context, or a flag, calls the user.
    user_name: str = ""

    @property
    def impersonation(self) -> Impersonation:
        """Of the user's `as`, `as-uid`, `as-groups` and `as-user-extra`."""
        user = self.user
        return Impersonation(user.as_, user.as_uid, user.as_groups, tuple(user.as_user_extra.items()))


def files(given: str | None) -> list[Path]:
    """The files to read: the one given, those of $KUBECONFIG, or the default; only $KUBECONFIG is a list."""
    if given:
        return [Path(given)]
    listed = [Path(name) for name in os.environ.get("KUBECONFIG", "").split(os.pathsep) if name]
    home = os.environ.get("HOME", "")
    return listed or ([Path(home) / ".kube" / "config"] if home else [])


def says_anything(given: str | None) -> bool:
    """Whether there is a kubeconfig that has any entry. Raises ConfigError for one that cannot be read."""
    read = (_parse(file) for file in files(given) if file.exists())
    return any((one.clusters, one.users, one.contexts, one.current_context) != ((), (), (), "") for one in read)


def choose(given: str | None, context: str | None, flags: Flags = Flags()) -> Chosen:  # noqa: B008 - frozen
    """The context named, or the current one, with what `flags` replace in it.

    Raises ConfigError, with the file and the field and never a credential.
    """
    where, merged = _read(given, required=bool(given) or not flags.server)
    name = context or merged.current
    if not name and not flags.server:
        raise ConfigError(f"{where}: current-context is not set: give --context NAME, or --server URL")
    if name and name not in merged.contexts:
        raise ConfigError(f"{where} has no context {name!r}: see kubectl config get-contexts")
    about = merged.contexts[name] if name else Context()
    user = flags.user or about.user
    cluster = Cluster()
    if flags.cluster or about.cluster or not flags.server:
        cluster = _named(where, merged.clusters, flags.cluster, about.cluster, "cluster", name)
    found = _named(where, merged.users, flags.user, about.user, "user", name) if user else User()
    return Chosen(
        where=where,
        context=name,
        namespace=about.namespace,
        cluster=_checked_cluster(f"{where}: clusters: {flags.cluster or about.cluster}", flags.on_cluster(cluster)),
        user=_checked_user(f"{where}: users: {user}", flags.on_user(found)),
        user_name=user,
    )


def named(given: str | None, what: str) -> list[str]:
    """The names of all `contexts`, `clusters` or `users`. Raises ConfigError."""
    merged = _read(given)[1]
    held: dict[str, Iterable[str]] = {"contexts": merged.contexts, "clusters": merged.clusters, "users": merged.users}
    return list(held[what])


def _read(given: str | None, *, required: bool = True) -> tuple[str, _Merged]:
    """What to call the files in messages, and what is in them; nothing if none is there and none is required."""
    where = f"kubeconfig {os.pathsep.join(map(str, files(given))) or 'of $HOME, which is not set'}"
    present = [file for file in files(given) if file.exists()]
    if not present and required:
        raise ConfigError(f"{where} does not exist: give --kubeconfig FILE, or set KUBECONFIG")
    merged = _Merged()
    for file in present:
        merged.add(_parse(file), file)
    return where, merged


def _named(where: str, known: dict[str, E], flag: str | None, written: str, what: str, context: str) -> E:
    """The entry of the name. Raises ConfigError if there is none."""
    name = flag or written
    if name in known:
        return known[name]
    if not name:
        raise ConfigError(f"{where}: the context {context} names no {what}: expected --{what} NAME")
    who = f"--{what} names" if flag else f"contexts: {context} names the {what}"
    raise ConfigError(f"{where}: {who} {name!r}, which is not there")


def _parse(file: Path) -> File:
    where = f"kubeconfig {file}"
    try:
        found = documents.read(where, file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{where} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{where}: expected YAML or JSON in UTF-8") from error
    except Malformed as error:
        raise ConfigError(str(error)) from error
    return entries.file(where, found[0]) if found else File()  # of several documents the first counts


class _Merged:
    """Of two entries of a name, and of two current contexts, the one of the first file counts."""

    def __init__(self) -> None:
        self.current = ""
        self.clusters: dict[str, Cluster] = {}
        self.users: dict[str, User] = {}
        self.contexts: dict[str, Context] = {}

    def add(self, found: File, file: Path) -> None:
        """Put a file after those before it. Raises ConfigError if a name is there twice."""
        self.current = self.current or found.current_context
        folder = file.absolute().parent
        for where, listed in (("clusters", found.clusters), ("users", found.users), ("contexts", found.contexts)):
            held = [one.name for one in listed]
            twice = sorted({name for name in held if held.count(name) > 1})
            if twice:
                raise ConfigError(f"kubeconfig {file}: {where}: {twice[0]!r} is there twice")
        for cluster in found.clusters:
            self.clusters.setdefault(cluster.name, _cluster_at(folder, cluster.cluster))
        for user in found.users:
            self.users.setdefault(user.name, _user_at(folder, user.user))
        for context in found.contexts:
            self.contexts.setdefault(context.name, context.context)


def _at(folder: Path, path: str) -> str:
    return str(folder / path) if path else ""


def _cluster_at(folder: Path, found: Cluster) -> Cluster:
    """With its path resolved."""
    return replace(found, certificate_authority=_at(folder, found.certificate_authority))


def _user_at(folder: Path, found: User) -> User:
    """With its paths resolved; a command without a slash is one of $PATH."""
    plugin = found.exec
    if plugin is not None and os.sep in plugin.command:
        plugin = replace(plugin, command=_at(folder, plugin.command))
    return replace(
        found,
        client_certificate=_at(folder, found.client_certificate),
        client_key=_at(folder, found.client_key),
        token_file=_at(folder, found.token_file),
        exec=plugin,
    )


def _checked_cluster(where: str, found: Cluster) -> Cluster:
    """Raises ConfigError for what contradicts itself."""
    has_authority = bool(found.certificate_authority or found.certificate_authority_data)
    if found.certificate_authority and found.certificate_authority_data:
        raise ConfigError(f"{where} has certificate-authority and certificate-authority-data: expected one of them")
    if has_authority and found.insecure_skip_tls_verify:
        raise ConfigError(f"{where} has insecure-skip-tls-verify and an authority: expected one of them")
    return found


def _checked_user(where: str, found: User) -> User:
    """The user without the plugin that another credential comes before. Raises ConfigError for what contradicts."""
    certificate = bool(found.client_certificate or found.client_certificate_data)
    has_token, has_basic = bool(found.token or found.token_file), bool(found.username or found.password)
    if has_token and has_basic:
        raise ConfigError(f"{where} has a token and a password: expected one of them")
    if found.client_certificate and found.client_certificate_data:
        raise ConfigError(f"{where} has client-certificate and client-certificate-data: expected one of them")
    if certificate and bool(found.client_key) is bool(found.client_key_data):
        raise ConfigError(f"{where} has a client certificate: expected client-key or client-key-data with it")
    if found.exec is not None and found.provider is not None:
        raise ConfigError(f"{where} has exec and auth-provider: expected one of them")
    if not found.as_ and (found.as_uid or found.as_groups or found.as_user_extra):
        raise ConfigError(f"{where} has as-uid, as-groups or as-user-extra: expected the user in `as` as well")
    if found.exec is not None:
        found = replace(found, exec=_checked_plugin(f"{where}: exec", found.exec))
    if has_token or has_basic:
        return replace(found, exec=None, provider=None)
    return replace(found, exec=None) if certificate else found


def _checked_plugin(where: str, found: entries.Exec) -> entries.Exec:
    """The plugin with its mode. Raises ConfigError for what is missing or unknown."""
    if not found.command:
        raise ConfigError(f"{where}: command is missing")
    if found.api_version not in {V1, V1BETA1}:
        raise ConfigError(f"{where}: apiVersion {found.api_version!r}: expected {V1} or {V1BETA1}")
    if not all(variable.name for variable in found.env):
        raise ConfigError(f"{where}: env: expected a name for each variable")
    mode = found.interactive_mode or ("IfAvailable" if found.api_version == V1BETA1 else "")
    if mode not in _MODES:
        raise ConfigError(f"{where}: interactiveMode {mode!r}: expected {', '.join(_MODES)}")
    return replace(found, interactive_mode=mode)
