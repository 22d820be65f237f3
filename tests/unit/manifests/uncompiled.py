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

_PARTITION = "(object.spec.updateStrategy.?rollingUpdate.?partition.orValue(0))"
_LIFTS = (
    "(object.spec.updateStrategy.type == 'OnDelete' ? oldObject.spec.updateStrategy.type != 'OnDelete' "
    f": {_PARTITION} != 2147483647)"
)
_KEY = "?'inplace.dev/original-strategy'"
_KEPT = (
    f"object.metadata.?annotations.orValue({{}})[{_KEY}].orValue("
    f"oldObject.metadata.?annotations.orValue({{}})[{_KEY}].orValue(''))"
)
_PARTITIONED = (
    f"({_LIFTS} ? (object.spec.updateStrategy.type == 'OnDelete' ? '{{\"type\":\"OnDelete\"}}' "
    f': \'{{"type":"RollingUpdate","rollingUpdate":{{"partition":\' + string({_PARTITION}) + \'}}}}\') : {_KEPT})'
)
_OF_TYPE = f"(object.spec.updateStrategy.type != 'OnDelete' ? '{{\"type\":\"RollingUpdate\"}}' : {_KEPT})"


def _recorded(original: str) -> str:
    key = '"inplace.dev/original-strategy"'
    return (
        f'+ ({original} != \'\' && !has(object.metadata.annotations) ? [{{"op": "add", '
        f'"path": "/metadata/annotations", "value": {{{key}: {original}}}}}] : []) '
        f'+ ({original} != \'\' ? [{{"op": "add", '
        f'"path": "/metadata/annotations/" + jsonpatch.escapeKey({key}), "value": {original}}}] : [])'
    )


def _condition(type_: str, stuck: str) -> str:
    said = "object.metadata.annotations['inplace.dev/status']"
    current = f"(({said}).contains('\"observedGeneration\":' + string(object.metadata.generation) + ','))"
    phases = "['Degraded', 'Refused', 'RolledBack']"
    holds = f"({current} && {phases}.exists(p, ({said}).contains('\"phase\":\"' + p + '\"')))"
    start = f'(({said}).lastIndexOf(\'"message":"\') + 11)'
    fits = f"{current} && {start} > 10 && ({said}).endsWith('\"}}') && {start} + 2 <= size(({said}))"
    text = f"({said}).substring({start}, size(({said})) - 2).replace('\\\\\"', '\"')"
    message = f"({fits} ? {text} : 'the controller has not looked at this change yet')"
    return f'{{"type": "{type_}", "status": {holds} ? {stuck}, "reason": "InPlaceUpgrade", "message": {message}}}'


#: By the name of the policy; white space does not count.
UNCOMPILED = {
    "inplace-gate-statefulsets": _GATE,
    "inplace-gate-daemonsets": _GATE,
    "inplace-gate-replicasets": _GATE,
    "inplace-gate-deployments": _GATE,
    "inplace-keep-freeze-statefulsets": StandIn(
        _PATCH,
        f'({_LIFTS} ? [{{"op": "add", "path": "/spec/updateStrategy/type", "value": "RollingUpdate"}}] : []) '
        f'+ ({_LIFTS} && !has(object.spec.updateStrategy.rollingUpdate) ? [{{"op": "add", '
        '"path": "/spec/updateStrategy/rollingUpdate", "value": {"partition": 2147483647}}] : []) '
        f'+ ({_LIFTS} ? [{{"op": "add", "path": "/spec/updateStrategy/rollingUpdate/partition", '
        f'"value": 2147483647}}] : []) + [{_FROZEN}] {_recorded(_PARTITIONED)}',
    ),
    "inplace-keep-freeze-daemonsets": StandIn(
        _PATCH,
        f'[{{"op": "add", "path": "/spec/updateStrategy/type", "value": "OnDelete"}}, {_FROZEN}] {_recorded(_OF_TYPE)}',
    ),
    "inplace-keep-freeze-deployments": StandIn(
        _PATCH, f'[{{"op": "add", "path": "/spec/paused", "value": true}}, {_FROZEN}]'
    ),
    "inplace-keep-freeze-unowned": StandIn(
        _PATCH,
        "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15].filter(i, i < size(object.metadata.managedFields) "
        "&& object.metadata.managedFields[i].?manager.orValue('') == 'inplace' "
        "&& 'f:spec' in object.metadata.managedFields[i].?fieldsV1.orValue({})).map(i, "
        '{"op": "remove", "path": "/metadata/managedFields/" + string(i) + "/fieldsV1/f:spec"})',
    ),
    "inplace-honest-status": StandIn(
        _OBJECT,
        '{"status": {"conditions": ['
        + _condition("Reconciling", '"False" : "True"')
        + ", "
        + _condition("Stalled", '"True" : "False"')
        + "]}}",
    ),
}
