"""What must hold of every upgrade, whatever happened meanwhile, judged by what a watch saw
(docs/design/protocol.md, "Invariants").

Containers and conditions are the kubelet's, images and labels the API server's: nothing here believes our own records.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable

from inplace.core.objects import names
from inplace.core.objects.model import Pod
from tests.scenarios.history import History, Seen


def check(history: History, *, replicas: int, budget: int, since: float = 0.0, gaps: bool = False) -> None:
    """I1, I2, I4, I5, and no container restarted without a change of its image.

    `gaps`: the watch was cut, so states may be missing between two that follow each other. I2 cannot be judged then,
    nor anything within the list that ends the outage.
    """
    worst = history.most_unready(replicas, since, gaps=gaps)
    assert worst <= budget, f"{worst} Pods were unready at once, the budget is {budget}"
    for states in _lives(history):
        if not gaps:
            _swapped_only_when_unready(states)
        _restarted_only_for_an_image(states)
        _labels_tell_the_truth(states)
        last = states[-1]
        assert last.gone or _gate(last.pod) in {None, "True"}, f"{last.pod.name} was left with its gate closed"


def _lives(history: History) -> Iterable[list[Seen]]:
    """The states of each Pod, one list per uid."""
    lives: dict[str, list[Seen]] = defaultdict(list)
    for one in history.seen:
        lives[one.pod.uid].append(one)
    return lives.values()


def _swapped_only_when_unready(states: list[Seen]) -> None:
    """I2: with a gate, an image changes only on a Pod that was seen unready."""
    for before, after in itertools.pairwise(states):
        if _images(before.pod) != _images(after.pod) and _gate(before.pod) is not None:
            assert not before.pod.ready, f"{after.pod.name}: images changed while the Pod was Ready"
            assert _gate(before.pod) == "False", f"{after.pod.name}: images changed with the gate open"


def _restarted_only_for_an_image(states: list[Seen]) -> None:
    """I3, seen from outside: as many new containers as changes of the image, at most."""
    for container in states[-1].pod.spec.containers:
        images = _distinct(_images(one.pod).get(container.name, "") for one in states)
        ids = _distinct(s.container_id for one in states if (s := one.pod.container_status(container.name)))
        made = len([one for one in ids if one])
        where = f"{states[-1].pod.name}, container {container.name}"
        assert made <= len(images), f"{where}: {made} containers for the images {images}"


def _labels_tell_the_truth(states: list[Seen]) -> None:
    """I5: the revision label changes only after the containers whose image changed are others, and run."""
    label, ids = states[0].pod.metadata.label(names.REVISION_LABEL), _ids(states[0].pod)
    images = _images(states[0].pod)
    for one in states[1:]:
        now = one.pod.metadata.label(names.REVISION_LABEL)
        if now != label:
            for name in {key for key, image in _images(one.pod).items() if images.get(key) != image}:
                assert _ids(one.pod).get(name) != ids.get(name), f"{one.pod.name}: labelled {now} with the old {name}"
            label, ids, images = now, _ids(one.pod), _images(one.pod)


def _gate(pod: Pod) -> str | None:
    found = pod.condition(names.GATE)
    return found.status if found is not None else None


def _images(pod: Pod) -> dict[str, str]:
    return {one.name: one.image for one in pod.spec.containers}


def _ids(pod: Pod) -> dict[str, str]:
    return {one.name: one.container_id for one in pod.status.container_statuses}


def _distinct(values: Iterable[str]) -> list[str]:
    """Values without repetition of the one before."""
    found: list[str] = []
    for one in values:
        if not found or found[-1] != one:
            found.append(one)
    return found
