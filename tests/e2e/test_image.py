"""The image: the same bytes twice, from what is locked; one program in it, which nobody in it can change."""

from __future__ import annotations

import json
from pathlib import PurePosixPath

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import inplace
from hack.image import sbom, wait_ready
from hack.image.build import build
from hack.release.distributions import TIME

#: What no lock has the archive of.
OURS = {"kubectl-inplace", "wait-ready", "stdlib"}


@pytest.fixture(scope="module")
def image():
    return build()


def test_the_image_has_a_numeric_user_and_neither_shell_nor_package_manager(image):
    entry, names = image.configuration, set(image.files())
    assert entry["User"] == "65532:65532"
    assert entry["Entrypoint"] == ["/opt/inplace/bin/inplace"]
    programs = {name for name in names if name.startswith(("usr/bin/", "opt/inplace/bin/"))}
    assert programs == {"usr/bin/python3.11", "opt/inplace/bin/inplace", wait_ready.PROGRAM}
    assert not any("/pip/" in name or "kubesim" in name for name in names)
    assert image.size < 40e6, "bytes to pull"


def test_every_file_belongs_to_something_that_the_bill_of_materials_names(image):
    files = image.files()
    bill = sbom.bill(image, TIME)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill.decode()) is None
    components = json.loads(bill)["components"]
    listed = {
        (one["purl"].split(":")[1].split("/")[0], one["name"], one["version"]) for one in components if "purl" in one
    }
    found = sbom.packages(files)
    assert {(one.kind, one.name, one.version) for one in found} == listed
    assert ("pypi", "kubectl-inplace", inplace.__version__) in listed
    owned = frozenset().union(*(one.files for one in found))
    strangers = [path for path in files if path.startswith(("usr/", "opt/")) and _source(path) not in owned]
    assert strangers == []
    hashed = {one["name"] for one in components if "hashes" in one}
    assert {one.name for one in found} - hashed <= OURS, "the locks say which archive it was"


def _source(path):
    """What bytecode was made of."""
    where = PurePosixPath(path)
    if where.parent.name != "__pycache__":
        return path
    return str(where.parent.parent / f"{where.name.removesuffix('.cpython-311.pyc')}.py")


@pytest.mark.long
def test_two_builds_give_one_digest(image, tmp_path, monkeypatch):
    monkeypatch.setenv("INPLACE_CACHE", str(tmp_path))  # everything is made anew
    again = build()
    assert again.digest == image.digest
    assert sbom.bill(again, TIME) == sbom.bill(image, TIME)
