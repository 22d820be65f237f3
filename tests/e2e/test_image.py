"""The image: the same bytes twice, from what is locked; one program in it, which nobody in it can change."""

from __future__ import annotations

import gzip
import io
import json
import tarfile

import pytest

from hack.image.__main__ import build


def test_the_image_has_a_numeric_user_and_neither_shell_nor_package_manager():
    image = build()
    *layers, config = image.blobs
    entry = json.loads(config)["config"]
    assert entry["User"] == "65532:65532"
    assert entry["Entrypoint"] == ["/opt/inplace/bin/inplace"]
    names = set()
    for layer in layers:
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer))) as archive:
            names |= {member.name for member in archive}
    programs = {name for name in names if name.startswith(("usr/bin/", "opt/inplace/bin/"))}
    assert programs == {"usr/bin/python3.11", "opt/inplace/bin/inplace"}
    assert not any("/pip/" in name or "kubesim" in name for name in names)
    assert image.size < 40e6, "bytes to pull"


@pytest.mark.long
def test_two_builds_give_one_digest(tmp_path, monkeypatch):
    first = build()
    monkeypatch.setenv("INPLACE_CACHE", str(tmp_path))  # everything is made anew
    assert build().digest == first.digest
