"""cpu and memory of containers and of Pods as a whole: what a change asks of `pods/resize`, and what that cannot do
(docs/design/protocol.md, "Resize").

The rules are those of the API server (ValidatePodResize) and the kubelet (computePodResizeAction). What depends on the
node (its room, its CPU manager, swap) is the kubelet's answer, and not predicted here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_UP, Decimal
from typing import Final, NamedTuple

from inplace.core.objects.model import WHOLE, Pod, Resources, Tree
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.state.records import Resized
from inplace.core.template import paths, trees
from inplace.core.template.change import ContainerChange, Size
from inplace.core.template.keys import UNDO
from inplace.core.template.paths import Chosen

SIDES: Final = ("requests", "limits")
RESIZED: Final = ("cpu", "memory")
#: Kubelets resize from this minor on (InPlacePodVerticalScaling), lower or add a memory limit without a restart from
#: the next, and resize Pods that have resources of their own beside their containers' two minors later.
SINCE: Final = (1, 33)
LESS_MEMORY_SINCE: Final = (1, 34)
POD_LEVEL_SINCE: Final = (1, 36)

Version = tuple[int, int] | None


def of(container: Tree) -> Size:
    """The cpu and memory of a container of a template, with the server's default: a request as large as its limit."""
    requests, limits = _given(container)
    return {"requests": {**limits, **requests}, "limits": limits}


def whole(template: Tree) -> Size:
    """The cpu and memory of its Pods as a whole, with the server's default: where there are limits, a request is what
    the containers request together, or else as large as its limit (defaultPodRequests)."""
    spec = trees.tree(template.get("spec"))
    requests, limits = _given(spec)
    if trees.tree(trees.tree(spec.get("resources")).get("limits")):
        requests = {**limits, **_together(template), **requests}
    return {"requests": requests, "limits": limits}


def every(template: Tree) -> dict[str, Size]:
    """The sizes of all its containers by name, and of its Pods as a whole."""
    return {**{name: of(one) for name, one in trees.all_containers(template).items()}, WHOLE: whole(template)}


def _given(owner: Tree) -> tuple[dict[str, str], dict[str, str]]:
    """The requests and the limits of cpu and memory that a container, or a spec, names."""
    given = trees.tree(owner.get("resources"))
    requests, limits = (
        {
            name: str(value)
            for name, value in trees.tree(given.get(side)).items()
            if name in RESIZED and value is not None
        }
        for side in SIDES
    )
    return requests, limits


def _together(template: Tree) -> dict[str, str]:
    """What the containers request together: beside one another, or while the init containers run, one by one and each
    with the sidecars before it (AggregateContainerRequests)."""
    total = dict[str, Decimal]()
    for container in trees.containers(template).values():
        total = _plus(total, container)
    sidecars, largest = dict[str, Decimal](), dict[str, Decimal]()
    for container in trees.init_containers(template).values():
        here = _plus(sidecars, container)
        if trees.is_sidecar(container):
            sidecars, total = here, _plus(total, container)
        largest = {name: max(amount, largest.get(name, amount)) for name, amount in {**largest, **here}.items()}
    names = {**total, **largest}
    return {name: _amount(name, max(total.get(name, Decimal(0)), largest.get(name, Decimal(0)))) for name in names}


def _plus(total: Mapping[str, Decimal], container: Tree) -> dict[str, Decimal]:
    found = {name: trees.quantity(amount) for name, amount in of(container)["requests"].items()}
    known = {name: amount for name, amount in found.items() if isinstance(amount, Decimal)}
    return {**total, **{name: total.get(name, Decimal(0)) + amount for name, amount in known.items()}}


def _amount(name: str, value: Decimal) -> str:
    """As people write it: cpu in thousandths, memory with the largest suffix that leaves no fraction."""
    if name == "cpu":
        return f"{int((value * 1000).to_integral_value(ROUND_UP))}m"
    amount = int(value.to_integral_value(ROUND_UP))
    for power, suffix in ((3, "Gi"), (2, "Mi"), (1, "Ki")):
        if amount and not amount % 1024**power:
            return f"{amount // 1024**power}{suffix}"
    return str(amount)


def without(container: Tree) -> Tree:
    """The container, or the spec of a Pod, without its cpu and memory, which are compared here."""
    given = container.get("resources")
    if not isinstance(given, dict):
        return container
    rest = {
        key: {name: value for name, value in below.items() if name not in RESIZED}
        if key in SIDES and isinstance(below, dict)
        else below
        for key, below in given.items()
    }
    return {**container, "resources": rest}


def changed(old: Tree, new: Tree) -> dict[str, ContainerChange]:
    """The resizes that lead from one template to the other, each with the amounts that change."""
    before, found = trees.all_containers(old), dict[str, ContainerChange]()
    for name, container in trees.restartable(new).items():  # those that can be resized, too
        if name in before:
            size = _difference(of(before[name]), of(container))
            if size:
                found[name] = _change(container, size)
    size = _difference(whole(old), whole(new))
    return {**found, WHOLE: ContainerChange(resources=size)} if size else found


