"""New sizes as JSON patch operations for `pods/resize`, which changes nothing else of a Pod."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from inplace.core.objects.model import WHOLE, Container, Pod, Resources
from inplace.core.template.change import Size

Op = dict[str, Any]


def of(pod: Pod, sizes: Mapping[str, Size]) -> list[Op]:
    """Tests the name of each container, and that what is replaced is still what was read."""
    found = (("containers", pod.spec.containers), ("initContainers", pod.spec.init_containers))
    whole = list(_of_whole(pod.spec.resources, sizes[WHOLE])) if WHOLE in sizes else []
    return whole + [
        op
        for family, containers in found
        for index, container in enumerate(containers)
        if container.name in sizes
        for op in _of_container(f"/spec/{family}/{index}", container, sizes[container.name])
    ]


def _of_container(path: str, container: Container, size: Size) -> Iterator[Op]:
    yield {"op": "test", "path": f"{path}/name", "value": container.name}
    yield from _of_resources(f"{path}/resources", container.resources, size)


def _of_whole(current: Resources | None, size: Size) -> Iterator[Op]:
    """Of the Pod; where it has no such field it gets one."""
    path = "/spec/resources"
    if current is None:
        yield {"op": "test", "path": path, "value": None}
        yield {"op": "add", "path": path, "value": {}}
    yield from _of_resources(path, current or Resources(), size)


def _of_resources(path: str, resources: Resources, size: Size) -> Iterator[Op]:
    for side, amounts in size.items():
        current = resources.limits if side == "limits" else resources.requests
        where = f"{path}/{side}"
        yield {"op": "test", "path": where, "value": current or None}
        yield {"op": "add", "path": where, "value": {**current, **amounts}}
