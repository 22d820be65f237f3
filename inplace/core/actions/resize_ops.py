"""New sizes as JSON patch operations for `pods/resize`, which changes nothing else of a Pod."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from inplace.core.objects.model import Container, Pod
from inplace.core.template.change import Size

Op = dict[str, Any]


def of(pod: Pod, sizes: Mapping[str, Size]) -> list[Op]:
    """Tests the name of each container, and that what is replaced is still what was read."""
    found = (("containers", pod.spec.containers), ("initContainers", pod.spec.init_containers))
    return [
        op
        for family, containers in found
        for index, container in enumerate(containers)
        if container.name in sizes
        for op in _of_container(f"/spec/{family}/{index}", container, sizes[container.name])
    ]


def _of_container(path: str, container: Container, size: Size) -> Iterator[Op]:
    yield {"op": "test", "path": f"{path}/name", "value": container.name}
    for side, amounts in size.items():
        current = container.resources.limits if side == "limits" else container.resources.requests
        where = f"{path}/resources/{side}"
        yield {"op": "test", "path": where, "value": current or None}
        yield {"op": "add", "path": where, "value": {**current, **amounts}}
