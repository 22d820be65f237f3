"""Reason codes and the reasons that carry them: every "why not" that a person or a metric ever sees.

Codes are spelled as in status, Events and metrics; `docs/reference/reasons.md` is generated from them (`make docs`).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum, auto
from functools import partial
from typing import Self

from msgspec import Struct


class Concern(StrEnum):
    """What a reason code is about: the sections of `docs/reference/reasons.md`."""

    REFUSED = auto()
    WAITING = auto()
    IN_FLIGHT = auto()
    FAILED = auto()


def _code(concern: Concern, meaning: str, ends: str = "") -> tuple[auto, Concern, str, str]:
    return auto(), concern, meaning, ends


_refused = partial(_code, Concern.REFUSED)
_waiting = partial(_code, Concern.WAITING)
_in_flight = partial(_code, Concern.IN_FLIGHT)
_failed = partial(_code, Concern.FAILED)


class ReasonCode(StrEnum):
    """Stable codes. Each has its concern, its one-line meaning and, unless that is plain, what ends it."""

    concern: Concern
    meaning: str
    ends: str

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[str]) -> str:
        """Spelled as in Python."""
        return name

    def __new__(cls, code: str, concern: Concern, meaning: str, ends: str) -> Self:
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
    SettingInvalid = _refused(
        "a label or annotation under `inplace.dev/` is malformed or unknown", "fix it as the message says"
    )
    VersionUnknown = _refused(
        "the status of the workload, or the record on one of its Pods, has a format of another version of inplace",
        "run that version again, or remove the annotation",
    )
    TemplateTooLarge = _refused(
        "a Pod template, or a revision of it, is over 128 KiB of JSON or 64 levels deep, or swaps some 20 containers",
        "move what is large into ConfigMaps, or use `InPlaceIfPossible` or the native rollout",
    )
    ContainersChanged = _refused(
        "containers were added, removed, renamed or reordered",
        "revert it, or use `InPlaceIfPossible` or the native rollout",
    )
    FieldChanged = _refused(
        "a field other than images and metadata changed", "revert it, or use `InPlaceIfPossible` or the native rollout"
    )
    RestartNotSupported = _refused(
        "a restart is not possible in place: an init container would miss it, or a node has no digest of the image",
        "take the key off `restart-on`, or use `InPlaceIfPossible` or the native rollout",
    )
    RestartAsksRegistry = _refused(
        "with `imagePullPolicy: Always` a container that restarts needs its registry; of a workload reported only",
        "of a Pod that `inplace restart pod/NAME` is to restart, `--ask-registry`",
    )
    ReadAtCreation = _refused(
        "a label or annotation changed that is read only when a Pod is created (`docs/reference/keys.md`)",
        "revert it, or use `InPlaceIfPossible` or the native rollout",
    )
    ResizeNotSupported = _refused(
        "cpu or memory changed in a way that `pods/resize` cannot make, or not on this node: the message says why",
        "revert it, or use `InPlaceIfPossible` or the native rollout",
    )
    InitImageChanged = _refused(
        "the image of a plain init container changed: it would not run again",
        "set `init-images: SpecOnly`, or use the native rollout",
    )
    SidecarOnOldKubelet = _refused(
        "the image of a native sidecar changed, and the node's kubelet is older than 1.32",
        "upgrade the node, or use the native rollout",
    )
    DownwardEnvNotSupported = _refused(
        "an init container reads a changed label or annotation through env, and would not run again",
        "revert it, or use `InPlaceIfPossible` or the native rollout",
    )
    BaseUnknown = _refused("the revision that a Pod was created from is no longer known", "delete that Pod")
    ContainerMissing = _refused("the Pod lacks a container of its template", "delete that Pod")
    GateMissing = _refused(
        "`drain: Required`, but the Pod has no readiness gate", "add the gate to the template, or set `drain: Auto`"
    )
    NotRestartable = _refused("the container's restart policy would not start it again", "the native rollout")
    RestartAllContainersRule = _refused("a restart rule would restart every container of the Pod", "the native rollout")
    KindUnsupported = _refused(
        "another controller owns the workload (OpenKruise, Argo Rollouts)", "leave it to that controller"
    )
    StrategyUnsupported = _refused(
        "the update strategy is not supported",
        "use RollingUpdate or OnDelete; for Recreate with several replicas set `max-unavailable: 100%`",
    )
    VolumeClaimTemplatesChanged = _refused("reported only: volume claims never change in place")
    ContainerOrder = _refused(
        "reported only: the containers of a Pod restart in batches, in the order of `container-order`"
    )
    ReservedKey = _refused(
        "the Pod template sets a key that belongs to inplace or to the workload's controller",
        "remove it from the template",
    )
    ContainerInTemplate = _refused(
        "the container that `inplace sidecars` is to upgrade is not injected, but the workload's own",
        "change its image in the template",
    )
    InjectorDiffers = _refused(
        "whatever injects the container gives new Pods another image, to which a Pod that is made anew would go back",
        "change the injector first; `--ignore-injector` of `inplace sidecars` begins all the same",
    )
    ImageRewritten = _refused(
        "admission stores another image than the template names", "put the stored image into the template"
    )
    AdmissionRejected = _refused(
        "the API server rejects the patch: in a dry run, or of a Pod in flight, which has failed then",
        "see its message; a dry run is asked again every 30 seconds, a Pod that has failed by `inplace retry`",
    )

    # A Pod is not started, for now
    UpToDate = _waiting("the Pod is at this revision already", "when the template changes")
    MirrorPod = _waiting("a static Pod", "never: change its file on the node")
    Terminating = _waiting("the Pod is being deleted", "its controller replaces it")
    NotScheduled = _waiting("the Pod has no node yet", "when it is scheduled")
    Starting = _waiting(
        "the Pod is new, and its kubelet has not reported its containers yet",
        "when it has, or cannot start them; ten seconds after the Pod got its node at the latest",
    )
    PodPhase = _waiting("the Pod has finished, or has no phase yet", "its controller replaces it")
    NodeNotReady = _waiting(
        "the node is not Ready", "when it is; past the deadline the workload is `Degraded` and keeps waiting"
    )
    NodeLeaving = _waiting(
        "an autoscaler is removing the Pod's node", "its controller replaces the Pod, or the taint is removed"
    )
    PendingWrite = _waiting("a write of ours is in flight, or the cache does not show it yet", "within milliseconds")
    Budget = _waiting("`max-unavailable` is used up", "when another Pod is available again")
    Partition = _waiting("kept on the old revision by `partition`", "when the partition is lowered")
    Step = _waiting("beyond the current step", "when the step is promoted, or its pause is over")
    Preflight = _waiting("the API server is being asked, by a dry run, if it accepts the patch", "at once")
    PrePull = _waiting(
        "the image is being pulled onto the node",
        "when it is there; at `progress-deadline-seconds` the Pod counts as failed",
    )
    PullLimit = _waiting(
        "as many images are being pulled as may be at once, in all or from this registry: the message says whose",
        "when another pull ends; looked at every second. The workload is `Degraded` beyond `progress-deadline-seconds`",
    )
    PrePullImpossible = _waiting(
        "no pull Pod can be created, or its node rejected it",
        "tried again every 30 seconds, until it can; at the deadline the Pod counts as failed",
    )
    Reserving = _waiting("a disruption is being reserved from the Pod's PodDisruptionBudgets", "at once")
    DisruptionBudget = _waiting(
        "a PodDisruptionBudget allows no disruption",
        "when it does; past the deadline the workload is `Degraded` and keeps waiting",
    )
    DisruptionCap = _waiting(
        "`--max-disrupted` or `--max-disrupted-per-namespace` is used up", "when other Pods are done"
    )
    BeforeDrain = _waiting(
        "a condition of the Pod for which `gates` has it wait before its drain is not True; other Pods go first",
        "when somebody sets it; past the deadline the workload is `Degraded` and keeps waiting",
    )
    Paused = _waiting("the setting `paused` is true", "when it is removed")
    PausedByOwner = _waiting("`kubectl rollout pause`", "`kubectl rollout resume`")
    WorkloadDegraded = _waiting("more Pods failed than `max-failures` tolerates", "see the reasons of the workload")
    NativeRollout = _waiting("a native rollout is in progress", "when it completes")
    Freezing = _waiting("the freeze is not in place yet", "by itself")
    Preparing = _waiting("the ReplicaSet does not have the new template yet", "by itself")
    RevisionUnknown = _waiting("the workload's own controller has not named the revision yet", "by itself")
    WriteRefused = _waiting(
        "the API server refuses a write of ours or gives no answer, or the write is accepted and not kept",
        "see its message; tried again with a growing pause, and Degraded after the progress deadline",
    )
    FreezeContested = _waiting(
        "another writer keeps reverting the freeze, so it is restored less and less often",
        "remove the update strategy from what applies the object",
    )
    HandingOver = _waiting("the native controller rolls this change out", "when it completes")
    AnotherUpgrade = _waiting(
        "another upgrade of the Pod is in flight, or has failed: `inplace sidecars` leaves it alone",
        "when that has ended well; at its deadline at the latest it has failed",
    )
    ScaledAway = _waiting("the Pod is about to be removed by a scale-down", "at once")
    LeaderTakeover = _waiting("a new leader waits until the old one has certainly stopped", "after five seconds")
    CacheStale = _waiting(
        "what the controller knows of the cluster may be out of date: a list or a watch fails, or a right is missing",
        "by itself, or when the right that its message names is granted",
    )
    OptOutPending = _waiting(
        "opted out while Pods still differ from the template", "when they agree, or with `inplace disable --force`"
    )
    DriftDetected = _waiting(
        "another writer changed the image of a Pod that is up to date: reported, never reverted",
        "put the image back, or change the template",
    )

    # A Pod in flight waits
    WaitingForUnready = _in_flight("waiting for the kubelet to report `Ready=False` after the drain")
    WaitingForEndpoints = _in_flight(
        "waiting until no EndpointSlice shows the Pod as serving", "after ten seconds at the latest"
    )
    EndpointsSlow = _in_flight("an EndpointSlice still shows the Pod as serving; only the grace period is waited for")
    GracePeriod = _in_flight("waiting for `grace-period-seconds`")
    BeforeSwap = _in_flight(
        "a condition of the Pod for which `gates` has it wait before the swap is not True; undrained, it waits at rest",
        "when somebody sets it; at the deadline the Pod has failed, and serves again with what it has",
    )
    BeforeReady = _in_flight(
        "swapped and ready; a condition of the Pod for which `gates` has it wait before it serves is not True",
        "when somebody sets it; at the deadline the Pod has failed",
    )
    SlowStop = _in_flight(
        "note: the old container may take longer to stop than `progress-deadline-seconds`, which begin when it has"
    )
    ByCommand = _in_flight(
        "a command works on the Pod by the rights of its user (`by: command` in the record), and costs budget",
        "when it is done, or `inplace restart pod/NAME` has gone on with it; at the deadline that it has recorded, at "
        "most a day from now, the gate is opened, and the Pod counts as failed",
    )
    WaitingForSwap = _in_flight("waiting for evidence that the new container runs")
    WaitingForResize = _in_flight(
        "waiting for the kubelet to set the new cpu and memory; the message has its words, such as Deferred"
    )
    WaitingForReady = _in_flight("waiting for the containers, or the Pod, to become Ready")
    MinReadySeconds = _in_flight("waiting for `min-ready-seconds`")

    # A Pod has failed
    ImagePull = _failed(
        "the image cannot be pulled: on the node, or ahead by the pull Pod, and then no container was stopped"
    )
    ContainerCreate = _failed("the container cannot be created or started: configuration, mounts, hooks")
    CrashLoop = _failed("the new container exited three times")
    OOMKilled = _failed("the new container exited three times, the last time out of memory")
    NeverReady = _failed("the new container runs, but was not Ready by the deadline")
    NotSwapped = _failed("no evidence of the swap by the deadline")
    ResizeInfeasible = _failed(
        "the kubelet can never give the Pod this size on its node (Infeasible); the message has its words"
    )
    NotResized = _failed(
        "the new size was not in force by the deadline: no room (Deferred), or an error, in the kubelet's words"
    )
    NodeLost = _failed("the node did not report in by the deadline; not held against the image")
    CommandLost = _failed(
        "the command that was swapping the Pod's containers did not end by the deadline; not held against the image",
        "`inplace retry`, or the same command again",
    )
    ConditionNotMet = _failed(
        "a condition that `gates` asks for was not True by the deadline; before the swap, nothing has restarted",
        "set the condition and `inplace retry`; one that comes late before the Pod serves is enough by itself",
    )
    DeadlineExceeded = _failed("anything else that was still waited for at the deadline")
    StateUnreadable = _failed("the record on the Pod cannot be read, and its gate is closed", "`inplace retry`")
    PreconditionFailed = _failed("the Pod changed at each of three attempts to write it")
    ImageOverridden = _failed("another writer changed the image during the Pod's upgrade")
    Unknown = _failed("a code written by another version of inplace")


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
