"""The log of a container: what its image would say at its start, once for each start.

The words of refusals are those of the real API server (registry/core/pod/strategy.go) and kubelet (kubelet_pods.go).
"""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.api import failure
from kubesim.api.kinds import Tree


def of(pod: Tree, query: Mapping[str, str]) -> bytes:
    """The log that the query names. Raises Failure: no such container, or none that has run."""
    name, pod_name = query.get("container", ""), pod["metadata"]["name"]
    containers = [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]
    if name not in {one["name"] for one in containers}:
        raise failure.bad_request(f"container {name} is not valid for pod {pod_name}")
    status = pod.get("status") or {}
    statuses = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    found = next((one for one in statuses if one["name"] == name), None)
    where = f'container "{name}" in pod "{pod_name}"'
    if query.get("previous") == "true":
        ended = ((found or {}).get("lastState") or {}).get("terminated")
        if ended is None:
            raise failure.bad_request(f"previous terminated {where} not found")
        return f"start {found['restartCount'] - 1 if found else 0} of {name}\n".encode()
    state = (found or {}).get("state") or {}
    if "waiting" in state and not (found or {}).get("containerID"):
        raise failure.bad_request(f"{where} is waiting to start: {state['waiting'].get('reason')}")
    return f"start {found['restartCount'] if found else 0} of {name}: {found['image'] if found else ''}\n".encode()
