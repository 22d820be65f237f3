"""`inplace wait-ready`: wait until an endpoint answers, as the static program of `wait-ready/` does inside containers.

Both keep one contract (tests/commands/wait_ready.json): the same options, words and exit codes. This one is for
where inplace is installed, above all for trying a hook out before it stands in a template.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click
from msgspec import Struct

from inplace.cli import errors
from inplace.cli.commands import command
from inplace.cli.connect import run_async
from inplace.cli.errors import InputError
from inplace.cli.say import say
from inplace.runtime.clock import Clock, SystemClock

#: What the kubelet shows as the message of a container that has ended; it exists in every container.
TERMINATION_LOG: Final = "/dev/termination-log"
#: In seconds; shorter pauses would make a loop spin.
SHORTEST: Final = 0.01
_UNITS: Final = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
#: Of what a command says: how much is kept, and how much of its last line is told.
_KEPT: Final = 4096
_TOLD: Final = 200

#: One attempt, limited to seconds: None if ready, else the reason.
Probe = Callable[[float], Awaitable[str | None]]


class Statuses(Struct, frozen=True):
    """What `--status` accepts, and how it was written."""

    text: str
    ranges: tuple[range, ...]

    def __contains__(self, status: int) -> bool:
        return any(status in one for one in self.ranges)


class Wanted(Struct, frozen=True):
    """What is waited for; durations in seconds."""

    target: str
    probe: Probe
    timeout: float
    interval: float
    attempt: float
    quiet: bool


@command("wait-ready")
@click.argument("target", nargs=-1, type=click.UNPROCESSED)
@click.option("--timeout", default="60s", show_default=True, metavar="DURATION", help="Give up after this time.")
@click.option("--interval", default="500ms", show_default=True, metavar="DURATION", help="Pause between two attempts.")
@click.option("--attempt-timeout", default="5s", show_default=True, metavar="DURATION", help="Limit of one attempt.")
@click.option("--status", default="200", show_default=True, metavar="STATUS", help="Expected: 200, 200,204 or 200-299.")
@click.option("--insecure", is_flag=True, help="Accept any certificate of an https URL.")
@click.option(
    "--message",
    default=TERMINATION_LOG,
    show_default=True,
    metavar="FILE",
    help="Write a failure to this file too, if it exists.",
)
@click.option("--quiet", is_flag=True, help="Say nothing unless it fails.")
def wait_ready(
    target: tuple[str, ...],
    *,
    timeout: str,
    interval: str,
    attempt_timeout: str,
    status: str,
    insecure: bool,
    message: str,
    quiet: bool,
) -> int:
    """TARGET is an http or https URL, until a GET has the expected status; tcp://HOST:PORT, until the port accepts a
    connection; or `exec COMMAND [ARG]...`, until the command ends with 0. Redirects are not followed, and proxies not
    used. No cluster is asked. Inside containers the static program wait-ready does the same.

    Exit codes: 0 ready, 1 bad usage, 124 timed out.
    """
    limits = duration("--timeout", timeout), duration("--interval", interval)
    attempt = duration("--attempt-timeout", attempt_timeout)
    accepted = statuses(status)
    shown, probe = _aim(target, accepted, insecure=insecure)
    failure = run_async(wait(Wanted(shown, probe, *limits, attempt, quiet), SystemClock()))
    if failure is None:
        return errors.OK
    say(f"error: {failure}", err=True)
    _note(message, failure)
    return errors.TIMED_OUT


# The help page has the options before the target: what follows it is another command's.
wait_ready.context_settings["allow_interspersed_args"] = False


async def wait(wanted: Wanted, clock: Clock) -> str | None:
    """Try until the target is ready. Else: for how long, and what the last attempt has met."""
    begun, last, attempts = clock.monotonic(), "", 0
    deadline = begun + wanted.timeout
    while True:
        attempts += 1
        limit = min(wanted.attempt, max(deadline - clock.monotonic(), SHORTEST))
        reason = await wanted.probe(limit)
        spent = f"{clock.monotonic() - begun:.1f} s ({attempts} attempt{'s' * (attempts != 1)})"
        if reason is None:
            if not wanted.quiet:
                say(f"{wanted.target}: ready after {spent}")
            return None
        # An attempt that the deadline has cut short says less than the one before it.
        if not last or limit == wanted.attempt or not reason.startswith("no answer"):
            if reason != last and not wanted.quiet:
                say(f"{wanted.target}: {reason}", err=True)
            last = reason
        left = deadline - clock.monotonic()
        await clock.sleep(max(0.0, min(wanted.interval, left)))
        if left <= wanted.interval:
            spent = f"{clock.monotonic() - begun:.1f} s ({attempts} attempt{'s' * (attempts != 1)})"
            return f"{wanted.target}: not ready after {spent}: {last}"


# --- options ---------------------------------------------------------------------------------------------------------


def duration(name: str, text: str) -> float:
    """Seconds. Raises InputError."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h)?", text, re.ASCII)
    found = float(match[1]) * _UNITS[match[2] or ""] if match is not None else 0.0
    # What a 64-bit number of nanoseconds holds.
    if not SHORTEST <= found < 2**62 / 1e9:
        expected = "expected 10ms or more, as 30, 30s, 500ms, 5m or 1h"
        raise InputError(f'invalid duration "{text}" for {name}: {expected}')
    return found


