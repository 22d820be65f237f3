"""What a Pod may be and how it may change (pkg/apis/core/validation, pkg/registry/core/pod/strategy.go).

Pure: trees in, causes out. Does not depend on the user.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from kubesim.api.failure import Cause, duplicate, forbidden_value, invalid_value, required, unsupported
from kubesim.api.kinds import Tree
from kubesim.api.rules import names, whole

IMMUTABLE: Final = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_LISTS: Final = ("initContainers", "containers")
_MIRROR: Final = "kubernetes.io/config.mirror"
_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
_RESIZED: Final = ("cpu", "memory")


# --- creation -------------------------------------------------------------------------------------------------------


def validate_spec(spec: Tree, where: str = "spec", policies: tuple[str, ...] = ()) -> Iterator[Cause]:
    """A Pod's spec, or a template's; `policies` are the restart policies that are accepted."""
    if not spec.get("containers"):
        yield required(f"{where}.containers")
    seen: set[str] = set()
    for field in _LISTS:
        for n, one in enumerate(spec.get(field) or ()):
            yield from _validate_container(one, f"{where}.{field}[{n}]", seen)
    yield from whole.validate(spec)
    if spec.get("nodeName") and spec.get("schedulingGates"):
        why = "cannot be set until all schedulingGates have been cleared"
        yield forbidden_value(f"{where}.nodeName", why)
    policy = spec.get("restartPolicy", "")
    accepted = policies or ("Always", "OnFailure", "Never")
    if policy not in accepted:
        yield unsupported(f"{where}.restartPolicy", policy, accepted)


def _validate_container(obj: Tree, where: str, seen: set[str]) -> Iterator[Cause]:
    name = obj.get("name", "")
    if not name:
        yield required(f"{where}.name")
    else:
        yield from (invalid_value(f"{where}.name", name, text) for text in names.dns_label(name))
    if name in seen:
        yield duplicate(f"{where}.name", name)
    seen.add(name)
    yield from _validate_image(obj, where)


def _validate_image(obj: Tree, where: str) -> Iterator[Cause]:
    image = obj.get("image") or ""
    if not image:
        yield required(f"{where}.image")
    elif image != image.strip():
        yield invalid_value(f"{where}.image", image, "must not have leading or trailing whitespace")


def validate_annotations(meta: Tree, old: Tree | None = None) -> Iterator[Cause]:
    """The annotations that the server itself reads."""
    found = meta.get("annotations") or {}
    cost = found.get(_COST)
    if cost is not None and not _is_int32(cost):
        yield invalid_value(f"metadata.annotations[{_COST}]", cost, "must be a 32bit integer")
    if old is not None and _MIRROR in found and _MIRROR not in (old.get("annotations") or {}):
        where = f"metadata.annotations[{_MIRROR}]"
        yield invalid_value(where, found[_MIRROR], "must set spec.nodeName if mirror pod annotation is set")
        yield forbidden_value(where, "may not add mirror pod annotation")


def _is_int32(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isdecimal() and (digits == "0" or digits[0] != "0") and -(2**31) <= int(text) < 2**31


# --- changes --------------------------------------------------------------------------------------------------------


def validate_update(old: Tree, new: Tree) -> Iterator[Cause]:
    """ValidatePodUpdate."""
    was, now = old["spec"], new["spec"]
    lengths = [field for field in _LISTS if len(was.get(field) or ()) != len(now.get(field) or ())]
    for field in lengths:
        yield forbidden_value(f"spec.{field}", "pod updates may not add or remove containers")
    if lengths:
        return
    for field in _LISTS:
        for n, one in enumerate(now.get(field) or ()):
            yield from _validate_image(one, f"spec.{field}[{n}]")
    yield from _validate_deadline(was.get("activeDeadlineSeconds"), now.get("activeDeadlineSeconds"))
    yield from _validate_tolerations(was.get("tolerations") or [], now.get("tolerations") or [])
    if _fixed(was, was) != _fixed(now, was):
        yield forbidden_value("spec", IMMUTABLE)


def _fixed(spec: Tree, old: Tree) -> Tree:
    """A spec with what may change taken out."""
    kept = {key: value for key, value in spec.items() if key not in {"activeDeadlineSeconds", "tolerations"}}
    for field in _LISTS:
        kept[field] = [{**one, "image": ""} for one in spec.get(field) or ()]
    if (old.get("terminationGracePeriodSeconds") or 0) < 0 and spec.get("terminationGracePeriodSeconds") == 1:
        kept["terminationGracePeriodSeconds"] = old["terminationGracePeriodSeconds"]
    gates, before = spec.get("schedulingGates") or [], old.get("schedulingGates") or []
    kept["schedulingGates"] = before if all(gate in before for gate in gates) else gates  # they may only go
    return {key: value for key, value in kept.items() if key != "schedulingGates" or value}


def _validate_deadline(old: int | None, new: int | None) -> Iterator[Cause]:
    where = "spec.activeDeadlineSeconds"
    if old is not None and new is None:
        yield invalid_value(where, None, "must not update from a positive integer to nil value")
    elif old is not None and new is not None and new > old:
        yield invalid_value(where, new, "must be less than or equal to previous value")


def _validate_tolerations(old: list[Tree], new: list[Tree]) -> Iterator[Cause]:
    def essence(obj: Tree) -> Tree:
        return {key: value for key, value in obj.items() if key != "tolerationSeconds"}

    kept = [essence(one) for one in new]
    if any(essence(one) not in kept for one in old):
        yield forbidden_value(
            "spec.tolerations", "existing toleration can not be modified except its tolerationSeconds"
        )


def prepared_status(old: Tree, new: Tree) -> Tree:
    """`pods/status` changes status and metadata, and cannot take observedGeneration away."""
    status = dict(new.get("status") or {})
    before = old.get("status") or {}
    for field in ("observedGeneration", "qosClass"):
        if field not in status and field in before:
            status[field] = before[field]
    if "conditions" in status:
        status["conditions"] = [
            {"lastProbeTime": None, "lastTransitionTime": None} | condition for condition in status["conditions"]
        ]
    for field in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
        if field in status:
            status[field] = [_status(statu) for statu in status[field] or ()]
    meta = {**new["metadata"]}
    if "ownerReferences" in old["metadata"]:
        meta["ownerReferences"] = old["metadata"]["ownerReferences"]
    else:
        meta.pop("ownerReferences", None)
    return {**new, "metadata": meta, "spec": old["spec"], "status": status}


def _status(obj: Tree) -> Tree:
    """What Go writes of a ContainerStatus even when it is empty."""
    empty: Tree = {"state": {}, "lastState": {}, "ready": False, "restartCount": 0, "image": "", "imageID": ""}
    return {**empty, **obj}


def validate_status(old: Tree, new: Tree) -> Iterator[Cause]:
    """ValidatePodStatusUpdate."""
    for n, one in enumerate(new["status"].get("conditions") or ()):
        for text in names.qualified_name(one.get("type", "")):
            yield invalid_value(f"status.conditions[{n}].Type", one.get("type", ""), text)
    quality = new["status"].get("qosClass")
    if quality != old["status"].get("qosClass"):
        yield invalid_value("status.qosClass", quality, "field is immutable")


# --- resources ------------------------------------------------------------------------------------------------------


def resized(old: Tree, new: Tree) -> Tree:
    """`pods/resize` changes the resources of containers, and of the Pod, and drops everything else."""
    spec = {key: value for key, value in old["spec"].items() if key != "resources"}
    if "resources" in new["spec"]:
        spec["resources"] = new["spec"]["resources"]
    for field in _LISTS:
        wanted = {one.get("name"): one.get("resources") or {} for one in new["spec"].get(field) or ()}
        if field in spec:
            spec[field] = [
                {**one, "resources": wanted.get(one["name"], one.get("resources") or {})} for one in spec[field]
            ]
    return {**old, "spec": spec}


def validate_resize(old: Tree, new: Tree) -> Iterator[Cause]:
    """ValidatePodResize, and the room of no node: that is the kubelet's, or an admission plugin's."""
    before, after = quality(old["spec"]), quality(new["spec"])
    if before != after:
        text = "Pod QOS Class may not change as a result of resizing"
        yield invalid_value("spec", before, text)
    found = (old.get("status") or {}).get("containerStatuses") or ()
    if any("running" in one.get("state", {}) and "resources" not in one for one in found):
        yield forbidden_value("spec", "Pod running on node without support for resize")
    yield from whole.validate(new["spec"])
    yield from whole.validate_resize(old["spec"], new["spec"])
    for field in _LISTS:
        for n, (was, now) in enumerate(zip(old["spec"].get(field) or (), new["spec"].get(field) or (), strict=True)):
            yield from _validate_resized(was, now, f"spec.{field}[{n}].resources")


def _validate_resized(was: Tree, now: Tree, where: str) -> Iterator[Cause]:
    before, after = was.get("resources") or {}, now.get("resources") or {}
    if before.get("claims") != after.get("claims"):
        yield forbidden_value("spec", "only cpu and memory resources are mutable")
    for side in ("requests", "limits"):
        old, new = before.get(side) or {}, after.get(side) or {}
        if set(old) - set(new):
            yield forbidden_value(f"{where}.{side}", f"resource {side} cannot be removed")
        if any(old.get(name) != new.get(name) for name in {*old, *new} if name not in _RESIZED):
            yield forbidden_value("spec", "only cpu and memory resources are mutable")


def quality(spec: Tree) -> str:
    """The QoS class (pkg/apis/core/v1/helper/qos)."""
    every = [one.get("resources") or {} for field in _LISTS for one in spec.get(field) or ()]
    if spec.get("resources"):
        every = [spec["resources"]]
    named = [_counted(one.get(side)) for one in every for side in ("limits", "requests")]
    if not any(named):
        return "BestEffort"
    equal = all(
        _counted(one.get("limits")) == (_counted(one.get("requests")) or _counted(one.get("limits"))) for one in every
    )
    full = all(set(_counted(one.get("limits"))) == set(_RESIZED) for one in every)
    return "Guaranteed" if equal and full else "Burstable"


def _counted(amounts: Any) -> Tree:
    return {key: value for key, value in (amounts or {}).items() if key in _RESIZED and str(value) != "0"}
