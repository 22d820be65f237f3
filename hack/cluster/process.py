"""Processes that outlive the command that started them, known by pid files.

Knows how to start one so that its pid is on disk before its first instruction, and how to be sure that a pid is
still the process it was. Knows nothing of what the processes are.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

# The child writes its own pid and then becomes the program: a starter that is killed in between leaves no
# process without a pid file. It is a grandchild, so that whoever starts it has no child to wait for.
_STARTER = """setsid sh -c 'echo $$ > "$0.new" && mv "$0.new" "$0" && exec "$@"' "$0" "$@" &"""


def start(pid_file: Path, log: Path, command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Start a program and return when its pid is written."""
    pid_file.unlink(missing_ok=True)
    with log.open("ab") as output:
        subprocess.run(
            ["/bin/sh", "-c", _STARTER, str(pid_file), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            cwd="/",
            check=True,
        )
    deadline = time.monotonic() + 10
    while not pid_file.exists() and time.monotonic() < deadline:
        time.sleep(0.005)


def pid_of(pid_file: Path, mark: str) -> int | None:
    """The pid, if that process is alive and still carries `mark` in its command line: pids are used again."""
    try:
        pid = int(pid_file.read_text())
    except (FileNotFoundError, ValueError):
        return None
    words = command_line(pid)
    for _ in range(10):
        if words or not Path(f"/proc/{pid}").exists():
            break
        # While a process becomes another program it has no command line; a zombie never gets one again.
        time.sleep(0.01)
        words = command_line(pid)
    return pid if any(mark in word for word in words) else None


def command_line(pid: int) -> list[str]:
    """The words of a live process's command line; empty for none, for a zombie and for the kernel's threads."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return []


def everyone() -> dict[int, list[str]]:
    """Every process with its command line."""
    return {int(entry.name): command_line(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit()}


def end(pids: Iterable[int], *, patience: float) -> None:
    """SIGTERM; SIGKILL for those that are there `patience` seconds later. Returns when none is."""
    left = [pid for pid in pids if _signal(pid, signal.SIGTERM)] if patience else list(pids)
    left = _wait(left, patience)
    for pid in left:
        _signal(pid, signal.SIGKILL)
    _wait(left, 10)


def _signal(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _wait(pids: list[int], seconds: float) -> list[int]:
    deadline = time.monotonic() + seconds
    while True:
        # A zombie has no command line; it is its parent's business.
        pids = [pid for pid in pids if command_line(pid)]
        if not pids or time.monotonic() >= deadline:
            return pids
        time.sleep(0.02)
