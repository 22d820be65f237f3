"""Plan: the actions, the status, and the time of the next plan."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from inplace.core.actions.actions import Action
from inplace.core.objects.reasons import Reason
from inplace.core.rollout.assess import PodAssessment
from inplace.core.rollout.blocked import Blocked
from inplace.core.state.statuses import Status


class Plan(Struct, frozen=True):
    """Independent actions, at most one for each object; an order comes from one plan after the other."""

    actions: tuple[Action, ...] = ()
    #: The status to report; None if the workload is not ours.
    status: Status | None = None
    #: When to plan again if nothing else happens; None: not at all.
    requeue_at: datetime | None = None
    #: In the order in which Pods are upgraded.
    pods: tuple[PodAssessment, ...] = ()
    #: By name: why pending Pods do not start.
    deferred: dict[str, Reason] = {}
    #: The wait if nothing goes on, and others must end it.
    blocked: Blocked | None = None
