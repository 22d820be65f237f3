"""The EndpointSlice controller: one slice for each Service with a selector (staging endpointslice, podToEndpoint).

An unready Pod stays in its slice with `ready` and `serving` false; `publishNotReadyAddresses` keeps `ready` true.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from inplace.kube import resource as resources
from inplace.kube.errors import AlreadyExists, NotFound
from kubesim.controllers.base import Controller, is_deleting, is_ready, itself, reference_to
from kubesim.controllers.informers import Informers, Key, Tree
from kubesim.objects import is_over

MANAGER: Final = "endpointslice-controller.k8s.io"
_SERVICE: Final = "kubernetes.io/service-name"
_MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"


class EndpointSliceController(Controller):
    """The slices of all Services."""

    name = "endpointslice"

    def __init__(self, informers: Informers) -> None:
        super().__init__(informers)
        self._services = self.watch(resources.SERVICES, itself)
        self._pods = self.watch(resources.PODS, self._of_pod)
        self._slices = self.watch(resources.ENDPOINTSLICES, _of_slice)

    async def sync(self, key: Key) -> None:
        """Write the slice of one Service."""
        service = self._services.get(*key)
        if service is None or not service["spec"].get("selector"):
            return
        wanted = _slice(service, [pod for pod in self._pods.values() if _selects(service, pod)])
        name, namespace = wanted["metadata"]["name"], key[0]
        found = self._slices.get(namespace, name)
        if found is None:
            try:
                await self.client.create(resources.ENDPOINTSLICES, namespace, wanted, type=dict)
            except AlreadyExists:
                return
        elif found.get("endpoints") != wanted["endpoints"] or found.get("ports") != wanted["ports"]:
            body = {**found, "endpoints": wanted["endpoints"], "ports": wanted["ports"]}
            try:
                await self.client.replace(resources.ENDPOINTSLICES, name, namespace, body, type=dict)
            except NotFound:
                return

    def _of_pod(self, pod: Tree) -> Iterable[Key]:
        for service in self._services.values():
            if _selects(service, pod):
                yield service["metadata"]["namespace"], service["metadata"]["name"]


def _of_slice(obj: Tree) -> Iterable[Key]:
    service = (obj["metadata"].get("labels") or {}).get(_SERVICE)
    if service:
        yield obj["metadata"]["namespace"], service


def _selects(service: Tree, pod: Tree) -> bool:
    selector, labels = service["spec"].get("selector") or {}, pod["metadata"].get("labels") or {}
    near = service["metadata"]["namespace"] == pod["metadata"]["namespace"]
    return bool(near and selector and all(labels.get(key) == value for key, value in selector.items()))


def _slice(service: Tree, pods: list[Tree]) -> Tree:
    meta, spec = service["metadata"], service["spec"]
    always = bool(spec.get("publishNotReadyAddresses"))
    ports = [
        {"name": port.get("name", ""), "port": _port(port), "protocol": port.get("protocol", "TCP")}
        for port in spec.get("ports") or ()
    ]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{meta['name']}-0",
            "namespace": meta["namespace"],
            "labels": {_SERVICE: meta["name"], _MANAGED_BY: MANAGER},
            "ownerReferences": [reference_to(service, "v1", "Service")],
        },
        "addressType": "IPv4",
        "endpoints": [_endpoint(pod, always=always) for pod in pods if _has_address(pod)],
        "ports": ports,
    }


def _port(port: Tree) -> Any:
    target = port.get("targetPort")
    return target if isinstance(target, int) else port["port"]


def _has_address(pod: Tree) -> bool:
    return bool((pod.get("status") or {}).get("podIP")) and not is_over(pod)


def _endpoint(pod: Tree, *, always: bool) -> Tree:
    meta, serving, terminating = pod["metadata"], is_ready(pod), is_deleting(pod)
    target = {"kind": "Pod", "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]}
    ready = always or (serving and not terminating)
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "nodeName": pod["spec"].get("nodeName", ""),
        "targetRef": target,
    }
