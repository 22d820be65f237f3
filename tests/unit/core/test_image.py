"""OCI references and digests."""

from __future__ import annotations

import pytest

from inplace.core.objects import images
from inplace.core.objects.images import Image

HEX = "a" * 64
DIGEST = f"sha256:{HEX}"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        pytest.param("nginx", Image("docker.io", "library/nginx"), id="bare name"),
        pytest.param("nginx:1.27", Image("docker.io", "library/nginx", "1.27"), id="name and tag"),
        pytest.param("bitnami/redis:7", Image("docker.io", "bitnami/redis", "7"), id="user repository"),
        pytest.param("docker.io/nginx", Image("docker.io", "library/nginx"), id="registry written out"),
        pytest.param("index.docker.io/a/b", Image("docker.io", "a/b"), id="the old name of docker.io"),
        pytest.param("ghcr.io/a/b/c:v1", Image("ghcr.io", "a/b/c", "v1"), id="deep path"),
        pytest.param("localhost/app", Image("localhost", "app"), id="localhost without port"),
        pytest.param("localhost:5000/app:v1", Image("localhost:5000", "app", "v1"), id="registry with port"),
        pytest.param("[::1]:5000/app", Image("[::1]:5000", "app"), id="registry as IPv6 address"),
        pytest.param("Registry/app", Image("Registry", "app"), id="capitals make it a registry"),
        pytest.param(f"app@{DIGEST}", Image("docker.io", "library/app", "", DIGEST), id="digest alone"),
        pytest.param(f"r.io:1/app:v2@{DIGEST}", Image("r.io:1", "app", "v2", DIGEST), id="tag and digest"),
        pytest.param("a__b/c-d.e_f", Image("docker.io", "a__b/c-d.e_f"), id="every separator"),
    ],
)
def test_a_reference_is_taken_apart(reference, expected):
    assert images.parse(reference) == expected


@pytest.mark.parametrize(
    "reference",
    [
        pytest.param("", id="empty"),
        pytest.param(" nginx", id="leading space"),
        pytest.param("nginx\n", id="trailing newline"),
        pytest.param("Nginx", id="capitals in a name"),
        pytest.param("nginx:", id="empty tag"),
        pytest.param("nginx:a b", id="space in the tag"),
        pytest.param("nginx:" + "t" * 129, id="tag too long"),
        pytest.param("nginx@", id="empty digest"),
        pytest.param("nginx@sha256:abc", id="digest too short"),
        pytest.param(f"nginx@{DIGEST}@{DIGEST}", id="two digests"),
        pytest.param("a//b", id="empty part"),
        pytest.param("/nginx", id="leading slash"),
        pytest.param("r.io/", id="registry alone"),
        pytest.param("r.io:port/app", id="port that is no number"),
        pytest.param("a:1:2", id="two tags"),
        pytest.param(HEX, id="an image ID"),
        pytest.param("n" * 256, id="name too long"),
        pytest.param("nginx:٣", id="digits of another script"),
    ],
)
def test_what_is_no_reference_is_none(reference):
    assert images.parse(reference) is None
    assert images.normalise(reference) == reference


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1", "docker.io/library/nginx:1"),
        (f"nginx@{DIGEST}", f"docker.io/library/nginx@{DIGEST}"),
        (f"r.io/a:1@{DIGEST}", f"r.io/a:1@{DIGEST}"),
    ],
)
def test_normalising_writes_out_what_is_implied(reference, expected):
    assert images.normalise(reference) == expected
    assert images.normalise(expected) == expected


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        pytest.param("nginx", "docker.io/library/nginx:latest", True, id="implied parts"),
        pytest.param("nginx:1", "nginx:2", False, id="another tag"),
        pytest.param("r.io/nginx", "nginx", False, id="another registry"),
        pytest.param("!", "!", True, id="no references, equal"),
    ],
)
def test_same(a, b, same):
    assert images.same(a, b) is same


@pytest.mark.parametrize(
    ("image_id", "expected"),
    [
        pytest.param(f"docker-pullable://nginx@{DIGEST}", DIGEST, id="dockershim"),
        pytest.param(f"docker.io/library/nginx@{DIGEST}", DIGEST, id="containerd, with a name"),
        pytest.param(DIGEST, DIGEST, id="bare"),
        pytest.param("", "", id="no container yet"),
        pytest.param("docker.io/library/nginx:1", "", id="a tag"),
        pytest.param("nginx@sha256:abc", "", id="cut off"),
        pytest.param(f"{DIGEST}0", "", id="too long"),
        pytest.param(f"docker://{DIGEST}", "", id="dockershim's own ID"),
    ],
)
def test_digest_of(image_id, expected):
    assert images.digest_of(image_id) == expected
