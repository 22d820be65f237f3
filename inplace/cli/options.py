"""Connection options, named as kubectl's and accepted before and after the command.

Does not depend on what a connection is; it only carries what was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar

import click
from click.shell_completion import CompletionItem
from msgspec import Struct, structs

from inplace.cli.errors import InputError

_KEY: Final = "inplace.connection"
_F = TypeVar("_F", bound=Callable[..., Any])


class Connection(Struct, frozen=True):
    """How to reach which cluster and what to look at there; None if the kubeconfig decides."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None
    all_namespaces: bool = False
    selector: str | None = None
    as_user: str | None = None
    as_groups: tuple[str, ...] = ()
    as_uid: str | None = None
    as_extra: tuple[tuple[str, str], ...] = ()
    #: Seconds; None: no limit of the user's own.
    request_timeout: float | None = None
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
    #: Files that name the workloads, of commands that take several.
    filenames: tuple[str, ...] = ()


def seconds(text: str) -> float:
    """A duration as kubectl takes it: `30`, `30s`, `5m`, `1h`; 0 means no limit. For use as an option's type."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)?", text, re.ASCII)
    if match is None:
        raise click.BadParameter(f'invalid duration "{text}": expected 30, 30s, 5m or 1h')
    return float(match[1]) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[match[2] or "s"]


def require_seconds(option: str, value: float, least: int, most: int) -> None:
    """Raises InputError for a time that is too short, or longer than anything that is meant."""
    if not least <= value <= most:
        raise InputError(f"{option} {value:g}s is not accepted: expected {least}s to {most}s")


def is_name(text: str) -> bool:
    """Whether an object may have this name; anything else in a path would ask for something else, or be no path."""
    return re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", text, re.ASCII) is not None


#: What says, before a slash, that a Pod is meant and no workload.
POD_WORDS: Final = frozenset({"pods", "pod", "po"})


def namespace_name(text: str) -> str:
    """The name of a namespace. For use as an option's type."""
    if re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", text, re.ASCII) is None:
        raise click.BadParameter(
            f'invalid name "{text}": expected the name of a namespace, such as inplace-system: at most 63 lower-case '
            "letters, digits and dashes, with a letter or digit first and last"
        )
    return text


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.BadParameter(f'invalid extra "{text}": expected KEY=VALUE, such as scopes=view')
    return key, value


def _remember(ctx: click.Context, param: click.Parameter, value: object) -> None:
    """Keep what was given; click parses the command's own options last, so they win over those before it."""
    if value is None or value is False or value == () or param.name is None:
        return
    given = value or None if param.name == "request_timeout" else value
    ctx.meta[_KEY] = structs.replace(ctx.meta.get(_KEY, Connection()), **{param.name: given})


def _option(*declarations: str, **attributes: Any) -> Callable[[_F], _F]:
    return click.option(*declarations, expose_value=False, callback=_remember, **attributes)


def _namespaces(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from inplace.cli import proposals  # which needs this module

    return proposals.namespaces(ctx, param, incomplete)


def _entries(kind: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from inplace.cli import proposals

        return proposals.entries(ctx, kind, incomplete)

    return complete


_OPTIONS: Final = (
    _option("--kubeconfig", metavar="FILE", help="Path to the kubeconfig file to use."),
    _option(
        "--context", metavar="NAME", shell_complete=_entries("contexts"), help="Name of the kubeconfig context to use."
    ),
    _option(
        "-n", "--namespace", type=namespace_name, metavar="NAME", shell_complete=_namespaces, help="Namespace to use."
    ),
    # Commands about one workload refuse them with a reason.
    _option("-A", "--all-namespaces", is_flag=True, default=False, help="Workloads of all namespaces, if several."),
    _option("-l", "--selector", metavar="SELECTOR", help="Workloads with these labels, if several."),
    _option("--as", "as_user", metavar="USER", help="Username to impersonate."),
    _option("--as-group", "as_groups", multiple=True, metavar="GROUP", help="Group to impersonate; may be repeated."),
    _option("--as-uid", metavar="UID", help="UID to impersonate."),
    _option(
        "--as-user-extra",
        "as_extra",
        type=_pair,
        multiple=True,
        metavar="KEY=VALUE",
        help="Extra to impersonate; may be repeated.",
    ),
    _option(
        "--cluster", metavar="NAME", shell_complete=_entries("clusters"), help="Name of the kubeconfig cluster to use."
    ),
    _option("--user", metavar="NAME", shell_complete=_entries("users"), help="Name of the kubeconfig user to use."),
    _option("-s", "--server", metavar="URL", help="Address of the API server."),
    _option("--certificate-authority", metavar="FILE", help="Certificates that the server's is verified with."),
    _option("--tls-server-name", metavar="NAME", help="Name that the server's certificate must have."),
    _option("--insecure-skip-tls-verify", is_flag=True, default=False, help="Do not verify the server's certificate."),
    _option("--token", metavar="TOKEN", help="Bearer token to authenticate with."),
    _option("--username", metavar="USER", help="Username of basic authentication."),
    _option("--password", metavar="PASSWORD", help="Password of basic authentication."),
    _option("--client-certificate", metavar="FILE", help="Client certificate to authenticate with."),
    _option("--client-key", metavar="FILE", help="Key of the client certificate."),
    _option(
        "--request-timeout",
        type=seconds,
        metavar="DURATION",
        help="Time to wait for a single request before giving up (30s, 5m).",
    ),
)


def filename_option(function: _F) -> _F:
    """Add kubectl's `-f` for the workloads that files name, which `select.parse` reads."""
    return _option(
        "-f", "--filename", "filenames", multiple=True, type=click.Path(), metavar="FILE",
        help="Those that this file names, or the files of this folder; - is stdin; can be repeated.",
    )(function)  # fmt: skip


def yes_option(function: _F) -> _F:
    """Add `--yes`, for what is asked before several are changed."""
    return click.option("-y", "--yes", is_flag=True, help="With -l or -A: do not ask.")(function)


def dry_run_option(function: _F) -> _F:
    """Add kubectl's `--dry-run`, which the command gets as `dry_run`: none, client or server."""
    return click.option(
        "--dry-run",
        type=click.Choice(["none", "client", "server"]),
        default="none",
        show_default=True,
        help="Only print what would be written, or submit it to the server without persisting it.",
    )(function)


def lease_namespace_option(words: str) -> Callable[[_F], _F]:
    """Where the controller's Lease is: a decorator."""
    return click.option(
        "--lease-namespace",
        type=namespace_name,
        default="inplace-system",
        show_default=True,
        metavar="NAME",
        help=words,
    )


def dry_run_suffix(dry_run: str) -> str:
    """What kubectl puts after the result of a command that wrote nothing."""
    return {"none": "", "client": " (dry run)", "server": " (server dry run)"}[dry_run]


def connection_options(function: _F) -> _F:
    """Add the connection options to a command or group; read them with `connection`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def with_connection(function: _F) -> _F:
    """Add the connection options to a command, which gets what was given, before or after it, as `connection`."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, connection=connection(click.get_current_context()), **kwargs)

    return connection_options(call)  # type: ignore[return-value]


def connection(ctx: click.Context) -> Connection:
    """The connection options given so far."""
    found = ctx.meta.get(_KEY, Connection())
    assert isinstance(found, Connection)
    return found
