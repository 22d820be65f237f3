"""The parts of Kubernetes objects that decisions are made from: partial, frozen, cheap to decode.

Fields that are not used are not decoded. Nothing in this module is ever written back to the API server: writes
are patches of named paths (`patch`), so a field that is missing here cannot be lost.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Raw, Struct, field

from inplace.core.objects.times import Time, bounded

#: A JSON tree. Pod templates stay whole (`template`): what is not understood is compared and kept all the same.
Tree = dict[str, Any]
#: A year, in seconds: what names more is reckoned with as if it were that.
LONGEST_GRACE: Final = 365 * 24 * 3600


class Part(Struct, frozen=True, gc=False, rename="camel"):
    """Base of all partial structs: immutable, untracked by the garbage collector
    (docs/design/architecture.md, "Libraries")."""


class Owner(Part, frozen=True):
    """An ownerReference."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    controller: bool | None = None


class Meta(Part, frozen=True):
    """ObjectMeta."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: tuple[Owner, ...] = ()
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None

    @property
    def created_at(self) -> datetime | None:
        """Its creation, bounded; None if it does not say."""
        return bounded(self.creation_timestamp) if self.creation_timestamp is not None else None

    def label(self, key: str) -> str | None:
        """Value of a label; None if absent."""
        return self.labels.get(key) if self.labels else None

    def annotation(self, key: str) -> str | None:
        """Value of an annotation; None if absent."""
        return self.annotations.get(key) if self.annotations else None

    def controller(self) -> Owner | None:
        """The managing owner (metav1.GetControllerOf)."""
        return next((owner for owner in self.owner_references if owner.controller), None)


class Named(Part, frozen=True):
    """Any object, of which only the metadata counts."""

    metadata: Meta = Meta()


class ManagedMeta(Meta, frozen=True):
    """ObjectMeta of what has fields of ours beside those of others. Who manages them stays raw: it seldom matters."""

    managed_fields: Raw = Raw(b"[]")


class ManagedFields(Part, frozen=True):
    """Whose fields an entry of managedFields lists, which, and since when."""

    manager: str = ""
    operation: str = ""
    time: datetime | None = None
    fields: Raw = field(name="fieldsV1", default=Raw(b"{}"))


class Condition(Part, frozen=True):
    """A condition of a Pod, a Node or a workload."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: Time | None = None
    observed_generation: int = 0

    @property
    def since(self) -> datetime | None:
        """Its last transition, bounded; None if it does not say."""
        return bounded(self.last_transition_time) if self.last_transition_time is not None else None


class RestartRule(Part, frozen=True):
    """An entry of a container's `restartPolicyRules` (KEP-5307, KEP-5532)."""

    action: str = ""


class Probe(Part, frozen=True):
    """A probe; only whether there is one matters here."""


class Hook(Part, frozen=True):
    """A hook of a container's lifecycle; only whether there is one matters here."""


class Lifecycle(Part, frozen=True):
    """The hooks of a container."""

    pre_stop: Hook | None = None


class SecurityContext(Part, frozen=True):
    """As whom processes run: of a Pod, and of a container, whose own values go before the Pod's."""

    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None


class Resources(Part, frozen=True):
    """ResourceRequirements: amounts by name, as the API server writes them."""

    requests: dict[str, str] = {}
    limits: dict[str, str] = {}

    def amount(self, side: str, name: str) -> str | None:
        """One of its requests or limits; None if it is not set."""
        return (self.limits if side == "limits" else self.requests).get(name)


#: What stands for the Pod as a whole where sizes go by container: no container can have a capital letter in its name.
WHOLE: Final = "Pod"


class Container(Part, frozen=True):
    """A container of a Pod's spec."""

    name: str = ""
    image: str = ""
    image_pull_policy: str = ""
    restart_policy: str = ""
    restart_policy_rules: tuple[RestartRule, ...] = ()
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    resources: Resources = Resources()
    security_context: SecurityContext | None = None


class ReadinessGate(Part, frozen=True):
    """An entry of `spec.readinessGates`."""

    condition_type: str = ""


