"""Reason codes and the reasons that carry them: every "why not" that a person or a metric ever sees.

Codes are spelled as in status, Events and metrics; `docs/reference/reasons.md` is generated from them (`make docs`).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum, auto
from typing import Self

from msgspec import Struct


class Concern(StrEnum):
    """What a reason code is about: the sections of `docs/reference/reasons.md`."""

    REFUSED = auto()
    WAITING = auto()
    IN_FLIGHT = auto()
    FAILED = auto()


class ReasonCode(StrEnum):
    """Stable codes. Each has its concern, its one-line meaning and, unless that is plain, what ends it."""

    concern: Concern
    meaning: str
    ends: str

    def __new__(cls, code: str, concern: Concern, meaning: str, ends: str = "") -> Self:
        """A member: a string with its documentation attached."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.concern, member.meaning, member.ends = concern, meaning, ends
        return member

    @classmethod
    def read(cls, text: str) -> ReasonCode:
        """The code of this name; `Unknown` if this version does not have it."""
        return cls.__members__.get(text, cls.Unknown)

    @classmethod
    def _missing_(cls, value: object) -> ReasonCode:
        """A code that another version of inplace has written: the rest of what it wrote is still worth reading."""
        return cls.Unknown

    # The workload is refused
    SettingInvalid = (
        "SettingInvalid",
        Concern.REFUSED,
        "a label or annotation under `inplace.dev/` is malformed or unknown",
        "fix it as the message says",
    )
    VersionUnknown = (
        "VersionUnknown",
        Concern.REFUSED,
        "the status of the workload, or the record on one of its Pods, has a format of another version of inplace",
        "run that version again, or remove the annotation",
    )
    TemplateTooLarge = (
        "TemplateTooLarge",
        Concern.REFUSED,
        "a Pod template, or a revision of it, is over 128 KiB of JSON or 64 levels deep, or swaps some 20 containers",
        "move what is large into ConfigMaps, or use `InPlaceIfPossible` or the native rollout",
    )
    ContainersChanged = (
        "ContainersChanged",
        Concern.REFUSED,
        "containers were added, removed, renamed or reordered",
        "revert it, or use `InPlaceIfPossible` or the native rollout",
    )
    FieldChanged = (
        "FieldChanged",
        Concern.REFUSED,
        "a field other than images and metadata changed",
        "revert it, or use `InPlaceIfPossible` or the native rollout",
    )
    RestartNotSupported = (
        "RestartNotSupported",
        Concern.REFUSED,
        "a restart is not possible in place: an init container would miss it, or a node has no digest of the image",
        "take the key off `restart-on`, or use `InPlaceIfPossible` or the native rollout",
    )
    RestartAsksRegistry = (
        "RestartAsksRegistry",
        Concern.REFUSED,
        "reported only: with `imagePullPolicy: Always` a container that restarts needs its registry",
    )
    ReadAtCreation = (
        "ReadAtCreation",
        Concern.REFUSED,
        "a label or annotation changed that is read only when a Pod is created (`docs/reference/keys.md`)",
        "revert it, or use `InPlaceIfPossible` or the native rollout",
    )
    ResizeNotSupported = (
        "ResizeNotSupported",
        Concern.REFUSED,
        "cpu or memory changed in a way that `pods/resize` cannot make, or not on this node: the message says why",
        "revert it, or use `InPlaceIfPossible` or the native rollout",
    )
    InitImageChanged = (
        "InitImageChanged",
        Concern.REFUSED,
        "the image of a plain init container changed: it would not run again",
        "set `init-images: SpecOnly`, or use the native rollout",
    )
    SidecarOnOldKubelet = (
        "SidecarOnOldKubelet",
        Concern.REFUSED,
        "the image of a native sidecar changed, and the node's kubelet is older than 1.32",
        "upgrade the node, or use the native rollout",
    )
    DownwardEnvNotSupported = (
        "DownwardEnvNotSupported",
        Concern.REFUSED,
        "an init container reads a changed label or annotation through env, and would not run again",
        "revert it, or use `InPlaceIfPossible` or the native rollout",
    )
    BaseUnknown = (
        "BaseUnknown",
        Concern.REFUSED,
        "the revision that a Pod was created from is no longer known",
        "delete that Pod",
    )
    ContainerMissing = (
        "ContainerMissing",
        Concern.REFUSED,
        "the Pod lacks a container of its template",
        "delete that Pod",
    )
    GateMissing = (
        "GateMissing",
        Concern.REFUSED,
        "`drain: Required`, but the Pod has no readiness gate",
        "add the gate to the template, or set `drain: Auto`",
    )
    NotRestartable = (
        "NotRestartable",
        Concern.REFUSED,
        "the container's restart policy would not start it again",
        "the native rollout",
    )
    RestartAllContainersRule = (
        "RestartAllContainersRule",
        Concern.REFUSED,
        "a restart rule would restart every container of the Pod",
        "the native rollout",
    )
    KindUnsupported = (
        "KindUnsupported",
        Concern.REFUSED,
        "another controller owns the workload (OpenKruise, Argo Rollouts)",
        "leave it to that controller",
    )
    StrategyUnsupported = (
        "StrategyUnsupported",
        Concern.REFUSED,
        "the update strategy is not supported",
        "use RollingUpdate or OnDelete; for Recreate with several replicas set `max-unavailable: 100%`",
    )
    VolumeClaimTemplatesChanged = (
        "VolumeClaimTemplatesChanged",
        Concern.REFUSED,
        "reported only: volume claims never change in place",
    )
    ContainerOrder = (
        "ContainerOrder",
        Concern.REFUSED,
        "reported only: the containers of a Pod restart in batches, in the order of `container-order`",
    )
    ReservedKey = (
        "ReservedKey",
        Concern.REFUSED,
        "the Pod template sets a key that belongs to inplace or to the workload's controller",
        "remove it from the template",
    )
    ContainerInTemplate = (
        "ContainerInTemplate",
        Concern.REFUSED,
        "the container that `inplace sidecars` is to upgrade is not injected, but the workload's own",
        "change its image in the template",
    )
    InjectorDiffers = (
        "InjectorDiffers",
        Concern.REFUSED,
        "whatever injects the container gives new Pods another image, to which a Pod that is made anew would go back",
        "change the injector first; `--ignore-injector` of `inplace sidecars` begins all the same",
    )
    ImageRewritten = (
        "ImageRewritten",
        Concern.REFUSED,
        "admission stores another image than the template names",
        "put the stored image into the template",
    )
    AdmissionRejected = (
        "AdmissionRejected",
        Concern.REFUSED,
        "the API server rejects the patch: in a dry run, or of a Pod in flight, which has failed then",
        "see its message; a dry run is asked again every 30 seconds, a Pod that has failed by `inplace retry`",
    )

    # A Pod is not started, for now
    UpToDate = "UpToDate", Concern.WAITING, "the Pod is at this revision already", "when the template changes"
    MirrorPod = "MirrorPod", Concern.WAITING, "a static Pod", "never: change its file on the node"
    Terminating = "Terminating", Concern.WAITING, "the Pod is being deleted", "its controller replaces it"
    NotScheduled = "NotScheduled", Concern.WAITING, "the Pod has no node yet", "when it is scheduled"
    Starting = (
        "Starting",
        Concern.WAITING,
        "the Pod is new, and its kubelet has not reported its containers yet",
        "when it has, or cannot start them; ten seconds after the Pod got its node at the latest",
    )
    PodPhase = "PodPhase", Concern.WAITING, "the Pod has finished, or has no phase yet", "its controller replaces it"
    NodeNotReady = (
        "NodeNotReady",
        Concern.WAITING,
        "the node is not Ready",
        "when it is; past the deadline the workload is `Degraded` and keeps waiting",
    )
    NodeLeaving = (
        "NodeLeaving",
        Concern.WAITING,
        "an autoscaler is removing the Pod's node",
        "its controller replaces the Pod, or the taint is removed",
    )
    PendingWrite = (
        "PendingWrite",
        Concern.WAITING,
        "a write of ours is in flight, or the cache does not show it yet",
        "within milliseconds",
    )
    Budget = "Budget", Concern.WAITING, "`max-unavailable` is used up", "when another Pod is available again"
    Partition = "Partition", Concern.WAITING, "kept on the old revision by `partition`", "when the partition is lowered"
    Step = "Step", Concern.WAITING, "beyond the current step", "when the step is promoted, or its pause is over"
    Preflight = (
        "Preflight",
        Concern.WAITING,
        "the API server is being asked, by a dry run, if it accepts the patch",
        "at once",
    )
    PrePull = (
        "PrePull",
        Concern.WAITING,
        "the image is being pulled onto the node",
        "when it is there; at `progress-deadline-seconds` the Pod counts as failed",
    )
    PullLimit = (
        "PullLimit",
        Concern.WAITING,
        "as many images are being pulled as may be at once, in all or from this registry: the message says whose",
        "when another pull ends; looked at every second. The workload is `Degraded` beyond `progress-deadline-seconds`",
    )
    PrePullImpossible = (
        "PrePullImpossible",
        Concern.WAITING,
        "no pull Pod can be created, or its node rejected it",
        "tried again every 30 seconds, until it can; at the deadline the Pod counts as failed",
    )
    Reserving = (
        "Reserving",
        Concern.WAITING,
        "a disruption is being reserved from the Pod's PodDisruptionBudgets",
        "at once",
    )
    DisruptionBudget = (
        "DisruptionBudget",
        Concern.WAITING,
        "a PodDisruptionBudget allows no disruption",
        "when it does; past the deadline the workload is `Degraded` and keeps waiting",
    )
    DisruptionCap = (
        "DisruptionCap",
        Concern.WAITING,
        "`--max-disrupted` or `--max-disrupted-per-namespace` is used up",
        "when other Pods are done",
    )
    BeforeDrain = (
        "BeforeDrain",
        Concern.WAITING,
        "a condition of the Pod for which `gates` has it wait before its drain is not True; other Pods go first",
        "when somebody sets it; past the deadline the workload is `Degraded` and keeps waiting",
    )
    Paused = "Paused", Concern.WAITING, "the setting `paused` is true", "when it is removed"
    PausedByOwner = "PausedByOwner", Concern.WAITING, "`kubectl rollout pause`", "`kubectl rollout resume`"
    WorkloadDegraded = (
        "WorkloadDegraded",
        Concern.WAITING,
        "more Pods failed than `max-failures` tolerates",
        "see the reasons of the workload",
    )
    NativeRollout = "NativeRollout", Concern.WAITING, "a native rollout is in progress", "when it completes"
    Freezing = "Freezing", Concern.WAITING, "the freeze is not in place yet", "by itself"
    Preparing = "Preparing", Concern.WAITING, "the ReplicaSet does not have the new template yet", "by itself"
    RevisionUnknown = (
        "RevisionUnknown",
        Concern.WAITING,
        "the workload's own controller has not named the revision yet",
        "by itself",
    )
    WriteRefused = (
        "WriteRefused",
        Concern.WAITING,
        "the API server refuses a write of ours or gives no answer, or the write is accepted and not kept",
        "see its message; tried again with a growing pause, and Degraded after the progress deadline",
    )
    FreezeContested = (
        "FreezeContested",
        Concern.WAITING,
        "another writer keeps reverting the freeze, so it is restored less and less often",
        "remove the update strategy from what applies the object",
    )
    HandingOver = "HandingOver", Concern.WAITING, "the native controller rolls this change out", "when it completes"
    AnotherUpgrade = (
        "AnotherUpgrade",
        Concern.WAITING,
        "another upgrade of the Pod is in flight, or has failed: `inplace sidecars` leaves it alone",
        "when that has ended well; at its deadline at the latest it has failed",
    )
    ScaledAway = "ScaledAway", Concern.WAITING, "the Pod is about to be removed by a scale-down", "at once"
    LeaderTakeover = (
        "LeaderTakeover",
        Concern.WAITING,
        "a new leader waits until the old one has certainly stopped",
        "after five seconds",
    )
    CacheStale = (
        "CacheStale",
        Concern.WAITING,
        "what the controller knows of the cluster may be out of date: a list or a watch fails, or a right is missing",
        "by itself, or when the right that its message names is granted",
    )
    OptOutPending = (
        "OptOutPending",
        Concern.WAITING,
        "opted out while Pods still differ from the template",
        "when they agree, or with `inplace disable --force`",
    )
    DriftDetected = (
        "DriftDetected",
        Concern.WAITING,
        "another writer changed the image of a Pod that is up to date: reported, never reverted",
        "put the image back, or change the template",
    )

    # A Pod in flight waits
    WaitingForUnready = (
        "WaitingForUnready",
        Concern.IN_FLIGHT,
        "waiting for the kubelet to report `Ready=False` after the drain",
    )
    WaitingForEndpoints = (
        "WaitingForEndpoints",
        Concern.IN_FLIGHT,
        "waiting until no EndpointSlice shows the Pod as serving",
        "after ten seconds at the latest",
    )
    EndpointsSlow = (
        "EndpointsSlow",
        Concern.IN_FLIGHT,
        "an EndpointSlice still shows the Pod as serving; only the grace period is waited for",
    )
    GracePeriod = "GracePeriod", Concern.IN_FLIGHT, "waiting for `grace-period-seconds`"
    BeforeSwap = (
        "BeforeSwap",
        Concern.IN_FLIGHT,
        "a condition of the Pod for which `gates` has it wait before the swap is not True; undrained, it waits at rest",
        "when somebody sets it; at the deadline the Pod has failed, and serves again with what it has",
    )
    BeforeReady = (
        "BeforeReady",
        Concern.IN_FLIGHT,
        "swapped and ready; a condition of the Pod for which `gates` has it wait before it serves is not True",
        "when somebody sets it; at the deadline the Pod has failed",
    )
    SlowStop = (
        "SlowStop",
        Concern.IN_FLIGHT,
        "note: the old container may take longer to stop than `progress-deadline-seconds`, which begin when it has",
    )
    ByCommand = (
        "ByCommand",
        Concern.IN_FLIGHT,
        "a command works on the Pod by the rights of its user (`by: command` in the record), and costs budget",
        "when it is done; at the deadline that it has recorded the gate is opened, and the Pod counts as failed",
    )
    WaitingForSwap = "WaitingForSwap", Concern.IN_FLIGHT, "waiting for evidence that the new container runs"
    WaitingForResize = (
        "WaitingForResize",
        Concern.IN_FLIGHT,
        "waiting for the kubelet to set the new cpu and memory; the message has its words, such as Deferred",
    )
    WaitingForReady = "WaitingForReady", Concern.IN_FLIGHT, "waiting for the containers, or the Pod, to become Ready"
    MinReadySeconds = "MinReadySeconds", Concern.IN_FLIGHT, "waiting for `min-ready-seconds`"

    # A Pod has failed
    ImagePull = (
        "ImagePull",
        Concern.FAILED,
        "the image cannot be pulled: on the node, or ahead by the pull Pod, and then no container was stopped",
    )
    ContainerCreate = (
        "ContainerCreate",
        Concern.FAILED,
        "the container cannot be created or started: configuration, mounts, hooks",
    )
    CrashLoop = "CrashLoop", Concern.FAILED, "the new container exited three times"
    OOMKilled = "OOMKilled", Concern.FAILED, "the new container exited three times, the last time out of memory"
    NeverReady = "NeverReady", Concern.FAILED, "the new container runs, but was not Ready by the deadline"
    NotSwapped = "NotSwapped", Concern.FAILED, "no evidence of the swap by the deadline"
    ResizeInfeasible = (
        "ResizeInfeasible",
        Concern.FAILED,
        "the kubelet can never give the Pod this size on its node (Infeasible); the message has its words",
    )
    NotResized = (
        "NotResized",
        Concern.FAILED,
        "the new size was not in force by the deadline: no room (Deferred), or an error, in the kubelet's words",
    )
    NodeLost = "NodeLost", Concern.FAILED, "the node did not report in by the deadline; not held against the image"
    ConditionNotMet = (
        "ConditionNotMet",
        Concern.FAILED,
        "a condition that `gates` asks for was not True by the deadline; before the swap, nothing has restarted",
        "set the condition and `inplace retry`; one that comes late before the Pod serves is enough by itself",
    )
    DeadlineExceeded = "DeadlineExceeded", Concern.FAILED, "anything else that was still waited for at the deadline"
    StateUnreadable = (
        "StateUnreadable",
        Concern.FAILED,
        "the record on the Pod cannot be read, and its gate is closed",
        "`inplace retry`",
    )
    PreconditionFailed = "PreconditionFailed", Concern.FAILED, "the Pod changed at each of three attempts to write it"
    ImageOverridden = "ImageOverridden", Concern.FAILED, "another writer changed the image during the Pod's upgrade"
    Unknown = "Unknown", Concern.FAILED, "a code written by another version of inplace"


class EventReason(StrEnum):
    """Reasons of the Events on a workload, spelled as on the wire; none is recorded for a Pod that succeeds."""

    Frozen = "Frozen"
    FreezeLost = "FreezeLost"
    StrategyForgotten = "StrategyForgotten"
    Restored = "Restored"
    UpgradeStarted = "UpgradeStarted"
    UpgradeCompleted = "UpgradeCompleted"
    Refused = "Refused"
    SettingInvalid = "SettingInvalid"
    PodFailed = "PodFailed"
    PrePullImpossible = "PrePullImpossible"
    Degraded = "Degraded"
    DriftDetected = "DriftDetected"
    RolledBack = "RolledBack"
    HandedOver = "HandedOver"
    WriteRefused = "WriteRefused"


class Reason(Struct, frozen=True, gc=False):
    """Why something is not done: a stable code, the path of the field it is about, a sentence for a person."""

    code: ReasonCode
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class Wait(Struct, frozen=True):
    """A reason, and until when it holds by itself (UTC); None: until something changes."""

    reason: Reason
    until: datetime | None = None
