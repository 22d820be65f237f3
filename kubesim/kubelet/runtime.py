"""The container runtime of a node, as one Pod's worker uses it: pull, create, start, kill (kuberuntime).

Knows no API server and no status; waiting is done by the caller's `pause`, which may do other things meanwhile.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from inplace.runtime.clock import Clock
from kubesim.kubelet.container import Backoff, Container, Ended, Tree, probe_failure, probe_times, startup_failure
from kubesim.kubelet.node import NodeState
from kubesim.kubelet.timings import Timings

Pause = Callable[[float], Awaitable[None]]
#: The directories in which images have programs.
_PROGRAMS: Final = ("/app", "/bin/", "/entrypoint", "/opt/", "/sbin/", "/usr/")

#: Seconds that a process has to end after SIGTERM at least (minimumGracePeriodInSeconds).
_SHORTEST_STOP: Final = 2.0


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
        """Pull, create, start and run the postStart hook; False leaves the reason in `waiting` (startContainer).

        `taken`: the Pod's image.
        """
        if self._is_held(container, taken) or not await self._pull(spec, container, taken):
            return False
        image = self._node.catalogue.find(taken)
        assert image is not None
        if image.create_error:
            self._wait(container, image.create_error, f"the container {container.name} cannot be created")
            return False
        await self._pause(self._timings.start)
        self._begin(spec, container, taken)
        if _has_no_command(spec):
            self.end(spec, container, 128, "StartError")
        elif hooked := _slept(spec, "postStart"):
            await self._pause(hooked)
        return True

    def _is_held(self, container: Container, taken: str) -> bool:
        """Whether it is too early since the last life ended, whichever image that had and whoever ended it (doBackOff).

        A life that this very pass has ended is not known to it yet. The wait of an image grows with each try, also with
        one that comes to nothing for want of the image: that is then waited for under this name.
        """
        if container.end_seen is None:
            return False
        now = self._clock.monotonic()
        backoff = container.backoffs.setdefault(f"crash {taken}", self._new_backoff())
        if backoff.holds(container.end_seen, now):
            text = f"back-off {backoff.seconds:g}s restarting failed container={container.name}"
            self._wait(container, "CrashLoopBackOff", text, until=container.end_seen + backoff.seconds)
            return True
        backoff.fail(container.end_seen, now)
        return False

    def _wait(self, container: Container, reason: str, message: str, until: float = 0.0) -> None:
        """It does not run, for this reason; tried again then, or after the first wait."""
        container.waiting = (reason, message)
        container.next_try = until or self._clock.monotonic() + self._timings.backoff

    async def _pull(self, spec: Tree, container: Container, taken: str) -> bool:
        """EnsureImageExists."""
        policy = spec.get("imagePullPolicy", "IfNotPresent")
        image, here = self._node.catalogue.find(taken), self._node.has(taken)
        if here and policy != "Always":
            return True
        if policy == "Never":
            text = f'Container image "{taken}" is not present with pull policy of Never'
            self._wait(container, "ErrImageNeverPull", text)
            return False
        now, backoff = self._clock.monotonic(), container.backoffs.setdefault(f"pull {taken}", self._new_backoff())
        if backoff.holds(backoff.updated, now):
            text = f'Back-off pulling image "{taken}": ErrImagePull: {container.pull_error}'
            self._wait(container, "ImagePullBackOff", text, until=backoff.updated + backoff.seconds)
            return False
        reached = self._node.catalogue.answers(taken)
        if image is None or not reached:
            await self._pause(min(self._timings.pull, 0.2))
            now = self._clock.monotonic()
            backoff.fail(now, now)
            why = "not found" if reached else "dial tcp: connect: connection refused"
            text = f'failed to pull and unpack image "{taken}": failed to resolve reference "{taken}": {why}'
            container.pull_error = text
            self._wait(container, "ErrImagePull", text, until=now + backoff.seconds)
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
        container.actual = container.allocated
        container.running, container.done, container.started = True, False, self._clock.now()
        container.started_from, container.ready_from = probe_times(spec, image, now)
        container.startup_until = startup_failure(spec, container.started_from, now)
        container.ready_until, container.probed = float("inf"), "readinessProbe" in spec
        ends = image.exits_after is not None and not (image.exits_once and taken in container.tried)
        container.exits_at = now + image.exits_after if ends and image.exits_after is not None else float("inf")
        container.tried.add(taken)

    # --- ending -----------------------------------------------------------------------------------------------------

    async def kill(self, spec: Tree, container: Container, grace: float) -> None:
        """The preStop hook, SIGTERM, and SIGKILL when the grace is over, and two seconds at least (killContainer)."""
        slept = min(_slept(spec, "preStop"), grace)
        if slept:
            await self._pause(slept)
        stubborn = container.image is not None and container.image.ignores_term
        await self._pause(max(_SHORTEST_STOP, grace - slept) if stubborn else self._timings.kill)
        self.end(spec, container, 137 if stubborn else 0)

    def end(self, spec: Tree, container: Container, code: int, reason: str = "") -> None:
        """A container has ended, by itself or by us, or never came to run at all."""
        now = self._clock.monotonic()
        started: datetime = container.started or self._clock.now()
        container.last = Ended(
            container.id, code, reason or ("Completed" if code == 0 else "Error"), started, self._clock.now()
        )
        container.running, container.exits_at, container.waiting = False, float("inf"), ("", "")
        container.ended_at = now
        container.started_from = float("inf")
        container.ready_until = min(container.ready_until, probe_failure(spec, now))

    def _new_backoff(self) -> Backoff:
        return Backoff(self._timings.backoff, self._timings.most_backoff)


def _slept(spec: Tree, hook: str) -> float:
    """How long a hook of a container sleeps, in seconds; others take no time."""
    handler = (spec.get("lifecycle") or {}).get(hook) or {}
    return float((handler.get("sleep") or {}).get("seconds", 0))


def _has_no_command(spec: Tree) -> bool:
    """Whether the command is a file that no image has: one with a path outside of the usual directories."""
    command = spec.get("command") or [""]
    return bool(command[0].startswith("/")) and not command[0].startswith(_PROGRAMS)
