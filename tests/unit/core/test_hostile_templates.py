"""Templates that tenants write to do harm: they cost no time that others need, and their secrets stay unsaid.

Times are of the process, with much room: what they are held against was quadratic, and took minutes.
"""

from __future__ import annotations

import time

import msgspec
import pytest
from msgspec import Raw
from msgspec.structs import replace

from inplace.core.kinds import Template
from inplace.core.objects.model import Container, Meta, Pod, PodSpec
from inplace.core.objects.reasons import ReasonCode
from inplace.core.plan.plan import plan
from inplace.core.settings.annotations import MAX_UNKNOWN, Native, parse
from inplace.core.settings.grammar import MAX_GLOBS, MAX_GLOBS_TEXT, MAX_TEXT, globs
from inplace.core.state.statuses import Phase
from inplace.core.template import diff, trees
from inplace.core.template.change import PodChange, Refused
from tests import factories
from tests.factories import NEW, NOW, OLD, pod, snapshot

#: No input may block the event loop for longer, in seconds.
MOST = 0.25
SECRET = "hunter2-and-more"


def template(**container):
    return {"spec": {"containers": [{"name": "app", "image": "app:1", **container}]}}


def words(base, target):
    verdict = diff.diff(base, target)
    assert isinstance(verdict, Refused)
    assert verdict.reasons
    return str(verdict)


def cpu(call):
    began = time.process_time()
    found = call()
    return found, time.process_time() - began


# --- secrets ----------------------------------------------------------------------------------------------------------


def header(value):
    return {"httpGet": {"port": 1, "httpHeaders": [{"name": "Authorization", "value": value}]}}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({"args": ["--password=old"]}, {"args": [f"--password={SECRET}"]}, id="args"),
        pytest.param({"args": []}, {"args": [f"--password={SECRET}"]}, id="args added"),
        pytest.param({"args": [SECRET, "b"]}, {"args": ["b", SECRET]}, id="args in another order"),
        pytest.param({"command": ["a", "b"]}, {"command": ["a", SECRET]}, id="command"),
        pytest.param({"livenessProbe": header("x")}, {"livenessProbe": header(SECRET)}, id="HTTP header"),
        pytest.param({"env": [{"name": "A", "value": "1"}]}, {"env": [{"name": "A", "value": SECRET}]}, id="env"),
        pytest.param(
            {"env": [{"name": "A]B.c", "value": "1"}]}, {"env": [{"name": "A]B.c", "value": SECRET}]}, id="odd name"
        ),
        pytest.param(
            {"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]},
            {"env": [{"name": "A", "value": "1"}, {"name": "A", "value": SECRET}]},
            id="env, a name twice",
        ),
        pytest.param({"lifecycle": {"preStop": {"exec": {"command": ["x"]}}}},
                     {"lifecycle": {"preStop": {"exec": {"command": [SECRET]}}}}, id="hook"),
        pytest.param({}, {"aFieldOfTomorrow": SECRET}, id="a field that is not known"),
    ],
)  # fmt: skip
def test_a_value_that_may_be_a_secret_is_not_said(before, after):
    for base, target in ((before, after), (after, before)):
        assert "hunter2" not in words(template(**base), template(**target))


@pytest.mark.parametrize(
    "volume",
    [
        {"csi": {"driver": "d", "volumeAttributes": {"name": SECRET}}},
        {"flexVolume": {"driver": "d", "options": {"name": SECRET}}},
    ],
)
def test_an_option_of_a_volume_is_not_said(volume):
    def pod(*volumes):
        return {"spec": {"volumes": [{"name": "v", **one} for one in volumes]}}

    plain = msgspec.json.decode(msgspec.json.encode(volume).replace(SECRET.encode(), b"x"))
    assert "hunter2" not in words(pod(plain), pod(volume))


def test_an_annotation_of_a_live_pod_is_not_said():
    base = {**template(), "metadata": {"annotations": {"token": SECRET}}}
    target = {**base, **template(image="app:2")}
    pod = Pod(
        metadata=Meta(name="web-0", annotations={"token": f"{SECRET}-too"}),
        spec=PodSpec(containers=(Container(name="app", image="app:1"),)),
    )
    verdict = diff.diff(base, target)
    assert isinstance(verdict, PodChange)
    change = diff.change_for(verdict, diff.template_pair([base], target), pod, ())
    assert isinstance(change, PodChange)
    assert [note.code for note in change.notes] == [ReasonCode.DriftDetected]
    assert "hunter2" not in str(change.notes)


# --- time -------------------------------------------------------------------------------------------------------------


def mounts(path, sub):
    return template(volumeMounts=[{"name": "v", "mountPath": path, "subPath": sub}])


