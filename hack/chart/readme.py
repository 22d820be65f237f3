"""The chart's README: what to do, and the table of its values."""

from __future__ import annotations

import json
from typing import Any

from hack.chart.values import INSTEAD, VALUES, Value

TEXT = """# The chart of inplace

Made by `python -m hack.chart` from `manifests/`: with the same choices Helm installs what kustomize installs.
Kubernetes 1.33 and newer; no hooks, no custom resources, nothing that is looked up in the cluster.

```
helm install inplace charts/inplace --namespace inplace-system --create-namespace --wait \\
  --set image.repository=HOST/inplace --set image.tag=TAG
```
There is no published image yet: `make image PUSH=HOST/inplace:TAG` builds one. Any namespace and any release name will
do. The namespace may enforce the Pod Security Standard `restricted`:
`kubectl label namespace inplace-system pod-security.kubernetes.io/enforce=restricted`.

| to get | kustomize, in `manifests` | values |
|---|---|---|
| a controller for the whole cluster | `.` | none |
| with a standby | `overlays/ha` | `replicaCount: 2` |
| with all policies (Kubernetes 1.36) | `overlays/policies` | `policies.enabled: true`, `policies.gate: true` |
| with monitoring | `overlays/monitoring` | `monitoring.….enabled: true`, for each of the three |
| with policies before 1.36 | `policies/validating` | `policies.enabled: true`, `policies.mutating: false` |
| a controller for one namespace | `overlays/namespaced` | `namespaced: true` |

In one namespace it has the release's. Several such releases stand side by side: what they have outside of namespaces
has the namespace in its name. Of those for the whole cluster there can be one only.

## Releases whose workloads are upgraded in place

Opt a workload in as ever, or with the label `inplace.dev/mode` in its own chart. Then `helm upgrade` changes the image,
and with the policies (`policies.enabled`, Kubernetes 1.36):

- `--wait` ends when the upgrade has ended, for StatefulSets and DaemonSets. A bad image ends it as failed as soon as
  the controller has given up, and `helm rollback --wait` waits in the same way.
- Not for Deployments: Helm does not wait for one that is paused, and the freeze of a Deployment is a pause. Let
  `inplace status deployment/NAME` wait after it; its exit code says how the upgrade ended.
- Server-side apply without force, which Helm 4 does, meets no conflict, whatever strategy the chart renders. After the
  opt-out nothing is left that could conflict.

Without them an upgrade of a chart that renders an update strategy fails with `conflict with "inplace"`, and no Pod is
replaced; one that renders none is made in place, and `--wait` ends too early for a StatefulSet.

## Upgrade and uninstall

`helm upgrade` replaces the controller's Pods one by one; workloads wait meanwhile as they stand.

Before `helm uninstall`, in this order, so that nothing stays frozen, and no Pod is born with a gate that nobody serves:
```
kubectl get statefulsets,daemonsets,deployments,replicasets -A -l inplace.dev/mode
inplace disable TYPE/NAME -n NAMESPACE     # each of those
```
Then take the readiness gate `InPlaceUpdateReady` out of the Pod templates that have it, with the command that
`inplace disable` prints: the native rollout replaces the Pods one last time (docs/how-to/uninstall.md). After that:
```
helm uninstall inplace -n inplace-system --wait
```
The controller's Lease stays, `inplace-controller`: delete it, or the namespace. A server of 1.36 does not give the gate
to Pods again after a new installation until it is restarted (`manifests/policies/gate.yaml` says why).

## Values

Any other name is an error, and so is a value of another kind. Helm's message names it.

| value | default | meaning |
|---|---|---|
"""


def page(defaults: dict[str, Any]) -> str:
    """The whole text."""
    return TEXT + "".join(_row(one, defaults[one.path]) for one in VALUES)


def _row(value: Value, default: Any) -> str:
    shown = "as the manifests have it" if value.meaning.endswith(INSTEAD) else f"`{json.dumps(default)}`"
    words = [f"`{word}`" for word in value.schema.get("enum", ()) if word]
    accepted = f" {', '.join(words[:-1])} or {words[-1]}." if words else ""
    return f"| `{value.path}` | {shown} | {value.meaning}{accepted} |\n"
