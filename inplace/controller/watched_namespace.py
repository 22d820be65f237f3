"""Says if the namespace of --watch-namespace does not exist: the API server lists nothing there, which is no error."""

from __future__ import annotations

from typing import Any, Final

from inplace.core.objects import names
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.errors import Denied, KubeError, NotFound
from inplace.runtime.observe import Observer

#: Seconds between two looks at a namespace that does not exist, or cannot be looked at.
PERIOD: Final = 60.0


class WatchedNamespace:
    """Looks until the namespace exists. Run it as a part.

    The controller has no right to read namespaces, and needs none: a dry run of an Event, which it may create, is
    answered by "not found". `reads_only`: it may not create any; then whoever runs it may read the namespace.
    """

    def __init__(self, client: Client, observer: Observer, namespace: str, *, reads_only: bool) -> None:
        self._client = client
        self._observer = observer
        self._namespace = namespace
        self._reads_only = reads_only

    async def run(self) -> None:
        """Say that it is missing, once; and that it is there, if the former was said."""
        said, about = False, {"kind": resources.NAMESPACES.kind, "name": self._namespace}
        while (exists := await self._exists()) is not True:
            if exists is False and not said:
                said = True
                why = "the namespace of --watch-namespace does not exist: nothing is upgraded until somebody creates it"
                self._observer.event("namespace.missing", level="error", **about, message=why)
            await self._client.clock.sleep(PERIOD)
        if said:
            self._observer.event("namespace.found", level="info", **about)

    async def _exists(self) -> bool | None:
        """Whether it exists; None if that cannot be known."""
        for look in (self._read,) if self._reads_only else (self._try_event, self._read):
            try:
                await look()
            except NotFound:
                return False
            except Denied:
                continue
            except KubeError:
                return None
            return True
        return None

    async def _read(self) -> None:
        await self._client.get(resources.NAMESPACES, self._namespace, type=dict)

    async def _try_event(self) -> None:
        body: dict[str, Any] = {
            "metadata": {"name": "inplace-dry-run", "namespace": self._namespace},
            "involvedObject": {
                "kind": resources.NAMESPACES.kind,
                "name": self._namespace,
                "namespace": self._namespace,
            },
            "type": "Normal",
            # As the policies want it of our account (manifests/policies/validating/fence.yaml).
            "source": {"component": names.CONTROLLER_NAME},
            "reportingComponent": names.CONTROLLER_NAME,
        }
        await self._client.create(resources.EVENTS, self._namespace, body, type=dict, dry_run=True)
