"""Which expressions of manifests/policies are compiled as they are shipped, and which are rewritten first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cel_expr_python import cel
from cel_expr_python.ext import ext_optional, ext_strings

from kubesim.api.admission import expressions
from kubesim.api.admission.expressions import CelError, compiled, rewritten
from tests.scenarios import policies
from tests.unit.manifests import admission
from tests.unit.manifests.uncompiled import UNCOMPILED


def every() -> Iterator[tuple[str, str]]:
    """Each expression with the name of its policy."""
    for one in policies.manifests():
        yield from ((one["metadata"]["name"], text) for text in _within(one["spec"]))


def _within(tree) -> Iterator[str]:
    if isinstance(tree, list):
        for item in tree:
            yield from _within(item)
    elif isinstance(tree, dict):
        for key, value in tree.items():
            if key in {"expression", "messageExpression"}:
                yield value
            else:
                yield from _within(value)


def mutations() -> dict[str, str]:
    """The one mutation of each policy that has some."""
    found = {}
    for one in policies.manifests():
        for mutation in one["spec"].get("mutations") or ():
            assert one["metadata"]["name"] not in found
            (found[one["metadata"]["name"]],) = _within(mutation)
    return found


def variables_of(name: str) -> tuple[tuple[str, str], ...]:
    found = admission.policy(name)["spec"].get("variables") or ()
    return tuple((one["name"], one["expression"]) for one in found)


@pytest.fixture(scope="module")
def bare():
    """The package with its own extensions and nothing of ours, but for the name of `variables`."""
    return cel.NewEnv(
        variables=dict.fromkeys([*expressions.NAMES, "variables"], cel.Type.DYN),
        extensions=[ext_optional.ExtOptional(), ext_strings.ExtStrings()],
    )


def test_exactly_the_named_expressions_do_not_compile_by_themselves(bare):
    failed = {}
    for name, text in every():
        try:
            bare.compile(text)
        except RuntimeError as error:
            assert name not in failed
            failed[name] = (text, str(error))
    assert {name: text for name, (text, _) in failed.items()} == {name: mutations()[name] for name in UNCOMPILED}
    assert all(UNCOMPILED[name].why in said for name, (_, said) in failed.items())


@pytest.mark.parametrize("name", sorted(UNCOMPILED))
def test_what_stands_in_for_them(name):
    found = rewritten(mutations()[name], variables_of(name))
    assert "".join(found.split()) == "".join(UNCOMPILED[name].text.split())


def test_every_expression_compiles_once():
    for name, text in every():
        variables = variables_of(name)
        assert compiled(text, variables) is compiled(text, variables)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("JSONPatch{op: 'add', where: '/x'}", "undefined field 'where' of JSONPatch"),
        ("Object{spec: Object.status{replicas: 1}}", "expected Object.spec"),
        ("Object{spec: Object.spec{template: Object.template{}}}", "expected Object.spec.template"),
        ("variables.nobody == 1", "undefined field 'nobody' of variables"),
        ("quantity('1') == quantity('1')", "undeclared reference to 'quantity'"),
        ("object.spec.", "compilation failed"),
    ],
)
def test_what_the_server_does_not_compile_is_not_compiled(text, says):
    with pytest.raises(CelError, match=says):
        compiled(text)


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("object.Object == 'Object{a: 1}'", None),
        ("'variables.x' + r'\\'", None),
        ("object.variables.x", None),
        ("{'a': object.b ? 1 : 2} // Object{a: 1}", None),
        (
            "Object{spec: Object.spec{a: {'b': [1, 2], 'c': 3}, d: 4}}",
            '{"spec": {"a": {\'b\': [1, 2], \'c\': 3}, "d": 4}}',
        ),
        ("Object{?spec: object.?spec}", '{?"spec": object.?spec}'),
        ("variables.x.size() > 1", "(object.y).size() > 1"),
        ("variables.x.?z", "(object.y).?z"),
        ("variables.twice", "((object.y) + 1)"),
    ],
)
def test_only_messages_and_variables_are_rewritten(text, becomes):
    assert rewritten(text, (("x", "object.y"), ("twice", "variables.x + 1"))) == (becomes or text)
