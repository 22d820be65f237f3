"""The live tree: workload, Pods, containers, what each waits for. Drawn with rich, from the view model only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, Self

from msgspec.structs import replace
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from inplace.core.state.statuses import Phase, Status
from inplace.core.views.workload import ContainerView, PodView, WorkloadView
from inplace.runtime.printable import printable

_STAGES: Final = {
    "Done": ("✔", "green"),
    "Settling": ("◔", "green"),
    "Resizing": ("⟳", "cyan"),
    "Draining": ("◌", "yellow"),
    "Swapping": ("⟳", "cyan"),
    "Writing": ("…", "cyan"),
    "Failed": ("✖", "red"),
    "Waiting": ("·", "dim"),
    "Held": ("‖", "magenta"),
    "Kept": ("=", "dim"),
    "Unmanaged": (" ", "dim"),
}
#: What is shown first where not every Pod fits: what an upgrade is at work on, then what needs a person.
_FIRST: Final = ("Resizing", "Draining", "Swapping", "Writing", "Settling", "Failed")
_PHASES: Final = {
    Phase.UP_TO_DATE: "green",
    Phase.REFUSED: "red",
    Phase.DEGRADED: "red",
    Phase.ROLLED_BACK: "red",
    Phase.PAUSED: "magenta",
}


class LiveTree:
    """A tree that is redrawn in place on a terminal, and printed once per change elsewhere."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
        self._last = ""

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def draw(self, status: Status | None, seen: WorkloadView | None) -> None:
        """Show the workload as it is now."""
        if seen is None:
            return
        if self._console.is_terminal:
            self._live.update(fitted(status, seen, self._console), refresh=True)
            return
        drawn = render(status, seen)
        with self._console.capture() as captured:
            self._console.print(drawn)
        if captured.get() != self._last:
            self._last = captured.get()
            self._console.print(drawn)


def fitted(status: Status | None, seen: WorkloadView, console: Console) -> RenderableType:
    """The picture, not taller than the terminal: a taller one would leave copies of itself and lose its header.

    Where not every Pod fits, those in flight come first, then the others in their order; the rest is counted by stage.
    """
    room = console.height - 1  # the cursor goes to a line of its own at the end
    ranked = sorted(seen.pods, key=lambda pod: pod.stage not in _FIRST)
    most = min(len(ranked), room)  # a Pod takes a line at least
    least = 0
    while least < most:
        count = (least + most + 1) // 2
        if _height(_some(status, seen, ranked, count), console) <= room:
            least = count
        else:
            most = count - 1
    return _some(status, seen, ranked, least)


def _some(status: Status | None, seen: WorkloadView, ranked: Sequence[PodView], count: int) -> RenderableType:
    """The picture with the first so many of the ranked Pods."""
    if count == len(ranked):
        return render(status, seen)
    return render(status, replace(seen, pods=tuple(ranked[:count])), hidden=ranked[count:])


def _height(drawn: RenderableType, console: Console) -> int:
    return len(console.render_lines(drawn, pad=False))


def render(status: Status | None, seen: WorkloadView, hidden: Sequence[PodView] = ()) -> RenderableType:
    """The whole picture; of hidden Pods only how many there are of each stage."""
    phase = status.phase if status is not None else None
    head = _text(
        (f"{seen.kind} {seen.namespace}/{seen.name}  ", "bold"),
        (str(phase or "waiting for the controller"), _PHASES.get(phase, "cyan") if phase else "dim"),
        (f"  revision {seen.target}", "dim"),
    )
    tree = Tree(head)
    for pod in seen.pods:
        branch = tree.add(_pod(pod))
        for container in pod.containers:
            branch.add(_container(container))
    if hidden:
        stages = ", ".join(f"{count} {stage}" for stage, count in Counter(pod.stage for pod in hidden).items())
        tree.add(_text((f"… and {len(hidden)} more: {stages}", "dim")))
    footer = [] if status is None else [_text((status.message, "dim"))]
    return Group(tree, *footer)


def _pod(pod: PodView) -> Text:
    sign, style = _STAGES.get(pod.stage, ("?", ""))
    line = [(f"{sign} {pod.name}", style), ("  ", ""), (pod.stage, style), (f"  {pod.node}", "")]
    if not pod.ready:
        line.append(("  not ready", "yellow"))
    if pod.reason is not None:
        line.append((f"  {pod.reason.code}: {pod.reason}", "dim"))
    for word, at in (("until", pod.until), ("deadline", pod.deadline)):
        if at is not None:
            line.append((f"  {word} {at:%H:%M:%S}Z", "dim"))
    return _text(*line)


def _container(container: ContainerView) -> Text:
    changed = container.from_image and container.from_image != container.image
    image = f"{container.from_image} → {container.image}" if changed else container.image
    line = [(container.name, "bold"), (f"  {image}  {container.state}", "")]
    if container.evidence:
        line.append((f"  {container.evidence}", "green"))
    if container.wanted_image:
        line.append((f"  wanted: {container.wanted_image}", "dim"))
    return _text(*line)


def _text(*parts: tuple[str, str]) -> Text:
    """Words with their styles: the only way from the view to the terminal. rich itself strips but a few characters."""
    return Text.assemble(*((printable(words), style) for words, style in parts))
