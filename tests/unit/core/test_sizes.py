"""cpu and memory: which changes are resizes, what they ask of the kubelet, and what is refused."""

from __future__ import annotations

import pytest

from inplace.core.objects.model import WHOLE, Pod
from inplace.core.objects.reasons import ReasonCode
from inplace.core.template import diff, sizes
from inplace.core.template.change import PodChange, Refused
from tests.factories import decode

SMALL = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "128Mi"}}
RESTART = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]


UNLIMITED = {"requests": SMALL["requests"]}
PLAIN = {"name": "init", "image": "init:1", "resources": {"requests": {"cpu": "1"}}}
WHOLE_SIZE = {"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}


def template(size=SMALL, *, policy=None, image="app:1", init=(), **spec):
    container = {"name": "app", "image": image, "resources": size}
    container |= {"resizePolicy": policy} if policy else {}
    return {"spec": {"containers": [container], "initContainers": list(init), **spec}}


def changed(base=SMALL, **sides):
    return {side: {**base[side], **amounts} for side, amounts in {"requests": {}, "limits": {}, **sides}.items()}


def whole(**sides):
    return changed(WHOLE_SIZE, **sides)


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
        pytest.param(template(resources={"requests": {"cpu": "4"}}), template(resources={"requests": {"cpu": "3"}}),
                     {"kubelet": (1, 35)}, "spec.resources", id="of the Pod as a whole before 1.36"),
        pytest.param(template(resources={"requests": {"cpu": "3"}}),
                     template(resources={"requests": {"cpu": "3", "memory": "1Gi"}}), {},
                     "spec.resources.requests[memory]", id="removed from the Pod as a whole"),
        pytest.param(template(UNLIMITED, policy=RESTART, resources=whole(limits={"memory": "2Gi"})),
                     template(UNLIMITED, policy=RESTART, resources=whole()), {},
                     "spec.resources.limits[memory]", id="a container that takes the Pod's limit would restart"),
        pytest.param(template(changed(requests={"memory": "80Mi"}), policy=RESTART,
                              resources=whole(requests={"memory": "1Gi"})),
                     template(policy=RESTART, resources=whole()), {},
                     "spec.resources", id="the Pod as a whole together with a container that restarts"),
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


def test_the_quality_of_a_template_goes_by_the_whole_and_its_defaults():
    limits = {"limits": {"cpu": "1", "memory": "1Gi"}}
    assert sizes.quality(template({}, resources=limits)) == "Guaranteed"
    assert sizes.quality(template(SMALL, resources=limits)) == "Burstable", "it requests what its containers do"


SIDECAR = {"name": "proxy", "image": "proxy:1", "restartPolicy": "Always", "resources": {"requests": {"cpu": "50m"}}}


@pytest.mark.parametrize(
    ("size", "init", "resources", "requests"),
    [
        pytest.param(SMALL, (), {"limits": {"cpu": "2"}}, SMALL["requests"], id="of the containers"),
        pytest.param({}, (), {"limits": {"cpu": "2"}}, {"cpu": "2"}, id="as the limit"),
        pytest.param(SMALL, (), {"limits": {"cpu": "2"}, "requests": {"cpu": "1"}},
                     {"cpu": "1", "memory": "64Mi"}, id="those that are given"),
        pytest.param(SMALL, (), {"requests": {"cpu": "1"}}, {"cpu": "1"}, id="without limits none"),
        pytest.param(SMALL, (SIDECAR,), {"limits": {"cpu": "2"}}, {"cpu": "150m", "memory": "64Mi"}, id="a sidecar"),
        pytest.param(SMALL, (PLAIN, SIDECAR), {"limits": {"cpu": "2"}}, {"cpu": "1", "memory": "64Mi"}, id="init"),
        pytest.param(SMALL, (SIDECAR, PLAIN), {"limits": {"cpu": "2"}}, {"cpu": "1050m", "memory": "64Mi"},
                     id="init beside a sidecar"),
        pytest.param(SMALL, (), {"limits": {"hugepages-2Mi": "2Mi"}}, SMALL["requests"], id="limits of other things"),
    ],
)  # fmt: skip
def test_the_whole_requests_what_the_server_would_fill_in(size, init, resources, requests):
    found = sizes.whole(template(size, init=init, resources=resources))["requests"]
    assert found.keys() == requests.keys()
    assert all(sizes.same(found[name], requests[name]) for name in requests), found


def test_the_whole_is_set_calmly_beside_its_containers():
    found = verdict(template(changed(limits={"cpu": "2"}), resources=whole(limits={"cpu": "3"}), image="app:2"),
                    template(resources=whole()), kubelet=(1, 36))  # fmt: skip
    assert found.calm_sizes == {"app": {"limits": {"cpu": "2"}}, WHOLE: {"limits": {"cpu": "3"}}}
    assert (found.restarts, found.needs_proof, found.batches) == (("app",), ("app",), (("app",),))


def test_a_container_with_a_limit_of_its_own_does_not_restart_for_that_of_the_whole():
    target = template(policy=RESTART, resources=whole(limits={"memory": "2Gi"}))
    found = verdict(target, template(policy=RESTART, resources=whole()))
    assert (found.sizes, found.disrupts) == ({WHOLE: {"limits": {"memory": "2Gi"}}}, False)


def test_a_limit_of_another_resource_restarts_no_container_that_takes_that_of_the_whole():
    target = template(UNLIMITED, policy=RESTART, resources=whole(limits={"cpu": "3"}))
    assert not verdict(target, template(UNLIMITED, policy=RESTART, resources=whole())).disrupts


def live(resources, whole=None):
    spec = {"containers": [{"name": "app", "image": "app:1", "resources": resources}]}
    return decode({"spec": spec | ({"resources": whole} if whole is not None else {})}, Pod)


@pytest.mark.parametrize(
    ("cpu", "expected", "drifts"), [("500m", {"requests": {"cpu": "1"}}, False), ("1", None, False), ("2", None, True)]
)
def test_only_an_amount_of_a_template_is_changed_of_the_whole(cpu, expected, drifts):
    target = template(resources=whole(requests={"cpu": "1"}))
    pod = live(SMALL, whole(requests={"cpu": cpu}))
    found, drift = sizes.live(sizes.between([template(resources=whole())], target), pod)
    assert {name: change.resources for name, change in found.items()} == ({WHOLE: expected} if expected else {})
    assert [one.path for one in drift] == [f"pods[{pod.name}].resources"] * drifts


def test_a_pod_that_has_no_size_of_its_own_gets_one():
    between = sizes.between([template()], template(resources=whole()))
    found, drift = sizes.live(between, live(SMALL))
    assert ({name: change.resources for name, change in found.items()}, drift) == ({WHOLE: WHOLE_SIZE}, ())


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
