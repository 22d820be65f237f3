"""Runs a kubeconfig's exec plugin: whatever it does, it is waited for with a bound, and holds up nothing else.

In the place of the library's own, which waits for ever for one that fills its stderr before it closes its stdout, and
leaves one behind that it stops to wait for.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from inplace.kube.errors import ConfigError

#: Bytes of an answer; a credential has some thousand.
MAX_ANSWER: Final = 2**20
#: Bytes of what it says on stderr that are shown: the last ones.
SHOWN: Final = 300


async def ask(command: Sequence[str], environment: Mapping[str, str], api_version: str) -> dict[str, Any]:
    """The `status` of the ExecCredential that it prints; raises ConfigError with what is wrong, in one line.

    If the caller gives up, it is killed. Source: client-go, plugin/pkg/client/auth/exec.
    """
    about = {"apiVersion": api_version, "kind": "ExecCredential", "spec": {"interactive": sys.stdout.isatty()}}
    given = {**os.environ, **environment, "KUBERNETES_EXEC_INFO": json.dumps(about)}
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(*command, env=given, stdin=None, stdout=pipe, stderr=pipe)
    except OSError as error:
        raise ConfigError(f"exec plugin {command[0]} cannot be started: {error.strerror or error}") from error
    try:
        answer, said = await asyncio.gather(_first(process.stdout), _last(process.stderr))
        code = await process.wait()
    finally:
        process._transport.close()  # type: ignore[attr-defined]  # kills it, and lets go of pipes that its children hold
        await process.wait()
    if code != 0:
        raise ConfigError(f"exec plugin {command[0]} ended with {code}: {said or 'it said nothing'}")
    return _status(answer, command[0], api_version)


def _status(answer: bytes, name: str, api_version: str) -> dict[str, Any]:
    wants = f"expected an ExecCredential of {api_version} with a status"
    if len(answer) > MAX_ANSWER:
        raise ConfigError(f"exec plugin {name} prints more than {MAX_ANSWER} bytes: {wants}")
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"exec plugin {name} prints what is no JSON: {wants}") from error
    status = found.get("status") if isinstance(found, dict) and found.get("apiVersion") == api_version else None
    if not isinstance(status, dict):
        raise ConfigError(f"exec plugin {name} prints something else: {wants}")
    return status


async def _first(stream: asyncio.StreamReader | None) -> bytes:
    """The beginning of what it writes; the rest is read and dropped, or it would wait to be read for ever."""
    kept = b""
    while stream is not None and (chunk := await stream.read(65_536)):
        kept += chunk[: MAX_ANSWER + 1 - len(kept)]
    return kept


async def _last(stream: asyncio.StreamReader | None) -> str:
    kept = b""
    while stream is not None and (chunk := await stream.read(65_536)):
        kept = (kept + chunk)[-SHOWN:]
    return " ".join(kept.decode(errors="replace").split())