def _difference(old: Size, new: Size) -> Size:
    """The amounts of `new` that are not those of `old`, compared as quantities."""
    found = {
        side: {name: amount for name, amount in new[side].items() if not same(old[side].get(name), amount)}
        for side in SIDES
    }
    return {side: amounts for side, amounts in found.items() if amounts}


def same(a: str | None, b: str | None) -> bool:
    """Whether two amounts are one quantity; None: not set."""
    return a == b or (a is not None and b is not None and trees.quantity(a) == trees.quantity(b))


def _change(container: Tree, size: Size) -> ContainerChange:
    """The kubelet restarts a container for the first amount that differs and whose policy says so."""
    touched = {name for amounts in size.values() for name in amounts}
    return ContainerChange(resources=size, resize_restarts=bool(touched & _restarted_for(container)))


def _restarted_for(container: Tree) -> set[str]:
    """The resources for whose change it restarts."""
    policies = trees.items(container.get("resizePolicy"))
    return {str(one.get("resourceName")) for one in policies if one.get("restartPolicy") == "RestartContainer"}


# --- refusals --------------------------------------------------------------------------------------------------------


def refuse(old: Tree, new: Tree, resizes: Mapping[str, ContainerChange], kubelet: Version) -> Iterator[Reason]:
    """Every reason why these resizes cannot be made, before anything is written."""
    for field, read in (("containers", trees.containers), ("initContainers", trees.init_containers)):
        before = read(old)
        for name, container in read(new).items():
            if name in before:
                path = ("spec", field, Chosen(name), "resources")
                yield from _refuse_container(path, before[name], container, resizes.get(name), kubelet)
    yield from _refuse_removed(("spec", "resources"), whole(old), whole(new))
    if WHOLE in resizes:
        yield from _refuse_whole(old, new, resizes)
    if resizes:
        yield from _refuse_pod(old, new, kubelet)


def _refuse_container(
    path: paths.Path, old: Tree, new: Tree, change: ContainerChange | None, kubelet: Version
) -> Iterator[Reason]:
    was, now = of(old), of(new)
    yield from _refuse_removed(path, was, now)
    differs = _difference(was, now)
    if change is None and differs:
        side, name = next((side, name) for side, amounts in differs.items() for name in amounts)
        yield _refused((*path, side, Chosen(name)), "an init container that has run is not resized")
    limit = differs.get("limits", {}).get("memory")
    if limit is None or change is None or change.resize_restarts or kubelet is None or kubelet >= LESS_MEMORY_SINCE:
        return
    if "memory" not in was["limits"] or _less(limit, was["limits"]["memory"]):
        why = f"a memory limit is lowered or added without a restart from kubelet 1.34 on, not by {_text(kubelet)}"
        yield _refused((*path, "limits", Chosen("memory")), why)


def _refuse_removed(path: paths.Path, was: Size, now: Size) -> Iterator[Reason]:
    for side in SIDES:
        for name in was[side]:
            if name not in now[side]:
                yield _refused(
                    (*path, side, Chosen(name)), "removed: a resize changes or adds amounts, and removes none"
                )


def _refuse_whole(old: Tree, new: Tree, resizes: Mapping[str, ContainerChange]) -> Iterator[Reason]:
    """The size of the Pod as a whole is set while everything runs: what would restart for it, or what the server would
    weigh against it later, after a drain, is refused."""
    size = resizes[WHOLE].resources or {}
    before = trees.restartable(old)
    for container in trees.restartable(new):
        harsh = container in before and _restarted_for(before[container])
        for name in size.get("limits", {}):
            if harsh and name in harsh and name not in of(before[container])["limits"]:
                why = (
                    f"container {container} has no limit of its own and takes the Pod's, and by its resizePolicy it "
                    f"restarts for another one (RestartContainer for {name}); give it a limit of its own first"
                )
                yield _refused(("spec", "resources", "limits", Chosen(name)), why)
    restarted = [name for name, change in resizes.items() if change.resize_restarts]
    if restarted:
        why = (
            f"the size of the Pod as a whole changes together with that of {', '.join(restarted)}, which restarts for "
            f"it (resizePolicy); change one after the other"
        )
        yield _refused(("spec", "resources"), why)


def _less(a: str, b: str) -> bool:
    one, other = trees.quantity(a), trees.quantity(b)
    return type(one) is type(other) and not isinstance(one, str) and bool(one < other)  # type: ignore[operator]


def _refuse_pod(old: Tree, new: Tree, kubelet: Version) -> Iterator[Reason]:
    spec = trees.tree(new.get("spec"))
    if kubelet is not None and kubelet < SINCE:
        why = f"the node's kubelet is {_text(kubelet)}: cpu and memory are resized in place from 1.33 on"
        yield _refused(("spec",), why)
    if trees.tree(spec.get("os")).get("name") == "windows":
        yield _refused(("spec", "os", "name"), "a Pod on Windows cannot be resized")
    if _has_own(spec) and kubelet is not None and kubelet < POD_LEVEL_SINCE:
        why = f"a Pod with resources of its own is resized from kubelet 1.36 on, and the node's is {_text(kubelet)}"
        yield _refused(("spec", "resources"), why)
    before, after = quality(old), quality(new)
    if before != after:
        yield _refused(("spec",), f"the QoS class would change from {before} to {after}, and a Pod keeps its class")


