"""What tenants write is taken for what the controller has written, or for what the API server vouches for."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

CACHE: Final = "cluster/cache.py"
CACHE_TESTS: Final = "unit/cluster/test_cache.py"

DEFECTS: Final = (
    Defect(
        "let any kind own any other",
        "core/kinds/__init__.py",
        'return owner if above.child_kind == (kind if kind in BY_NAME else "") else None',
        "return owner",
        (f"{CACHE_TESTS}::test_owners_that_own_each_other_are_followed_for_two_hops_at_most",),
    ),
    Defect(
        "take what names an owner in another namespace for its own",
        CACHE,
        "(Identity(item.metadata.namespace, owner.kind, owner.name, owner.uid),)",
        '(Identity("theirs", owner.kind, owner.name, owner.uid),)',
        (f"{CACHE_TESTS}::test_what_names_an_owner_in_another_namespace_is_not_its",),
    ),
    Defect(
        "know an owner by its uid alone",
        CACHE,
        "(Identity(item.metadata.namespace, owner.kind, owner.name, owner.uid),)",
        '(Identity(item.metadata.namespace, "StatefulSet", "web", owner.uid),)',
        (f"{CACHE_TESTS}::test_a_pod_belongs_to_whom_it_names_in_every_respect_or_to_nobody",),
    ),
    Defect(
        "wait for slices of other namespaces",
        CACHE,
        "serving=lambda item: ((item.metadata.namespace, uid) for uid in item.targets())",
        'serving=lambda item: (("theirs", uid) for uid in item.targets())',
        (f"{CACHE_TESTS}::test_a_slice_of_another_namespace_says_nothing_of_a_pod",),
    ),
)
