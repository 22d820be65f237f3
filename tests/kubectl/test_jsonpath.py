"""What the real kubectl prints for the same templates: `kubectl annotate --local` asks no server."""

from __future__ import annotations

import json

from tests.unit.cli.test_jsonpath import CASES, DOCUMENT, REFUSED

WHOLE = {"apiVersion": "example.com/v1", "kind": "Any", "metadata": {"annotations": {"a": "b"}}, **DOCUMENT}


async def run(kubectl, template):
    arguments = ("annotate", "--local", "--overwrite", "-f", "-", "a=b", "-o", f"jsonpath={template}")
    return await kubectl.run(*arguments, stdin=json.dumps(WHOLE))


async def test_kubectl_prints_the_same(kubectl):
    wrong = {}
    for template, printed in CASES.items():
        code, out, err = await run(kubectl, template)
        if (code, out) != (0, printed):
            wrong[template] = (code, out, err[-200:])
    assert wrong == {}


async def test_kubectl_refuses_the_same(kubectl):
    answers = {template: await run(kubectl, template) for template in REFUSED}
    assert [template for template, (code, _, _) in answers.items() if code != 1] == []
