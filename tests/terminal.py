"""A real terminal: tmux, of a server of its own. Installed where it is missing and may be."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from hack.cluster import packages

NEEDS: Final = {"tmux": "tmux"}
PATIENCE_SECONDS: Final = 30.0
ROOT: Final = Path(__file__).parents[1]


def require() -> None:
    """tmux, or a loud reason why not."""
    if packages.missing(NEEDS) and os.geteuid() != 0:
        pytest.skip("NOT SHOWN: the live view on a real terminal needs tmux, and only root could install it here")
    packages.ensure(NEEDS)


class Terminal:
    """One window."""

    def __init__(self, socket: Path, environment: Mapping[str, str]) -> None:
        self._socket = socket
        self._environment = dict(environment)

    def tmux(self, *arguments: str) -> str:
        """A command of tmux."""
        program = packages.find("tmux")
        assert program is not None
        line = [program, "-f", "/dev/null", "-S", str(self._socket), *arguments]
        return subprocess.run(line, env=self._environment, cwd=ROOT, check=True, capture_output=True, text=True).stdout

    def screen(self) -> list[str]:
        """What is on it now."""
        return self.tmux("capture-pane", "-p").rstrip("\n").splitlines()

    def history(self) -> list[str]:
        """Everything that can be scrolled to, and what is on it now."""
        return self.tmux("capture-pane", "-p", "-S", "-").rstrip("\n").splitlines()

    def resize(self, width: int, height: int) -> None:
        """Another size of the window."""
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    def until(self, holds: Callable[[list[str]], bool], what: str) -> list[str]:
        """Wait for a screen."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            found = self.screen()
            if holds(found):
                return found
            time.sleep(0.05)
        raise AssertionError(f"waited in vain for {what}:\n" + "\n".join(self.screen()))


@contextmanager
def terminal(folder: Path, command: list[str], width: int, height: int, **variables: str) -> Iterator[Terminal]:
    """A terminal of this size, in which a command runs between the lines BEFORE and AFTER with its exit code."""
    require()
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    window = Terminal(folder / "tmux", {**kept, "LANG": "C.UTF-8", "TERM": "xterm-256color", **variables})
    script = f"echo BEFORE; {shlex.join(command)}; echo AFTER $?; exec cat"
    window.tmux("new-session", "-d", "-x", str(width), "-y", str(height), "sh", "-c", script)
    try:
        yield window
    finally:
        window.tmux("kill-server")
