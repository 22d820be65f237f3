"""Our reader of YAML against kubectl's: what `kubectl annotate --local`, which asks no server, makes of a file."""

from __future__ import annotations

import json

import pytest

from inplace.kube import documents
from inplace.kube.errors import Malformed
from tests.unit.kube.test_documents import SCALARS

HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


async def as_kubectl_reads(kubectl, text):
    code, out, _ = await kubectl.run("annotate", "--local", "-f", "-", "-o", "json", "read=it", stdin=HEAD + text)
    return json.loads(out)["x"] if code == 0 else None


async def test_scalars_are_those_of_kubectl(kubectl):
    assert await as_kubectl_reads(kubectl, "x:\n" + "".join(f"- {text}\n" for text in SCALARS)) == [*SCALARS.values()]


@pytest.mark.parametrize(
    "text",
    [
        "x: {1: a, true: b, 1.5: c, y: d}",
        "x: {a: &x {b: 1}, c: {<<: *x, d: 2}}",
        "x:\t{\n\ta: b\t}\t# c",
        "x:\n  - a\n  -\n  - b",
        "x: |\n  two\n  lines\n",
        "x: |-\n  two\n  lines\n",
        "x: |+\n  kept\n\n",
        "x: >\n  folded\n  line\n\n  other\n",
        "x: two\n  lines of one",
        "x: 'it''s' # no comment in it",
        'x: "a\\tb\\u00e9\\n"',
        "x: &a [1, 2]\ny: *a",
        "x: {a: 1, a: 2}",
        "x: {<<: {a: 1, b: 2}, b: 3}",
        "x: {<<: [{a: 1}, {a: 2, b: 2}]}",
        "'x': {\"b\": null, 'c': ~, d: }",
        "x: [a, b: c, {d: e}]",
        "x: !!str 12",
        "x: !!float 1",
        "x: !!binary aGk=",
        "x: http://a:80/b#c",
        "x: a#b",
        "? x\n: y",
        "x: y\n...\n",
        'x: {"a": "b",\n\t"c": "d"}',
    ],
)
async def test_documents_are_those_of_kubectl(kubectl, text):
    (found,) = documents.read("file", text)
    assert await as_kubectl_reads(kubectl, text) == found["x"]


@pytest.mark.parametrize(
    "text", ["x: .inf", "x:\n\ta: 1", "x: !!int a", "x: !!binary '*'", "~: a", "x: [1\ny: 2", 'x: "\\ud800"']
)
async def test_what_kubectl_refuses_is_refused(kubectl, text):
    assert await as_kubectl_reads(kubectl, text) is None
    with pytest.raises(Malformed):
        documents.read("file", text)