def statuses(text: str) -> Statuses:
    """What is accepted. Raises InputError."""
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?", part, re.ASCII)
        if match is None:
            raise InputError(f'invalid status "{text}": expected 200, 200,204 or 200-299')
        found.append(range(int(match[1]), int(match[2] or match[1]) + 1))
    return Statuses(text, tuple(found))


def _aim(words: tuple[str, ...], accepted: Statuses, *, insecure: bool) -> tuple[str, Probe]:
    if not words:
        raise InputError("missing target: expected URL, tcp://HOST:PORT, or exec COMMAND")
    first, *rest = words
    if first == "exec":
        line = rest[1:] if rest[:1] == ["--"] else rest
        if not line:
            raise InputError("missing command: expected exec COMMAND [ARG]...")
        return f"exec {line[0]}", lambda limit: _run(line, limit)
    if rest:
        raise InputError(f'unexpected argument "{rest[0]}": options stand before the target')
    try:
        url = urlsplit(first)
        host, port = url.hostname, url.port
    except ValueError:
        host, port = None, None
    if host and url.scheme in ("http", "https"):
        return first, lambda limit: _get(first, accepted, limit, insecure=insecure)
    if host and port is not None and url.scheme == "tcp" and not url.path:
        return first, lambda limit: _dial(host, port, limit)
    expected = "expected http://…, https://…, tcp://HOST:PORT, or exec COMMAND"
    raise InputError(f'invalid target "{first}": {expected}')


# --- attempts --------------------------------------------------------------------------------------------------------


async def _get(url: str, accepted: Statuses, limit: float, *, insecure: bool) -> str | None:
    import aiohttp

    # Neither a proxy nor a connection of the attempt before: what is asked is whether a client of now is answered.
    connector = aiohttp.TCPConnector(ssl=not insecure, force_close=True)
    session = aiohttp.ClientSession(connector=connector, headers={"User-Agent": "inplace-wait-ready"})
    try:
        async with session, asyncio.timeout(limit), session.get(url, allow_redirects=False) as response:
            wrong = response.status not in accepted
            return f"status {response.status}, expected {accepted.text}" if wrong else None
    except (OSError, aiohttp.ClientError) as error:
        return _words(error, limit)


async def _dial(host: str, port: int, limit: float) -> str | None:
    try:
        async with asyncio.timeout(limit):
            _, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        return _words(error, limit)
    writer.close()
    return None


async def _run(line: list[str], limit: float) -> str | None:
    try:
        process = await asyncio.create_subprocess_exec(
            *line, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True
        )
    except FileNotFoundError:
        return "command not found"
    except OSError as error:
        return str(error)
    output = bytearray()
    try:
        async with asyncio.timeout(limit):
            assert process.stdout is not None
            while more := await process.stdout.read(_KEPT):
                output[:] = (output + more)[-_KEPT:]
            code = await process.wait()
    except TimeoutError:
        return _no_answer(limit)
    finally:
        # With its children: none is left behind by an attempt that is over.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if code == 0:
        return None
    last = output.decode(errors="replace").strip().rpartition("\n")[2].strip()[:_TOLD]
    return f"exit code {code}" + (f": {last}" if last else "")


def _words(error: Exception, limit: float) -> str:
    """The same words for the same failure on every system."""
    cause = getattr(error, "os_error", error)
    if isinstance(cause, ssl.SSLCertVerificationError) or isinstance(
        getattr(error, "certificate_error", None), ssl.SSLCertVerificationError
    ):
        return "the certificate is not trusted (--insecure accepts it)"
    if isinstance(cause, ConnectionRefusedError) or "Connect call failed" in str(cause):
        return "connection refused"
    if isinstance(cause, socket.gaierror):
        return "no such host"
    if isinstance(error, TimeoutError):
        return _no_answer(limit)
    return f"no answer: {error}"


def _no_answer(limit: float) -> str:
    return f"no answer within {limit:.1f} s"


def _note(path: str, failure: str) -> None:
    """Leave the last line where `kubectl describe pod` shows it. A file that does not exist is not made."""
    with contextlib.suppress(OSError):
        if Path(path).exists():
            Path(path).write_text(f"wait-ready: {failure}\n")
