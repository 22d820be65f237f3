"""The container runtime of a node, as one Pod's worker uses it: pull, create, start, kill (kuberuntime).

Knows no API server and no status; waiting is done by the caller's `pause`, which may do other things meanwhile.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from inplace.runtime.clock import Clock
from kubesim.kubelet.container import Backoff, Container, Ended, Tree, probe_failure, probe_times
from kubesim.kubelet.node import NodeState
from kubesim.kubelet.timings import Timings

Pause = Callable[[float], Awaitable[None]]
#: The directories in which images have programs.
_PROGRAMS: Final = ("/app", "/bin/", "/entrypoint", "/opt/", "/sbin/", "/usr/")


class Runtime:
    """Containers of one Pod on one node."""

    def __init__(self, node: NodeState, clock: Clock, rng: random.Random, timings: Timings, pause: Pause) -> None:
        self._node = node
        self._clock = clock
        self._rng = rng
        self._timings = timings
        self._pause = pause

    # --- starting ---------------------------------------------------------------------------------------------------

    async def start(self, spec: Tree, container: Container, taken: str) -> bool:
        """Pull, create and start; False leaves the reason in `waiting` (startContainer). `taken`: the Pod's image."""
        now = self._clock.monotonic()
        crash = self._backoff(container, f"crash {taken}")
        if container.last is not None and container.reference == taken and now < crash.until:
            text = f"back-off {crash.seconds:g}s restarting failed container={container.name}"
            container.waiting = ("CrashLoopBackOff", text)
            return False
        if not await self._pull(spec, container, taken):
            return False
        image = self._node.catalogue.find(taken)
        assert image is not None
        if image.create_error:
            container.waiting = (image.create_error, f"the container {container.name} cannot be created")
            return False
        await self._pause(self._timings.start)
        if container.last is not None and container.reference == taken:
            crash.fail(self._clock.monotonic())
        self._begin(spec, container, taken)
        if _has_no_command(spec):
            self.end(spec, container, 128, "StartError")
        return True

    async def _pull(self, spec: Tree, container: Container, taken: str) -> bool:
        """EnsureImageExists."""
        policy = spec.get("imagePullPolicy", "IfNotPresent")
        image, here = self._node.catalogue.find(taken), self._node.has(taken)
        if here and policy != "Always":
            return True
        if policy == "Never":
            container.waiting = (
                "ErrImageNeverPull",
                f'Container image "{taken}" is not present with pull policy of Never',
            )
            return False
        backoff = self._backoff(container, f"pull {taken}")
        if self._clock.monotonic() < backoff.until:
            container.waiting = ("ImagePullBackOff", f'Back-off pulling image "{taken}": ErrImagePull')
            return False
        reached = self._node.catalogue.answers(taken)
        if image is None or not reached:
            await self._pause(min(self._timings.pull, 0.2))
            backoff.fail(self._clock.monotonic())
            why = "not found" if reached else "dial tcp: connect: connection refused"
            text = f'failed to pull and unpack image "{taken}": failed to resolve reference "{taken}": {why}'
            container.waiting = ("ErrImagePull", text)
            return False
        if not here:
            await self._pause(self._timings.pull if image.pull_seconds is None else image.pull_seconds)
            self._node.keep(taken, image)
        return True

    def _begin(self, spec: Tree, container: Container, taken: str) -> None:
        image, now = self._node.catalogue.find(taken), self._clock.monotonic()
        assert image is not None
        if container.id:
            container.restarts += 1
        container.reference, container.image = taken, image
        container.shown = self._node.shown(taken, image)
        container.image_id = next(name for name in self._node.images[image.digest] if "@" in name)
        container.id = f"containerd://{self._rng.getrandbits(256):064x}"
        container.running, container.done, container.started = True, False, self._clock.now()
        container.started_from, container.ready_from = probe_times(spec, image, now)
        container.ready_until, container.probed = float("inf"), "readinessProbe" in spec
        ends = image.exits_after is not None and not (image.exits_once and taken in container.tried)
        container.exits_at = now + image.exits_after if ends and image.exits_after is not None else float("inf")
        container.tried.add(taken)

    # --- ending -----------------------------------------------------------------------------------------------------

    async def kill(self, spec: Tree, container: Container, grace: float) -> None:
        """The preStop hook, SIGTERM, and SIGKILL when the grace is over (killContainer)."""
        hook = (spec.get("lifecycle") or {}).get("preStop")
        slept = min(float((hook.get("sleep") or {}).get("seconds", 0)), grace) if hook else 0.0
        if slept:
            await self._pause(slept)
        stubborn = container.image is not None and container.image.ignores_term
        await self._pause(max(0.0, grace - slept) if stubborn else min(self._timings.kill, grace))
        self.end(spec, container, 137 if stubborn else 0)

    def end(self, spec: Tree, container: Container, code: int, reason: str = "") -> None:
        """A container has ended, by itself or by us, or never came to run at all."""
        now = self._clock.monotonic()
        started: datetime = container.started or self._clock.now()
        container.last = Ended(
            container.id, code, reason or ("Completed" if code == 0 else "Error"), started, self._clock.now()
        )
        container.running, container.exits_at, container.waiting = False, float("inf"), ("", "")
        container.started_from = float("inf")
        container.ready_until = min(container.ready_until, probe_failure(spec, now))

    def _backoff(self, container: Container, key: str) -> Backoff:
        return container.backoffs.setdefault(key, Backoff(self._timings.backoff, self._timings.most_backoff))

    def next_try(self, container: Container) -> float:
        """When a container that could not be started is tried again."""
        now = self._clock.monotonic()
        kind = "crash" if container.waiting[0] == "CrashLoopBackOff" else "pull"
        times = [
            backoff.until for key, backoff in container.backoffs.items() if key.startswith(kind) and backoff.until > now
        ]
        return min(times, default=now + self._timings.backoff)


def _has_no_command(spec: Tree) -> bool:
    """Whether the command is a file that no image has: one with a path outside of the usual directories."""
    command = spec.get("command") or [""]
    return bool(command[0].startswith("/")) and not command[0].startswith(_PROGRAMS)
