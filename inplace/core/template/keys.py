"""What changed labels and annotations ask for: containers that restart, and what a live Pod cannot be given.

A key on a live Pod is content, unless it asks for a restart, is in the env of a container, or was read when the Pod was
created. Which keys do is data (`known_keys`, the setting `restart-on`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from typing import Final

from inplace.core.objects import known_keys, names
from inplace.core.objects.model import Tree
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.template import chosen, paths, trees
from inplace.core.template.change import Edits
from inplace.core.template.chosen import Request
from inplace.core.template.paths import Chosen

#: Annotations that the API server does not let change on a live Pod (ValidatePodSpecificAnnotationUpdates).
_FIXED_ANNOTATIONS: Final = ("container.apparmor.security.beta.kubernetes.io/", names.MIRROR_ANNOTATION)

UNDO: Final = "undo it, or let the workload's own rollout replace the Pods"


def refuse(target: Tree, labels: Edits, annotations: Edits, restart_on: tuple[str, ...]) -> Iterator[Reason]:
    """Every reason why changed keys refuse the change from template to template."""
    yield from _refuse_restarts(target, labels, annotations, restart_on)
    request = chosen_by(target, annotations)
    yield from (request,) if isinstance(request, Reason) else ()
    yield from _refuse_read_at_creation(labels, annotations)
    yield from _refuse_fixed(annotations)
    yield from _refuse_downward(target, labels, annotations)


def requested(target: Tree, labels: Edits, annotations: Edits, restart_on: tuple[str, ...]) -> list[str]:
    """The containers that changed keys ask to start again: every one that can, those chosen by our own key, or none."""
    every = [*trees.restartable(target)]
    if any(True for _ in _requests(labels, annotations, restart_on)):
        return every
    request = chosen_by(target, annotations)
    if not isinstance(request, Request):
        return []
    return [name for name in every if not request.batches or name in request.containers]


def chosen_by(target: Tree, annotations: Edits) -> Request | Reason | None:
    """The request for chosen containers, if these edits bring one: to take it away asks for nothing."""
    asks = names.RESTART in annotations.add or names.RESTART in annotations.change
    return chosen.read(target) if asks else None


def reading(target: Tree, labels: Edits, annotations: Edits) -> list[str]:
    """The containers with a changed key in their env, which is resolved when a container is created."""
    changed = _changed(labels, annotations)
    return [name for name, one in trees.restartable(target).items() if any(True for _ in _read(one, changed))]


def _requests(labels: Edits, annotations: Edits, restart_on: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The changed keys that ask for a restart, each with its path before it."""
    for path, key in _paths(labels, annotations):
        if key == names.RESTART:
            continue  # it chooses its containers, whatever the setting matches
        if key == names.RESTARTED_AT or any(fnmatchcase(key, pattern) for pattern in restart_on):
            yield path, key


def _refuse_restarts(target: Tree, labels: Edits, annotations: Edits, restart_on: tuple[str, ...]) -> Iterator[Reason]:
    """What a request is about may have been read by init containers, which do not run again."""
    init = trees.init_containers(target).items()
    configuring = [name for name, one in init if not trees.is_sidecar(one) and _is_configured(target, one)]
    if not configuring:
        return
    for path, key in _requests(labels, annotations, restart_on):
        own = key == names.RESTARTED_AT
        why = "`kubectl rollout restart`" if own else f"{names.PREFIX}restart-on"
        others = f"init containers that read configuration do not run again ({', '.join(configuring)})"
        ways = UNDO if own else f"take it off that list, {UNDO}"
        message = f"asks for a restart of the containers ({why}), and {others}: {ways}"
        yield Reason(ReasonCode.RestartNotSupported, path, message)


def _refuse_downward(target: Tree, labels: Edits, annotations: Edits) -> Iterator[Reason]:
    """What a plain init container made of a key stays: it does not run again."""
    changed = _changed(labels, annotations)
    for name, container in trees.init_containers(target).items():
        for env, read in () if trees.is_sidecar(container) else _read(container, changed):
            why = f"init container {name} reads it into env {paths.cut(env)}, and does not run again in a live Pod"
            yield Reason(ReasonCode.DownwardEnvNotSupported, read.replace("'", ""), f"{why}; {UNDO}")


def _changed(labels: Edits, annotations: Edits) -> set[str]:
    """Changed keys as the downward API names them (pkg/fieldpath, ExtractFieldPathAsString)."""
    changed = {f"metadata.labels['{key}']" for key in labels.keys}
    return changed | {f"metadata.annotations['{key}']" for key in annotations.keys}


def _read(container: Tree, changed: Collection[str]) -> Iterator[tuple[str, str]]:
    """The env of a container that reads one of these, by name, and which it reads."""
    for env in trees.items(container.get("env")) if changed else ():
        read = str(trees.tree(trees.tree(env.get("valueFrom")).get("fieldRef")).get("fieldPath"))
        if read in changed:
            yield str(env.get("name")), read


def _is_configured(target: Tree, container: Tree) -> bool:
    """Whether a container reads ConfigMaps, Secrets or what a CSI driver brings, through env or a mount."""
    sources = [trees.tree(env.get("valueFrom")) for env in trees.items(container.get("env"))]
    if container.get("envFrom") or any(one.get("configMapKeyRef") or one.get("secretKeyRef") for one in sources):
        return True
    mounted = {mount.get("name") for mount in trees.items(container.get("volumeMounts"))}
    volumes = trees.items(trees.tree(target.get("spec")).get("volumes"))
    return any(volume.get("name") in mounted and _holds_configuration(volume) for volume in volumes)


def _holds_configuration(volume: Tree) -> bool:
    projected = trees.items(trees.tree(volume.get("projected")).get("sources"))
    return any(source.get(kind) for source in (volume, *projected) for kind in ("configMap", "secret", "csi"))


def _refuse_read_at_creation(labels: Edits, annotations: Edits) -> Iterator[Reason]:
    for path, key in _paths(labels, annotations):
        known = known_keys.read_at_creation(key)
        if known is not None:
            message = f"{known.project} reads it only when a Pod is created, so a live Pod would not follow; {UNDO}"
            yield Reason(ReasonCode.ReadAtCreation, path, message)


def _refuse_fixed(annotations: Edits) -> Iterator[Reason]:
    for key in annotations.keys:
        if key.startswith(_FIXED_ANNOTATIONS):
            message = f"the API server does not let this annotation change on a live Pod; {UNDO}"
            yield Reason(ReasonCode.FieldChanged, paths.text(("metadata", "annotations", Chosen(key))), message)


def _paths(labels: Edits, annotations: Edits) -> Iterator[tuple[str, str]]:
    """Every changed key, with its path before it."""
    for field, edits in (("labels", labels), ("annotations", annotations)):
        yield from ((paths.text(("metadata", field, Chosen(key))), key) for key in edits.keys)