def _refused(path: paths.Path, why: str) -> Reason:
    return Reason(ReasonCode.ResizeNotSupported, paths.text(path), f"{why}; {UNDO}")


def _text(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def _has_own(spec: Tree) -> bool:
    return any(trees.tree(trees.tree(spec.get("resources")).get(side)) for side in SIDES)


def quality(template: Tree) -> str:
    """The QoS class of its Pods (pkg/apis/core/v1/helper/qos, ComputePodQOS)."""
    spec = trees.tree(template.get("spec"))
    found = [whole(template)] if _has_own(spec) else [of(one) for one in trees.all_containers(template).values()]
    counted = [{side: _counted(size[side]) for side in SIDES} for size in found]
    if not any(size[side] for size in counted for side in SIDES):
        return "BestEffort"
    full = all(set(size["limits"]) == set(RESIZED) and size["limits"] == size["requests"] for size in counted)
    return "Guaranteed" if full else "Burstable"


def _counted(amounts: Mapping[str, str]) -> dict[str, object]:
    found = {name: trees.quantity(amount) for name, amount in amounts.items()}
    return {name: amount for name, amount in found.items() if amount != 0}


# --- template against live Pod ---------------------------------------------------------------------------------------


class Between(NamedTuple):
    """A container of the target with a size, or its Pods as a whole: as it is there (of a Pod nothing is looked at),
    and its sizes in the templates before."""

    container: Tree
    wanted: Size
    known: tuple[Size, ...]


def between(befores: Sequence[Tree], target: Tree) -> dict[str, Between]:
    """What `live` compares, computed once for many Pods; what has no size is not in it."""
    sizes = [every(before) for before in befores]
    wanted = {name: (container, of(container)) for name, container in trees.restartable(target).items()}
    wanted[WHOLE] = ({}, whole(target))
    return {
        name: Between(container, size, tuple(before[name] for before in sizes if name in before))
        for name, (container, size) in wanted.items()
        if any(size.values())
    }


def live(templates: Mapping[str, Between], pod: Pod) -> tuple[dict[str, ContainerChange], tuple[Reason, ...]]:
    """The resizes that this Pod still needs, and a note for each container that another writer has resized, and for the
    Pod as a whole if it has been.

    Ours is what the templates change, from what one of them had to what the target has. An amount that none of them
    knows is another's, such as a vertical autoscaler's: that container, or the whole, is left alone, all of it.
    """
    found, drift = dict[str, ContainerChange](), list[Reason]()
    for name, (container, wanted, known) in templates.items():
        here = pod.resources(name)
        if here is None:
            continue
        size, foreign = _needed(wanted, known, here)
        if foreign:
            why = f"another writer set {foreign}; its size is left alone"
            where = "" if name == WHOLE else f".containers[{name}]"
            drift.append(Reason(ReasonCode.DriftDetected, f"pods[{pod.name}]{where}.resources", why))
        elif size:
            found[name] = _change(container, size)
    return found, tuple(drift)


def _needed(wanted: Size, known: Sequence[Size], here: Resources) -> tuple[Size, str]:
    """The amounts to set, and the first that another writer has set, in words; empty if there is none."""
    size = dict[str, dict[str, str]]()
    for side in SIDES:
        for name, amount in wanted[side].items():
            now = here.amount(side, name)
            if same(now, amount):
                continue
            ours = any(same(now, before[side].get(name)) for before in known)
            changes = any(not same(before[side].get(name), amount) for before in known)
            if ours and changes:
                size.setdefault(side, {})[name] = amount
            else:
                return {}, f"{side} of {name} to {now or 'nothing'}, and the template has {amount}"
    return size, ""


def remembered(old: Tree, resizes: Mapping[str, ContainerChange]) -> dict[str, Resized]:
    """What a record keeps of these resizes, if the Pods have the sizes of the old template."""
    before = every(old)
    return {
        name: Resized(words(before[name]), words(change.resources))
        for name, change in resizes.items()
        if change.resources
    }


def words(size: Size) -> str:
    """A size in one line, as in `requests cpu 500m, memory 1Gi; limits memory 2Gi`."""
    sides = (
        f"{side} {', '.join(f'{n} {size[side][n]}' for n in RESIZED if n in size[side])}"
        for side in SIDES
        if size.get(side)
    )
    return "; ".join(sides)


def of_live(here: Resources, like: Size) -> Size:
    """What a live container, or Pod, has of these amounts."""
    return {
        side: {name: now for name in amounts if (now := here.amount(side, name)) is not None}
        for side, amounts in like.items()
    }
