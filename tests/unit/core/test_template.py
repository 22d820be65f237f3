"""Pod templates as trees: reading and path-wise comparison."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from msgspec import Raw

from inplace.core.template import paths, trees

TEMPLATE = {
    "metadata": {"labels": {"app": "web"}, "annotations": {"a/b": "c", "n": None}},
    "spec": {
        "containers": [{"name": "app", "image": "app:1"}, {"name": "proxy", "image": "proxy:1"}],
        "initContainers": [{"name": "init", "image": "init:1"}],
    },
}


def test_decode_keeps_everything():
    assert trees.decode(Raw(msgspec.json.encode(TEMPLATE))) == TEMPLATE


@pytest.mark.parametrize("raw", [b"null", b"[]", b"3", b'"x"'])
def test_decode_of_anything_else_is_the_empty_tree(raw):
    assert trees.decode(raw) == {}


def test_decode_of_no_json_raises():
    with pytest.raises(msgspec.DecodeError):
        trees.decode(b"{")


def test_of_revision_leaves_the_patch_directive_out():
    data = {"spec": {"template": {"$patch": "replace", **TEMPLATE}}}
    assert trees.of_revision(Raw(msgspec.json.encode(data))) == TEMPLATE


@pytest.mark.parametrize("data", [b"{}", b"null", b'{"spec":3}', b'{"spec":{"template":null}}'])
def test_of_revision_without_a_template_is_empty(data):
    assert trees.of_revision(Raw(data)) == {}


def test_parts_by_name():
    assert list(trees.containers(TEMPLATE)) == ["app", "proxy"]
    assert list(trees.init_containers(TEMPLATE)) == ["init"]
    assert trees.images(TEMPLATE) == {"app": "app:1", "proxy": "proxy:1", "init": "init:1"}
    assert trees.labels(TEMPLATE) == {"app": "web"}
    assert trees.annotations(TEMPLATE) == {"a/b": "c", "n": ""}


@pytest.mark.parametrize("broken", [{}, {"spec": 1, "metadata": []}, {"spec": {"containers": [1, None]}}])
def test_parts_of_a_broken_template_are_empty(broken):
    assert trees.images(broken) == {}
    assert trees.labels(broken) == {}


def spec(**fields):
    return {"spec": fields}


def app(**fields):
    return spec(containers=[{"name": "app", **fields}])


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param(app(image="x"), app(image="y"), [("spec.containers[app].image", "x", "y")], id="image"),
        pytest.param(spec(), spec(hostNetwork=True), [("spec.hostNetwork", None, True)], id="field added"),
        pytest.param(spec(a={"b": 1}), spec(), [("spec.a", {"b": 1}, None)], id="object removed is one difference"),
        pytest.param(
            spec(containers=[{"name": "a"}, {"name": "b"}]),
            spec(containers=[{"name": "b"}, {"name": "a"}]),
            [("spec.containers", ["a", "b"], ["b", "a"])],
            id="containers reordered",
        ),
        pytest.param(
            spec(containers=[{"name": "a"}]),
            spec(containers=[{"name": "new"}, {"name": "a"}]),
            [("spec.containers[new]", None, {"name": "new"})],
            id="container inserted, the rest in order",
        ),
        pytest.param(
            app(env=[{"name": "A", "value": "1"}]),
            app(env=[{"name": "A", "value": "2"}, {"name": "B"}]),
            [("spec.containers[app].env[A].value", "1", "2"), ("spec.containers[app].env[B]", None, {"name": "B"})],
            id="env by name",
        ),
        pytest.param(
            app(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
            app(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "3"}]),
            [("spec.containers[app].env[1].value", "2", "3")],
            id="a name twice: by place",
        ),
        pytest.param(
            app(ports=[{"containerPort": 1, "protocol": "TCP"}, {"containerPort": 1, "protocol": "UDP"}]),
            app(ports=[{"containerPort": 1, "protocol": "TCP"}, {"containerPort": 1, "protocol": "UDP", "name": "d"}]),
            [("spec.containers[app].ports[1/UDP].name", None, "d")],
            id="one port, two protocols",
        ),
        pytest.param(
            spec(tolerations=[{"key": "a"}, {"key": "b"}]),
            spec(tolerations=[{"key": "a"}]),
            [("spec.tolerations[1]", {"key": "b"}, None)],
            id="lists without names by place",
        ),
        pytest.param(
            {"metadata": {"labels": {"a.b/c": "1"}}},
            {"metadata": {"labels": {"a.b/c": "2"}}},
            [("metadata.labels[a.b/c]", "1", "2")],
            id="keys that the user chose stand in brackets",
        ),
        pytest.param(
            spec(nodeSelector={"divisor": "1"}),
            spec(nodeSelector={"divisor": "1000m", "limits": "x"}),
            [("spec.nodeSelector[divisor]", "1", "1000m"), ("spec.nodeSelector[limits]", None, "x")],
            id="a key that the user chose is no field",
        ),
        pytest.param(spec(x=True), spec(x=1), [("spec.x", True, 1)], id="true is not 1"),
        pytest.param(spec(x="1"), spec(x=1), [("spec.x", "1", 1)], id="text is not a number"),
        pytest.param(spec(x={}), spec(x=[]), [("spec.x", {}, None)], id="another type"),
        pytest.param(spec(emptyDir={}), spec(), [("spec.emptyDir", {}, None)], id="an empty struct is a value"),
    ],
)
def test_differences(a, b, expected):
    forth, back = (
        [(paths.text(path), old, new) for path, old, new in trees.differences(*sides)] for sides in ((a, b), (b, a))
    )
    assert forth == expected
    assert [(path, new, old) for path, old, new in expected] == sorted(
        back, key=lambda one: [path for path, _, _ in expected].index(one[0])
    )


@pytest.mark.parametrize(
    ("a", "b"),
    [
        pytest.param(spec(x=None), spec(), id="null is absent"),
        pytest.param(spec(x=[]), spec(), id="an empty list is absent"),
        pytest.param({"metadata": {"labels": {}}}, {}, id="an empty map is absent"),
        pytest.param(app(resources={"limits": {}}), app(), id="empty resources are absent"),
        pytest.param(
            app(resources={"limits": {"cpu": 1}}), app(resources={"limits": {"cpu": "1000m"}}), id="quantities"
        ),
        pytest.param(spec(sizeLimit="1Gi"), spec(sizeLimit="1024Mi"), id="size limits"),
        pytest.param(spec(x=1), spec(x=1.0), id="one number, two ways"),
    ],
)
def test_no_difference(a, b):
    assert trees.differences(a, b) == []
    assert trees.differences(b, a) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", Decimal(1)),
        (2, Decimal(2)),
        (0.5, Decimal("0.5")),
        ("500m", Decimal("0.5")),
        ("1Ki", Decimal(1024)),
        ("1.5Gi", Decimal(1610612736)),
        ("1E", Decimal(10) ** 18),
        ("1e3", Decimal(1000)),
        ("1E3", Decimal(1000)),
        ("100n", Decimal("1e-7")),
        ("-1", Decimal(-1)),
        (".5", Decimal("0.5")),
    ],
)
def test_quantity(text, value):
    assert trees.quantity(text) == value


@pytest.mark.parametrize("text", ["", "m", "x", "1X", "1 Gi", "1e", "e5", "nan", "9" * 40, "1e999", True, None, [1]])
def test_what_is_no_quantity_stays_as_it_is(text):
    assert trees.quantity(text) == text
