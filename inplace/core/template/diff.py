"""diff(base template, target template) -> PodChange | Refused, and which part of it a live Pod still needs.

The rules are the table of docs/design/protocol.md, "The diff": every change that is not listed there as possible in
place is refused, with one reason per field path, even if the field is unknown. Does not depend on revisions, records,
budgets and the state of a Pod; whether *this* Pod may be upgraded now is decided by `eligibility`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from inplace.core.objects import aliases, known_keys, names
from inplace.core.objects.model import Pod, Tree
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.settings.annotations import InitImages
from inplace.core.state import records
from inplace.core.template import defaults, keys, paths, restarts, sizes, trees
from inplace.core.template.change import ContainerChange, Edits, PodChange, Refused, Verdict, too_large
from inplace.core.template.chosen import Request
from inplace.core.template.keys import UNDO
from inplace.core.template.paths import Chosen
from inplace.core.template.trees import Difference
from inplace.core.template.words import describe, short

#: The kubelet restarts native sidecars on a change of image from here on (docs/design/kubernetes.md §2.3).
SIDECAR_SINCE: Final = (1, 32)

#: Labels that controllers write on Pods; we never change them (docs/design/kubernetes.md §4.3).
_OTHERS_KEYS: Final = frozenset(
    {
        names.REVISION_LABEL,
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
        names.TEMPLATE_HASH_LABEL,
        "controller-uid",
        names.TEMPLATE_GENERATION_LABEL,
    }
)


def diff(
    base: Tree,
    target: Tree,
    *,
    restart_on: tuple[str, ...] = known_keys.RESTART_ON,
    init_images: InitImages = InitImages.REFUSE,
    kubelet: tuple[int, int] | None = None,
) -> Verdict:
    """Whether Pods made from `base` can become Pods of `target` in place (docs/design/protocol.md, "The diff").

    `restart_on`: glob patterns of labels and annotations whose change asks for a restart. `kubelet`: minor version of
    the node's kubelet; None if unknown (changes that depend on it are then allowed, with a note).
    """
    old, new = _normalised(base, target)
    images = _changed_images(old, new)
    labels = _edits(trees.labels(old), trees.labels(new))
    annotations = _edits(trees.annotations(old), trees.annotations(new))
    resizes = sizes.changed(old, new)
    again = restarts.asked(new, images, labels, annotations, restart_on)
    swapped = (*images, *again)
    reasons = (
        *(_refuse(difference) for difference in trees.differences(_rest(old, images), _rest(new, images))),
        *_refuse_images(new, swapped, init_images, kubelet),
        *keys.refuse(new, labels, annotations, restart_on),
        *sizes.refuse(old, new, resizes, kubelet),
        *_refuse_record(old, new, {**images, **restarts.longest(new, again)}, resizes),
    )
    if reasons:
        return Refused(reasons)
    notes = (
        *_sidecar_notes(new, swapped, kubelet),
        *_init_notes(new, images),
        *_key_notes(old, new),
        *restarts.notes(new, again),
    )
    return PodChange({**_container_changes(new, images), **again}, labels, annotations, notes).resized(resizes)


def _container_changes(target: Tree, images: Mapping[str, str]) -> dict[str, ContainerChange]:
    """The changes of images; those of plain init containers are for the spec alone."""
    runs = trees.restartable(target)
    return {name: ContainerChange(image, spec_only=name not in runs) for name, image in images.items()}


def _refuse_record(
    old: Tree, new: Tree, images: Mapping[str, str], resizes: Mapping[str, ContainerChange]
) -> Iterator[Reason]:
    """What an attempt must remember has to fit into a record that is read again."""
    before, now = trees.images(old), trees.images(new)
    proven = {**{name: now[name] for name, change in resizes.items() if change.restarts}, **images}
    swapped = {name: (before.get(name, ""), image) for name, image in proven.items()}
    size = records.largest(swapped, sizes.remembered(old, resizes))
    if size > records.LIMIT:
        what = f"what is to be remembered of an upgrade of {len({*proven, *resizes})} containers"
        yield too_large(what, f"up to {size} characters, more than the {records.LIMIT} of a record")


class TemplatePair(Struct, frozen=True, eq=False):
    """The inputs of `change_for` from templates, computed once for many Pods.

    `before`: the images of every template that a Pod may have been created from or moved to, `sizes` what they have.
    `changed_labels` and `changed_annotations`: the keys in which one of these differs from the target.
    """

    target: Tree
    images: dict[str, str]
    restartable: frozenset[str]
    before: tuple[dict[str, str], ...]
    sizes: dict[str, sizes.Between]
    labels: dict[str, str]
    annotations: dict[str, str]
    changed_labels: frozenset[str]
    changed_annotations: frozenset[str]


def template_pair(base_trees: Sequence[Tree], target: Tree) -> TemplatePair:
    """The templates that a Pod is between."""
    labels, annotations = trees.labels(target), trees.annotations(target)
    return TemplatePair(
        target=target,
        images=trees.images(target),
        restartable=frozenset(trees.restartable(target)),
        before=tuple(trees.images(base) for base in base_trees),
        sizes=sizes.between(base_trees, target),
        labels=labels,
        annotations=annotations,
        changed_labels=frozenset(key for base in base_trees for key in _edits(trees.labels(base), labels).keys),
        changed_annotations=frozenset(
            key for base in base_trees for key in _edits(trees.annotations(base), annotations).keys
        ),
    )


def change_for(
    verdict: PodChange,
    between: TemplatePair,
    pod: Pod,
    touched: Collection[str],
    restart_on: tuple[str, ...] = known_keys.RESTART_ON,
    restarted: Collection[str] = (),
) -> Verdict:
    """The change that this live Pod still needs: the third side of the comparison
    (docs/design/protocol.md, "The diff").

    `touched`: containers whose image we patched before; only those and what the templates change is ours, be it an
    image, a label or an annotation. Any other deviation is drift. `restart_on` as for `diff`: here a container may be
    at its new image already. `restarted`: containers that this attempt has patched, in an earlier batch.
    """
    missing = tuple(_missing(between.target, name) for name in between.images if pod.container(name) is None)
    if missing:
        return Refused(missing)
    images, drift = _live_images(between, pod, touched)
    labels = _live_edits(between.changed_labels, between.labels, pod.metadata.labels)
    annotations = _live_edits(between.changed_annotations, between.annotations, pod.metadata.annotations)
    wanted = labels.only(verdict.labels.keys), annotations.only(verdict.annotations.keys)
    again = {
        **restarts.asked(between.target, (*images, *restarted), *wanted, restart_on),
        **restarts.stale(between.target, images, labels, annotations),
    }
    switched = restarts.switched(again, between.images, pod)
    if isinstance(switched, Refused):
        return switched
    told = {note.path for note in verdict.notes}
    asking = (note for note in restarts.asking(pod, again) if note.path not in told)
    notes = (*verdict.notes, *asking, *_metadata_drift(between, pod))
    resizes, resized = sizes.live(between.sizes, pod)
    containers = {**_container_changes(between.target, images), **switched}
    drift = (*drift, *resized)
    request = keys.chosen_by(between.target, wanted[1])
    batches = request.batches if isinstance(request, Request) else ()
    change = PodChange(containers, labels, annotations, notes=notes, drift=drift, restart_order=batches)
    return change.resized(resizes)


# -- template against template


def _normalised(base: Tree, target: Tree) -> tuple[Tree, Tree]:
    """Both sides with defaults, but without an imagePullPolicy that nobody chose: its default depends on the image.

    Neither side gives it; or the target does not, and the base has the default of its image: a manifest that is applied
    leaves what the server once filled in (kubernetes/kubernetes#98108).
    """
    given, asked = (trees.all_containers(side) for side in (base, target))
    old, new = (defaults.apply(side) for side in (base, target))
    for name in {**given, **asked}:
        policy = given.get(name, {}).get("imagePullPolicy")
        default = defaults.pull_policy(str(given.get(name, {}).get("image") or ""))
        if not asked.get(name, {}).get("imagePullPolicy") and policy in {None, "", default}:
            for side in (old, new):
                trees.all_containers(side).get(name, {}).pop("imagePullPolicy", None)  # our own copy: `apply` made it
    return old, new


def _changed_images(old: Tree, new: Tree) -> dict[str, str]:
    before = trees.images(old)
    after = trees.images(new)
    return {name: image for name, image in after.items() if image and before.get(name) not in {None, "", image}}


def _rest(tree: Tree, images: Mapping[str, str]) -> Tree:
    """The template without changed images, cpu and memory, labels and annotations, which have their own rules."""
    rest = dict(tree)
    if isinstance(tree.get("metadata"), dict):
        judged = ("labels", "annotations")
        rest["metadata"] = {
            key: value for key, value in tree["metadata"].items() if key not in judged or not isinstance(value, dict)
        }
    if isinstance(tree.get("spec"), dict):
        rest["spec"] = {
            key: [_without_own_rules(item, images) for item in value]
            if key in {"containers", "initContainers"} and isinstance(value, list)
            else value
            for key, value in sizes.without(tree["spec"]).items()
        }
    return rest


def _without_own_rules(container: object, images: Mapping[str, str]) -> object:
    if not isinstance(container, dict):
        return container
    changes = str(container.get("name") or "") in images
    return sizes.without({key: value for key, value in container.items() if key != "image" or not changes})


def _edits(old: Mapping[str, str], new: Mapping[str, str]) -> Edits:
    return Edits(
        add={key: value for key, value in new.items() if key not in old and _ours(key)},
        change={key: (old[key], value) for key, value in new.items() if _ours(key) and old.get(key, value) != value},
        remove=tuple(key for key in old if key not in new and _ours(key)),
    )


def _ours(key: str) -> bool:
    """Whether a key of the template is to be carried over to live Pods."""
    return key == names.RESTART or (key not in _OTHERS_KEYS and not key.startswith(names.PREFIX))


# -- refusals


def _refuse(difference: Difference) -> Reason:
    where, change = paths.text(difference.path), describe(difference)
    match difference.path:
        case ("spec", "containers" | "initContainers") | ("spec", "containers" | "initContainers", Chosen()):
            why = f"{change}: a live Pod keeps its list of containers; {UNDO}"
            return Reason(ReasonCode.ContainersChanged, where, why)
    return Reason(ReasonCode.FieldChanged, where, f"{change}: a live Pod keeps this field as it was created; {UNDO}")


def _refuse_images(
    target: Tree, images: Collection[str], init_images: InitImages, kubelet: tuple[int, int] | None
) -> Iterator[Reason]:
    default = str(trees.tree(target.get("spec")).get("restartPolicy", "Always"))
    for name, container in trees.containers(target).items():
        if name in images:
            path = f"spec.containers[{name}]"
            yield from _refuse_policy(path, str(container.get("restartPolicy") or default))
            yield from _refuse_rules(path, container)
    for name, container in trees.init_containers(target).items():
        if name in images:
            path = f"spec.initContainers[{name}]"
            if trees.is_sidecar(container):
                yield from _refuse_rules(path, container)
                yield from _refuse_old_kubelet(path, kubelet)
            elif init_images is InitImages.REFUSE:
                yield _refuse_init(path)


def _refuse_policy(path: str, policy: str) -> Iterator[Reason]:
    """With another policy the container is not restarted after the first failed start of the new image
    (docs/design/kubernetes.md §2.3)."""
    if policy != "Always":
        message = f"its restartPolicy is {policy}: it would not restart if the new image failed once; {UNDO}"
        yield Reason(ReasonCode.NotRestartable, f"{path}.image", message)


def _refuse_rules(path: str, container: Tree) -> Iterator[Reason]:
    rules = trees.items(container.get("restartPolicyRules"))
    if any(rule.get("action") == "RestartAllContainers" for rule in rules):
        message = f"its exit may restart all containers of the Pod (restartPolicyRules); {UNDO}"
        yield Reason(ReasonCode.RestartAllContainersRule, f"{path}.image", message)


def _refuse_old_kubelet(path: str, kubelet: tuple[int, int] | None) -> Iterator[Reason]:
    if kubelet is not None and kubelet < SIDECAR_SINCE:
        message = f"the node's kubelet is {kubelet[0]}.{kubelet[1]}: sidecars restart on a new image from 1.32; {UNDO}"
        yield Reason(ReasonCode.SidecarOnOldKubelet, f"{path}.image", message)


def _refuse_init(path: str) -> Reason:
    why = f"a live Pod does not run its init containers again; {UNDO}, or set {names.PREFIX}init-images: SpecOnly"
    return Reason(ReasonCode.InitImageChanged, f"{path}.image", f"init container image changed: {why}")


# -- notes


def _sidecar_notes(target: Tree, images: Collection[str], kubelet: tuple[int, int] | None) -> Iterator[Reason]:
    for name, container in trees.init_containers(target).items():
        if name in images and kubelet is None and trees.is_sidecar(container):
            message = "a sidecar restarts on a new image only if the node's kubelet is 1.32 or newer"
            yield Reason(ReasonCode.SidecarOnOldKubelet, f"spec.initContainers[{name}].image", message)


def _init_notes(target: Tree, images: Collection[str]) -> Iterator[Reason]:
    runs = trees.restartable(target)
    for name in images:
        if name not in runs:
            message = "a live Pod does not run it again: the new image is set in the spec, for a Pod that starts anew"
            yield Reason(ReasonCode.InitImageChanged, f"spec.initContainers[{name}].image", message)


def _key_notes(old: Tree, new: Tree) -> Iterator[Reason]:
    for field, read in (("labels", trees.labels), ("annotations", trees.annotations)):
        before, after = read(old), read(new)
        for key in {**before, **after}:
            if key.startswith(names.PREFIX) and not _ours(key) and before.get(key) != after.get(key):
                message = f"keys under {names.PREFIX} in a Pod template are not carried over to live Pods"
                yield Reason(ReasonCode.ReservedKey, paths.text(("metadata", field, Chosen(key))), message)


# -- template against live Pod


def _missing(target: Tree, name: str) -> Reason:
    field = "containers" if name in trees.containers(target) else "initContainers"
    message = f"the Pod has no container {name}, which its workload's template has: it was made from something else"
    return Reason(ReasonCode.ContainerMissing, f"spec.{field}[{name}]", message)


#: How a Pod with another image comes to have the template's; so does one that was only labelled as of its revision.
_BACK: Final = "deleting the Pod, or another change of the template, brings it back"


def _live_images(
    between: TemplatePair, pod: Pod, touched: Collection[str]
) -> tuple[dict[str, str], tuple[Reason, ...]]:
    """The images to patch, and a note for each one that another writer changed. What does not run again may differ."""
    images, drift = {}, []
    for name, image in between.images.items():
        live = pod.container(name)
        if live is None or live.image == image or _runs_alias(between, pod, name, touched):
            continue
        runs = name in between.restartable
        if (name in touched and runs) or any(base.get(name) != image for base in between.before):
            images[name] = image
        elif runs:
            message = f"another writer set the image to {live.image}, the template has {image}; left alone: {_BACK}"
            drift.append(Reason(ReasonCode.DriftDetected, f"pods[{pod.name}].containers[{name}]", message))
    return images, tuple(drift)


def _runs_alias(between: TemplatePair, pod: Pod, name: str, touched: Collection[str]) -> bool:
    """Whether the container has the template's image under another spelling, as a restart leaves it.

    Not if the owner spelled it so before, and has changed that. What we patched ourselves need not agree with the
    status, which may still be that of the container before.
    """
    live, status, image = pod.container(name), pod.container_status(name), between.images[name]
    if live is None or (name not in touched and any(base.get(name) == live.image for base in between.before)):
        return False
    runs = status.image_id if status is not None and name not in touched else ""
    unchanged = all(base.get(name) == image for base in between.before)
    return aliases.is_alias(live.image, image, runs, unchanged=unchanged)


def _live_edits(changed: frozenset[str], target: Mapping[str, str], live: Mapping[str, str] | None) -> Edits:
    """Among the keys that the templates change: those missing, different or left over on the Pod."""
    own = {key: value for key, value in (live or {}).items() if key in changed}
    return _edits(own, {key: value for key, value in target.items() if key in changed})


def _metadata_drift(between: TemplatePair, pod: Pod) -> Iterator[Reason]:
    """A note for each key of the template that another writer has changed or removed."""
    sides = (
        ("labels", between.labels, between.changed_labels, pod.metadata.labels),
        ("annotations", between.annotations, between.changed_annotations, pod.metadata.annotations),
    )
    for field, target, changed, found in sides:
        live = found or {}
        for key, value in target.items():
            if key not in changed and _ours(key) and live.get(key) != value:
                where = paths.text((f"pods[{pod.name}]", "metadata", field, Chosen(key)))
                yield Reason(ReasonCode.DriftDetected, where, f"{_drift(field, live.get(key), value)}; left alone")


def _drift(field: str, live: str | None, wanted: str) -> str:
    """What another writer did to a key. A label holds a word, an annotation any text: that is not said."""
    if field == "annotations":
        return f"another writer {'removed' if live is None else 'changed'} it"
    now = "removed it" if live is None else f"set it to {short(live)}"
    return f"another writer {now}, the template has {short(wanted)}"
