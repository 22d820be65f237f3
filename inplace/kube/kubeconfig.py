"""Kubeconfig files -> the one cluster and the one user that a context names, by client-go's rules.

Which file, which entry and which credential wins is decided here; what to do with a credential is not. Source:
client-go, tools/clientcmd (loader.go, client_config.go, validation.go).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from msgspec import Struct

from inplace.kube.errors import ConfigError

#: Fields that hold a path relative to the file that they stand in.
_PATHS: Final = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
#: Fields of a user that are no secret, and how short a value is that is found in any text.
_HARMLESS: Final = frozenset({"command", "apiVersion", "interactiveMode", "installHint", "name", "idp-issuer-url"})
_SHORTEST: Final = 4
#: Where entries stand, and what an entry holds.
_ENTRIES: Final = {"clusters": "cluster", "users": "user", "contexts": "context"}
#: Two of them contradict each other.
_BASIC, _TOKEN = ("username", "password"), ("token", "tokenFile")


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

    def on_cluster(self, entry: dict[str, Any]) -> dict[str, Any]:
        """The cluster with them: trust is replaced as a whole, and another server needs no name of the file's."""
        found = dict(entry)
        if self.insecure_skip_tls_verify or self.certificate_authority:
            for field in ("insecure-skip-tls-verify", "certificate-authority", "certificate-authority-data"):
                found.pop(field, None)
        if self.server or self.tls_server_name:
            found.pop("tls-server-name", None)
        given = {
            "server": self.server,
            "certificate-authority": _path(self.certificate_authority),
            "tls-server-name": self.tls_server_name,
            "insecure-skip-tls-verify": self.insecure_skip_tls_verify or None,
        }
        found.update(_given(given))
        return found

    def on_user(self, entry: dict[str, Any]) -> dict[str, Any]:
        """The user with them; a file takes the place of data. Raises ConfigError for a token that would not count."""
        given = {
            "token": self.token or None,
            "client-certificate": _path(self.client_certificate),
            "client-key": _path(self.client_key),
        }
        if self.token and entry.get("tokenFile"):
            raise ConfigError("--token: the user has a tokenFile, which comes first: expected --user with another one")
        other = {"client-certificate": "client-certificate-data", "client-key": "client-key-data"}
        replaced = {name for field, name in other.items() if given[field]}
        found = {field: value for field, value in entry.items() if field not in replaced}
        found.update(_given(given))
        return found


def _path(given: str | None) -> str | None:
    return str(Path(given).absolute()) if given else None


class Chosen(Struct, frozen=True):
    """A context, with its cluster and user; every path in them is absolute, and no field is null."""

    context: str
    namespace: str
    cluster: dict[str, Any]
    user: dict[str, Any]

    @property
    def impersonation(self) -> Impersonation:
        """Of the user's `as`, `as-uid`, `as-groups` and `as-user-extra`."""
        user = self.user
        extra = user.get("as-user-extra") or {}
        return Impersonation(
            user=str(user.get("as") or ""),
            uid=str(user.get("as-uid") or ""),
            groups=tuple(map(str, user.get("as-groups") or ())),
            extra=tuple((str(key), tuple(map(str, values or ()))) for key, values in extra.items()),
        )

    def document(self) -> dict[str, Any]:
        """The same as a kubeconfig of nothing else."""
        context = {"cluster": "cluster", "user": "user"}
        return {
            "current-context": self.context,
            "contexts": [{"name": self.context, "context": context}],
            "clusters": [{"name": "cluster", "cluster": self.cluster}],
            "users": [{"name": "user", "user": self.user}],
        }


def files(given: str | None) -> list[Path]:
    """The files to read: the one given, those of $KUBECONFIG, or the default; only $KUBECONFIG is a list."""
    if given:
        return [Path(given)]
    listed = [Path(name) for name in os.environ.get("KUBECONFIG", "").split(os.pathsep) if name]
    home = os.environ.get("HOME", "")
    return listed or ([Path(home) / ".kube" / "config"] if home else [])


def exists(given: str | None) -> bool:
    """Whether there is a kubeconfig at all."""
    return any(file.is_file() for file in files(given))


def choose(given: str | None, context: str | None, flags: Flags = Flags()) -> Chosen:  # noqa: B008 - frozen
    """The context named, or the current one, with what `flags` replace in it.

    Raises ConfigError, with the file and the field and never a credential.
    """
    where, merged = _merged(given)
    name = context or merged["current-context"]
    if not name:
        raise ConfigError(f"kubeconfig {where}: current-context is not set: give --context NAME")
    if name not in merged["contexts"]:
        raise ConfigError(f"kubeconfig {where} has no context {name!r}: see kubectl config get-contexts")
    about = merged["contexts"][name]
    cluster, user = flags.cluster or str(about.get("cluster") or ""), flags.user or str(about.get("user") or "")
    if cluster not in merged["clusters"]:
        raise ConfigError(
            f"kubeconfig {where}: {_names('cluster', flags.cluster, name)} {cluster!r}, which is not there"
        )
    if user and user not in merged["users"]:
        named = _names("user", flags.user, name)
        raise ConfigError(f"kubeconfig {where}: {named} {user!r}, which is not there")
    namespace = about.get("namespace") or ""
    if not isinstance(namespace, str):
        raise ConfigError(f"kubeconfig {where} cannot be used: contexts: namespace {namespace!r} is no name")
    found = _one_credential(f"kubeconfig {where}: users: {user}", flags.on_user(merged["users"].get(user, {})))
    reached = flags.on_cluster(merged["clusters"][cluster])
    if reached.get("insecure-skip-tls-verify") and flags.certificate_authority:
        raise ConfigError("--certificate-authority and --insecure-skip-tls-verify: expected one of them")
    return Chosen(context=name, namespace=namespace, cluster=reached, user=found)


