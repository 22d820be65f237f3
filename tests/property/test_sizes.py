"""A change of size alone: what restarts, and what is written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inplace.core.objects.model import WHOLE
from inplace.core.template import diff, sizes, trees
from inplace.core.template.change import PodChange

amounts = st.sampled_from(["100m", "0.1", "1", "2", "64Mi", "1Gi"])
size = st.fixed_dictionaries(dict.fromkeys(sizes.RESIZED, amounts))
policy = st.sampled_from(["NotRequired", "RestartContainer"])
container = st.tuples(size, size, size, size, st.dictionaries(st.sampled_from(sizes.RESIZED), policy))


@given(st.lists(container, min_size=1, max_size=3))
def test_no_container_restarts_for_its_size_but_by_its_policy(drawn):
    def template(side: int):
        return {
            "spec": {
                "containers": [
                    {
                        "name": f"c{number}",
                        "image": "app:1",
                        "resources": {"requests": one[side], "limits": one[side + 2]},
                        "resizePolicy": [{"resourceName": n, "restartPolicy": p} for n, p in one[4].items()],
                    }
                    for number, one in enumerate(drawn)
                ]
            }
        }

    found = diff.diff(template(0), template(1))
    if not isinstance(found, PodChange):
        return
    assert not found.images
    for number, (request, asked, limit, wanted, policies) in enumerate(drawn):
        moved = {
            name
            for old, new in ((request, asked), (limit, wanted))
            for name in sizes.RESIZED
            if trees.quantity(old[name]) != trees.quantity(new[name])
        }
        restarts = any(policies.get(name) == "RestartContainer" for name in moved)
        assert (f"c{number}" in found.sizes) == bool(moved)
        assert (f"c{number}" in found.restarts) == restarts


@given(
    st.tuples(size, size), st.tuples(size, size), size, st.sets(st.sampled_from(sizes.RESIZED)),
    st.dictionaries(st.sampled_from(sizes.RESIZED), policy),
)  # fmt: skip
def test_no_container_restarts_for_the_size_of_its_pod(before, after, own, limited, policies):
    """Neither by the plan, nor unplanned: where it takes the Pod's limit and its policy says so, it is a refusal."""
    container = {
        "name": "app",
        "image": "app:1",
        "resources": {"requests": own, "limits": {name: own[name] for name in limited}},
        "resizePolicy": [{"resourceName": name, "restartPolicy": each} for name, each in policies.items()],
    }

    def template(requests, limits):
        return {"spec": {"containers": [container], "resources": {"requests": requests, "limits": limits}}}

    found = diff.diff(template(*before), template(*after))
    moved = {name for name in sizes.RESIZED if trees.quantity(before[1][name]) != trees.quantity(after[1][name])}
    taken = {name for name in moved - limited if policies.get(name) == "RestartContainer"}
    assert not (taken and isinstance(found, PodChange))
    assert not isinstance(found, PodChange) or (not found.disrupts and set(found.sizes) <= {WHOLE})
