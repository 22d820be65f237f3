"""The expressions of manifests/policies that `cel-expr-python` cannot compile, why, and what stands in for each.

All are mutations. What a policy asks and refuses is compiled as it is shipped, once its variables are in their places:
they are names that exist in the API server's compiler only. `test_expressions.py` holds this table to the manifests.
"""

from __future__ import annotations

from msgspec import Struct


class StandIn(Struct, frozen=True):
    """`why` it does not compile, a part of the compiler's words, and the `text` that is compiled instead."""

    why: str
    text: str


_PATCH = "undeclared reference to 'JSONPatch'"
_OBJECT = "undeclared reference to 'Object'"
_GATE = StandIn(
    _PATCH,
    '(has(object.spec.readinessGates) ? [] : [{"op": "add", "path": "/spec/readinessGates", "value": []}]) '
    '+ [{"op": "add", "path": "/spec/readinessGates/-", "value": {"conditionType": "InPlaceUpdateReady"}}]',
)
_FROZEN = '{"op": "add", "path": "/metadata/labels/" + jsonpatch.escapeKey("inplace.dev/frozen"), "value": "true"}'


def _condition(type_: str, stuck: str, message: str) -> str:
    said = "object.metadata.annotations['inplace.dev/status']"
    current = f"(({said}).contains('\"observedGeneration\":' + string(object.metadata.generation) + ','))"
    phases = "['Degraded', 'Refused', 'RolledBack']"
    holds = f"({current} && {phases}.exists(p, ({said}).contains('\"phase\":\"' + p + '\"')))"
    return f'{{"type": "{type_}", "status": {holds} ? {stuck}, "reason": "InPlaceUpgrade", "message": "{message}"}}'


#: By the name of the policy; white space does not count.
UNCOMPILED = {
    "inplace-gate-statefulsets": _GATE,
    "inplace-gate-daemonsets": _GATE,
    "inplace-gate-replicasets": _GATE,
    "inplace-gate-deployments": _GATE,
    "inplace-keep-freeze-statefulsets": StandIn(
        _PATCH,
        '[{"op": "replace", "path": "/spec/updateStrategy", "value": {"type": "RollingUpdate", '
        f'"rollingUpdate": {{"partition": 2147483647}}}}}}, {_FROZEN}]',
    ),
    "inplace-keep-freeze-daemonsets": StandIn(
        _PATCH, f'[{{"op": "replace", "path": "/spec/updateStrategy", "value": {{"type": "OnDelete"}}}}, {_FROZEN}]'
    ),
    "inplace-keep-freeze-deployments": StandIn(
        _PATCH, f'[{{"op": "add", "path": "/spec/paused", "value": true}}, {_FROZEN}]'
    ),
    "inplace-honest-status": StandIn(
        _OBJECT,
        '{"status": {"conditions": ['
        + _condition("Reconciling", '"False" : "True"', "an in-place upgrade is pending: inplace status says more")
        + ", "
        + _condition("Stalled", '"True" : "False"', "see the annotation inplace.dev/status")
        + "]}}",
    ),
}
