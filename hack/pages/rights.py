"""Every right of the controller's account with its reason and the test that fails without it.

`docs/reference/rbac.md` shows it; tests hold it to the manifests in both directions.
"""

from __future__ import annotations

from typing import Final, NamedTuple

#: API group, resource with its subresource, and verb.
Right = tuple[str, str, str]


class Why(NamedTuple):
    """What a right is for, and a test that fails where it is missing."""

    reason: str
    test: str


_USED: Final = "test_every_right_is_used_and_no_other_is_asked_for"


def _cache(group: str, resource: str, what: str) -> dict[Right, Why]:
    return {
        (group, resource, "list"): Why(what, _USED),
        (group, resource, "watch"): Why("the same, as it changes", _USED),
    }


_SETTLE: Final = "read live what a write without an answer has left"
_KINDS: Final = ("statefulsets", "daemonsets", "deployments", "replicasets")
#: Only in the whole cluster: the controller of one namespace says that it cannot tell.
POLICY_RIGHTS: Final[dict[Right, Why]] = {
    ("admissionregistration.k8s.io", f"{plural}admissionpolicybindings", "get"): Why(
        "say which of our policies are missing", _USED
    )
    for plural in ("mutating", "validating")
}
JUSTIFIED: Final[dict[Right, Why]] = (
    {
        ("", "pods", "get"): Why("a live read before the disruptive patch, and after a write without an answer", _USED),
        **_cache("", "pods", "the Pods, with their images and readiness"),
        ("", "pods", "patch"): Why("images, labels, annotations", _USED),
        ("", "pods/resize", "patch"): Why(
            "cpu and memory of containers and Pods, which no other request can change", _USED
        ),
        ("", "pods/status", "patch"): Why("the readiness gate, with the record in the same write", _USED),
        **_cache("", "nodes", "is the Pod's node ready, and how old is its kubelet"),
        ("apps", "replicasets", "create"): Why("keep a Deployment's old template for kubectl rollout undo", _USED),
        ("apps", "replicasets", "delete"): Why("one without Pods that would be taken for the active one", _USED),
        ("apps", "controllerrevisions", "get"): Why("a revision that the cache lacks", _USED),
        **_cache("apps", "controllerrevisions", "the templates that live Pods were made from"),
        **_cache("discovery.k8s.io", "endpointslices", "does traffic still reach a drained Pod"),
        ("policy", "poddisruptionbudgets", "get"): Why(_SETTLE, _USED),
        **_cache("policy", "poddisruptionbudgets", "what still may be disrupted"),
        ("policy", "poddisruptionbudgets/status", "patch"): Why("take from it before a Pod is disrupted", _USED),
        ("", "events", "create"): Why("say what happened", _USED),
        ("", "events", "patch"): Why("count a repeated Event instead of writing it again", _USED),
        ("coordination.k8s.io", "leases", "get"): Why("who leads", "test_the_lease_needs_each_of_its_rights"),
        ("coordination.k8s.io", "leases", "create"): Why(
            "the first leader makes it", "test_the_lease_needs_each_of_its_rights"
        ),
        ("coordination.k8s.io", "leases", "update"): Why(
            "take, renew and release it", "test_the_lease_needs_each_of_its_rights"
        ),
    }
    | {
        ("apps", plural, verb): Why(reason, _USED)
        for plural in _KINDS
        for verb, reason in {
            "get": _SETTLE,
            "list": "the workloads, and what stands between them and their Pods",
            "watch": "the same, as it changes",
            "patch": "freeze and restore; a ReplicaSet's template and annotations",
        }.items()
    }
    | {
        ("apps", f"{plural}/status", "patch"): Why(
            "our status and its conditions; of a StatefulSet currentRevision under OnDelete before 1.37", _USED
        )
        for plural in _KINDS
    }
    | POLICY_RIGHTS
)
#: In a role of their own, so that it can be left out.
PULL_RIGHTS: Final[dict[Right, Why]] = {
    ("", "pods", "create"): Why("a pull Pod that pulls an image ahead", _USED),
    ("", "pods", "delete"): Why("that pull Pod", _USED),
}
