"""The live view as lines of a width and a height: what moves or has failed first, the rest counted.

Pure: views and a time in, styled lines out. Does not know the terminal (`screen`).
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from msgspec import Struct
from rich.text import Text

from inplace.core.objects.plural import counted
from inplace.core.state.statuses import Phase, Status
from inplace.core.views.progress import FAILED, MOVING, ImageChange, Progress, progress
from inplace.core.views.workload import ContainerView, PodView, WorkloadView
from inplace.runtime.printable import one_line


class Sign(NamedTuple):
    """How a stage looks: its sign, that where there is no Unicode, its style, and its place on a small screen."""

    sign: str
    plain: str
    style: str
    place: int


_STAGES: Final = {
    "Failed": Sign("✖", "x", "red", 0),
    "Resizing": Sign("⟳", "~", "cyan", 1),
    "Draining": Sign("◌", "o", "yellow", 1),
    "Swapping": Sign("⟳", "~", "cyan", 1),
    "Writing": Sign("…", "~", "cyan", 1),
    "Settling": Sign("◔", "o", "green", 1),
    "Held": Sign("‖", "=", "magenta", 2),
    "Waiting": Sign("·", ".", "dim", 3),
    "Done": Sign("✔", "+", "green", 4),
    "Kept": Sign("=", "=", "dim", 4),
    "Unmanaged": Sign(" ", " ", "dim", 4),
}
_UNKNOWN: Final = Sign("?", "?", "", 3)
_PHASES: Final = {
    Phase.UP_TO_DATE: "green",
    Phase.REFUSED: "red",
    Phase.DEGRADED: "red",
    Phase.ROLLED_BACK: "red",
    Phase.PAUSED: "magenta",
}
#: Containers whose images change are told each on a line of the heading, so many of them.
_CHANGES: Final = 3
#: Lines for one sentence, a message or a note, and columns at least: what is narrower is cropped.
_SENTENCE: Final = 3
_WORDS: Final = 10
#: Columns of a Pod's or a node's name, at most; and of the screen, before there is room for nodes.
_NAME: Final = 40
_WITH_NODES: Final = 100
_BAR: Final = (10, 40)


class Frame(Struct, frozen=True):
    """What a picture is for: columns and rows, the time, what else is to be said, and what the terminal can show.

    `last`: it stays when nobody looks any more, so Pods to which nothing happens are only counted unless all fit.
    """

    width: int
    height: int
    now: datetime
    notes: tuple[str, ...] = ()
    unicode: bool = True
    last: bool = False


def picture(status: Status | None, seen: WorkloadView, frame: Frame) -> list[Text]:
    """The lines, none longer and no more than the frame has room for."""
    return _Picture(frame).lines(status, seen)


class _Picture:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def lines(self, status: Status | None, seen: WorkloadView) -> list[Text]:
        head = self._head(status, seen)
        room = self._frame.height - len(head) - 1
        pods = self._pods(seen.pods, room) if seen.pods and room > 0 else []
        whole = [*head, Text(), *pods] if pods else head
        return [self._cropped(line) for line in whole[: self._frame.height]]

    # --- the heading ------------------------------------------------------------------------------------------------

    def _head(self, status: Status | None, seen: WorkloadView) -> list[Text]:
        phase = status.phase if status is not None else None
        told = progress(seen, self._frame.now)
        lines = [
            self._text(
                (f"{seen.kind.lower()}/{seen.name}", "bold"),
                (f"  {phase or 'waiting for the controller'}", _PHASES.get(phase, "cyan") if phase else "dim"),
                (f"  namespace {seen.namespace}  revision {seen.target}", "dim"),
            ),
            *(self._change(change, told) for change in told.changes[:_CHANGES]),
            self._bar(told),
        ]
        if status is not None and status.message:
            lines += self._sentence(status.message, "")
        for note in self._frame.notes:
            lines += self._sentence(note, "yellow")
        return lines

    def _change(self, change: ImageChange, told: Progress) -> Text:
        some = f"  ({counted(change.pods, 'Pod')})" if change.pods < told.total else ""
        room = self._frame.width - len(change.container) - len(some) - 2
        return self._text(
            (change.container, "bold"),
            (f"  {self._arrow(change.from_image, change.to_image, room)}", ""),
            (some, "dim"),
        )

    def _arrow(self, old: str, new: str, room: int, state: str = "") -> str:
        """From one image, with the state of a container that still has it, to another; where that is too long, without
        the repositories' beginnings."""
        sign = "→" if self._frame.unicode else "->"
        sign = f"  {state} {sign}" if state else f" {sign}"
        whole = f"{old}{sign} {new}"
        return whole if len(whole) <= room + len(state) else f"{_name_of(old)}{sign} {_name_of(new)}"

    def _bar(self, told: Progress) -> Text:
        share = told.done / told.total if told.total else 0.0
        parts = [(f"  {told.done}/{counted(told.total, 'Pod')} done", "bold")]
        if told.moving:
            parts.append((f"  {told.moving} in flight", "cyan"))
        if told.failed:
            parts.append((f"  {told.failed} failed", "red"))
        if told.left is not None:
            parts.append((f"  about {span(told.left)} left", ""))
        if told.started_at is not None:
            took = (told.ended_at or self._frame.now) - told.started_at
            parts.append((f"  {'in' if told.ended_at is not None else 'for'} {span(took)}", "dim"))
        least, most = _BAR
        width = min(most, self._frame.width - sum(len(words) for words, _ in parts))
        if width < least:
            return self._text(*parts)
        full = round(width * share)
        done, rest = ("█", "░") if self._frame.unicode else ("#", "-")
        return self._text((done * full, "green"), (rest * (width - full), "dim"), *parts)

    def _sentence(self, words: str, style: str) -> list[Text]:
        lines = textwrap.wrap(one_line(words), max(self._frame.width, _WORDS), max_lines=_SENTENCE, placeholder=" ...")
        return [self._text((line, style)) for line in lines]

    # --- the Pods ---------------------------------------------------------------------------------------------------

    def _pods(self, pods: Sequence[PodView], room: int) -> list[Text]:
        """Every Pod with its containers, or without them, if all fit; else those that matter most."""
        if sum(1 + len(pod.containers) for pod in pods) <= room:
            return [line for pod, own in self._table(_sorted(pods)) for line in (own, *self._containers(pod))]
        if len(pods) <= room:
            return [own for _, own in self._table(_sorted(pods))]
        ranked = sorted(pods, key=_place)
        if self._frame.last:
            ranked = [pod for pod in ranked if _sign(pod).place < _STAGES["Done"].place]
        shown = ranked[: max(room - 1, 0)]
        names = {pod.name for pod in shown}
        rest = [pod for pod in pods if pod.name not in names]
        return [*(own for _, own in self._table(shown)), self._rest(rest, len(pods))]

    def _rest(self, hidden: Sequence[PodView], total: int) -> Text:
        stages: Counter[str] = Counter()
        for pod in hidden:
            why = f" ({pod.reason.code})" if pod.reason is not None else ""
            stages[f"{pod.stage}{why}"] += 1
        told = ", ".join(f"{count} {stage}" for stage, count in stages.most_common())
        sign = "…" if self._frame.unicode else "..."
        more = f"{len(hidden)} more" if len(hidden) < total else counted(total, "Pod")
        return self._text((f"{sign} {more}: {told}", "dim"))

    def _table(self, pods: Sequence[PodView]) -> Iterator[tuple[PodView, Text]]:
        """Each Pod on a line: name, stage, node, times, and last what may be cut off."""
        with_nodes = self._frame.width >= _WITH_NODES
        times = [self._times(pod) for pod in pods]
        names = min(max((len(one_line(pod.name)) for pod in pods), default=0), _NAME)
        stages = max((len(pod.stage) for pod in pods), default=0)
        nodes = min(max((len(one_line(pod.node)) for pod in pods), default=0), _NAME) if with_nodes else 0
        widest = max(map(len, times), default=0)
        for pod, time in zip(pods, times, strict=True):
            sign = _sign(pod)
            mark = sign.sign if self._frame.unicode else sign.plain
            parts = [
                (f"{mark} {one_line(pod.name)[:names]:{names}}", sign.style),
                (f"  {pod.stage:{stages}}", sign.style),
            ]
            if nodes:
                parts.append((f"  {one_line(pod.node)[:nodes]:{nodes}}", ""))
            if widest:
                parts.append((f"  {time:{widest}}", ""))
            yield pod, self._text(*parts, *_why(pod))

    def _times(self, pod: PodView) -> str:
        """When what it waits for ends by itself, else when it gives up."""
        for word, at in (("ends", pod.until), ("fails", pod.deadline)):
            if at is not None:
                return f"{word} in {span(at - self._frame.now)}"
        return ""

    def _containers(self, pod: PodView) -> Iterator[Text]:
        for one in pod.containers:
            old, new = (one.image, one.wanted_image) if one.wanted_image else (one.from_image, one.image)
            room = self._frame.width - len(one.name) - len(one.state) - len(one.evidence) - 10
            is_before = one.is_old or bool(one.wanted_image)  # whether the container that is there is of the old image
            if not old or old == new:
                told = f"{new}  {one.state}"
            elif is_before:
                told = self._arrow(old, new, room, one.state)
            else:
                told = f"{self._arrow(old, new, room)}  {one.state}"
            yield self._text(
                (f"    {one.name}", "bold"),
                (f"  {told}", ""),
                (f"  {one.evidence}" if one.evidence else "", "green"),
            )

    # --- text -------------------------------------------------------------------------------------------------------

    def _text(self, *parts: tuple[str, str]) -> Text:
        """Words with their styles: the only way from a view to the terminal. rich strips but a few characters."""
        return Text.assemble(*((self._shown(words), style) for words, style in parts), no_wrap=True)

    def _shown(self, words: str) -> str:
        words = one_line(words).replace("\t", " ")
        return words if self._frame.unicode else words.encode("ascii", "backslashreplace").decode()

    def _cropped(self, line: Text) -> Text:
        sign = "…" if self._frame.unicode else "..."
        if line.cell_len > self._frame.width:
            line.truncate(max(self._frame.width - len(sign), 0))
            line.append(sign[: self._frame.width])
        return line