@pytest.mark.parametrize("bait", ["/.env[", "].", "[", "a", ".value"])
def test_a_name_of_a_megabyte_is_compared_at_once(bait):
    path = bait * (1_000_000 // len(bait))
    verdict, took = cpu(lambda: diff.diff(mounts(path, "a"), mounts(path, "b")))
    assert took < MOST
    assert isinstance(verdict, Refused)
    assert len(str(verdict)) < 1000, "the name is cut"


def test_keys_that_look_like_fields_are_no_fields():
    """A mount path cannot make a change of a field pass for one of another kind."""
    base, target = mounts("spec.containers[app]", "a"), mounts("spec.containers[app]", "b")
    assert [reason.code for reason in diff.diff(base, target).reasons] == [ReasonCode.FieldChanged]
    base, target = (template(resources={"limits": {"x]resources.limits[cpu": value}}) for value in "12")
    assert [reason.code for reason in diff.diff(base, target).reasons] == [ReasonCode.FieldChanged]


def annotated(value):
    keys = {f"{number:03}{'a' * 250}/{'a' * 60}": value for number in range(trees.MAX_BYTES // 330)}
    return {**template(), "metadata": {"annotations": keys}}


@pytest.mark.parametrize(
    "patterns",
    [
        [f"{'?*a' * 4}{one}" for one in range(MAX_GLOBS - 1)],
        [f"*{'a' * 250}{one}" for one in range(2)],
        [f"*{'?' * 250}{one}" for one in range(2)],
    ],
)
def test_the_costliest_patterns_on_the_largest_template(patterns):
    """Each is accepted: what is not has no effect."""
    accepted = globs(",".join(patterns))
    assert accepted == tuple(patterns)
    _, took = cpu(lambda: diff.diff(annotated("1"), annotated("2"), restart_on=accepted))
    assert took < MOST


def settings(**values):
    return Meta(annotations={f"inplace.dev/{name.replace('_', '-')}": text for name, text in values.items()})


@pytest.mark.parametrize(
    "text", [",".join(f"a{one}" for one in range(MAX_GLOBS + 1)), "a" * (MAX_GLOBS_TEXT + 1), "a," * 40_000]
)
def test_too_many_patterns_are_refused_by_name(text):
    parsed = parse(settings(restart_on=text), Native())
    assert [error.path for error in parsed.errors] == ["metadata.annotations[inplace.dev/restart-on]"]
    assert f"at most {MAX_GLOBS} glob patterns" in parsed.errors[0].message


def test_the_longest_lists_of_patterns_are_accepted():
    assert len(globs(",".join(f"a{one}" for one in range(MAX_GLOBS))) or ()) == MAX_GLOBS
    assert globs("a" * MAX_GLOBS_TEXT) is not None


@pytest.mark.parametrize("name", ["steps", "keep_ready_containers", "max_unavailable", "gates"])
def test_a_setting_of_a_megabyte_is_refused_at_once(name):
    text = ",".join(map(str, range(1, 150_000)))
    parsed, took = cpu(lambda: parse(settings(**{name: text}), Native()))
    assert took < MOST
    assert len(parsed.errors) == 1
    assert len(parsed.errors[0].message) < 400
    assert len(text) > MAX_TEXT


def test_thousands_of_unknown_settings_are_told_of_at_once():
    near = {f"inplace.dev/progress-deadline-second-{number}": "" for number in range(6000)}
    parsed, took = cpu(lambda: parse(Meta(annotations=near, labels=near), Native()))
    assert took < MOST
    assert len(parsed.errors) == MAX_UNKNOWN + 1


# --- size and depth ---------------------------------------------------------------------------------------------------


def nested(levels):
    return b'{"a":' * levels + b"1" + b"}" * levels


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":"%s"}' % (b"x" * trees.MAX_BYTES),
        nested(trees.MAX_DEPTH + 1),
        nested(900),
        nested(100_000),
        b"[" * 5000 + b"]" * 5000,
    ],
)
def test_a_template_in_excess_is_not_looked_into(raw):
    excess, took = cpu(lambda: trees.excess(raw))
    assert excess
    assert took < MOST
    assert len(trees.fingerprint(raw)) == 10
    assert Template.read("r", Raw(raw), trees.decode).tree == {}


def test_what_is_within_bounds_is_looked_into():
    raw = Raw(nested(trees.MAX_DEPTH))
    assert trees.excess(raw) == ""
    assert Template.read("r", raw, trees.decode).tree == trees.decode(raw)
    many = msgspec.json.encode({"list": [{}] * 1000})
    assert trees.excess(many) == ""


LARGE = {"env": [{"name": "A", "value": "x" * trees.MAX_BYTES}]}


@pytest.mark.parametrize("where", ["asked for", "the Pod's own"])
def test_a_workload_with_such_a_template_is_refused_with_the_reason(where):
    large = Template.read(OLD, Raw(msgspec.json.encode(template(**LARGE))), trees.decode)
    found = snapshot(pod(), revisions={OLD: large, NEW: factories.template(NEW, "app:v2")})
    if where == "asked for":
        asked = replace(found.workload.spec, template=Raw(msgspec.json.encode(template(**LARGE))))
        found = snapshot(pod(), workload=replace(found.workload, spec=asked))
    made = plan(found, NOW)
    assert made.status.phase is Phase.REFUSED
    assert made.status.reasons[0].code == ReasonCode.TemplateTooLarge
    assert "129 KiB of JSON, and at most 128 KiB are compared" in made.status.reasons[0].message


def test_a_pod_at_such_a_template_is_left_alone():
    """Nothing is to change, so nothing is compared."""
    large = Template.read(NEW, Raw(msgspec.json.encode(template(**LARGE))), trees.decode)
    made = plan(snapshot(pod(revision=NEW), revisions={NEW: large}), NOW)
    assert made.status.reasons == ()
    assert [one.change for one in made.pods] == [PodChange()]
