"""The table of docs/design/protocol.md, "The diff", template against template and against a live Pod."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from inplace.core.objects import known_keys, names
from inplace.core.objects.model import (
    Container,
    ContainerState,
    ContainerStatus,
    Meta,
    Pod,
    PodSpec,
    PodStatus,
    Waiting,
)
from inplace.core.objects.reasons import ReasonCode
from inplace.core.settings.annotations import InitImages
from inplace.core.state import records
from inplace.core.state.records import Baseline, PodPhase, Record
from inplace.core.template import chosen, diff
from inplace.core.template.change import ContainerChange, Edits, PodChange, Refused
from inplace.core.template.chosen import Request

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
RESTART = "inplace.dev/restart"
APPARMOR = "container.apparmor.security.beta.kubernetes.io/app"


def template(*, labels=None, annotations=None, init=(), app=None, **spec):
    """A Pod template with the containers `app` and `proxy`."""
    return {
        "metadata": {"labels": {"app": "web", **(labels or {})}, "annotations": annotations or {}},
        "spec": {
            "containers": [{"name": "app", "image": "app:1", **(app or {})}, {"name": "proxy", "image": "proxy:1"}],
            "initContainers": list(init),
            **spec,
        },
    }


def sidecar(image="side:1", **fields):
    return {"name": "side", "image": image, "restartPolicy": "Always", **fields}


def plain(image="init:1"):
    return {"name": "init", "image": image}


def env_of(path):
    return {"env": [{"name": "E", "valueFrom": {"fieldRef": {"fieldPath": path}}}]}


def codes(verdict):
    assert isinstance(verdict, Refused), verdict
    return [(reason.code, reason.path) for reason in verdict.reasons]


BASE = template()
#: A restart with the image that a container has.
AGAIN = ContainerChange(restart=True)


# -- in place


@pytest.mark.parametrize(
    ("base", "target", "expected"),
    [
        pytest.param(BASE, BASE, PodChange(), id="nothing"),
        pytest.param(BASE, template(app={"image": "app:2"}), PodChange.of_images({"app": "app:2"}), id="an image"),
        pytest.param(
            template(app={"image": "app"}),
            template(app={"image": "app:2"}),
            PodChange.of_images({"app": "app:2"}),
            id="from latest: the pull policy that nobody gave follows",
        ),
        pytest.param(
            template(app={"image": "app:latest", "imagePullPolicy": "Always"}),
            template(app={"image": "app:2"}),
            PodChange.of_images({"app": "app:2"}),
            id="from latest: a manifest that never had the policy that the server filled in",
        ),
        pytest.param(
            template(app={"image": "app:1", "imagePullPolicy": "IfNotPresent"}),
            template(app={"image": "app:latest"}),
            PodChange.of_images({"app": "app:latest"}),
            id="to latest: the same",
        ),
        pytest.param(
            template(hostNetwork=True, app={"ports": [{"containerPort": 9100, "hostPort": 9100}]}),
            template(hostNetwork=True, app={"ports": [{"containerPort": 9100}]}),
            PodChange(),
            id="a host port that the host network implies",
        ),
        pytest.param(BASE, template(labels={"v": "2"}), PodChange(labels=Edits(add={"v": "2"})), id="a label added"),
        pytest.param(
            template(labels={"v": "1", "w": "1"}),
            template(labels={"v": "2"}, annotations={"note": "x"}),
            PodChange(labels=Edits(change={"v": ("1", "2")}, remove=("w",)), annotations=Edits(add={"note": "x"})),
            id="metadata changed, removed and added",
        ),
        pytest.param(
            template(init=[sidecar()]),
            template(init=[sidecar("side:2")]),
            PodChange.of_images({"side": "side:2"}),
            id="a sidecar, kubelet new enough",
        ),
        pytest.param(
            template(annotations={"checksum": "1"}),
            template(annotations={"checksum": "2"}),
            PodChange(annotations=Edits(change={"checksum": ("1", "2")})),
            id="an annotation like a checksum's, but not one",
        ),
        pytest.param(
            template(labels={"pod-template-hash": "a"}),
            template(labels={"pod-template-hash": "b", "controller-revision-hash": "c"}),
            PodChange(),
            id="labels of other controllers",
        ),
        pytest.param(
            template(labels={"v": "1"}, app=env_of("metadata.labels['v']")),
            template(labels={"v": "2"}, app={"image": "app:2", **env_of("metadata.labels['v']")}),
            PodChange.of_images({"app": "app:2"}, labels=Edits(change={"v": ("1", "2")})),
            id="env of a label, and the container restarts anyway",
        ),
        pytest.param(
            template(
                labels={"v": "1"},
                volumes=[
                    {
                        "name": "d",
                        "downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]},
                    }
                ],
            ),
            template(
                labels={"v": "2"},
                volumes=[
                    {
                        "name": "d",
                        "downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]},
                    }
                ],
            ),
            PodChange(labels=Edits(change={"v": ("1", "2")})),
            id="a downward API volume refreshes by itself",
        ),
        pytest.param(BASE, template(restartPolicy="Always", hostNetwork=False), PodChange(), id="defaults written out"),
        pytest.param(template(app={"imagePullPolicy": "IfNotPresent"}), BASE, PodChange(), id="a default removed"),
        pytest.param(
            template(app={"image": "app:1", "imagePullPolicy": "IfNotPresent"}),
            template(app={"image": "app:2"}),
            PodChange.of_images({"app": "app:2"}),
            id="one side's pull policy is the other's default",
        ),
    ],
)
def test_in_place(base, target, expected):
    assert diff.diff(base, target, kubelet=(1, 32)) == expected


def test_restarts_and_emptiness():
    verdict = diff.diff(BASE, template(app={"image": "app:2"}, labels={"v": "2"}))
    assert isinstance(verdict, PodChange)
    assert verdict.restarts == ("app",)
    assert not verdict.is_empty
    assert PodChange().is_empty


def test_an_unknown_kubelet_lets_a_sidecar_through_with_a_note():
    verdict = diff.diff(template(init=[sidecar()]), template(init=[sidecar("side:2")]))
    assert isinstance(verdict, PodChange)
    assert [note.code for note in verdict.notes] == [ReasonCode.SidecarOnOldKubelet]


def test_our_own_keys_in_a_template_are_noted_and_not_carried_over():
    verdict = diff.diff(BASE, template(labels={"inplace.dev/x": "1"}))
    assert isinstance(verdict, PodChange)
    assert verdict.is_empty
    assert [(note.code, note.path) for note in verdict.notes] == [
        (ReasonCode.ReservedKey, "metadata.labels[inplace.dev/x]")
    ]


# -- refused


@pytest.mark.parametrize(
    ("base", "target", "expected"),
    [
        pytest.param(
            template(init=[plain()]),
            template(init=[plain("init:2")]),
            (ReasonCode.InitImageChanged, "spec.initContainers[init].image"),
            id="plain init image",
        ),
        pytest.param(
            template(init=[sidecar()]),
            template(init=[sidecar("side:2")]),
            (ReasonCode.SidecarOnOldKubelet, "spec.initContainers[side].image"),
            id="sidecar on an old kubelet",
        ),
        pytest.param(
            template(app={"resources": {"limits": {"nvidia.com/gpu": 1}}}),
            template(app={"resources": {"limits": {"nvidia.com/gpu": 2}}}),
            (ReasonCode.FieldChanged, "spec.containers[app].resources.limits[nvidia.com/gpu]"),
            id="another resource can never be resized",
        ),
        pytest.param(
            template(labels={"v": "1"}, init=[{**plain(), **env_of("metadata.labels['v']")}]),
            template(labels={"v": "2"}, init=[{**plain(), **env_of("metadata.labels['v']")}]),
            (ReasonCode.DownwardEnvNotSupported, "metadata.labels[v]"),
            id="env of a label, in an init container",
        ),
        pytest.param(
            template(restartPolicy="OnFailure"),
            template(restartPolicy="OnFailure", app={"image": "app:2"}),
            (ReasonCode.NotRestartable, "spec.containers[app].image"),
            id="the Pod's restartPolicy",
        ),
        pytest.param(
            template(app={"restartPolicy": "Never"}),
            template(app={"restartPolicy": "Never", "image": "app:2"}),
            (ReasonCode.NotRestartable, "spec.containers[app].image"),
            id="the container's own restartPolicy",
        ),
        pytest.param(
            template(app={"restartPolicyRules": [{"action": "RestartAllContainers"}]}),
            template(app={"restartPolicyRules": [{"action": "RestartAllContainers"}], "image": "app:2"}),
            (ReasonCode.RestartAllContainersRule, "spec.containers[app].image"),
            id="a rule that restarts all containers",
        ),
        pytest.param(
            BASE,
            template(init=[plain()]),
            (ReasonCode.ContainersChanged, "spec.initContainers"),
            id="first init container added",
        ),
        pytest.param(
            template(init=[plain(), sidecar()]),
            template(init=[sidecar(), plain()]),
            (ReasonCode.ContainersChanged, "spec.initContainers"),
            id="init containers reordered",
        ),
        pytest.param(
            BASE, template(hostNetwork=True), (ReasonCode.FieldChanged, "spec.hostNetwork"), id="a field added"
        ),
        pytest.param(
            BASE,
            template(fromTheFuture={"a": 1}),
            (ReasonCode.FieldChanged, "spec.fromTheFuture"),
            id="a field nobody knows",
        ),
        pytest.param(
            template(app={"image": "app"}),
            template(app={"image": "app:2", "imagePullPolicy": "Always"}),
            None,
            id="pull policy of latest, written out",
        ),
        pytest.param(
            template(app={"imagePullPolicy": "Always"}),
            BASE,
            (ReasonCode.FieldChanged, "spec.containers[app].imagePullPolicy"),
            id="another pull policy",
        ),
        pytest.param(
            template(annotations={APPARMOR: "a"}),
            template(annotations={APPARMOR: "b"}),
            (ReasonCode.FieldChanged, f"metadata.annotations[{APPARMOR}]"),
            id="an annotation that the API server fixes",
        ),
        pytest.param(
            BASE,
            template(app={"image": ""}),
            (ReasonCode.FieldChanged, "spec.containers[app].image"),
            id="image removed",
        ),
        pytest.param(
            BASE,
            {**BASE, "metadata": {**BASE["metadata"], "name": "x"}},
            (ReasonCode.FieldChanged, "metadata.name"),
            id="other metadata",
        ),
        pytest.param(BASE, {**BASE, "kind": "Pod"}, (ReasonCode.FieldChanged, "kind"), id="beside metadata and spec"),
    ],
)
def test_refused(base, target, expected):
    verdict = diff.diff(base, target, kubelet=(1, 31))
    if expected is None:
        assert isinstance(verdict, PodChange)
    else:
        assert codes(verdict) == [expected]


def test_renaming_a_container_names_both_sides():
    target = copy.deepcopy(BASE)
    target["spec"]["containers"][1]["name"] = "envoy"
    assert codes(diff.diff(BASE, target)) == [
        (ReasonCode.ContainersChanged, "spec.containers[proxy]"),
        (ReasonCode.ContainersChanged, "spec.containers[envoy]"),
    ]


def test_every_reason_is_named_at_once():
    target = template(
        app={"image": "app:2", "command": ["x"], "resources": {"requests": {"cpu": 1}}},
        annotations={RESTARTED_AT: "now"},
        init=[plain()],
        dnsPolicy="Default",
    )
    assert {code for code, _ in codes(diff.diff(BASE, target))} == {
        ReasonCode.FieldChanged,
        ReasonCode.ResizeNotSupported,
        ReasonCode.ContainersChanged,
    }


@pytest.mark.parametrize("base", [{}, {"spec": {}}, {"spec": {"containers": None}}])
def test_a_base_without_containers_is_refused(base):
    assert isinstance(diff.diff(base, BASE), Refused)


@pytest.mark.parametrize(
    ("base", "target"),
    [
        pytest.param({"image": "app:1", "imagePullPolicy": "Always"}, {"image": "app:2"}, id="was no default"),
        pytest.param({"image": "app:1"}, {"image": "app:1", "imagePullPolicy": "Always"}, id="is set now"),
        pytest.param({"image": "app"}, {"image": "app:2", "imagePullPolicy": "IfNotPresent"}, id="is set with it"),
        pytest.param(
            {"image": "app", "imagePullPolicy": "Always"},
            {"image": "app:2", "imagePullPolicy": "IfNotPresent"},
            id="both are given",
        ),
    ],
)
def test_a_pull_policy_that_somebody_chose_is_a_field_like_others(base, target):
    assert codes(diff.diff(template(app=base), template(app=target))) == [
        (ReasonCode.FieldChanged, "spec.containers[app].imagePullPolicy")
    ]


def test_a_host_port_without_the_host_network_is_a_field_like_others():
    base = template(app={"ports": [{"containerPort": 9100, "hostPort": 9100}]})
    target = template(app={"ports": [{"containerPort": 9100}]})
    assert codes(diff.diff(base, target)) == [
        (ReasonCode.FieldChanged, "spec.containers[app].ports[9100/TCP].hostPort")
    ]


# -- keys that ask for more than to stand on a Pod

BOTH = [{"name": "app", "image": "app:2"}, {"name": "proxy", "image": "proxy:2"}]


@pytest.mark.parametrize(
    "key",
    [
        RESTARTED_AT,
        "openshift.openshift.io/restartedAt",
        "kubesphere.io/restartedAt",
        "vso.secrets.hashicorp.com/restartedAt",
        "cattle.io/timestamp",
        "reloader.stakater.com/last-reloaded-from",
        "keel.sh/update-time",
        "wave.pusher.com/config-hash",
        "checksum/config",
        "checksum.common/env-vars",
        "checksum-config",
        "configHash",
        "rollme",
    ],
)
def test_a_restart_request_restarts_every_container_that_can(key):
    for field in ("labels", "annotations"):
        verdict = diff.diff(
            template(init=[sidecar(), plain()]), template(**{field: {key: "2"}}, init=[sidecar(), plain()])
        )
        assert isinstance(verdict, PodChange)
        assert verdict.containers == dict.fromkeys(("app", "proxy", "side"), AGAIN)
        assert getattr(verdict, field) == Edits(add={key: "2"})
        assert verdict.disrupts


@pytest.mark.parametrize("key", [RESTARTED_AT, "checksum/config", "cattle.io/timestamp"])
def test_a_restart_request_is_content_where_every_container_restarts_anyway(key):
    base = template(annotations={key: "1"}, init=[sidecar(), plain()])
    target = template(annotations={key: "2"}, init=[sidecar("side:2"), plain()], containers=BOTH)
    assert diff.diff(base, target, kubelet=diff.SIDECAR_SINCE) == PodChange.of_images(
        {"app": "app:2", "proxy": "proxy:2", "side": "side:2"}, annotations=Edits(change={key: ("1", "2")})
    )


@pytest.mark.parametrize(
    ("target", "named"),
    [
        pytest.param(
            {"containers": BOTH, "init": [{**plain(), "envFrom": [{"configMapRef": {"name": "c"}}]}]},
            "(init)",
            id="an init container with a ConfigMap in its env",
        ),
        pytest.param(
            {
                "containers": BOTH,
                "init": [{**plain(), "env": [{"name": "E", "valueFrom": {"secretKeyRef": {"k": 1}}}]}],
            },
            "(init)",
            id="an init container with a key of a Secret",
        ),
        pytest.param(
            {
                "containers": BOTH,
                "init": [{**plain(), "volumeMounts": [{"name": "c", "mountPath": "/c"}]}],
                "volumes": [{"name": "c", "projected": {"sources": [{"configMap": {"name": "c"}}]}}],
            },
            "(init)",
            id="an init container that mounts a ConfigMap",
        ),
    ],
)
def test_a_restart_request_is_refused_where_one_would_miss_it(target, named):
    base = template(**{key: value for key, value in target.items() if key in {"init", "volumes"}})
    verdict = diff.diff(base, template(annotations={"checksum/config": "2"}, **target))
    assert codes(verdict) == [(ReasonCode.RestartNotSupported, "metadata.annotations[checksum/config]")]
    assert named in verdict.reasons[0].message


@pytest.mark.parametrize(
    ("field", "key"),
    [
        ("labels", "istio.io/rev"),
        ("labels", "sidecar.istio.io/inject"),
        ("labels", "azure.workload.identity/use"),
        ("labels", "admission.datadoghq.com/enabled"),
        ("annotations", "sidecar.istio.io/proxyImage"),
        ("annotations", "config.linkerd.io/proxy-version"),
        ("annotations", "linkerd.io/inject"),
        ("annotations", "vault.hashicorp.com/agent-inject-secret-db"),
        ("annotations", "dapr.io/app-port"),
        ("annotations", "instrumentation.opentelemetry.io/inject-java"),
        ("annotations", "k8s.v1.cni.cncf.io/networks"),
        ("annotations", "istio.deckhouse.io/full-version"),
    ],
)
def test_what_is_read_when_a_pod_is_created_is_refused_even_if_every_container_restarts(field, key):
    for base, target in ((BASE, {key: "2"}), (template(**{field: {key: "1"}}), {})):
        verdict = diff.diff(base, template(**{field: target}, containers=BOTH))
        assert codes(verdict) == [(ReasonCode.ReadAtCreation, f"metadata.{field}[{key}]")]
        assert "only when a Pod is created" in verdict.reasons[0].message


@pytest.mark.parametrize(
    "key", ["iam.amazonaws.com/role", "prometheus.io/port", "istio.io/dataplane-mode", "checksums"]
)
def test_what_is_read_from_live_pods_is_content(key):
    assert diff.diff(BASE, template(annotations={key: "1"})) == PodChange(annotations=Edits(add={key: "1"}))


@pytest.mark.parametrize(
    ("restart_on", "restarts"),
    [
        pytest.param(("checksum/*",), True, id="default"),
        pytest.param((), False, id="none"),
        pytest.param(("example.com/*", "*/config"), True, id="another pattern"),
        pytest.param(("CHECKSUM/*",), False, id="case counts"),
    ],
)
def test_restart_on_is_the_owners_choice(restart_on, restarts):
    verdict = diff.diff(BASE, template(annotations={"checksum/config": "1"}), restart_on=restart_on)
    assert isinstance(verdict, PodChange)
    assert bool(verdict.restarts) is restarts


def test_restarted_at_restarts_whatever_restart_on_says():
    verdict = diff.diff(BASE, template(annotations={RESTARTED_AT: "now"}), restart_on=())
    assert isinstance(verdict, PodChange)
    assert verdict.restarts == ("app", "proxy")


@pytest.mark.parametrize(
    ("request_", "names"),
    [
        pytest.param("now proxy", ("proxy",), id="one"),
        pytest.param(" 2026-01-01T00:00:00Z  side,  app ", ("app", "side"), id="two"),
        pytest.param("now", ("app", "proxy", "side"), id="all"),
    ],
)
def test_our_own_key_restarts_the_containers_that_it_names(request_, names):
    base = template(init=[sidecar(), plain()], annotations={RESTART: "before app"})
    target = template(init=[sidecar(), plain()], annotations={RESTART: request_})
    for restart_on in (known_keys.RESTART_ON, (), ("inplace.dev/*",)):
        verdict = diff.diff(base, target, restart_on=restart_on)
        assert isinstance(verdict, PodChange)
        assert tuple(sorted(verdict.restarts)) == names
    assert diff.diff(base, template(init=[sidecar(), plain()])) == PodChange(annotations=Edits(remove=(RESTART,)))


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        pytest.param("now nobody", "container nobody, and those that can restart are: app, proxy, side", id="unknown"),
        pytest.param("now init", "container init, and", id="an init container"),
        pytest.param("now app,", "is not accepted", id="no name"),
        pytest.param("now app > app", "is not accepted", id="a name twice"),
        pytest.param("", "is not accepted", id="empty"),
        pytest.param(f"{'x' * 65} app", "is not accepted", id="a long word"),
        pytest.param("now " + ", ".join(f"c{n}" for n in range(400)), "is not accepted", id="long"),
        pytest.param("n\x1bw app", "is not accepted", id="an escape sequence"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_and_not_repeated(request_, words):
    target = template(init=[sidecar(), plain()], annotations={RESTART: request_})
    verdict = diff.diff(template(init=[sidecar(), plain()]), target)
    assert codes(verdict) == [(ReasonCode.RestartNotSupported, "metadata.annotations[inplace.dev/restart]")]
    assert words in verdict.reasons[0].message
    assert "\x1b" not in verdict.reasons[0].message


def test_a_request_is_written_as_it_is_read():
    for batches in ((), (("app",),), (("app", "proxy"),), (("proxy",), ("app",))):
        text = chosen.write("now", batches)
        assert chosen.read(template(annotations={RESTART: text})) == Request(batches)


def test_only_what_has_no_new_image_restarts_with_the_one_that_it_has():
    verdict = diff.diff(BASE, template(annotations={RESTARTED_AT: "now"}, app={"image": "app:2"}))
    assert isinstance(verdict, PodChange)
    assert verdict.containers == {"app": ContainerChange("app:2"), "proxy": AGAIN}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({"a/b": "1"}, {"a/b": "2"}, id="changed"),
        pytest.param({}, {"a/b": "2"}, id="added"),
        pytest.param({"a/b": "1"}, {}, id="removed"),
    ],
)
@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_only_the_containers_with_a_changed_key_in_their_env_restart(field, before, after):
    env = env_of(f"metadata.{field}['a/b']")
    other = env_of(f"metadata.{field}['c']")
    base = template(**{field: before}, app=env, init=[sidecar(**env), sidecar(**other, name="quiet")])
    target = template(**{field: after}, app=env, init=[sidecar(**env), sidecar(**other, name="quiet")])
    verdict = diff.diff(base, target)
    assert isinstance(verdict, PodChange)
    assert verdict.containers == {"app": AGAIN, "side": AGAIN}


def test_a_tilde_in_a_key_is_a_tilde():
    env = env_of("metadata.annotations['a~1b']")
    verdict = diff.diff(template(app=env), template(app=env, annotations={"a/b": "1"}))
    assert isinstance(verdict, PodChange)
    assert not verdict.restarts
    verdict = diff.diff(template(app=env), template(app=env, annotations={"a~1b": "1"}))
    assert isinstance(verdict, PodChange)
    assert verdict.restarts == ("app",)


def test_a_restart_needs_what_a_new_image_needs():
    rules = {"restartPolicyRules": [{"action": "RestartAllContainers"}]}
    for app, code in (
        (rules, ReasonCode.RestartAllContainersRule),
        ({"restartPolicy": "Never"}, ReasonCode.NotRestartable),
    ):
        verdict = diff.diff(template(app=app), template(app=app, annotations={RESTARTED_AT: "now"}))
        assert codes(verdict) == [(code, "spec.containers[app].image")]
    verdict = diff.diff(
        template(init=[sidecar()]), template(init=[sidecar()], annotations={RESTARTED_AT: "now"}), kubelet=(1, 31)
    )
    assert codes(verdict) == [(ReasonCode.SidecarOnOldKubelet, "spec.initContainers[side].image")]


def test_that_a_registry_has_a_say_in_a_restart_is_said_beforehand():
    always = {"imagePullPolicy": "Always"}
    verdict = diff.diff(template(app=always), template(app=always, annotations={RESTARTED_AT: "now"}))
    assert isinstance(verdict, PodChange)
    assert [(note.code, note.path) for note in verdict.notes] == [
        (ReasonCode.RestartAsksRegistry, "spec.containers[app].imagePullPolicy")
    ]


def test_so_is_it_where_admission_has_set_the_policy_on_the_live_pod():
    """As AlwaysPullImages does: the template says nothing of it."""
    again = template(annotations={RESTARTED_AT: "now"})
    for policy, expected in (("Always", [ReasonCode.RestartAsksRegistry]), ("IfNotPresent", [])):
        one = live()
        containers = tuple(replace(container, image_pull_policy=policy) for container in one.spec.containers)
        verdict = needs(template(), again, replace(one, spec=replace(one.spec, containers=containers)))
        assert isinstance(verdict, PodChange)
        assert [note.code for note in verdict.notes if note.path.startswith("spec.containers[app]")] == expected


def test_the_image_of_a_plain_init_container_is_refused_or_for_the_spec_alone():
    base, target = template(init=[plain()]), template(init=[plain("init:2")])
    refused = diff.diff(base, target)
    assert isinstance(refused, Refused)
    assert [reason.code for reason in refused.reasons] == [ReasonCode.InitImageChanged]
    assert "or set inplace.dev/init-images: SpecOnly" in refused.reasons[0].message
    taken = diff.diff(base, target, init_images=InitImages.SPEC_ONLY)
    assert isinstance(taken, PodChange)
    assert taken.containers == {"init": ContainerChange("init:2", spec_only=True)}
    assert (taken.disrupts, taken.needs_proof, taken.pulled) == (False, (), {})
    (note,) = taken.notes
    assert (note.code, note.path) == (ReasonCode.InitImageChanged, "spec.initContainers[init].image")
    assert "does not run it again" in note.message


def test_with_an_image_of_the_app_only_that_restarts():
    base, target = template(init=[plain()]), template(init=[plain("init:2")], app={"image": "app:v2"})
    verdict = diff.diff(base, target, init_images=InitImages.SPEC_ONLY)
    assert isinstance(verdict, PodChange)
    assert verdict.images == {"init": "init:2", "app": "app:v2"}
    assert (verdict.restarts, verdict.pulled) == (("app",), {"app": "app:v2"})


def test_a_rollback_takes_the_init_image_of_the_spec_back_and_other_deviations_are_left():
    one, two = template(init=[plain()]), template(init=[plain("init:2")])
    found = live()
    found = replace(found, spec=replace(found.spec, init_containers=(Container(name="init", image="init:2"),)))
    for before, expected in (([one, two], {"init": "init:1"}), ([one], {})):
        pair = diff.template_pair(before, one)
        verdict = diff.change_for(PodChange(), pair, found, ())
        assert isinstance(verdict, PodChange)
        assert (verdict.images, verdict.drift) == (expected, ())


def test_values_of_env_are_never_shown():
    base = template(app={"env": [{"name": "PASSWORD", "value": "hunter1"}]})
    for target in (
        template(app={"env": [{"name": "PASSWORD", "value": "hunter2"}]}),
        BASE,
        template(app={"env": [{"name": "PASSWORD"}]}),
    ):
        verdict = diff.diff(base, target)
        assert isinstance(verdict, Refused)
        assert "hunter" not in str(verdict)
        assert verdict.reasons[0].path.startswith("spec.containers[app].env")


@pytest.mark.parametrize(
    ("base", "target", "said"),
    [
        pytest.param(template(hostname="a"), template(hostname="b"), "changed from a to b", id="text"),
        pytest.param(BASE, template(hostname="b"), "added (b)", id="added"),
        pytest.param(template(priority=1), BASE, "removed (1)", id="removed"),
        pytest.param(
            template(hostname="a" * 80), template(hostname="b" * 80), f"from {'a' * 57}… to", id="long text is cut"
        ),
    ],
)
def test_messages_say_what_changed(base, target, said):
    verdict = diff.diff(base, target)
    assert isinstance(verdict, Refused)
    assert said in verdict.reasons[0].message
    assert len(verdict.reasons[0].message) < 300


def test_the_arguments_are_not_changed():
    base, target = template(labels={"a": "1"}), template(app={"image": "app"})
    before = copy.deepcopy((base, target))
    diff.diff(base, target)
    assert (base, target) == before


# -- what a live Pod still needs


def live(app="app:1", proxy="proxy:1", labels=None, annotations=None, extra=()):
    return Pod(
        metadata=Meta(name="web-0", labels={"app": "web", **(labels or {})}, annotations=annotations),
        spec=PodSpec(containers=(Container(name="app", image=app), Container(name="proxy", image=proxy), *extra)),
    )


def needs(base, target, pod, touched=(), bases=None):
    verdict = diff.diff(base, target)
    assert isinstance(verdict, PodChange)
    return diff.change_for(verdict, diff.template_pair(bases or [base], target), pod, touched)


@pytest.mark.parametrize(
    ("pod", "touched", "images"),
    [
        pytest.param(live(), (), {"app": "app:2"}, id="at the base"),
        pytest.param(live(app="app:2"), (), {}, id="at the target already"),
        pytest.param(live(app="app:9"), (), {"app": "app:2"}, id="elsewhere, and the template changed it"),
        pytest.param(live(proxy="proxy:9"), (), {"app": "app:2"}, id="drift of an unchanged container is left alone"),
        pytest.param(
            live(proxy="proxy:9"), ("proxy",), {"app": "app:2", "proxy": "proxy:1"}, id="but not where we put it there"
        ),
        pytest.param(
            live(extra=[Container(name="istio", image="istio:1")]), (), {"app": "app:2"}, id="an injected container"
        ),
    ],
)
def test_images_of_a_live_pod(pod, touched, images):
    found = needs(BASE, template(app={"image": "app:2"}), pod, touched)
    assert isinstance(found, PodChange)
    assert found.images == images


def test_drift_is_noted():
    found = needs(BASE, template(app={"image": "app:2"}), live(proxy="proxy:9"))
    assert isinstance(found, PodChange)
    assert [(drift.code, drift.path) for drift in found.drift] == [
        (ReasonCode.DriftDetected, "pods[web-0].containers[proxy]")
    ]


def test_a_template_that_changed_twice_loses_nothing():
    first, second, third = BASE, template(app={"image": "app:2"}, labels={"v": "2"}), template(labels={"w": "3"})
    pod = live(app="app:2", labels={"v": "2"})
    found = needs(first, third, pod, bases=[first, second])
    assert found == PodChange.of_images({"app": "app:1"}, labels=Edits(add={"w": "3"}, remove=("v",)))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param({"v": "1", "w": "1"}, Edits(change={"v": ("1", "2")}, remove=("w",)), id="at the base"),
        pytest.param({}, Edits(add={"v": "2"}), id="lost both"),
        pytest.param({"v": "2"}, Edits(), id="done already"),
        pytest.param({"v": "2", "mine": "x"}, Edits(), id="a key of somebody else"),
        pytest.param(
            {"v": "2", "controller-revision-hash": "web-1", "inplace.dev/x": "y"}, Edits(), id="keys never touched"
        ),
    ],
)
def test_metadata_of_a_live_pod(labels, expected):
    found = needs(template(labels={"v": "1", "w": "1"}), template(labels={"v": "2"}), live(labels=labels))
    assert found == PodChange(labels=expected)


@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_metadata_that_no_template_changes_is_left_alone_and_noted(field):
    base = template(**{field: {"role": "replica", "track": "stable", "v": "1"}})
    target = template(app={"image": "app:2"}, **{field: {"role": "replica", "track": "stable", "v": "2"}})
    found = needs(base, target, live(**{field: {"role": "primary", "v": "1"}}))
    assert isinstance(found, PodChange)
    assert (found.images, getattr(found, field)) == ({"app": "app:2"}, Edits(change={"v": ("1", "2")}))
    said = {  # any text may stand in an annotation
        "labels": ("set it to primary, the template has replica", "removed it, the template has stable"),
        "annotations": ("changed it", "removed it"),
    }
    assert [(note.code, note.path, note.message) for note in found.notes] == [
        (
            ReasonCode.DriftDetected,
            f"pods[web-0].metadata.{field}[{key}]",
            f"another writer {what}; left alone",
        )
        for key, what in zip(("role", "track"), said[field], strict=True)
    ]


def test_a_pod_without_a_container_of_the_template_is_refused():
    pod = Pod(spec=PodSpec(containers=(Container(name="app", image="app:1"),)))
    assert codes(needs(BASE, template(app={"image": "app:2"}), pod)) == [
        (ReasonCode.ContainerMissing, "spec.containers[proxy]")
    ]


def test_a_plain_init_container_that_the_template_did_not_change_is_never_patched():
    with_init = template(init=[plain()])
    pod = Pod(
        spec=PodSpec(containers=live().spec.containers, init_containers=(Container(name="init", image="init:9"),))
    )
    assert needs(with_init, template(init=[plain()], labels={"v": "1"}), pod, ("init",)).images == {}


def test_a_container_at_its_new_image_already_restarts_for_a_request_all_the_same():
    """Somebody has moved the proxy of this Pod by hand."""
    base = template(annotations={"checksum/config": "1"})
    target = template(annotations={"checksum/config": "2"}, containers=BOTH)
    old = {"checksum/config": "1"}
    assert needs(base, target, live(annotations=old)).images == {"app": "app:2", "proxy": "proxy:2"}
    moved = running("proxy:2", "proxy", annotations=old)
    assert needs(base, target, moved).images == {"app": "app:2", "proxy": f"proxy:2@{RUNS}"}
    done = live(app="app:2", proxy="proxy:2", annotations={"checksum/config": "2"})
    assert needs(base, target, done) == PodChange()


def test_a_restart_request_that_only_differs_on_the_pod_is_drift():
    """The templates agree: nobody asks for a restart."""
    base = template(annotations={"checksum/config": "1"})
    found = needs(base, base, live(annotations={"checksum/config": "0"}))
    assert isinstance(found, PodChange)
    assert found.is_empty
    assert [note.path for note in found.notes] == ["pods[web-0].metadata.annotations[checksum/config]"]


def test_env_that_would_be_stale_in_this_pod_restarts_its_container():
    """The template changes image and label together, but the Pod has the image already."""
    env = env_of("metadata.labels['v']")
    base = template(labels={"v": "1"}, app=env)
    target = template(labels={"v": "2"}, app={"image": "app:2", **env})
    assert needs(base, target, live(labels={"v": "1"})).images == {"app": "app:2"}
    moved = running("app:2", labels={"v": "1"})
    assert needs(base, target, moved).containers == {"app": ContainerChange(f"app:2@{RUNS}", restart=True)}


# -- aliases of the template's image


RUNS = f"sha256:{'1' * 64}"


def running(image, name="app", *, image_id=f"docker.io/library/{{}}@{RUNS}", reported="", **metadata):
    status = ContainerStatus(name=name, image=reported, image_id=image_id.format(name), container_id="c://1")
    return replace(live(**{name: image}, **metadata), status=PodStatus(container_statuses=(status,)))


ENV = env_of("metadata.labels['v']")
ASKED = template(labels={"v": "1"}, app=ENV), template(labels={"v": "2"}, app=ENV)


def test_a_restart_is_a_switch_of_spellings_and_over_with_the_key():
    first = needs(*ASKED, running("app:1", labels={"v": "1"}))
    assert first.containers == {"app": ContainerChange(f"app:1@{RUNS}", restart=True)}
    assert first.labels == Edits(change={"v": ("1", "2")})
    assert needs(*ASKED, running(f"app:1@{RUNS}", labels={"v": "2"})) == PodChange()


@pytest.mark.parametrize("policy", ["IfNotPresent", "Always"])
@pytest.mark.parametrize("reported", ["docker.io/library/app:1", "docker.io/library/app:9"])
def test_no_restart_depends_on_what_the_tag_means(reported, policy):
    """Not even where the status still says that it means the image: nobody renews it when the tag is pulled again."""
    again = running(f"app:1@{RUNS}", reported=reported, labels={"v": "1"})
    first = replace(again.spec.containers[0], image_pull_policy=policy)
    again = replace(again, spec=replace(again.spec, containers=(first, *again.spec.containers[1:])))
    assert needs(*ASKED, again).images == {"app": f"app@{RUNS}"}


@pytest.mark.parametrize("image_id", [RUNS, f"elsewhere.example.com/app@{RUNS}"])
def test_an_image_without_a_digest_of_its_repository_is_not_restarted(image_id):
    found = needs(*ASKED, running("app:1", image_id=image_id, labels={"v": "1"}))
    assert codes(found) == [(ReasonCode.RestartNotSupported, "spec.containers[app].image")]


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff", "InvalidImageName"])
def test_the_digest_of_the_image_before_is_not_that_of_one_that_is_not_there(reason):
    waiting = running("app:9", labels={"v": "1"})
    status = replace(waiting.status.container_statuses[0], state=ContainerState(waiting=Waiting(reason=reason)))
    found = needs(*ASKED, replace(waiting, status=PodStatus(container_statuses=(status,))))
    assert codes(found) == [(ReasonCode.RestartNotSupported, "spec.containers[app].image")]
    assert "is to restart with its image, app:9" in found.reasons[0].message


def test_nor_that_of_an_image_whose_container_is_not_replaced_yet():
    """A new target while the kubelet has not acted on the patch: the old container still runs."""
    baseline = Baseline(from_="app:1", to="app:9", id="c://1", image_id=RUNS)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    record = Record(
        v=1,
        workload="u",
        attempt=1,
        phase=PodPhase.SWAPPING,
        base="a",
        target="b",
        started_at=at,
        deadline=at + timedelta(minutes=5),
        containers={"app": baseline},
    )
    annotations = {names.STATE: records.encode(record)}
    found = needs(*ASKED, running("app:9", labels={"v": "1"}, annotations=annotations))
    assert codes(found) == [(ReasonCode.RestartNotSupported, "spec.containers[app].image")]
    replaced = replace(record, containers={"app": replace(baseline, id="c://0")})
    annotations = {names.STATE: records.encode(replaced)}
    found = needs(*ASKED, running("app:9", labels={"v": "1"}, annotations=annotations))
    assert found.images == {"app": f"app:9@{RUNS}"}


def test_a_container_that_was_never_created_is_waited_for():
    found = needs(*ASKED, live(labels={"v": "1"}))
    assert (found.containers, found.unstarted) == ({"app": AGAIN}, ("app",))


@pytest.mark.parametrize("image", [f"app:1@{RUNS}", f"app@{RUNS}"])
def test_an_alias_of_the_templates_image_is_no_difference(image):
    found = needs(BASE, template(labels={"v": "2"}), running(image))
    assert (found.images, found.drift) == ({}, ())


def test_another_digest_than_what_runs_is_drift():
    found = needs(BASE, template(labels={"v": "2"}), running(f"app:1@sha256:{'2' * 64}"))
    assert [one.code for one in found.drift] == [ReasonCode.DriftDetected]


@pytest.mark.parametrize("image", [f"app:1@{RUNS}", f"app@{RUNS}"])
def test_an_alias_of_the_image_before_is_not_the_new_one(image):
    assert needs(BASE, template(app={"image": "app:2"}), running(image)).images == {"app": "app:2"}


def test_a_tag_that_its_owner_pins_or_unpins_is_a_difference():
    pinned = template(app={"image": f"app:1@{RUNS}"})
    assert needs(BASE, pinned, running("app:1")).images == {"app": f"app:1@{RUNS}"}
    assert needs(pinned, BASE, running(f"app:1@{RUNS}")).images == {"app": "app:1"}
    assert needs(pinned, BASE, running(f"app:1@{RUNS}"), ("app",)).images == {}, "a restart on the way to it"


# --- batches


ORDERED = PodChange(
    {name: ContainerChange(f"{name}:v2") for name in ("a", "b", "c")}, order=(("c",), ("gone", "b"), ("gone",))
)


def test_batches_follow_the_order_and_what_it_does_not_name_is_the_last():
    assert ORDERED.batches == (("c",), ("b",), ("a",))
    assert PodChange(ORDERED.containers).batches == (("a", "b", "c"),)
    assert PodChange().batches == ()


def test_a_part_has_the_containers_of_its_batch_and_the_first_the_metadata():
    change = replace(ORDERED, labels=Edits(add={"x": "y"}))
    first, none = change.part(("c",)), change.part(())
    assert (first.restarts, first.labels.keys) == (("c",), ("x",))
    assert (none.restarts, none.labels.keys) == ((), ())


def test_a_restart_with_the_same_image_comes_with_the_metadata_that_asks_for_it():
    again = {
        "a": ContainerChange("a@sha256:0", restart=True),
        "b": ContainerChange("b:v2"),
        "c": ContainerChange("c:2"),
    }
    assert PodChange(again, order=(("c",), ("b",), ("a",))).batches == (("c",), ("b",), ("a",))
