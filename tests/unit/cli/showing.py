"""An upgrade as the live view and the page are shown it, at any size."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.state.statuses import Phase, Status
from inplace.core.views.workload import ContainerView, PodView, WorkloadView
from tests.factories import NOW

OLD: Final = "registry.example.test/shop/web:v1"
NEW: Final = "registry.example.test/shop/web:v2"
SIDECAR: Final = "registry.example.test/mesh/proxy@sha256:" + "ab" * 32
#: How long each swap of this upgrade takes.
EACH: Final = timedelta(seconds=20)

REASONS: Final = {
    "Waiting": Reason(ReasonCode.Budget, "", "max-unavailable is used up: 3 of 3 Pods are in flight"),
    "Draining": Reason(ReasonCode.GracePeriod, "", "the grace period of 30 s is not over"),
    "Swapping": Reason(ReasonCode.WaitingForSwap, "containers[app]", "waiting for the kubelet to start it"),
    "Failed": Reason(ReasonCode.ImagePull, "containers[app]", 'image "shop/web:v2" not found'),
}


def pod(number: int, stage: str, name: str = "", containers: int = 1) -> PodView:
    """web-NUMBER at a stage; with two containers the second is a sidecar, which stays."""
    moving, done, failed = stage in {"Swapping", "Draining"}, stage == "Done", stage == "Failed"
    swapped = done or stage == "Swapping" or failed
    state = {"Swapping": "ContainerCreating", "Failed": "ImagePullBackOff"}.get(stage, "running")
    app = ContainerView(
        "app",
        NEW if swapped else OLD,
        OLD if swapped else "",
        state,
        state == "running",
        int(swapped),
        "ImageChanged" if done else "",
        "" if swapped else NEW,
    )
    side = ContainerView("proxy", SIDECAR, "", "running", True, 0, "")
    reason = REASONS.get(stage)
    return PodView(
        name=name or f"web-{number}",
        node=f"node-{number % 3}",
        revision="web-2" if swapped else "web-1",
        stage=stage,
        ready=not moving and not failed,
        reason=reason,
        until=NOW + timedelta(seconds=12) if stage == "Draining" else None,
        deadline=NOW + timedelta(seconds=590) if moving else None,
        containers=(app, side)[:containers],
        target="web-2",
        started_at=NOW - (EACH * 3 if done else EACH / 2) if done or moving or failed else None,
        ended_at=NOW - EACH * 2 if done else None,
    )


def pods(done: int, waiting: int, *, failed: int = 0, containers: int = 1) -> tuple[PodView, ...]:
    """Three in flight between those that are done and those that wait, the highest number first."""
    total = failed + done + 3 + waiting
    stages = ["Failed"] * failed + ["Done"] * done + ["Draining", "Swapping", "Swapping"] + ["Waiting"] * waiting
    return tuple(pod(total - 1 - place, stage, "", containers) for place, stage in enumerate(stages))


def workload(*shown: PodView, phase: Phase = Phase.PROGRESSING) -> WorkloadView:
    """The StatefulSet web with these Pods."""
    return WorkloadView("StatefulSet", "shop", "web", "InPlaceOnly", "web-2", status(shown, phase), shown)


def status(shown: tuple[PodView, ...], phase: Phase = Phase.PROGRESSING) -> Status:
    """What the controller has reported of them."""
    done = sum(one.stage == "Done" for one in shown)
    return Status(
        1, 1, "web-2", phase, len(shown), done, done, 3, 0, NOW, message=f"{done} of {len(shown)} Pods upgraded"
    )
