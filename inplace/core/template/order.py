"""The order in which the containers of a Pod restart: the setting `container-order`, else Kruise's launch priorities.

Templates that were written for OpenKruise say by the same keys in which order containers start and are upgraded
(`KRUISE_CONTAINER_PRIORITY` in a container's env, `apps.kruise.io/container-launch-priority: Ordered` on the Pod). Only
the order of an upgrade is taken from them: when a Pod is created its kubelet starts what it wants.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from inplace.core.objects import names
from inplace.core.objects.model import Tree
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.template import chosen, trees
from inplace.core.template.change import PodChange

Order = tuple[tuple[str, ...], ...]
PRIORITY: Final = "KRUISE_CONTAINER_PRIORITY"
LAUNCH_PRIORITY: Final = "apps.kruise.io/container-launch-priority"
#: As Kruise's webhook takes it: an int.
_INTEGER: Final = re.compile(r"[-+]?\d{1,9}", re.ASCII)
PATH: Final = f"metadata.annotations[{names.PREFIX}container-order]"


def of(template: Tree, given: Order) -> Order:
    """The batches of container names, the first first; empty if nobody gives an order."""
    return given or _of_kruise(template)


def note(change: PodChange) -> Iterator[Reason]:
    """The order in words, if this change has more than one batch."""
    batches = change.batches
    if len(batches) > 1:
        words = ", then ".join(" and ".join(batch) for batch in batches)
        why = f"the containers restart in batches, each when the one before is swapped and ready: {words}"
        yield Reason(ReasonCode.ContainerOrder, PATH if change.order else chosen.PATH, why)


def _of_kruise(template: Tree) -> Order:
    containers = trees.containers(template)
    if trees.annotations(template).get(LAUNCH_PRIORITY) == "Ordered":
        return tuple((name,) for name in containers)
    priorities = {name: _priority(container) for name, container in containers.items()}
    if None in priorities.values():
        return ()  # Kruise refuses such a Pod
    levels = sorted({level for level in priorities.values() if level is not None}, reverse=True)
    if len(levels) < 2:
        return ()
    return tuple(tuple(name for name, own in priorities.items() if own == level) for level in levels)


def _priority(container: Tree) -> int | None:
    """The launch priority: 0 by default; None if it is no integer."""
    given = [one.get("value") for one in trees.items(container.get("env")) if one.get("name") == PRIORITY]
    if not given:
        return 0
    text = str(given[-1] or "")
    return int(text) if _INTEGER.fullmatch(text) else None
