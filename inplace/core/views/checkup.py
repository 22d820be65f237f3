"""What would keep a workload from being upgraded, or from being upgraded well, before anybody tries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum, auto

from msgspec import Struct

from inplace.core.objects import names, selectors
from inplace.core.objects.plural import counted
from inplace.core.objects.workloads import Pdb
from inplace.core.pod import availability
from inplace.core.rollout.snapshot import Snapshot, objections
from inplace.core.settings.annotations import DisruptionBudgets, DrainPolicy
from inplace.core.state import statuses
from inplace.core.state.statuses import Phase
from inplace.core.views import gating, silence

_ENDED_BADLY = (Phase.REFUSED, Phase.DEGRADED, Phase.ROLLED_BACK)


class Level(StrEnum):
    """How bad it is."""

    OK = auto()
    #: Worth knowing, and may be meant.
    NOTE = auto()
    #: It could not be found out.
    UNKNOWN = auto()
    PROBLEM = auto()


class Finding(Struct, frozen=True, rename="camel"):
    """One thing that was looked at: what was found, and what to do about it."""

    topic: str
    level: Level
    message: str
    remedy: str = ""


def of(snapshot: Snapshot, now: datetime) -> tuple[Finding, ...]:
    """The findings about one workload; one that says so if there is nothing to say."""
    found = (
        *_opted_in(snapshot),
        *_settings(snapshot),
        *_gate(snapshot),
        *_pods(snapshot),
        *_budgets(snapshot),
        *_controller(snapshot, now),
    )
    if any(one.level in (Level.PROBLEM, Level.UNKNOWN) for one in found):
        return found
    return (Finding("workload", Level.OK, "no problem found"), *found)


def _where(snapshot: Snapshot) -> str:
    meta = snapshot.workload.metadata
    return f"{snapshot.kind.name.lower()}/{meta.name} -n {meta.namespace}"


def _opted_in(snapshot: Snapshot) -> Iterator[Finding]:
    if snapshot.workload.metadata.label(names.MODE) is None:
        yield Finding("opt-in", Level.NOTE, "it is not opted in", f"run `inplace enable {_where(snapshot)}`")
        return
    status = statuses.current(snapshot.workload)
    if status is not None and status.phase in _ENDED_BADLY:
        yield Finding(
            "upgrade", Level.PROBLEM, f"{status.phase}: {status.message}", f"see `inplace status {_where(snapshot)}`"
        )
    if not snapshot.kind.held(snapshot.workload) and status is not None and status.phase is not Phase.HANDED_OVER:
        yield Finding(
            "freeze",
            Level.PROBLEM,
            f"it is not frozen: the {snapshot.kind.name} controller replaces the Pods at a change",
            "the controller freezes it when its own rollout is over; see `inplace status`",
        )


def _settings(snapshot: Snapshot) -> Iterator[Finding]:
    for reason in objections(snapshot, snapshot.parsed):
        yield Finding("settings", Level.PROBLEM, f"{reason.code}: {reason}")


def _gate(snapshot: Snapshot) -> Iterator[Finding]:
    pods = [pod for pod in snapshot.pods if pod.metadata.deletion_timestamp is None]
    lacking = sum(not pod.has_gate(names.GATE) for pod in pods)
    if not lacking and (pods or gating.is_templated(snapshot.workload)):
        return
    who = f"{lacking} of {len(pods)} Pods have" if pods else "the Pod template has"
    drain = snapshot.parsed.settings.drain
    required = drain is DrainPolicy.REQUIRED
    yield Finding(
        "readiness gate",
        Level.PROBLEM if required else Level.NOTE,
        f"{who} no readiness gate {names.GATE}: "
        + (
            f"{names.PREFIX}drain: {drain} refuses them"
            if required
            else "they stay in Services while containers restart"
        ),
        gating.remedy(snapshot, opted_in=snapshot.workload.metadata.label(names.MODE) is not None),
    )


def _pods(snapshot: Snapshot) -> Iterator[Finding]:
    """Pods that do not serve; whatever the reason, more than the budget of an upgrade would be too many."""
    pods = [pod for pod in snapshot.pods if pod.metadata.deletion_timestamp is None]
    unready = [pod for pod in pods if not pod.ready]
    if not unready:
        return
    desired = snapshot.kind.desired(snapshot.workload)
    budget = snapshot.parsed.settings.budget(desired)
    closed = sum(availability.closed(pod) for pod in unready)
    held = f", {closed} of them held by the gate {names.GATE}" if closed else ""
    many = len(unready) > budget or len(unready) == len(pods)
    yield Finding(
        "Pods",
        Level.PROBLEM if many else Level.NOTE,
        f"{len(unready)} of {counted(len(pods), 'Pod')} {'is' if len(unready) == 1 else 'are'} not Ready{held}, and an "
        f"upgrade keeps to {budget}",
        f"see `inplace explain {unready[0].name} -n {snapshot.workload.metadata.namespace}`",
    )


def _budgets(snapshot: Snapshot) -> Iterator[Finding]:
    """Budgets that give nothing even if every Pod is healthy."""
    if "poddisruptionbudgets" in snapshot.unseen:
        yield Finding(
            "disruption budgets", Level.UNKNOWN, "they may not be listed: one of them may never give anything"
        )
        return
    if snapshot.parsed.settings.disruption_budgets is DisruptionBudgets.IGNORE:
        return
    for pdb in snapshot.budgets:
        selected = any(selectors.matches(pdb.spec.selector, pod.metadata.labels) for pod in snapshot.pods)
        if selected and _never_gives(pdb):
            status = pdb.status
            yield Finding(
                "disruption budgets",
                Level.PROBLEM,
                f"PodDisruptionBudget {pdb.metadata.name} can never give: it wants {status.desired_healthy} of "
                f"{status.expected_pods} Pods healthy",
                "lower minAvailable or raise maxUnavailable, or add a replica; drains of nodes wait for it as well",
            )


def _never_gives(pdb: Pdb) -> bool:
    status = pdb.status
    observed = status.observed_generation >= pdb.metadata.generation
    return observed and status.disruptions_allowed <= 0 < status.expected_pods <= status.desired_healthy


def _controller(snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    silent = silence.unattended(snapshot, now)
    if silent:
        yield Finding(
            "controller",
            Level.PROBLEM,
            silent,
            "`inplace check` without a workload says who leads; does it watch this namespace?",
        )