def span(time: timedelta) -> str:
    """A duration in two units at most, as kubectl tells one; what is over takes no time."""
    seconds = max(0, round(time.total_seconds()))
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m{seconds % 60:02}s"
    return f"{seconds // 3600}h{seconds % 3600 // 60:02}m"


def _why(pod: PodView) -> list[tuple[str, str]]:
    """What is wrong with it, or what it waits for; of one that is done, the evidence."""
    failed = pod.stage == FAILED
    parts = [("  not ready", "yellow")] if not pod.ready and not failed and pod.stage not in MOVING else []
    states = [(f"  {one.name}: {one.state}", "yellow") for one in pod.containers if one.state != "running"]
    reason = [(f"  {pod.reason.code}: {pod.reason}", "" if failed else "dim")] if pod.reason is not None else []
    parts += [*reason, *states] if failed else [*states, *reason]
    if not parts:
        parts = [(f"  {one.name}: {_proof(one)}", "dim") for one in pod.containers if one.evidence]
    return parts


def _proof(one: ContainerView) -> str:
    return f"{one.evidence}, {_name_of(one.image)}"


def _name_of(image: str) -> str:
    """An image without registry and path, and of a digest only the beginning."""
    name = image.rpartition("/")[2]
    before, digest, hex_ = name.partition("@sha256:")
    return f"{before}{digest}{hex_[:12]}"


def _sign(pod: PodView) -> Sign:
    return _STAGES.get(pod.stage, _UNKNOWN)


def _place(pod: PodView) -> tuple[int, tuple[str | int, ...]]:
    """What failed, then what moves, both by name so that nothing jumps; then the rest, in the order of the upgrade."""
    sign = _sign(pod)
    return sign.place, _natural(pod.name) if pod.stage in MOVING or sign.place == 0 else ()


def _sorted(pods: Sequence[PodView]) -> list[PodView]:
    """By name, whatever happens to them: a line stays where it is."""
    return sorted(pods, key=lambda pod: _natural(pod.name))


def _natural(name: str) -> tuple[str | int, ...]:
    """web-9 before web-10."""
    parts = re.split(r"(\d{1,18})", name, flags=re.ASCII)
    return tuple(int(part) if place % 2 else part for place, part in enumerate(parts))