class PodSpec(Part, frozen=True):
    """PodSpec."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    node_name: str = ""
    restart_policy: str = ""
    readiness_gates: tuple[ReadinessGate, ...] = ()
    termination_grace_period_seconds: int = 30
    host_network: bool = False
    security_context: SecurityContext | None = None
    #: Of the Pod as a whole, beside those of its containers (from 1.34 on).
    resources: Resources | None = None


class Waiting(Part, frozen=True):
    """ContainerStateWaiting."""

    reason: str = ""
    message: str = ""


class Running(Part, frozen=True):
    """ContainerStateRunning."""

    started_at: Time | None = None


class Terminated(Part, frozen=True):
    """ContainerStateTerminated."""

    exit_code: int = 0
    reason: str = ""
    message: str = ""
    started_at: Time | None = None
    finished_at: Time | None = None
    container_id: str = field(default="", name="containerID")


class ContainerState(Part, frozen=True):
    """One of waiting, running, terminated; none of them means waiting."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(Part, frozen=True):
    """ContainerStatus. `started` is left out on purpose: it lies on 1.35 and 1.36 (docs/design/kubernetes.md §2.4)."""

    name: str = ""
    image: str = ""
    image_id: str = field(default="", name="imageID")
    container_id: str = field(default="", name="containerID")
    restart_count: int = 0
    ready: bool = False
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()
    #: What runs, and what the kubelet has set aside for it (from kubelet 1.33 on).
    resources: Resources | None = None
    allocated_resources: dict[str, str] = {}


class PodStatus(Part, frozen=True):
    """PodStatus."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    observed_generation: int = 0
    #: Of the Pod as a whole: what its cgroup has, and what the kubelet has set aside for it (from kubelet 1.36 on).
    resources: Resources | None = None
    allocated_resources: dict[str, str] = {}


class Pod(Part, frozen=True):
    """A Pod."""

    metadata: Meta = Meta()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()
    #: Whether the cache keeps only a rest of it (`cluster.kept`).
    partial: bool = False

    @property
    def uid(self) -> str:
        """The Pod's identity: a Pod with the same name and another uid is another Pod."""
        return self.metadata.uid

    @property
    def grace(self) -> timedelta:
        """How long its containers may take to stop; within bounds, for a Pod may name any number of seconds."""
        return timedelta(seconds=max(0, min(self.spec.termination_grace_period_seconds, LONGEST_GRACE)))

    @property
    def name(self) -> str:
        """The Pod's name."""
        return self.metadata.name

    def condition(self, type_: str) -> Condition | None:
        """The condition of this type, or None."""
        for found in self.status.conditions:  # a loop: asked more often than anything else
            if found.type == type_:
                return found
        return None

    def is_true(self, type_: str) -> bool:
        """Whether the condition of this type stands at True."""
        found = self.condition(type_)
        return found is not None and found.status == "True"

    @property
    def ready(self) -> bool:
        """Whether the Pod serves: the condition Ready, which only the kubelet writes."""
        return self.is_true("Ready")

    @property
    def over(self) -> bool:
        """Whether it has terminated, e.g. was evicted: controllers no longer count it (FilterActivePods)."""
        return self.status.phase in ("Failed", "Succeeded")

    def has_gate(self, type_: str) -> bool:
        """Whether `spec.readinessGates` names this condition type."""
        return any(gate.condition_type == type_ for gate in self.spec.readiness_gates)

    def container(self, name: str) -> Container | None:
        """The regular or init container of this name."""
        return next((c for c in (*self.spec.containers, *self.spec.init_containers) if c.name == name), None)

    def resources(self, name: str) -> Resources | None:
        """What the spec asks for a container, or for the Pod as a whole (`WHOLE`), which has no such field or nothing
        in it if nothing is asked; None if there is no such container."""
        if name == WHOLE:
            return self.spec.resources or Resources()
        container = self.container(name)
        return container.resources if container is not None else None

    def container_status(self, name: str) -> ContainerStatus | None:
        """The status of the regular or init container of this name."""
        both = (*self.status.container_statuses, *self.status.init_container_statuses)
        return next((status for status in both if status.name == name), None)


class PodEvent(Part, frozen=True):
    """A core/v1 Event about a Pod."""

    reason: str = ""
    message: str = ""
    count: int = 0
    first_timestamp: Time | None = None
    last_timestamp: Time | None = None
    event_time: Time | None = None
