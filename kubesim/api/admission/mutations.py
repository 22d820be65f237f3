"""What a mutation makes of an object: a JSON patch or an applied configuration (apiserver, policy/mutating/patch).

An applied configuration is merged by keys and owns nothing. Unlike the real server it may change a list or a map that
is atomic.
"""

from __future__ import annotations

from typing import Any

from kubesim.api.admission import expressions
from kubesim.api.admission.expressions import CelError, Variables
from kubesim.api.failure import Failure
from kubesim.api.kinds import Kind, Tree
from kubesim.api.patching import apply, jsonpatch


def mutated(kind: Kind, mutation: Tree, tree: Tree, variables: Variables, activation: Any) -> Tree:
    """The object with one mutation. Raises CelError."""
    if mutation["patchType"] == "JSONPatch":
        value = expressions.compiled(mutation["jsonPatch"]["expression"], variables)(activation)
        return _patched(tree, value)
    value = expressions.compiled(mutation["applyConfiguration"]["expression"], variables)(activation)
    if not isinstance(value, dict):
        raise CelError("type mismatch: ApplyConfiguration.expression should evaluate to Object")
    return apply.merge(kind.resource.kind, tree, value)


def _patched(tree: Tree, patch: Any) -> Tree:
    """A `test` that fails leaves the object as it is; anything else that does not apply is an error."""
    if not isinstance(patch, list):
        raise CelError("type mismatch: JSONPatchType.expression should evaluate to array")
    try:
        changed: Tree = jsonpatch.apply(tree, patch)
    except jsonpatch.TestFailed:
        return tree
    except Failure as error:
        raise CelError(f"JSONPath: {error.message}") from None
    return changed
