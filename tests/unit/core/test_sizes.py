"""cpu and memory: which changes are resizes, what they ask of the kubelet, and what is refused."""

from __future__ import annotations

import pytest

from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import ReasonCode
from inplace.core.template import diff, sizes
from inplace.core.template.change import PodChange, Refused
from tests.factories import decode

SMALL = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "128Mi"}}
RESTART = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]


def template(resources=SMALL, *, policy=None, image="app:1", init=(), **spec):
    container = {"name": "app", "image": image, "resources": resources}
    container |= {"resizePolicy": policy} if policy else {}
    return {"spec": {"containers": [container], "initContainers": list(init), **spec}}


def changed(**sides):
    return {side: {**SMALL[side], **amounts} for side, amounts in {"requests": {}, "limits": {}, **sides}.items()}


def verdict(target, base=None, **options):
    found = diff.diff(base or template(), target, **options)
    assert isinstance(found, PodChange), found
    return found


@pytest.mark.parametrize(
    ("policy", "sides", "restarts"),
    [
        pytest.param(None, {"limits": {"memory": "256Mi"}}, False, id="no policy"),
        pytest.param(RESTART, {"limits": {"memory": "256Mi"}}, True, id="memory restarts"),
        pytest.param(RESTART, {"requests": {"memory": "80Mi"}}, True, id="a request of it restarts too"),
        pytest.param(RESTART, {"limits": {"cpu": "2"}}, False, id="cpu does not"),
    ],
)
def test_a_container_restarts_for_its_size_only_where_its_policy_says_so(policy, sides, restarts):
    found = verdict(template(changed(**sides), policy=policy), template(policy=policy))
    assert found.sizes == {"app": sides}
    assert (found.disrupts, bool(found.harsh_sizes), bool(found.calm_sizes)) == (restarts, restarts, not restarts)


def test_the_same_amount_in_other_words_is_no_change():
    assert verdict(template(changed(requests={"cpu": "0.1", "memory": "65536Ki"}))).is_empty


def test_a_request_follows_its_limit_as_on_the_server():
    found = verdict(template({"limits": {"cpu": "2"}}), template({"limits": {"cpu": "1"}}))
    assert found.sizes == {"app": {"requests": {"cpu": "2"}, "limits": {"cpu": "2"}}}


def test_a_size_and_an_image_are_one_change_that_restarts_for_the_image_alone():
    found = verdict(template(changed(limits={"cpu": "2"}), image="app:2"))
    assert found.images == {"app": "app:2"}
    assert found.calm_sizes == {"app": {"limits": {"cpu": "2"}}}
    assert found.restarts == ("app",)


PLAIN = {"name": "init", "image": "init:1", "resources": {"requests": {"cpu": "1"}}}


@pytest.mark.parametrize(
    ("target", "base", "options", "path"),
    [
        pytest.param(template({**SMALL, "limits": {"cpu": "1"}}), None, {},
                     "spec.containers[app].resources.limits[memory]", id="removed"),
        pytest.param(template(changed(requests={"cpu": "1", "memory": "128Mi"})), None, {}, "spec", id="QoS class"),
        pytest.param(template(changed(limits={"cpu": "2"})), None, {"kubelet": (1, 32)}, "spec", id="old kubelet"),
        pytest.param(template(changed(limits={"memory": "100Mi"})), None, {"kubelet": (1, 33)},
                     "spec.containers[app].resources.limits[memory]", id="less memory on 1.33"),
        pytest.param(template(changed(limits={"cpu": "2"}), os={"name": "windows"}),
                     template(os={"name": "windows"}), {}, "spec.os.name", id="Windows"),
        pytest.param(template(init=[{**PLAIN, "resources": {"requests": {"cpu": "2"}}}]), template(init=[PLAIN]), {},
                     "spec.initContainers[init].resources.requests[cpu]", id="an init container"),
        pytest.param({"spec": {**template()["spec"], "resources": {"limits": {"cpu": "4"}}}},
                     {"spec": {**template()["spec"], "resources": {"limits": {"cpu": "3"}}}}, {},
                     "spec.resources.limits[cpu]", id="of the Pod as a whole"),
    ],
)  # fmt: skip
def test_refused_with_its_path(target, base, options, path):
    found = diff.diff(base or template(), target, **options)
    assert isinstance(found, Refused)
    assert [(one.code, one.path) for one in found.reasons] == [(ReasonCode.ResizeNotSupported, path)]


def test_less_memory_is_a_resize_from_1_34_on_or_with_a_restart():
    less = changed(limits={"memory": "100Mi"})
    assert verdict(template(less), kubelet=(1, 34)).calm_sizes
    assert verdict(template(less, policy=RESTART), template(policy=RESTART), kubelet=(1, 33)).harsh_sizes


@pytest.mark.parametrize(
    ("resources", "expected"),
    [({}, "BestEffort"), (SMALL, "Burstable"), ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed")],
)
def test_the_quality_of_a_template(resources, expected):
    assert sizes.quality(template(resources)) == expected


def live(resources):
    return decode({"spec": {"containers": [{"name": "app", "image": "app:1", "resources": resources}]}}, Pod)


@pytest.mark.parametrize(
    ("cpu", "expected", "drifts"),
    [("100m", {"requests": {"cpu": "200m"}}, False), ("200m", None, False), ("0.2", None, False), ("150m", None, True)],
)
def test_only_an_amount_of_a_template_is_changed(cpu, expected, drifts):
    target = template(changed(requests={"cpu": "200m"}))
    found, drift = sizes.live(sizes.between([template()], target), live(changed(requests={"cpu": cpu})))
    assert {name: change.resources for name, change in found.items()} == ({"app": expected} if expected else {})
    assert [one.code for one in drift] == [ReasonCode.DriftDetected] * drifts
    assert not drifts or "150m" in drift[0].message
