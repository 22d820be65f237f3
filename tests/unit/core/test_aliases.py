"""Aliases of an image: which spelling restarts a container without any other image."""

from __future__ import annotations

import pytest

from inplace.core.objects import aliases

D1, D2 = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
PORT = "localhost:5000/team/app"


@pytest.mark.parametrize(
    ("live", "wanted", "image_id", "unchanged", "expected"),
    [
        pytest.param(f"app:1@{D1}", "app:1", f"docker.io/library/app@{D1}", False, True, id="the tag, and its digest"),
        pytest.param(f"app:1@{D1}", "app:1", "", False, True, id="no container yet"),
        pytest.param("app:1", "app:1", f"app@{D1}", False, False, id="the image itself is no alias"),
        pytest.param(f"app:1@{D2}", "app:1", f"app@{D1}", False, False, id="not what runs"),
        pytest.param(f"app:2@{D1}", "app:1", f"app@{D1}", True, False, id="another tag"),
        pytest.param(f"other:1@{D1}", "app:1", f"app@{D1}", True, False, id="another repository"),
        pytest.param(f"{PORT}:1@{D1}", f"{PORT}:1", f"{PORT}@{D1}", False, True, id="a port is no tag"),
        pytest.param(f"{PORT}@{D1}", f"{PORT}:1", f"{PORT}@{D1}", False, False, id="no tag tells no version"),
        pytest.param(f"{PORT}@{D1}", f"{PORT}:1", f"{PORT}@{D1}", True, True, id="no tag, and no other version"),
        pytest.param(f"app:latest@{D1}", "app", f"app@{D1}", False, True, id="latest is implied"),
        pytest.param(f"app:1@{D1}", f"app@{D1}", "", False, True, id="by digest only"),
        pytest.param(f"app@{D2}", f"app:1@{D1}", "", True, False, id="another digest"),
        pytest.param("docker.io/library/app:1", "app:1", "", True, False, id="a respelling is another writer's"),
        pytest.param("NO IMAGE", "app:1", "", True, False, id="no reference"),
    ],
)
def test_what_is_an_alias(live, wanted, image_id, unchanged, expected):
    assert aliases.is_alias(live, wanted, image_id, unchanged=unchanged) is expected


@pytest.mark.parametrize(
    ("live", "wanted", "image_id", "reported", "expected"),
    [
        pytest.param("app:1", "app:1", f"docker.io/library/app@{D1}", "", f"app:1@{D1}", id="by tag"),
        pytest.param("app", "app", f"docker.io/library/app@{D1}", "", f"app:latest@{D1}", id="latest"),
        pytest.param(f"{PORT}:1", f"{PORT}:1", f"{PORT}@{D1}", "", f"{PORT}:1@{D1}", id="a port"),
        pytest.param("app:1", "app:1", f"docker-pullable://app@{D1}", "", f"app:1@{D1}", id="cri-dockerd"),
        pytest.param(f"app:1@{D1}", "app:1", f"app@{D1}", "docker.io/library/app:1", f"app@{D1}", id="never back"),
        pytest.param(f"app@{D1}", "app:1", f"app@{D1}", D1, f"app:1@{D1}", id="without a tag, to one"),
        pytest.param(f"app:1@{D1}", f"app:1@{D1}", "", "", f"app@{D1}", id="pinned"),
        pytest.param(f"app@{D1}", f"app:1@{D1}", "", "", f"app:1@{D1}", id="pinned, back"),
        pytest.param(f"app@{D1}", f"app@{D1}", "", "app:7", f"app:7@{D1}", id="by digest only"),
        pytest.param(f"app@{D1}", f"app@{D1}", "", D1, f"app:restarted@{D1}", id="by digest, no tag known"),
        pytest.param(f"app@{D1}", f"app@{D1}", "", "other:7", f"app:restarted@{D1}", id="another's tag"),
        pytest.param("app:1", "app:1", f"other@{D1}", "", "", id="known by another repository only"),
        pytest.param("app:1", "app:1", D1, "", "", id="imported: no digest of the repository"),
        pytest.param("app:1", "app:1", "", "", "", id="no container yet"),
        pytest.param("NO IMAGE", "app:1", f"app@{D1}", "", "", id="no reference"),
    ],
)
def test_the_alias_to_switch_to(live, wanted, image_id, reported, expected):
    assert aliases.flip(live, wanted, image_id, reported) == expected


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (f"app:1@{D1}", f"docker.io/library/app@{D1}"),
        (f"{PORT}@{D1}", f"{PORT}@{D1}"),
        ("app", "docker.io/library/app:latest"),
        ("NO IMAGE", "NO IMAGE"),
    ],
)
def test_a_runtime_resolves_by_the_digest(reference, expected):
    assert aliases.resolved(reference) == expected
