"""Runs a kubeconfig's exec plugin: whatever it does, it is waited for with a bound, and holds up nothing else.

What it says on standard error is the user's to see at once, a sign-in above all. Source: client-go,
plugin/pkg/client/auth/exec/exec.go.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from datetime import datetime
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from inplace.kube import documents, entries
from inplace.kube.entries import Exec
from inplace.kube.errors import ConfigError, Malformed

#: Bytes of an answer; a credential has some thousand.
MAX_ANSWER: Final = 2**20
#: How long it may take, in seconds; and if somebody sits there, who may have to sign in first: a device code is good
#: for so long.
SECONDS: Final = 30.0
SIGN_IN_SECONDS: Final = 900.0


class Status(Struct, frozen=True, rename="camel"):
    """The `status` of an ExecCredential."""

    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: Annotated[datetime, Meta(tz=True)] | None = None


class _Answer(Struct, frozen=True, rename="camel"):
    api_version: str = ""
    kind: str = ""
    status: Status | None = None


async def ask(plugin: Exec, cluster: dict[str, Any] | None) -> Status:
    """What it answers; `cluster` is what it is told if it wants to know. Raises ConfigError, in one line.

    If the caller gives up, it is killed.
    """
    interactive = _interactive(plugin)
    spec = {**({"cluster": cluster} if plugin.provide_cluster_info else {}), "interactive": interactive}
    about = {"kind": "ExecCredential", "apiVersion": plugin.api_version, "spec": spec}
    told = {"KUBERNETES_EXEC_INFO": json.dumps(about, separators=(",", ":"))}
    environment = {**os.environ, **{variable.name: variable.value for variable in plugin.env}, **told}
    seconds = SIGN_IN_SECONDS if _somebody_is_there() else SECONDS
    try:
        async with asyncio.timeout(seconds):
            answer = await _run(plugin, environment, interactive)
    except TimeoutError as error:
        raise ConfigError(f"exec plugin {plugin.command}: no answer within {seconds:.0f} s") from error
    return _status(plugin, answer)


def _interactive(plugin: Exec) -> bool:
    """Whether it may ask the user something. Raises ConfigError if it has to and cannot."""
    terminal = _is_terminal(0)
    if plugin.interactive_mode == "Always" and not terminal:
        raise ConfigError(f"exec plugin {plugin.command} has interactiveMode Always: standard input is no terminal")
    return terminal and plugin.interactive_mode != "Never"


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


def _somebody_is_there() -> bool:
    return _is_terminal(0) and _is_terminal(2)


async def _run(plugin: Exec, environment: dict[str, str], interactive: bool) -> bytes:
    program = shutil.which(plugin.command)
    if program is None:
        hint = f": {' '.join(_printable(plugin.install_hint).split())}" if plugin.install_hint else ""
        raise ConfigError(f"exec plugin {plugin.command} is not installed, or cannot be run{hint}")
    stdin = None if interactive else asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            program, *plugin.args, env=environment, stdin=stdin, stdout=asyncio.subprocess.PIPE, stderr=None
        )
    except (OSError, ValueError) as error:  # a zero byte in an argument, say
        why = (error.strerror if isinstance(error, OSError) else None) or "its arguments or variables cannot be used"
        raise ConfigError(f"exec plugin {plugin.command} cannot be started: {why}") from error
    try:
        answer = await _first(process.stdout)
        code = await process.wait()
    finally:
        process._transport.close()  # type: ignore[attr-defined]  # kills it, and lets go of pipes that its children hold
        await process.wait()
    if code != 0:
        raise ConfigError(f"exec plugin {plugin.command} ended with {code}: what it said stands above")
    return answer


def _status(plugin: Exec, answer: bytes) -> Status:
    where = f"exec plugin {plugin.command}"
    wants = f"expected an ExecCredential of {plugin.api_version} with a status"
    if len(answer) > MAX_ANSWER:
        raise ConfigError(f"{where} prints more than {MAX_ANSWER} bytes: {wants}")
    try:
        held = documents.read(where, answer.decode())
    except (Malformed, UnicodeDecodeError) as error:
        raise ConfigError(f"{where} prints what is neither JSON nor YAML: {wants}") from error
    found = entries.typed(f"{where} prints something else", held[0] if held else None, _Answer)
    if (found.api_version, found.kind) != (plugin.api_version, "ExecCredential") or found.status is None:
        raise ConfigError(f"{where} prints something else: {wants}")
    status = found.status
    if bool(status.client_certificate_data) is not bool(status.client_key_data):
        raise ConfigError(f"{where} prints a client certificate or a key: expected both")
    if not status.token and not status.client_key_data:
        raise ConfigError(f"{where} prints no credential: expected a token, or a client certificate and its key")
    return status


async def _first(stream: asyncio.StreamReader | None) -> bytes:
    """The beginning of what it writes; the rest is read and dropped, or it would wait to be read for ever."""
    kept = b""
    while stream is not None and (chunk := await stream.read(65_536)):
        kept += chunk[: MAX_ANSWER + 1 - len(kept)]
    return kept


def _printable(text: str) -> str:
    """Without what would speak to the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)
