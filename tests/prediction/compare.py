"""What a kubelet did to a Pod's containers, held against what was said beforehand. Pure.

How a container ended is not always there to be read: the kubelet collects those that ended (docs/design/kubernetes.md
§2.4). Another ID and the count tell that it was replaced all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from inplace.core.objects.model import ContainerStatus, Pod
from inplace.core.pod.prediction import Fate, Prediction, Step
from tests.prediction.cases import PATIENCE

#: A kubelet says times in whole seconds.
SECOND = timedelta(seconds=1)
#: Those of which a container that runs now is another one than before.
_ANEW = (Fate.RESTARTS, Fate.STARTS, Fate.AFTER_STARTUP_PROBE)


def differences(before: Pod, after: Pod, told: Prediction | None, slack: timedelta = SECOND) -> list[str]:
    """Where the two do not agree, in words.

    `told`: None if nothing was to restart. `slack`: what stops may take longer than was said, for a busy machine.
    """
    statuses = {one.name: one for one in (*before.status.container_statuses, *before.status.init_container_statuses)}
    found = []
    for name, was in statuses.items():
        now = after.container_status(name)
        if now is None:
            found.append(f"{name} has no status any more")
            continue
        if told is None and _restarts_by_itself(before, was):
            continue
        fate, most = (told.fates[name], 1 + (name in told.again)) if told else (Fate.KEPT, 0)
        found += [f"{name}: {what}" for what in _of_container(was, now, fate, most)]
    return [*found, *_of_order(after, told, slack), *_of_probes(before, after, told)] if told and not found else found


def _restarts_by_itself(before: Pod, was: ContainerStatus) -> bool:
    """Whether it has ended by itself, so that it starts again whatever anybody does; init containers do not."""
    runs_once = any(one.name == was.name and one.restart_policy != "Always" for one in before.spec.init_containers)
    return was.state.running is None and bool(was.container_id) and not runs_once


def _of_container(was: ContainerStatus, now: ContainerStatus, fate: Fate, most: int) -> Iterator[str]:
    """`most`: how often it may have been replaced."""
    more = now.restart_count - was.restart_count
    if fate not in _ANEW:
        if was.container_id and (now.container_id != was.container_id or more):
            yield f"{fate} was said, and it was replaced ({more} restarts)"
        elif more:
            yield f"{fate} was said of what had not started, and it was restarted {more} times"
        return
    has_run = now.state.running is not None or (fate is Fate.STARTS and now.state.terminated is not None)
    if now.container_id == was.container_id or not has_run:
        yield f"{fate} was said, and {'it is the same container' if has_run else 'it does not run'}"
        return
    if fate is Fate.STARTS:  # what ends by itself may have done so once more by then
        return
    if not 1 <= more <= most:
        yield f"{fate} was said, and it was restarted {more} times"
    ended = now.last_state.terminated
    if more == 1 and ended is not None and ended.container_id != was.container_id:
        yield f"{fate} was said, and the one before is not the one that ended last"


def _of_probes(before: Pod, after: Pod, told: Prediction) -> Iterator[str]:
    """What is not ready in such a Pod waits for a startup probe that never succeeds, and ends with it.

    Known of Pods whose regular containers had not started before the change: they were made right before it.
    """
    if any(one.container_id for one in before.status.container_statuses):
        return
    for name, fate in told.fates.items():
        was, now = before.container_status(name), after.container_status(name)
        ended = now.last_state.terminated if now is not None else None
        if was is None or was.ready or ended is None or not ended.started_at or not ended.finished_at:
            continue
        waited = ended.finished_at - ended.started_at > timedelta(seconds=PATIENCE - 10)
        if waited is not (fate is Fate.AFTER_STARTUP_PROBE):
            yield f"{fate} was said of {name}, and its startup probe was {'' if waited else 'not '}waited for"


def _of_order(after: Pod, told: Prediction, slack: timedelta) -> Iterator[str]:
    """Kills before starts, starts in the order that was said, one batch after the other."""
    named = {name for step in told.steps for name in step.starts}
    for name, fate in told.fates.items():
        if fate is Fate.RESTARTS and name not in named:
            yield f"{name} was replaced, and no step says when"
    spans = [(step, _ends(after, step, told), _starts(after, step, told)) for step in told.steps]
    for step, ends, starts in spans:
        if starts != sorted(starts):
            yield f"starts were to be in the order {', '.join(step.starts)}, and were at {_times(starts)}"
        if ends and starts and max(ends) > min(starts):
            yield f"a start at {_times([min(starts)])}, before {', '.join(step.kills)} had ended at {_times(ends)}"
        if ends and max(ends) - min(ends) > timedelta(seconds=told.grace_seconds * len(ends)) + slack:
            yield f"{', '.join(step.kills)} took longer to stop than {told.grace_seconds} s each: {_times(ends)}"
    for (_, _, starts), (step, ends, _) in pairwise(spans):
        if ends and starts and max(starts) > min(ends) and not step.of_sizes:  # the kubelet may see both at once
            yield f"a batch began at {_times([min(ends)])}, before the one ahead had started at {_times(starts)}"


def _seen(names: tuple[str, ...], step: Step, told: Prediction) -> Iterator[str]:
    """Those whose last start and end are of this step: what starts again for its size hides the first."""
    return (name for name in names if step.of_sizes or name not in told.again)


def _ends(after: Pod, step: Step, told: Prediction) -> list[datetime]:
    ended = (after.container_status(name) for name in _seen(step.kills, step, told))
    return [
        one.last_state.terminated.finished_at
        for one in ended
        if one is not None and one.last_state.terminated is not None and one.last_state.terminated.finished_at
    ]


def _starts(after: Pod, step: Step, told: Prediction) -> list[datetime]:
    started = (after.container_status(name) for name in _seen(step.starts, step, told))
    return [
        one.state.running.started_at
        for one in started
        if one is not None and one.state.running is not None and one.state.running.started_at
    ]


def _times(times: list[datetime]) -> str:
    return ", ".join(f"{one:%H:%M:%S}" for one in times)
