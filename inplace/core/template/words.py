"""A difference in words, without secrets: what is said reaches statuses, Events, logs and the output of CI.

A value is said only of a field that cannot hold a secret. All others may: args, command, env, HTTP headers, options of
volumes, annotations, and fields that are not known yet.
"""

from __future__ import annotations

from typing import Final

import msgspec

from inplace.core.template import paths
from inplace.core.template.paths import Chosen, Path
from inplace.core.template.trees import Difference

#: The fields whose values are said: images, names of objects, words of closed sets, numbers, paths of mounts.
_SAID: Final = frozenset(
    {
        "image", "imagePullPolicy", "restartPolicy", "name",
        "priority", "priorityClassName", "preemptionPolicy", "runtimeClassName",
        "schedulerName", "serviceAccountName", "serviceAccount", "nodeName",
        "hostname", "subdomain", "setHostnameAsFQDN", "dnsPolicy",
        "hostNetwork", "hostPID", "hostIPC", "hostUsers",
        "shareProcessNamespace", "enableServiceLinks", "automountServiceAccountToken", "activeDeadlineSeconds",
        "terminationGracePeriodSeconds", "terminationMessagePath", "terminationMessagePolicy", "containerPort",
        "hostPort", "protocol", "port", "scheme",
        "initialDelaySeconds", "periodSeconds", "timeoutSeconds", "successThreshold",
        "failureThreshold", "runAsUser", "runAsGroup", "runAsNonRoot",
        "fsGroup", "fsGroupChangePolicy", "privileged", "readOnlyRootFilesystem",
        "allowPrivilegeEscalation", "procMount", "stdin", "stdinOnce",
        "tty", "readOnly", "recursiveReadOnly", "mountPropagation",
        "mountPath", "secretName", "claimName", "medium",
        "sizeLimit", "defaultMode", "mode", "optional",
        "driver", "fsType", "operator", "effect",
        "key", "tolerationSeconds", "topologyKey", "maxSkew",
        "whenUnsatisfiable", "weight", "conditionType",
    }
)  # fmt: skip


def describe(difference: Difference) -> str:
    """The change in words; the value only of a field that cannot hold a secret."""
    path, old, new = difference
    if isinstance(old, list) and isinstance(new, list):  # the keys of what a list holds, in two orders
        before, after = (paths.cut(", ".join(map(str, order)), 120) for order in (old, new))
        return f"reordered from {before} to {after}"
    said = _is_said(path) and all(one is None or isinstance(one, str | int | float) for one in (old, new))
    if old is None or new is None:
        verb, value = ("added", new) if old is None else ("removed", old)
        return f"{verb} ({short(value)})" if said else verb
    return f"changed from {short(old)} to {short(new)}" if said else "the value changed"


def _is_said(path: Path) -> bool:
    match path:
        case (*_, "limits" | "requests" | "overhead", Chosen()):
            return True
        case (*_, str(field)):
            return field in _SAID
    return False


def short(value: object) -> str:
    """A value as text, at most 58 characters of it."""
    text = value if isinstance(value, str) and value else msgspec.json.encode(value).decode()
    return paths.cut(text, 58)
