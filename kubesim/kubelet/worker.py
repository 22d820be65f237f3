"""One Pod's worker: take the spec, write the status, act, write what came of it (podWorkers, SyncPod).

The order is the kubelet's: the status is written before anything is done, so its observedGeneration may be new while
its containers are old; and while the worker acts, nothing but probe results is written.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any, Final, cast

from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from inplace.kube.errors import Invalid, KubeError, NotFound
from inplace.runtime.clock import TICK
from kubesim.kubelet import resizing
from kubesim.kubelet import status as statuses
from kubesim.kubelet.container import Container, Tree
from kubesim.kubelet.machinery import Machinery
from kubesim.kubelet.node import NodeState
from kubesim.kubelet.replacing import replaced
from kubesim.kubelet.runtime import Runtime
from kubesim.kubelet.status import is_sidecar
from kubesim.objects import is_over, stamp

#: Seconds after which a write that failed is tried again.
RETRY_SECONDS: Final = 1.0
_LISTS: Final = ("initContainers", "containers")


class Worker:
    """Brings one Pod to what its spec says, for as long as it is there."""

    def __init__(self, pod: Tree, node: NodeState, machinery: Machinery) -> None:
        self.pod = pod
        self.gone = False
        self._node = node
        self._client = machinery.client
        self._clock = machinery.clock
        self._observer = machinery.observer
        self._timings = machinery.timings
        self._abilities = machinery.abilities
        self._runtime = Runtime(node, machinery.clock, machinery.rng, machinery.timings, self._pause)
        self._news = asyncio.Event()
        self._containers = {spec["name"]: Container(spec["name"]) for spec in _specs(pod)}
        if pod["spec"].get("initContainers"):
            for spec in pod["spec"]["containers"]:
                self._containers[spec["name"]].waiting = ("PodInitializing", "")
        self._generation = 0
        self._address = ""
        self._begun = ""
        self._written: Tree = {}
        #: What is to be written; `_written` once the server has it.
        self._status: Tree = {}
        self._reports = asyncio.Event()
        self._ended = False
        self._sizes = resizing.Sizes(node, self._containers, whole=machinery.abilities.resizes_whole)

    # --- from outside -----------------------------------------------------------------------------------------------

    def tell(self, pod: Tree) -> None:
        """The watch has brought a newer Pod."""
        self.pod = pod
        self._news.set()

    def forget(self) -> None:
        """The Pod is no longer on the server."""
        self.gone = True
        self._node.given.pop(self.pod["metadata"]["uid"], None)
        self._news.set()

    def fail_probes(self, seconds: float) -> None:
        """The readiness of every container that runs is gone for a while, as if its probes failed."""
        until = self._clock.monotonic() + seconds
        for container in self._containers.values():
            if container.running:
                container.ready_from = max(container.ready_from, until)
        self._news.set()

    def crash(self) -> None:
        """Every container that runs ends by itself."""
        for container in self._containers.values():
            if container.running:
                container.exits_at = self._clock.monotonic()
        self._news.set()

    def distrust(self) -> None:
        """Others have written the status meanwhile: it is written anew (status manager, needsReconcile)."""
        self._written = {}

    def adopt(self) -> None:
        """Take over what an earlier kubelet left running, as far as its status tells."""
        status = self.pod.get("status") or {}
        self._address, self._begun = status.get("podIP", ""), status.get("startTime", "")
        found = [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
        specs = {spec["name"]: spec for spec in _specs(self.pod)}
        for one in found:
            if one["name"] in specs and one.get("containerID"):
                self._adopt_one(specs[one["name"]], self._containers[one["name"]], one)

    def _adopt_one(self, spec: Tree, container: Container, found: Tree) -> None:
        """The status has no record of the reference; the image's bytes tell whether it is the spec's."""
        image = self._node.catalogue.find(spec["image"])
        same = image is not None and found["imageID"].endswith(image.digest)
        container.reference = spec["image"] if same else found["image"]
        container.image = self._node.catalogue.find(container.reference)
        container.shown, container.image_id = found["image"], found["imageID"]
        container.id, container.restarts = found["containerID"], found["restartCount"]
        container.running = "running" in found["state"]
        container.actual = resizing.with_taken(found.get("resources") or spec.get("resources") or {}, self.pod)
        container.done = "terminated" in found["state"]
        if container.running:
            container.started = self._clock.now()
            container.started_from = container.ready_from = self._clock.monotonic()
        if container.image is not None:
            self._node.keep(container.reference, container.image)

    # --- the loop ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until the Pod is gone. What runs stays what it is when this is cancelled: the kubelet dies, not the Pod."""
        self._status = self._written
        reporter = asyncio.create_task(self._report_late()) if self._timings.report else None
        try:
            await self._work()
        finally:
            if reporter is not None:
                reporter.cancel()

    async def _work(self) -> None:
        while not self.gone:
            self._news.clear()
            if "deletionTimestamp" in self.pod["metadata"]:
                await self._terminate()
                return
            if is_over(self.pod):
                await self._stop()
                await self._news.wait()
                continue
            acted = await self._sync()
            if acted:
                await self._clock.sleep(self._timings.relist)
                continue
            await self._rest()

    async def _rest(self) -> None:
        """Wait for news, or until something changes by itself."""
        due = self._next_change() - self._clock.monotonic()
        try:
            async with asyncio.timeout(None if math.isinf(due) else max(TICK, due)):
                await self._news.wait()
        except TimeoutError:
            return
        await self._clock.sleep(self._timings.notice)

    def _next_change(self) -> float:
        now = self._clock.monotonic()
        times = [container.next_change(now) for container in self._containers.values()]
        times += [one.next_try for one in self._containers.values() if self._is_stuck(one)]
        return min(times, default=math.inf)

    def _is_stuck(self, container: Container) -> bool:
        """Whether it waits for its next try."""
        idle = not container.running and not container.done
        return idle and container.waiting[0] not in {"", "ContainerCreating", "PodInitializing"}

    async def _sync(self) -> bool:
        """One pass (SyncPod); whether something was done that is not reported yet."""
        pod = self.pod
        self._generation = pod["metadata"].get("generation", 0)
        self._notice_exits()
        self._sizes.allocate(pod, _specs(pod), self._generation if self._abilities.tracks_generation else None)
        if not self._begun:
            self._begun = stamp(self._clock.now())
        await self._publish(pod)
        if await self._apply_sizes(pod):
            await self._publish(pod)
        if not self._node.networked and not pod["spec"].get("hostNetwork"):
            return False
        if not self._address:
            await self._clock.sleep(self._timings.sandbox)
            self._address = self._node.new_address()
        return await self._act(pod)

    async def _apply_sizes(self, pod: Tree) -> bool:
        """Give running containers what is set aside, those without a restart; whether anything has changed."""
        given = False
        for spec in self._sizes.calm(_specs(pod)):
            await self._pause(self._timings.resize)
            self._containers[spec["name"]].actual = self._containers[spec["name"]].allocated
            given = True
        if self._sizes.whole.is_behind():
            await self._pause(self._timings.resize)
            self._sizes.whole.actual = self._sizes.whole.allocated
            given = True
        return self._sizes.is_over() or given

    def _notice_exits(self) -> None:
        now = self._clock.monotonic()
        for spec in _specs(self.pod):
            container = self._containers[spec["name"]]
            if container.running and container.exits_at <= now:
                self._runtime.end(spec, container, container.image.exit_code if container.image is not None else 1)

    async def _act(self, pod: Tree) -> bool:
        """Kill what is of another image, all of it; then start what should run, in the order of the spec."""
        before = {
            name: (container.id, container.running, container.waiting) for name, container in self._containers.items()
        }
        for container in self._containers.values():
            container.end_seen = container.ended_at
        grace = pod["spec"].get("terminationGracePeriodSeconds", 30)
        initialised = any(self._containers[spec["name"]].running for spec in pod["spec"]["containers"])
        old = replaced(pod, self._containers, self._clock.monotonic(), sidecars=self._abilities.restarts_sidecars)
        for spec in old:
            await self._runtime.kill(spec, self._containers[spec["name"]], grace)
        once = pod["spec"].get("restartPolicy") == "Never"
        if await self._initialise(pod, initialised=initialised):
            for spec in pod["spec"]["containers"]:
                container = self._containers[spec["name"]]
                if not container.running and not (once and container.done):
                    await self._runtime.start(spec, container, spec["image"])
                container.done = once and bool(container.id) and not container.running
        return before != {
            name: (container.id, container.running, container.waiting) for name, container in self._containers.items()
        }

    async def _initialise(self, pod: Tree, *, initialised: bool) -> bool:
        """Start init containers that have not run, and sidecars that do not run; whether the regular ones may start.

        `initialised`: whether a regular container ran when this pass began. If none did, the last init container tells
        whether they may (computeInitContainerActions), and those that come after one tell that it has had its turn.
        """
        inits = pod["spec"].get("initContainers") or []
        for number, spec in enumerate(inits):
            container = self._containers[spec["name"]]
            passed = initialised or any(self._containers[one["name"]].id for one in inits[number + 1 :])
            if is_sidecar(spec):
                if not container.running:
                    await self._runtime.start(spec, container, spec["image"])
                if not passed and not container.has_started(self._clock.monotonic()):
                    return False
            elif not passed and not container.done and not await self._run_to_end(spec, container):
                return False
        return initialised or not inits or self._is_complete(inits[-1])

    async def _run_to_end(self, spec: Tree, container: Container) -> bool:
        """A plain init container; whether it has ended well."""
        if not await self._runtime.start(spec, container, spec["image"]):
            return False
        if container.image is not None and container.image.exits_after is not None and container.image.exit_code:
            return False
        self._runtime.end(spec, container, 0)
        container.done = True
        return True

    def _is_complete(self, spec: Tree) -> bool:
        container = self._containers[spec["name"]]
        return container.has_started(self._clock.monotonic()) if is_sidecar(spec) else container.done

    async def _pause(self, seconds: float) -> None:
        """Time that an action takes: of all that changes meanwhile, only probe results are written."""
        end = self._clock.monotonic() + seconds
        while (now := self._clock.monotonic()) < end:
            change = min((container.next_change(now) for container in self._containers.values()), default=math.inf)
            if change >= end:
                await self._clock.sleep(max(TICK, end - now))
                return
            await self._clock.sleep(max(TICK, change - now))
            await self._publish_probes()

    # --- the end of a Pod -------------------------------------------------------------------------------------------

    async def _terminate(self) -> None:
        """Stop everything at once, say so, and let the object go (SyncTerminatingPod, SyncTerminatedPod)."""
        if not self._ended:
            await self._stop()
            for container in self._containers.values():
                container.done = container.last is not None
            self._ended = True
        await self._publish(self.pod, phase=statuses.ended_phase(self._containers))
        meta = self.pod["metadata"]
        while not self.gone:
            try:
                await self._client.delete(
                    resources.PODS, meta["name"], meta["namespace"], uid=meta["uid"], grace_period_seconds=0
                )
            except NotFound:
                return
            except KubeError as error:  # a conflict as well: if another Pod has the name, the watch tells
                self._complain("delete", error)
                await self._clock.sleep(RETRY_SECONDS)
            else:
                return

    async def _stop(self) -> None:
        """Stop everything at once."""
        grace = self.pod["metadata"].get("deletionGracePeriodSeconds", 30)
        running = [spec for spec in _specs(self.pod) if self._containers[spec["name"]].running]
        await asyncio.gather(*(self._runtime.kill(spec, self._containers[spec["name"]], grace) for spec in running))

    # --- the status -------------------------------------------------------------------------------------------------

    async def _publish(self, pod: Tree, phase: str = "") -> None:
        """Write the status if it has changed."""
        now, status = self._clock.monotonic(), cast("Tree", {"startTime": self._begun})
        for field, specs in (("containerStatuses", "containers"), ("initContainerStatuses", "initContainers")):
            names = [spec["name"] for spec in pod["spec"].get(specs) or ()]
            if names:
                status[field] = [self._status_of(name, now) for name in names]
        if self._address:
            status |= {"podIP": self._address, "podIPs": [{"ip": self._address}]}
        if self._abilities.tracks_generation:
            status["observedGeneration"] = self._generation
        status |= self._sizes.whole.of_status()
        status["phase"] = phase or statuses.phase(pod, status)
        wanted = statuses.conditions(pod, status, networked=bool(self._address))
        if phase:
            off = {"status": "False", "reason": "PodCompleted"}
            wanted = {**wanted, "Ready": off, "ContainersReady": off}
        await self._write(status, wanted | self._sizes.conditions)

    def _status_of(self, name: str, now: float) -> Tree:
        return statuses.of_container(self._containers[name], now, resizes=self._abilities.resizes)

    async def _publish_probes(self) -> None:
        """Write what probes have found, and nothing else that is new (SetContainerReadiness)."""
        if not self._status:
            return
        now, status = self._clock.monotonic(), {**self._status}
        for field in ("containerStatuses", "initContainerStatuses"):
            if field in status:
                status[field] = [self._probed(statu, now) for statu in status[field]]
        status.pop("conditions")
        await self._write(status, statuses.conditions(self.pod, status, networked=True) | self._sizes.conditions)

    def _probed(self, obj: Tree, now: float) -> Tree:
        container = self._containers[obj["name"]]
        if obj.get("containerID") != container.id or not container.probed:
            return obj
        return {**obj, "ready": container.is_ready(now), "started": container.has_started(now) or obj["started"]}

    async def _write(self, status: Tree, wanted: dict[str, Tree]) -> None:
        before = self._status.get("conditions") or (self.pod.get("status") or {}).get("conditions") or ()
        generation = self._generation if self._abilities.tracks_generation else None
        status["conditions"] = statuses.stamped(wanted, before, self._clock.now(), generation)
        if status == self._status:
            return
        self._status = status
        if self._timings.report and not self._ended:
            self._reports.set()
        else:
            await self._send()

    async def _report_late(self) -> None:
        """Write what is newest when a status has waited for its turn."""
        while True:
            await self._reports.wait()
            await self._clock.sleep(self._timings.report)
            self._reports.clear()
            await self._send()

    async def _send(self) -> None:
        """Write the status that is newest, until the server has it."""
        meta = self.pod["metadata"]
        while not self.gone:
            status = self._status
            body = {"metadata": {"uid": meta["uid"]}, "status": status}
            try:
                await self._client.patch(
                    resources.PODS,
                    meta["name"],
                    meta["namespace"],
                    body,
                    patch_type=PatchType.STRATEGIC,
                    type=Any,
                    subresource="status",
                )
            except NotFound:
                self.gone = True
            except Invalid as error:
                self._complain("status", error)
                self._status = self._written
                return
            except KubeError as error:  # a conflict as well: if another Pod has the name, the watch tells
                self._complain("status", error)
                await self._clock.sleep(RETRY_SECONDS)
            else:
                self._written = status
                return

    def _complain(self, what: str, error: KubeError) -> None:
        fields = {"pod": self.pod["metadata"]["name"], "what": what, "error": str(error)}
        self._observer.event("kubelet.failed", level="warning", **fields)


def _specs(pod: Tree) -> list[Tree]:
    """All containers that are started once, in the order of the spec."""
    return [one for field in _LISTS for one in pod["spec"].get(field) or ()]
