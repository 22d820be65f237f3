"""What stands in a kubeconfig, typed: a text that is not of its type is refused as kubectl refuses it.

Source: client-go, tools/clientcmd/api/v1/types.go. Fields that we make no use of are not here.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from inplace.kube.errors import ConfigError

T = TypeVar("T")


class Variable(Struct, frozen=True):
    """A variable of a plugin's environment."""

    name: str = ""
    value: str = ""


class Exec(Struct, frozen=True, rename="camel"):
    """A program that prints credentials."""

    command: str = ""
    args: tuple[str, ...] = ()
    env: tuple[Variable, ...] = ()
    api_version: str = ""
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = ""


class Provider(Struct, frozen=True):
    """A provider of tokens that is part of kubectl: of those only `oidc` is left."""

    name: str = ""
    config: dict[str, str] = {}


class User(Struct, frozen=True):
    """Who asks: the entry `user` of `users`."""

    client_certificate: str = msgspec.field(default="", name="client-certificate")
    client_certificate_data: str = msgspec.field(default="", name="client-certificate-data")
    client_key: str = msgspec.field(default="", name="client-key")
    client_key_data: str = msgspec.field(default="", name="client-key-data")
    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    as_: str = msgspec.field(default="", name="as")
    as_uid: str = msgspec.field(default="", name="as-uid")
    as_groups: tuple[str, ...] = msgspec.field(default=(), name="as-groups")
    as_user_extra: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict, name="as-user-extra")
    username: str = ""
    password: str = ""
    provider: Provider | None = msgspec.field(default=None, name="auth-provider")
    exec: Exec | None = None


class Extension(Struct, frozen=True):
    """Of no meaning to us: one of them is handed to a plugin."""

    name: str = ""
    extension: Any = None


class Cluster(Struct, frozen=True, rename="kebab"):
    """Which server: the entry `cluster` of `clusters`."""

    server: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    proxy_url: str = ""
    disable_compression: bool = False
    extensions: tuple[Extension, ...] = ()


class Context(Struct, frozen=True):
    """A cluster and a user by their names, and where to work."""

    cluster: str = ""
    user: str = ""
    namespace: str = ""


class NamedCluster(Struct, frozen=True):
    """An entry of `clusters`."""

    name: str = ""
    cluster: Cluster = Cluster()


class NamedUser(Struct, frozen=True):
    """An entry of `users`."""

    name: str = ""
    user: User = User()


class NamedContext(Struct, frozen=True):
    """An entry of `contexts`."""

    name: str = ""
    context: Context = Context()


class File(Struct, frozen=True):
    """A kubeconfig."""

    api_version: str = msgspec.field(default="", name="apiVersion")
    kind: str = ""
    current_context: str = msgspec.field(default="", name="current-context")
    clusters: tuple[NamedCluster, ...] = ()
    users: tuple[NamedUser, ...] = ()
    contexts: tuple[NamedContext, ...] = ()


#: Types, as people call them who write YAML.
_WORDS: Final = {
    "str": "text",
    "bool": "true or false",
    "int": "a number",
    "float": "a number",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}
_VERSIONS: Final = ("", "v1")
_KINDS: Final = ("", "Config")


def typed(where: str, document: Any, kind: type[T]) -> T:
    """A document as what it is to be; nulls count as absent. Raises ConfigError with the field, never its value."""
    try:
        return msgspec.convert(given(document), kind)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at ")
        field = path.strip("`").removeprefix("$").removeprefix(".")
        said = re.sub(r"`(\w+)`", lambda found: _WORDS.get(found[1], found[1]), problem)
        raise ConfigError(f"{where}: {field + ': ' if field else ''}{said[:1].lower()}{said[1:]}") from error


def file(where: str, document: Any) -> File:
    """A kubeconfig. Raises ConfigError."""
    found = typed(where, document, File)
    if found.api_version not in _VERSIONS or found.kind not in _KINDS:
        raise ConfigError(f"{where}: expected apiVersion v1 and kind Config")
    return found


def given(value: Any) -> Any:
    """Without what is null."""
    if isinstance(value, dict):
        return {key: given(below) for key, below in value.items() if below is not None}
    return [given(below) for below in value if below is not None] if isinstance(value, list) else value


def data(where: str, text: str) -> bytes:
    """What is written in base64, which may be broken into lines. Raises ConfigError."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConfigError(f"{where}: expected base64") from error
