"""Manifests in files: YAML or JSON text -> the one Pod template in it, and what stands around it.

Offline. Does not depend on what is done with the template, nor on what the API server would accept.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from msgspec import Struct

from inplace.cli.errors import InputError
from inplace.core.objects.model import Meta, Tree
from inplace.core.template.trees import tree
from inplace.kube import documents


class Manifest(Struct, frozen=True):
    """A Pod template and the workload it is part of; a bare template has kind "" and no metadata of a workload."""

    template: Tree
    kind: str = ""
    metadata: Meta = Meta()
    claim_templates: tuple[Any, ...] = ()


def read(source: str) -> Manifest:
    """The one template in a file; `-` is standard input.

    Raises InputError if there is none, or more than one; Malformed for what is no YAML.
    """
    where, held, found = _read(source)
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{where}: expected one workload, found {len(found)}: {', '.join(map(_named, found))}")
    kinds = ", ".join(sorted({_kind(document) for document in held})) or "nothing"
    raise InputError(f"{where}: expected a workload or a Pod template, found {kinds}")


def find(source: str, kind: str, namespace: str, name: str) -> Manifest:
    """The one manifest of a workload in a file, among whatever else; one without a namespace fits every namespace.

    Raises InputError if there is none, or more than one; Malformed for what is no YAML.
    """
    return pick(called(source), all_in(source), kind, namespace, name)


def pick(where: str, found: list[Manifest], kind: str, namespace: str, name: str) -> Manifest:
    """The same, of what has been read already, from where: standard input can be read only once."""
    fitting = [
        one
        for one in found
        if (one.kind, one.metadata.name) == (kind, name) and one.metadata.namespace in {"", namespace}
    ]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise InputError(f"{where}: expected one {kind}/{name}, found {len(fitting)}")
    held = ", ".join(map(_named, found)) or "no workload"
    raise InputError(f"{where}: expected {kind}/{name} of namespace {namespace}, found {held}")


def all_in(source: str) -> list[Manifest]:
    """All of them. Raises InputError for what cannot be read; Malformed for what is no YAML."""
    return _read(source)[2]


def sources(filename: str) -> list[str]:
    """The file, or as for kubectl those of a folder. Raises InputError if there is none in it."""
    folder = Path(filename)
    if filename == "-" or not folder.is_dir():
        return [filename]
    found = sorted(str(one) for one in folder.iterdir() if one.suffix in {".json", ".yaml", ".yml"})
    if not found:
        raise InputError(f"{filename}: expected a file, or a folder with .json, .yaml or .yml files")
    return found


def called(source: str) -> str:
    """What to call it in a message."""
    return "standard input" if source == "-" else source


def _read(source: str) -> tuple[str, list[Any], list[Manifest]]:
    """What to call the source, its documents, and the manifests in them."""
    where = called(source)
    held = documents.read(where, _text(source, where))
    return where, held, [manifest for document in held for manifest in _manifests(document)]


def _text(source: str, where: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{where}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: not UTF-8 text") from error


def _manifests(document: Any) -> list[Manifest]:
    """The templates in one document: of a workload of any kind, of a list of objects, or the document itself."""
    found = tree(document)
    if isinstance(found.get("items"), list) and _kind(found).endswith("List"):
        return [manifest for item in found["items"] for manifest in _manifests(item)]
    spec, kind = tree(found.get("spec")), str(found.get("kind") or "")
    for template in (spec.get("template"), tree(tree(spec.get("jobTemplate")).get("spec")).get("template")):
        if isinstance(tree(template).get("spec"), dict):
            return [_workload(kind, found, tree(template))]
    if kind == "PodTemplate":
        return [_workload(kind, found, tree(found.get("template")))]
    if kind == "ControllerRevision":
        template = tree(tree(tree(found.get("data")).get("spec")).get("template"))
        return [Manifest({key: value for key, value in template.items() if key != "$patch"}, kind)]
    if isinstance(spec.get("containers"), list) and kind in {"", "Pod"}:
        return [_bare(kind, found, spec)]
    return []


def _workload(kind: str, found: Tree, template: Tree) -> Manifest:
    metadata = tree(found.get("metadata"))
    meta = Meta(
        name=str(metadata.get("name") or ""),
        namespace=str(metadata.get("namespace") or ""),
        labels=_strings(metadata.get("labels")),
        annotations=_strings(metadata.get("annotations")),
    )
    claims = tree(found.get("spec")).get("volumeClaimTemplates")
    return Manifest(template, kind, meta, tuple(claims) if isinstance(claims, list) else ())


def _bare(kind: str, found: Tree, spec: Tree) -> Manifest:
    """A bare template; of a whole Pod, what the template of its workload would hold."""
    metadata = tree(found.get("metadata"))
    if kind == "Pod":
        metadata = {key: metadata[key] for key in ("labels", "annotations") if key in metadata}
    return Manifest({"metadata": metadata, "spec": spec}, kind)


def _strings(value: object) -> dict[str, str]:
    return {key: "" if below is None else str(below) for key, below in tree(value).items()}


def _kind(document: object) -> str:
    return str(tree(document).get("kind") or "an object without a kind") if isinstance(document, dict) else "no object"


def _named(manifest: Manifest) -> str:
    return f"{manifest.kind or 'Pod template'}{f'/{manifest.metadata.name}' if manifest.metadata.name else ''}"
