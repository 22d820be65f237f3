"""What changed labels and annotations ask for that a live Pod cannot be given: refusals, with the way out.

A key on a live Pod is content, unless it asks for a restart of containers that would not restart, was read when the
Pod was created, or was copied into a running container. Which keys do is data (`known_keys`, the setting `restart-on`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from typing import Final

from inplace.core.objects import known_keys, names
from inplace.core.objects.model import Tree
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.template import paths, trees
from inplace.core.template.change import Edits
from inplace.core.template.paths import Chosen

#: Annotations that the API server does not let change on a live Pod (ValidatePodSpecificAnnotationUpdates).
_FIXED_ANNOTATIONS: Final = ("container.apparmor.security.beta.kubernetes.io/", names.MIRROR_ANNOTATION)

UNDO: Final = "undo it, or let the workload's own rollout replace the Pods"


def refuse(
    target: Tree, images: Collection[str], labels: Edits, annotations: Edits, restart_on: tuple[str, ...]
) -> Iterator[Reason]:
    """Every reason why changed keys refuse the change from template to template; `images`: containers that restart."""
    yield from refuse_restarts(target, images, labels, annotations, restart_on)
    yield from _refuse_read_at_creation(labels, annotations)
    yield from _refuse_fixed(annotations)
    yield from refuse_downward(target, images, labels, annotations)


def refuse_restarts(
    target: Tree, images: Collection[str], labels: Edits, annotations: Edits, restart_on: tuple[str, ...]
) -> Iterator[Reason]:
    """A request for a restart is content if every container restarts for its image anyway."""
    left_out = _left_out(target, images) if images else "no container restarts for a new image"
    if not left_out:
        return
    for path, key in _paths(labels, annotations):
        if key == names.RESTARTED_AT or any(fnmatchcase(key, pattern) for pattern in restart_on):
            own = key == names.RESTARTED_AT
            why = "`kubectl rollout restart`" if own else f"{names.PREFIX}restart-on"
            ways = "change the image of every container with it" + ("" if own else ", take it off that list")
            message = f"asks for a restart of the containers ({why}), and {left_out}: {ways}, {UNDO}"
            yield Reason(ReasonCode.RestartNotSupported, path, message)


def refuse_downward(target: Tree, images: Collection[str], labels: Edits, annotations: Edits) -> Iterator[Reason]:
    """Env is resolved when a container is created: it is stale if a key changes and the container does not restart."""
    changed = {f"metadata.labels['{key}']" for key in labels.keys}
    changed |= {f"metadata.annotations['{key}']" for key in annotations.keys}
    if not changed:
        return
    for name, container in trees.all_containers(target).items():
        if name in images:
            continue
        for env in trees.items(container.get("env")):
            read = str(trees.tree(trees.tree(env.get("valueFrom")).get("fieldRef")).get("fieldPath"))
            if read in changed:
                why = f"container {name} reads it into env {paths.cut(str(env.get('name')))} and would have to restart"
                message = f"{why}: not supported in place yet; {UNDO}"
                yield Reason(ReasonCode.DownwardEnvNotSupported, read.replace("'", ""), message)


def _left_out(target: Tree, images: Collection[str]) -> str:
    """Which containers would go on as they are, in words; empty if all start again that read configuration."""
    init = trees.init_containers(target)
    staying = [name for name in trees.containers(target) if name not in images]
    staying += [name for name, one in init.items() if trees.is_sidecar(one) and name not in images]
    if staying:
        return f"not every one restarts for a new image ({', '.join(staying)})"
    configuring = [name for name, one in init.items() if not trees.is_sidecar(one) and _is_configured(target, one)]
    return f"init containers that read configuration do not run again ({', '.join(configuring)})" if configuring else ""


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