def named(given: str | None, entries: str) -> list[str]:
    """The names of all `contexts`, `clusters` or `users`. Raises ConfigError."""
    return list(_merged(given)[1][entries])


def _merged(given: str | None) -> tuple[str, dict[str, Any]]:
    """What to call the files in messages, and what is in them."""
    where = os.pathsep.join(map(str, files(given))) or "of $HOME, which is not set"
    if not exists(given):
        raise ConfigError(f"kubeconfig {where} does not exist: give --kubeconfig FILE, or set KUBECONFIG")
    try:
        return where, _merge([(file, _parse(file)) for file in files(given) if file.is_file()])
    except RecursionError as error:
        raise ConfigError(f"kubeconfig {where}: an entry holds itself, or is nested too deep") from error


def _names(what: str, flag: str | None, context: str) -> str:
    return f"--{what} names" if flag else f"contexts: {context} names the {what}"


def _parse(file: Path) -> dict[str, Any]:
    try:
        text = file.read_bytes().decode("utf-8-sig")
        found = _json_or_yaml(text)
    except OSError as error:
        raise ConfigError(f"kubeconfig {file} cannot be read: {error.strerror or error}") from error
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ConfigError(f"kubeconfig {file}: {line}{error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"kubeconfig {file}: expected YAML or JSON in UTF-8") from error
    if found is not None and not isinstance(found, dict):
        raise ConfigError(f"kubeconfig {file}: expected an object, found {type(found).__name__}")
    return found or {}


def _json_or_yaml(text: str) -> Any:
    """JSON may be indented by tabs, which YAML refuses."""
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except ValueError:
            pass  # YAML in flow style, whose error names the line
    return yaml.safe_load(text)


def _merge(found: list[tuple[Path, dict[str, Any]]]) -> dict[str, Any]:
    """Of two entries of a name, and of two current contexts, the one of the first file counts."""
    merged: dict[str, Any] = {"current-context": "", "clusters": {}, "users": {}, "contexts": {}}
    for file, document in found:
        merged["current-context"] = merged["current-context"] or str(document.get("current-context") or "")
        for where, holds in _ENTRIES.items():
            entries = document.get(where) or []
            if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
                raise ConfigError(f"kubeconfig {file}: {where}: expected a list of objects with name and {holds}")
            for entry in entries:
                value = entry.get(holds) or {}
                if not isinstance(value, dict):
                    raise ConfigError(f"kubeconfig {file}: {where}: {entry.get('name')}: expected an object")
                merged[where].setdefault(str(entry.get("name") or ""), _absolute(_given(value), file.absolute().parent))
    return merged


def _given(value: Any) -> Any:
    """Without what is null."""
    if isinstance(value, dict):
        return {key: _given(below) for key, below in value.items() if below is not None}
    return [_given(below) for below in value] if isinstance(value, list) else value


def _absolute(entry: dict[str, Any], folder: Path) -> dict[str, Any]:
    """With the paths in it resolved; a command without a slash is one of $PATH."""
    for field in _PATHS:
        if entry.get(field):
            entry[field] = str(folder / str(entry[field]))
    plugin = entry.get("exec")
    if isinstance(plugin, dict) and os.sep in str(plugin.get("command") or ""):
        plugin["command"] = str(folder / str(plugin["command"]))
    return entry


def _one_credential(where: str, user: dict[str, Any]) -> dict[str, Any]:
    """The user with the credential that counts: a token before a plugin, and a token's file before the token."""
    has_token, has_basic = (any(user.get(field) for field in fields) for fields in (_TOKEN, _BASIC))
    if has_token and has_basic:
        raise ConfigError(f"{where} has a token and a password: expected one of them")
    if "exec" in user and "auth-provider" in user:
        raise ConfigError(f"{where} has exec and auth-provider: expected one of them")
    if not user.get("as") and any(user.get(field) for field in ("as-uid", "as-groups", "as-user-extra")):
        raise ConfigError(f"{where} has as-uid, as-groups or as-user-extra: expected the user in `as` as well")
    provider = user.get("auth-provider")
    if isinstance(provider, dict) and isinstance(provider.get("config"), dict):
        provider["config"].setdefault("client-secret", "")  # a public client has none
    groups, extra = user.get("as-groups") or [], user.get("as-user-extra") or {}
    if not isinstance(groups, list):
        raise ConfigError(f"{where}: as-groups: expected a list of names")
    if not isinstance(extra, dict) or not all(isinstance(values, list) for values in extra.values()):
        raise ConfigError(f"{where}: as-user-extra: expected a list of values for each key")
    dropped = {"exec", "auth-provider"} if has_token or has_basic else set()
    dropped |= {"token"} if user.get("tokenFile") else set()
    return {field: value for field, value in user.items() if field not in dropped}


def shows(text: str, user: dict[str, Any]) -> bool:
    """Whether a text holds anything of the user's entry but the paths and the command in it."""
    return any(value in text for value in _values({key: user[key] for key in user if key not in _PATHS}))


def _values(entry: Any) -> Iterator[str]:
    if isinstance(entry, dict):
        for key, below in entry.items():
            if key not in _HARMLESS:
                yield from _values(below)
    elif isinstance(entry, list):
        for below in entry:
            yield from _values(below)
    elif not isinstance(entry, bool) and len(str(entry)) >= _SHORTEST:
        yield str(entry)
