"""The terminal of the live view: redrawn in place, and one picture left behind. What is on it: `picture`."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Self

from rich.console import Console, Group
from rich.live import Live

from inplace.cli.render.lines import Lines
from inplace.cli.render.picture import Frame, picture
from inplace.cli.say import say
from inplace.core.state.statuses import Status
from inplace.core.views.workload import WorkloadView


class Screen:
    """Draws a workload as it changes: on a terminal one picture in place, elsewhere a line for each change.

    On a terminal it has a screen of its own, unless `inline`; the last picture then stays on the one before. What is
    told meanwhile is part of the picture, and is said where it belongs when there is none any more.
    """

    def __init__(self, now: Callable[[], datetime], console: Console | None = None, *, inline: bool = False) -> None:
        self._now = now
        self._console = console or Console(highlight=False)
        self._inline = inline
        self._live = Live(
            console=self._console,
            screen=not inline,
            auto_refresh=False,
            redirect_stdout=inline,
            redirect_stderr=inline,
            vertical_overflow="crop",
        )
        self._lines = Lines(say)
        self._shown: tuple[Status | None, WorkloadView] | None = None
        self._told: list[tuple[str, bool]] = []

    @property
    def is_live(self) -> bool:
        """Whether there is a terminal that can be drawn on."""
        return self._console.is_terminal and not self._console.is_dumb_terminal

    def __enter__(self) -> Self:
        if self.is_live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if not self.is_live:
            return
        if self._inline:
            self._draw(last=True)
        self._live.stop()
        if self._shown is not None and not self._inline:
            self._console.print(self._picture(*self._shown, last=True))
        told, self._told = self._told, []
        for text, err in told:
            say(text, err=err)

    def draw(self, status: Status | None, seen: WorkloadView | None) -> None:
        """Show the workload as it is now."""
        if seen is None:
            return
        self._shown = status, seen
        if self.is_live:
            self._draw(last=False)
        else:
            self._lines.draw(status, seen)

    def tell(self, text: str, *, err: bool = False) -> None:
        """Say a line beside the picture."""
        if self.is_live:
            self._told.append((text, err))
        else:
            say(text, err=err)

    @contextmanager
    def resizing(self, redraw: Callable[[], None]) -> Iterator[None]:
        """Call this when the terminal has another size, while the block runs."""
        if not self.is_live or not hasattr(signal, "SIGWINCH"):
            yield
            return
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGWINCH, redraw)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGWINCH)

    def _draw(self, *, last: bool) -> None:
        if self._shown is not None:
            self._live.update(self._picture(*self._shown, last=last), refresh=True)

    def _picture(self, status: Status | None, seen: WorkloadView, *, last: bool) -> Group:
        width, height = self._console.size
        # Below what stays there is a line for the cursor, and for the prompt.
        rows = height - 1 if last or self._inline else height
        notes = () if last else tuple(text for text, _ in self._told)
        frame = Frame(width, rows, self._now(), notes, not self._console.options.ascii_only, last)
        return Group(*picture(status, seen, frame))
