"""The values of the chart: what each means, what it accepts, and its default. values.yaml, the schema and the table in
the chart's README are made from this list.
"""

from __future__ import annotations

from typing import Any, NamedTuple

#: The default is what the manifests have at the place of the value (hack/chart/places.py).
AS_SHIPPED: Any = object()

STRING = {"type": "string"}
SWITCH = {"type": "boolean"}
TEXTS = {"type": "object", "additionalProperties": STRING}
#: Part of a Kubernetes type: the API server knows its fields better than a copy of them here would.
CHECKED_BY_SERVER = {"type": "object", "additionalProperties": True}
QUANTITY = {"type": ["string", "number"]}
CAP = {"type": ["integer", "null"], "minimum": 1}


def closed(**properties: dict[str, Any]) -> dict[str, Any]:
    """An object with these keys and no others."""
    return {"type": "object", "additionalProperties": False, "properties": properties}


def listed(items: dict[str, Any]) -> dict[str, Any]:
    """A list."""
    return {"type": "array", "items": items}


def one_of(*words: str) -> dict[str, Any]:
    """One of these words."""
    return {"type": "string", "enum": list(words)}


#: Of a value that is empty, and then leaves what the manifests have.
INSTEAD = ", instead of what the template has."
QUANTITIES = {"type": "object", "additionalProperties": QUANTITY}
RESOURCES = closed(limits=QUANTITIES, requests=QUANTITIES)
TOLERATION = closed(
    key=STRING,
    operator=one_of("Exists", "Equal", "Lt", "Gt"),
    value=STRING,
    effect=one_of("NoSchedule", "PreferNoSchedule", "NoExecute"),
    tolerationSeconds={"type": "integer"},
)
AFFINITY = closed(nodeAffinity=CHECKED_BY_SERVER, podAffinity=CHECKED_BY_SERVER, podAntiAffinity=CHECKED_BY_SERVER)
ENVIRONMENT = {**closed(name=STRING, value=STRING, valueFrom=CHECKED_BY_SERVER), "required": ["name"]}


class Value(NamedTuple):
    """One leaf of values.yaml; its path has dots."""

    path: str
    meaning: str
    schema: dict[str, Any]
    default: Any = AS_SHIPPED


VALUES = (
    Value("fullnameOverride", "Name of all objects, instead of one made from the release's.", STRING, ""),
    Value("commonLabels", "Labels for every object.", TEXTS, {}),
    Value(
        "namespaced", "Watch the release's namespace only, with rights in it alone, and to read nodes.", SWITCH, False
    ),
    Value(
        "replicaCount",
        "Replicas. One leads, the others are ready to. From 2 on they keep apart and have a PodDisruptionBudget.",
        {"type": "integer", "minimum": 0},
    ),
    Value("image.repository", "The controller's image, without tag.", {**STRING, "minLength": 1}),
    Value("image.tag", "Its tag; empty for the chart's appVersion.", STRING, ""),
    Value(
        "image.digest",
        "Its digest, instead of a tag.",
        {**STRING, "pattern": "^(sha256:[0-9a-f]{64})?$"},
        "",
    ),
    Value(
        "image.pullPolicy",
        "When the kubelet pulls it; empty for Kubernetes' default.",
        one_of("", "Always", "IfNotPresent", "Never"),
        "",
    ),
    Value(
        "imagePullSecrets",
        "Secrets for the image's registry, as `- name: NAME`.",
        listed({**closed(name={**STRING, "minLength": 1}), "required": ["name"]}),
        [],
    ),
    Value("logLevel", "The least important messages in the log.", one_of("debug", "info", "warning", "error"), "info"),
    Value("maxDisrupted", "At most so many Pods out of service at once, in all workloads together.", CAP, None),
    Value("maxDisruptedPerNamespace", "The same for each namespace.", CAP, None),
    Value("extraArgs", "More arguments for `inplace run`.", listed(STRING), []),
    Value("extraEnv", "More environment variables for the controller.", listed(ENVIRONMENT), []),
    Value("serviceAccount.create", "Make the ServiceAccount.", SWITCH, True),
    Value("serviceAccount.name", "Its name; empty for that of the other objects.", STRING, ""),
    Value("serviceAccount.annotations", "Its annotations.", TEXTS, {}),
    Value("rbac.create", "Make the roles and their bindings.", SWITCH, True),
    Value(
        "rbac.prePull",
        "The right to make the Pods that pull images ahead. Without it set inplace.dev/pre-pull: Never on workloads.",
        SWITCH,
        True,
    ),
    Value("rbac.userRoles", "Roles for people, which are bound to nobody. None with namespaced.", SWITCH, True),
    Value("podDisruptionBudget.enabled", "A PodDisruptionBudget, if there are several replicas.", SWITCH, True),
    Value("networkPolicy.enabled", "Let nothing in but scrapes of metrics, and probes.", SWITCH, True),
    Value("flowSchema.enabled", "Keep the Lease if others flood the API server. None with namespaced.", SWITCH, True),
    Value("priorityClass.create", "Make a priority class for the Pods. None with namespaced.", SWITCH, True),
    Value(
        "policies.enabled",
        "Admission policies that keep the freeze, check settings and fence the controller's account.",
        SWITCH,
        False,
    ),
    Value("policies.mutating", "Those that change writes too, which need Kubernetes 1.36.", SWITCH, True),
    Value(
        "policies.gate",
        "Give new Pods of opted-in workloads the readiness gate. Opt them all out before you uninstall.",
        SWITCH,
        False,
    ),
    Value(
        "policies.unwatched",
        "With namespaced: refuse to opt in where no installation watches. For one release of the cluster.",
        SWITCH,
        False,
    ),
    Value("monitoring.labels", "Labels by which your Prometheus selects, for the two below.", TEXTS, {}),
    Value("monitoring.serviceMonitor.enabled", "A ServiceMonitor, which needs the Prometheus operator.", SWITCH, False),
    Value(
        "monitoring.serviceMonitor.interval",
        "Time between two scrapes.",
        {**STRING, "pattern": "^([0-9]+(ms|s|m|h))+$"},
    ),
    Value("monitoring.prometheusRule.enabled", "The alerts, as a PrometheusRule.", SWITCH, False),
    Value("monitoring.dashboard.enabled", "The dashboard, as a ConfigMap for Grafana's sidecar.", SWITCH, False),
    Value("resources", "Requests and limits of the controller.", RESOURCES),
    Value("podAnnotations", "More annotations for its Pods.", TEXTS, {}),
    Value("podLabels", "More labels for its Pods.", TEXTS, {}),
    Value("podSecurityContext", "securityContext of its Pods.", CHECKED_BY_SERVER),
    Value("securityContext", "securityContext of its container.", CHECKED_BY_SERVER),
    Value("nodeSelector", "Nodes that its Pods may run on.", TEXTS),
    Value("tolerations", f"Taints that its Pods tolerate{INSTEAD}", listed(TOLERATION), []),
    Value("affinity", f"Affinity of its Pods{INSTEAD}", AFFINITY, {}),
    Value("topologySpreadConstraints", f"How its Pods are spread{INSTEAD}", listed(CHECKED_BY_SERVER), []),
    Value("priorityClassName", f"Priority class of its Pods{INSTEAD}", STRING, ""),
)
BY_PATH = {one.path: one for one in VALUES}


def tree(defaults: dict[str, Any]) -> dict[str, Any]:
    """Values by their dotted paths, nested."""
    found: dict[str, Any] = {}
    for path, value in defaults.items():
        *above, last = path.split(".")
        inner = found
        for word in above:
            inner = inner.setdefault(word, {})
        inner[last] = value
    return found
