"""An object without what may be secret, for people outside: values go, names stay, so that a change can still be told.

What may be secret is everything that a container is given to run with: env, arguments, commands, headers, the requests
of probes and hooks, options of volumes, annotations that are not ours; and what it has left behind, its last words.
Images, names, sizes and the rest of statuses stay.
"""

from __future__ import annotations

from typing import Any, Final

from inplace.core.objects import names
from inplace.core.settings.annotations import is_known

#: Fields whose text, or whose values, are hidden wherever they stand.
_TEXTS: Final = frozenset({"value", "password", "token", "user", "keyring", "secretFile"})
_LISTS: Final = frozenset({"command", "args"})
_MAPS: Final = frozenset({"volumeAttributes", "options"})
#: Annotations whose values are kept: ours, and those that Kubernetes' own controllers go by.
_KEPT: Final = ("deployment.kubernetes.io/", "deprecated.daemonset.", names.RESTARTED_AT, names.RESTART)
#: Why a container waits, where the kubelet says it in words of what the container was to run.
_QUOTING: Final = frozenset({"PostStartHookError", "RunContainerError", "CreateContainerError"})
#: Annotations of ours that hold whole templates.
_WHOLE: Final = frozenset({names.TEMPLATES})


def redacted(tree: Any) -> Any:
    """A copy without the values, and without managedFields."""
    if isinstance(tree, list):
        return [redacted(one) for one in tree]
    if not isinstance(tree, dict):
        return tree
    return {key: _field(key, below) for key, below in tree.items() if key != "managedFields"}


def _field(key: str, below: Any) -> Any:
    if key == "annotations" and isinstance(below, dict):
        return {name: text if _is_kept(name) else hidden(text) for name, text in below.items()}
    if key == "httpGet" and isinstance(below, dict):
        return {name: hidden(one) if name in {"host", "path"} else _field(name, one) for name, one in below.items()}
    if isinstance(below, dict) and "message" in below and (key == "terminated" or below.get("reason") in _QUOTING):
        return {**redacted(below), "message": hidden(below["message"])}
    if key in _TEXTS and isinstance(below, str):
        return hidden(below)
    if key in _LISTS and isinstance(below, list):
        return [hidden(one) for one in below]
    if key in _MAPS and isinstance(below, dict):
        return {name: hidden(one) for name, one in below.items()}
    return redacted(below)


def _is_kept(name: str) -> bool:
    return (name.startswith(_KEPT) or is_known(name)) and name not in _WHOLE


def hidden(value: object) -> str:
    """What stands in the place of a value."""
    return f"<redacted: {len(str(value))} characters>"
