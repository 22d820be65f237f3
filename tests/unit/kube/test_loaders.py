"""Only the credential part of kubernetes_asyncio is loaded, and it does what the whole library does."""

from __future__ import annotations

import json
import subprocess
import sys

REPORT = """
import json, sys
{before}
from inplace.kube.loaders import loaders
config, make = loaders()
assert loaders() is loaders()
made = make()
print(json.dumps({{
    "host": made.host,
    "functions": sorted(name for name in dir(config) if name.startswith("load_")),
    "modules": sum(name.startswith("kubernetes_asyncio.client.") for name in sys.modules),
}}))
"""


def report(before: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", REPORT.format(before=before)], check=True, capture_output=True, text=True
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_the_loaders_are_the_librarys_and_its_models_stay_out():
    slim, whole = report(""), report("import kubernetes_asyncio")
    assert (slim["host"], slim["functions"]) == (whole["host"], whole["functions"])
    assert "load_kube_config" in str(slim["functions"])
    assert "load_incluster_config" in str(slim["functions"])
    assert int(str(slim["modules"])) < 10
    assert int(str(whole["modules"])) > 500
