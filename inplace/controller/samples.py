"""The gauges that are read whenever somebody looks: ages, sizes, and the state of the workloads.

A replica that does not lead plans nothing, so it has no series of the workloads at all, and neither has a dry run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from inplace.cluster.key import Key
from inplace.cluster.memory import Caps, Memory
from inplace.controller.fence_probe import FenceProbe
from inplace.controller.freeze_probe import FreezeProbe
from inplace.controller.installed_policies import InstalledPolicies
from inplace.controller.tally import Tally
from inplace.core.objects.endpoints import EndpointSlice
from inplace.core.objects.model import Pod
from inplace.core.objects.nodes import Node
from inplace.core.objects.workloads import Pdb, Revision, Workload
from inplace.kube.reflector import Reflector
from inplace.runtime.observe import Observer, Read
from inplace.runtime.queue import WorkQueue

AnyReflector = (
    Reflector[Workload]
    | Reflector[Pod]
    | Reflector[Revision]
    | Reflector[Node]
    | Reflector[EndpointSlice]
    | Reflector[Pdb]
)
_QUEUE: Final = ("workloads",)


class Sources(NamedTuple):
    """The parts of a controller that are looked at."""

    reflectors: Mapping[str, AnyReflector]
    queue: WorkQueue[Key]
    policies: InstalledPolicies
    probe: FreezeProbe
    fence: FenceProbe
    memory: Memory
    caps: Caps
    tally: Tally
    #: Whether this process may write; None: it never may.
    may_write: Callable[[], bool | None]
    #: Whether it leads, and has begun to plan.
    plans: Callable[[], bool]
    lease: str


def register(observer: Observer, sources: Sources, *, per_workload: bool) -> None:
    """Let the observer read them. `per_workload`: a series for every workload too."""
    for metric, read in _of_process(sources).items():
        observer.sample(metric, read)
    led = _of_workloads(sources) | ({"inplace_workload_info": sources.tally.each} if per_workload else {})
    for metric, read in led.items():
        observer.sample(metric, _only_if(sources.plans, read))


def _only_if(holds: Callable[[], bool], read: Read) -> Read:
    return lambda: read() if holds() else {}


def _of_process(sources: Sources) -> dict[str, Read]:
    queue, reflectors = sources.queue, sources.reflectors.items()
    return {
        "workqueue_depth": lambda: {_QUEUE: len(queue)},
        "workqueue_unfinished_work_seconds": lambda: {_QUEUE: sum(queue.running())},
        "workqueue_longest_running_processor_seconds": lambda: {_QUEUE: max(queue.running(), default=0.0)},
        "leader_election_master_status": lambda: _leader(sources),
        "inplace_policy_installed": lambda: {(name,): there for name, there in sources.policies.state.items()},
        "inplace_fence_in_force": lambda: {(name,): refused for name, refused in sources.fence.results.items()},
        "inplace_cache_age_seconds": lambda: {(name,): reflector.age for name, reflector in reflectors},
        "inplace_cache_synced": lambda: {(name,): reflector.synced for name, reflector in reflectors},
        "inplace_cache_objects": lambda: {(name,): len(reflector.store) for name, reflector in reflectors},
        "inplace_cache_bytes": lambda: {(name,): reflector.store.bytes for name, reflector in reflectors},
    }


def _of_workloads(sources: Sources) -> dict[str, Read]:
    tally = sources.tally
    return {
        "inplace_workloads": tally.workloads,
        "inplace_workloads_by_reason": tally.reasons,
        "inplace_oldest_phase_seconds": tally.oldest_phase,
        "inplace_pods": tally.pods,
        "inplace_pods_waiting": tally.waiting,
        "inplace_closed_gates": tally.closed_gates,
        "inplace_oldest_closed_gate_seconds": tally.oldest_gate,
        "inplace_budget_pods": tally.budget,
        "inplace_budget_used_pods": tally.budget_used,
        "inplace_disrupted_pods": lambda: {(): sources.memory.disrupted},
        "inplace_disruption_cap_pods": lambda: _caps(sources.caps),
        "inplace_freeze_policy_namespaces": lambda: {
            (kind, "active" if active else "inactive"): namespaces
            for (kind, active), namespaces in sources.probe.found().items()
        },
    }


def _leader(sources: Sources) -> dict[tuple[str, ...], float]:
    may_write = sources.may_write()
    return {} if may_write is None else {(sources.lease,): may_write}


def _caps(caps: Caps) -> dict[tuple[str, ...], float]:
    both = (("all", caps.everywhere), ("namespace", caps.per_namespace))
    return {(scope,): cap for scope, cap in both if cap is not None}
