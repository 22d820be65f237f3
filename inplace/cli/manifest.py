"""Manifests in files: YAML or JSON text -> the one Pod template in it, and what stands around it.

Offline. Does not depend on what is done with the template, nor on what the API server would accept.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml
from msgspec import Struct

from inplace.cli.errors import InputError
from inplace.core.objects.model import Meta, Tree
from inplace.core.template.trees import tree

#: Deeper nesting is no manifest, and would exhaust the stack.
_DEEPEST: Final = 100


class Manifest(Struct, frozen=True):
    """A Pod template and the workload it is part of; a bare template has kind "" and no metadata of a workload."""

    template: Tree
    kind: str = ""
    metadata: Meta = Meta()
    claim_templates: tuple[Any, ...] = ()


class _Loader(yaml.SafeLoader):
    """YAML as kubectl reads it: a timestamp is text (sigs.k8s.io/yaml)."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(source: str) -> Manifest:
    """The one template in a file; `-` is standard input. Raises InputError if there is none, or more than one."""
    where = "standard input" if source == "-" else source
    documents = [_plain(where, document) for document in _parse(where, _text(source, where))]
    found = [manifest for document in documents for manifest in _manifests(document)]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{where}: expected one workload, found {len(found)}: {', '.join(map(_named, found))}")
    held = ", ".join(sorted({_kind(document) for document in documents})) or "nothing"
    raise InputError(f"{where}: expected a workload or a Pod template, found {held}")


def _text(source: str, where: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{where}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: not UTF-8 text") from error


def _parse(where: str, text: str) -> list[object]:
    try:
        if text.lstrip().startswith(("{", "[")):  # JSON may be indented by tabs, which YAML refuses
            return [msgspec.json.decode(text)]
    except (msgspec.DecodeError, RecursionError):
        pass  # YAML in flow style starts with a brace as well, and its error names the line
    try:
        return [document for document in yaml.load_all(text, _Loader) if document is not None]
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise InputError(f"{where}: {line}{error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{where}: invalid YAML or JSON: {error}") from error


def _plain(where: str, value: object, depth: int = 0) -> Any:
    """The value as JSON would have it: text for keys, and nothing but JSON's own types."""
    if depth > _DEEPEST:
        raise InputError(f"{where}: nested more than {_DEEPEST} levels deep")
    if isinstance(value, dict):
        return {_key(key): _plain(where, below, depth + 1) for key, below in value.items()}
    if isinstance(value, list):
        return [_plain(where, below, depth + 1) for below in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _key(key: object) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


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
