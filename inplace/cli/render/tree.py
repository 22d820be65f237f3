"""The live tree: workload, Pods, containers, what each waits for. Drawn with rich, from the view model only."""

from __future__ import annotations

from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from inplace.core.state.statuses import Phase, Status
from inplace.core.views.workload import ContainerView, PodView, WorkloadView

_STAGES: Final = {
    "Done": ("✔", "green"),
    "Settling": ("◔", "green"),
    "Draining": ("◌", "yellow"),
    "Swapping": ("⟳", "cyan"),
    "Writing": ("…", "cyan"),
    "Failed": ("✖", "red"),
    "Waiting": ("·", "dim"),
    "Held": ("‖", "magenta"),
    "Kept": ("=", "dim"),
    "Unmanaged": (" ", "dim"),
}
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
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="visible")
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
        drawn = render(status, seen)
        if self._console.is_terminal:
            self._live.update(drawn, refresh=True)
            return
        with self._console.capture() as captured:
            self._console.print(drawn)
        if captured.get() != self._last:
            self._last = captured.get()
            self._console.print(drawn)


def render(status: Status | None, seen: WorkloadView) -> RenderableType:
    """The whole picture."""
    phase = status.phase if status is not None else None
    head = Text.assemble(
        (f"{seen.kind} {seen.namespace}/{seen.name}  ", "bold"),
        (str(phase or "waiting for the controller"), _PHASES.get(phase, "cyan") if phase else "dim"),
        (f"  revision {seen.target}", "dim"),
    )
    tree = Tree(head)
    for pod in seen.pods:
        branch = tree.add(_pod(pod))
        for container in pod.containers:
            branch.add(_container(container))
    footer = [] if status is None else [Text(status.message, "dim")]
    return Group(tree, *footer)


def _pod(pod: PodView) -> Text:
    sign, style = _STAGES.get(pod.stage, ("?", ""))
    line = Text.assemble((f"{sign} {pod.name}", style), "  ", (pod.stage, style), "  ", pod.node)
    if not pod.ready:
        line.append("  not ready", "yellow")
    if pod.reason is not None:
        line.append(f"  {pod.reason.code}: {pod.reason}", "dim")
    for word, at in (("until", pod.until), ("deadline", pod.deadline)):
        if at is not None:
            line.append(f"  {word} {at:%H:%M:%S}Z", "dim")
    return line


def _container(container: ContainerView) -> Text:
    changed = container.from_image and container.from_image != container.image
    image = f"{container.from_image} → {container.image}" if changed else container.image
    line = Text.assemble((container.name, "bold"), f"  {image}  {container.state}")
    if container.evidence:
        line.append(f"  {container.evidence}", "green")
    return line
