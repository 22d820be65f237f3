"""What a command takes from the controller's last report, because it keeps no state of its own.

Only what no object shows but the controller's process knows: everything else a command concludes by itself, from the
same objects and by the same functions.
"""

from __future__ import annotations

from typing import Final

from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.state.statuses import Status

#: Refusals by the API server, found by the controller's dry runs.
_REFUSALS: Final = (ReasonCode.AdmissionRejected, ReasonCode.ImageRewritten)
#: What holds the whole workload.
_HOLDS: Final = (ReasonCode.FreezeContested, ReasonCode.LeaderTakeover, ReasonCode.CacheStale)
#: What holds single Pods.
_DEFERRALS: Final = (ReasonCode.PrePullImpossible,)
#: Transient reasons: a report of them is outdated before it is read.
MOMENTARY: Final = frozenset(
    {
        ReasonCode.PendingWrite,
        ReasonCode.Preflight,
        ReasonCode.Reserving,
        ReasonCode.Freezing,
        ReasonCode.Preparing,
    }
)
#: Known only to the controller: commands omit it until the controller has reported it.
MEMORY_ONLY: Final = frozenset(
    {
        *_REFUSALS,
        *_HOLDS,
        *_DEFERRALS,
        *MOMENTARY,
        ReasonCode.DisruptionCap,
        ReasonCode.PullLimit,
        ReasonCode.WriteRefused,
    }
)


def refusals(status: Status | None) -> tuple[Reason, ...]:
    """Why the API server refuses the change."""
    return tuple(reason for reason in status.reasons if reason.code in _REFUSALS) if status is not None else ()


def hold(status: Status | None) -> Reason | None:
    """Why nothing starts."""
    if status is None:
        return None
    own = next((reason for reason in status.reasons if reason.code in _HOLDS), None)
    return own or refused_write(status, "") or _waiting(status, _HOLDS)


def capped(status: Status | None) -> int:
    """How many Pods the cap over all workloads holds back."""
    return status.waiting.get(ReasonCode.DisruptionCap, 0) if status is not None else 0


def deferral(status: Status | None, pod: str) -> Reason | None:
    """Why a Pod that could start does not."""
    if status is None:
        return None
    return refused_write(status, f"pods[{pod}]") or _waiting(status, _DEFERRALS)


def missing_pull(status: Status | None, where: str) -> tuple[Reason, bool] | None:
    """Why there is no pull Pod for an image on a node (`where`), and whether a Pod has failed for it."""
    if status is None:
        return None
    failed = (one for one in status.failures if one.code == ReasonCode.PrePullImpossible)
    found = next((one for one in failed if one.message.startswith(f"{where}:")), None)
    if found is not None:
        return Reason(ReasonCode.PrePullImpossible, "", found.message), True
    told = (one for one in status.reasons if one.code == ReasonCode.PrePullImpossible)
    own = next((one for one in told if one.message.startswith(f"{where}:")), None)
    reason = own or _waiting(status, (ReasonCode.PrePullImpossible, ReasonCode.PullLimit))
    return (reason, False) if reason is not None else None


def refused_write(status: Status | None, path: str) -> Reason | None:
    """Why a write of the controller on what this path names, or with no path on the workload, is refused."""
    reasons = status.reasons if status is not None else ()
    return next((one for one in reasons if one.code == ReasonCode.WriteRefused and one.path == path), None)


def _waiting(status: Status, codes: tuple[ReasonCode, ...]) -> Reason | None:
    """What Pods wait for: in the words of the reason, if the report has one, else what its code means."""
    code = next((code for code in codes if status.waiting.get(code)), None)
    if code is None:
        return None
    own = next((reason for reason in status.reasons if reason.code == code), None)
    return own or Reason(code, "", f"{code.meaning} (reported by the controller)")
