"""Paths on the server."""

from __future__ import annotations

import pytest

from inplace.kube.resource import NODES, PODS, STATEFULSETS


def test_paths():
    assert PODS.path("shop", "web-0", "status") == "/api/v1/namespaces/shop/pods/web-0/status"
    assert STATEFULSETS.path("shop") == "/apis/apps/v1/namespaces/shop/statefulsets"
    assert NODES.path(name="node-1.example") == "/api/v1/nodes/node-1.example"


@pytest.mark.parametrize(
    "name", ["../../../../api/v1/namespaces/kube-system/secrets/x?watch=1", "..", ".", "a/b", "a?b#c", "a%2Fb"]
)
def test_a_name_is_one_segment(name):
    """The name of an owner is whatever its author wrote, and its reader must not be led elsewhere."""
    segments = STATEFULSETS.path("shop", name).split("/")
    assert segments[:7] == ["", "apis", "apps", "v1", "namespaces", "shop", "statefulsets"]
    assert len(segments) == 8
    assert not {"?", "#"} & set(segments[7])
    assert segments[7] not in {".", ".."}
