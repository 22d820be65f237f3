"""The vocabulary: every label, annotation, condition type and reason code that inplace reads or writes.

It knows no meaning beyond the words; what they do stands in `settings`, `record` and `plan`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

PREFIX: Final = "inplace.dev/"

# Labels on the workload.
MODE: Final = PREFIX + "mode"
FROZEN: Final = PREFIX + "frozen"
PHASE: Final = PREFIX + "phase"

# Annotations that we write on the workload.
STATUS: Final = PREFIX + "status"
ORIGINAL_STRATEGY: Final = PREFIX + "original-strategy"

# Annotations that we write on ReplicaSets: the templates that their Pods may have been made from, and the settings in
# force of the Deployment that owns it.
TEMPLATES: Final = PREFIX + "templates"
SETTINGS: Final = PREFIX + "settings"

# Annotation on the template of a Deployment in a dry run; never stored.
TRIAL: Final = PREFIX + "trial"

# Annotation that we write on Pods.
STATE: Final = PREFIX + "state"

# Helper Pods of ours: what they are for, and the image that one pulls.
HELPER: Final = PREFIX + "helper"
PRE_PULL: Final = "pre-pull"
PULLED: Final = PREFIX + "pulled-image"

# Requests: annotations on the workload set by the command line or by hand.
RETRY: Final = PREFIX + "retry"
PROMOTE: Final = PREFIX + "promote"
RESTART: Final = PREFIX + "restart"

#: The readiness gate and its condition. Kruise's name, so that templates written for Kruise work here.
GATE: Final = "InPlaceUpdateReady"

#: StatefulSet: the revision's name; DaemonSet: its bare hash (kubernetes.md §4.1, §5).
REVISION_LABEL: Final = "controller-revision-hash"
#: DaemonSet: counts the changes of its template, as an annotation there and as a label on Pods (kubernetes.md §5).
TEMPLATE_GENERATION: Final = "deprecated.daemonset.template.generation"
TEMPLATE_GENERATION_LABEL: Final = "pod-template-generation"
#: Deployment: which ReplicaSet a Pod belongs to; in that ReplicaSet's selector, so it never changes on a Pod.
TEMPLATE_HASH_LABEL: Final = "pod-template-hash"
#: Deployment: the number of a ReplicaSet in `kubectl rollout history`.
DEPLOYMENT_REVISION: Final = "deployment.kubernetes.io/revision"

#: `kubectl rollout restart` writes this annotation into the Pod template.
RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"

MIRROR_ANNOTATION: Final = "kubernetes.io/config.mirror"

#: A StatefulSet with this partition never replaces a Pod because of its template (kubernetes.md §4.5).
FROZEN_PARTITION: Final = 2147483647

FIELD_MANAGER: Final = "inplace"
CONTROLLER_NAME: Final = PREFIX + "controller"


class Mode(StrEnum):
    """The opt-in: value of the label `inplace.dev/mode`."""

    ONLY = "InPlaceOnly"
    IF_POSSIBLE = "InPlaceIfPossible"


class Phase(StrEnum):
    """Where a workload stands; value of the label `inplace.dev/phase`."""

    UP_TO_DATE = "UpToDate"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    AWAITING_PROMOTION = "AwaitingPromotion"
    REFUSED = "Refused"
    DEGRADED = "Degraded"
    ROLLING_BACK = "RollingBack"
    ROLLED_BACK = "RolledBack"
    HANDED_OVER = "HandedOver"


class PodPhase(StrEnum):
    """Where a Pod stands in its upgrade; the `phase` of its record."""

    DRAINING = "Draining"
    SWAPPING = "Swapping"
    DONE = "Done"
    FAILED = "Failed"
    ROLLED_BACK = "RolledBack"


class Evidence(StrEnum):
    """Why a container counts as swapped; the rungs of the ladder (protocol §3)."""

    IMAGE_CHANGED = "ImageChanged"
    EXPECTED_DIGEST = "ExpectedDigest"
    SAME_DIGEST = "SameDigest"
    UNCHANGED = "Unchanged"
    ASSUMED_BY_GENERATION = "AssumedByGeneration"


class Code(StrEnum):
    """Reason codes: stable, shown in status, Events, metrics and documentation anchors."""

    # Settings
    SETTING_INVALID = "SettingInvalid"

    # The change cannot be made in place (workload is Refused)
    CONTAINERS_CHANGED = "ContainersChanged"
    FIELD_CHANGED = "FieldChanged"
    RESTART_NOT_BUILT = "RestartNotSupported"
    RESOURCES_NOT_BUILT = "ResizeNotSupported"
    INIT_IMAGE_CHANGED = "InitImageChanged"
    SIDECAR_ON_OLD_KUBELET = "SidecarOnOldKubelet"
    DOWNWARD_ENV_NOT_BUILT = "DownwardEnvNotSupported"
    BASE_UNKNOWN = "BaseUnknown"
    CONTAINER_MISSING = "ContainerMissing"
    GATE_MISSING = "GateMissing"
    NOT_RESTARTABLE = "NotRestartable"
    RESTART_ALL_RULE = "RestartAllContainersRule"
    KIND_UNSUPPORTED = "KindUnsupported"
    STRATEGY_UNSUPPORTED = "StrategyUnsupported"
    CLAIM_TEMPLATES_CHANGED = "VolumeClaimTemplatesChanged"
    KEY_RESERVED = "ReservedKey"
    IMAGE_REWRITTEN = "ImageRewritten"

    # A Pod is held, for now
    MIRROR = "MirrorPod"
    TERMINATING = "Terminating"
    UNBOUND = "NotScheduled"
    PHASE = "PodPhase"
    NODE_NOT_READY = "NodeNotReady"
    PENDING_WRITE = "PendingWrite"
    BUDGET = "Budget"
    PARTITION = "Partition"
    STEP = "Step"
    PREFLIGHT = "Preflight"
    PRE_PULL = "PrePull"
    PRE_PULL_IMPOSSIBLE = "PrePullImpossible"
    CROWDED = "DisruptionCap"
    RESERVING = "Reserving"
    DISRUPTION_BUDGET = "DisruptionBudget"
    PAUSED = "Paused"
    DEGRADED = "WorkloadDegraded"
    NATIVE_ROLLOUT = "NativeRollout"
    FREEZING = "Freezing"
    PREPARING = "Preparing"
    USER_PAUSE = "PausedByOwner"
    FREEZE_CONTESTED = "FreezeContested"
    HANDING_OVER = "HandingOver"
    REVISION_UNKNOWN = "RevisionUnknown"
    SCALED_AWAY = "ScaledAway"
    TAKEOVER = "LeaderTakeover"
    DRIFT = "DriftDetected"
    OPT_OUT_PENDING = "OptOutPending"

    # A Pod in flight waits
    WAITING_UNREADY = "WaitingForUnready"
    WAITING_ENDPOINTS = "WaitingForEndpoints"
    ENDPOINTS_SLOW = "EndpointsSlow"
    WAITING_GRACE = "GracePeriod"
    WAITING_EVIDENCE = "WaitingForSwap"
    WAITING_READY = "WaitingForReady"
    WAITING_MIN_READY = "MinReadySeconds"

    # A Pod failed
    PULL = "ImagePull"
    CREATE = "ContainerCreate"
    CRASH_LOOP = "CrashLoop"
    OOM = "OOMKilled"
    NEVER_READY = "NeverReady"
    NOT_SWAPPED = "NotSwapped"
    NODE_LOST = "NodeLost"
    DEADLINE = "DeadlineExceeded"
    STATE_UNREADABLE = "StateUnreadable"
    PRECONDITION = "PreconditionFailed"
    ADMISSION = "AdmissionRejected"
    IMAGE_OVERRIDDEN = "ImageOverridden"


class EventReason(StrEnum):
    """Reasons of Events on the workload; none is written per successful Pod."""

    FROZEN = "Frozen"
    FREEZE_LOST = "FreezeLost"
    RESTORED = "Restored"
    STARTED = "UpgradeStarted"
    COMPLETED = "UpgradeCompleted"
    REFUSED = "Refused"
    SETTINGS_INVALID = "SettingsInvalid"
    POD_FAILED = "PodFailed"
    DRIFT = "DriftDetected"
    ROLLED_BACK = "RolledBack"
    HANDED_OVER = "HandedOver"
