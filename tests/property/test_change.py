"""The diff over random templates: empty where it must be, and refused wherever docs/design/protocol.md, "The diff"
says nothing else."""

from __future__ import annotations

import copy
import hashlib
from itertools import pairwise

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from inplace.core.objects.model import Container, ContainerStatus, Meta, Pod, PodSpec, PodStatus
from inplace.core.objects.reasons import ReasonCode
from inplace.core.settings.annotations import InitImages
from inplace.core.template import defaults, diff, sizes, trees
from inplace.core.template.change import ContainerChange, Edits, PodChange, Refused

#: No default of anything, no quantity, no glob's match.
SENTINEL = "§changed"

words = st.sampled_from(["a", "b", "c", "1", "1Gi", "", "Always", "IfNotPresent", "File", "TCP", "v1", "/"])
json = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 700) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
images = st.sampled_from(["app", "app:1", "app:2", "app:latest", "r.io:5000/x/y:v3", f"app@sha256:{'a' * 64}"])
probe = st.fixed_dictionaries(
    {},
    optional={
        "httpGet": st.fixed_dictionaries({"port": st.just(80)}, optional={"path": words, "scheme": st.just("HTTP")}),
        "periodSeconds": st.integers(0, 10),
        "timeoutSeconds": st.integers(0, 2),
        "grpc": st.just({"port": 1}),
    },
)
env = st.lists(
    st.fixed_dictionaries(
        {"name": words}, optional={"value": words, "valueFrom": st.just({"fieldRef": {"fieldPath": "metadata.name"}})}
    ),
    max_size=3,
)
container_fields = {
    "imagePullPolicy": st.sampled_from(["Always", "IfNotPresent", "Never", ""]),
    "terminationMessagePath": words,
    "env": env,
    "ports": st.lists(
        st.fixed_dictionaries(
            {"containerPort": st.integers(1, 3)}, optional={"protocol": st.just("TCP"), "hostPort": st.integers(0, 3)}
        ),
        max_size=2,
    ),
    "livenessProbe": probe,
    "resources": st.fixed_dictionaries({}, optional={"limits": st.dictionaries(st.just("cpu"), words, max_size=1)}),
    "command": st.lists(words, max_size=3),
    "unheardOf": json,
}
volume = st.fixed_dictionaries(
    {"name": words},
    optional={
        "configMap": st.fixed_dictionaries({"name": words}, optional={"defaultMode": st.sampled_from([0, 420])}),
        "hostPath": st.fixed_dictionaries({"path": words}, optional={"type": st.just("")}),
        "projected": st.just({"sources": [{"serviceAccountToken": {"path": "t"}}]}),
    },
)
#: A change of these is never content by itself.
RESTART_REQUESTS = ("checksum/x", "cattle.io/timestamp")
READ_AT_CREATION = ("istio.io/rev", "vault.hashicorp.com/role")
metadata_maps = st.dictionaries(st.sampled_from(["app", "v", "a.b/c", "note"]), st.sampled_from(["1", "2"]), max_size=3)
requesting_maps = st.dictionaries(
    st.sampled_from(["app", "note", *RESTART_REQUESTS, *READ_AT_CREATION]), st.sampled_from(["1", "2"]), max_size=4
)


@st.composite
def templates(draw):
    names = draw(
        st.lists(st.sampled_from(["app", "proxy", "log", "init", "side"]), min_size=1, max_size=4, unique=True)
    )
    made = [
        {"name": name, "image": draw(images), **draw(st.fixed_dictionaries({}, optional=container_fields))}
        for name in names
    ]
    cut = draw(st.integers(1, len(made)))
    for one in made[cut:]:
        if draw(st.booleans()):
            one["restartPolicy"] = "Always"
    spec = {
        "containers": made[:cut],
        "initContainers": made[cut:],
        **draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "volumes": st.lists(volume, max_size=2),
                    "restartPolicy": st.sampled_from(["Always", ""]),
                    "serviceAccount": words,
                    "serviceAccountName": words,
                    "hostNetwork": st.booleans(),
                    "terminationGracePeriodSeconds": st.sampled_from([0, 30]),
                    "nodeSelector": metadata_maps,
                    "unheardOf": json,
                },
            )
        ),
    }
    metadata = draw(
        st.fixed_dictionaries({}, optional={"labels": requesting_maps, "annotations": requesting_maps, "name": words})
    )
    return {"metadata": metadata, "spec": spec}


def paths(value, here=()):
    """Every path in the tree, containers of values included."""
    yield here
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in below:
        yield from paths(inner, (*here, key))


def at(tree, path):
    for key in path:
        tree = tree[key]
    return tree


def only_metadata(field: str, edits: Edits) -> PodChange:
    return PodChange(labels=edits) if field == "labels" else PodChange(annotations=edits)


def is_content(verdict, tree, path, change):
    """Whether the verdict on one changed key is what the table says."""
    if path[2] in READ_AT_CREATION:
        where = f"metadata.{path[1]}[{path[2]}]"
        return [(reason.code, reason.path) for reason in verdict.reasons] == [(ReasonCode.ReadAtCreation, where)]
    again = startable(tree) if path[2] in RESTART_REQUESTS else ()
    expected = only_metadata(path[1], change)
    return replace(verdict, notes=()) == replace(
        expected, containers={name: ContainerChange(restart=True) for name in again}
    )


def startable(tree):
    """The containers that a live Pod starts again."""
    sidecars = [one["name"] for one in tree["spec"]["initContainers"] if one.get("restartPolicy") == "Always"]
    return [*(one["name"] for one in tree["spec"]["containers"]), *sidecars]


def is_metadata(path):
    return len(path) == 3 and path[0] == "metadata" and path[1] in {"labels", "annotations"}


def is_image_that_restarts(tree, path):
    if len(path) != 4 or path[0] != "spec" or path[3] != "image":
        return False
    return path[1] == "containers" or (
        path[1] == "initContainers" and at(tree, path[:3]).get("restartPolicy") == "Always"
    )


def is_size_that_changes(tree, path):
    """Whether it is the cpu or memory of a container that a live Pod can be given another of."""
    if len(path) != 6 or path[3] != "resources" or path[4] not in sizes.SIDES or path[5] not in sizes.RESIZED:
        return False
    return path[1] == "containers" or at(tree, path[:3]).get("restartPolicy") == "Always"


@given(templates())
def test_a_template_equals_itself_and_itself_with_defaults(tree):
    for other in (tree, copy.deepcopy(tree), defaults.apply(tree)):
        assert diff.diff(tree, other) == PodChange()
        assert diff.diff(other, tree) == PodChange()
        assert trees.differences(other, other) == []


@given(templates())
def test_defaults_are_idempotent_and_touch_nothing(tree):
    before = copy.deepcopy(tree)
    once = defaults.apply(tree)
    assert defaults.apply(once) == once
    assert tree == before


@given(templates(), st.data())
def test_replacing_anything_outside_the_table_is_refused(tree, data):
    path = data.draw(st.sampled_from([path for path in paths(tree) if path]))
    changed = copy.deepcopy(tree)
    at(changed, path[:-1])[path[-1]] = SENTINEL
    verdict = diff.diff(tree, changed)
    if is_metadata(path):
        assert is_content(verdict, tree, path, Edits(change={path[2]: (at(tree, path), SENTINEL)}))
    elif is_image_that_restarts(tree, path):
        assert isinstance(verdict, PodChange)
        assert verdict.images == {at(tree, path[:-1])["name"]: SENTINEL}
        assert verdict.labels == verdict.annotations == Edits()
    elif is_size_that_changes(tree, path):
        assert isinstance(verdict, PodChange)
        assert verdict.sizes[at(tree, path[:3])["name"]][path[4]] == {path[5]: SENTINEL}
        assert verdict.labels == verdict.annotations == Edits()
    elif path == ("spec", "serviceAccount") and tree["spec"].get("serviceAccountName"):
        assert verdict == PodChange()  # the server ignores the old name beside the new one
    else:
        assert isinstance(verdict, Refused)
        assert verdict.reasons
        assert all(reason.code and reason.path and reason.message for reason in verdict.reasons)


@given(templates(), st.data())
def test_adding_anything_outside_the_table_is_refused(tree, data):
    places = [path for path in paths(tree) if isinstance(at(tree, path), dict | list)]
    path = data.draw(st.sampled_from(places))
    changed = copy.deepcopy(tree)
    place = at(changed, path)
    if isinstance(place, dict):
        place["zz"] = SENTINEL
    else:
        place.append({"name": SENTINEL})
    verdict = diff.diff(tree, changed)
    if is_metadata((*path, "zz")):
        assert verdict == only_metadata(path[1], Edits(add={"zz": SENTINEL}))
    else:
        assert isinstance(verdict, Refused)


@given(templates(), st.data())
def test_removing_anything_is_refused_unless_it_was_a_default(tree, data):
    path = data.draw(st.sampled_from([path for path in paths(tree) if path]))
    changed = copy.deepcopy(tree)
    del at(changed, path[:-1])[path[-1]]
    verdict = diff.diff(tree, changed)
    if is_metadata(path):
        assert is_content(verdict, tree, path, Edits(remove=(path[2],)))
    elif path in {("metadata",), ("metadata", "labels"), ("metadata", "annotations")}:
        whole = len(path) == 1
        gone = [*trees.labels(tree), *trees.annotations(tree)] if whole else [*at(tree, path)]
        asks = not set(READ_AT_CREATION).isdisjoint(gone)
        assert isinstance(verdict, Refused) is (asks or (whole and bool(tree["metadata"].get("name"))))
    elif isinstance(verdict, PodChange):
        # Nothing that a server would keep was lost: with all defaults written out, both sides are one.
        assert verdict == PodChange()
        assert trees.differences(defaults.apply(tree), defaults.apply(changed)) == []


@given(templates(), st.data())
def test_another_order_is_refused(tree, data):
    lists = [path for path in paths(tree) if isinstance(at(tree, path), list) and len(at(tree, path)) > 1]
    assume(lists)
    path = data.draw(st.sampled_from(lists))
    changed = copy.deepcopy(tree)
    at(changed, path).reverse()
    before, after = (at(defaults.apply(side), path) for side in (tree, changed))
    assume(trees.differences({"x": before}, {"x": after}))
    assert isinstance(diff.diff(tree, changed), Refused)


@given(templates(), st.data())
def test_applying_what_never_had_a_default_leaves_it_as_the_server_filled_it_in(tree, data):
    """`diff LIVE FILE`: the live template has every default written out, of the image that it has now."""
    changed = copy.deepcopy(tree)
    one = changed["spec"]["containers"][data.draw(st.integers(0, len(changed["spec"]["containers"]) - 1))]
    one["image"] = data.draw(images)
    one.pop("imagePullPolicy", None)
    plain = copy.deepcopy(tree)
    next(same for same in plain["spec"]["containers"] if same["name"] == one["name"]).pop("imagePullPolicy", None)
    verdict = diff.diff(defaults.apply(plain), changed)
    assert isinstance(verdict, PodChange)
    assert set(verdict.images) <= {one["name"]}


@given(templates(), templates())
def test_the_verdict_does_not_depend_on_written_defaults(a, b):
    plain = diff.diff(a, b)
    written = diff.diff(defaults.apply(a), defaults.apply(b))
    assert isinstance(plain, Refused) <= isinstance(written, Refused)


# -- live Pods

versions = st.sampled_from(["app:1", "app:2", "app:3"])


@st.composite
def variants(draw):
    """A template that differs from others of its kind only in what can be changed in place."""
    return {
        "metadata": {"labels": {"app": "web", **draw(metadata_maps)}, "annotations": draw(metadata_maps)},
        "spec": {
            "containers": [{"name": name, "image": draw(versions)} for name in ("app", "proxy")],
            "initContainers": [
                {"name": "side", "image": draw(versions), "restartPolicy": "Always"},
                {"name": "init", "image": "i:1"},
            ],
        },
    }


def made_from(tree, extra_labels=()):
    def model(field):
        return tuple(Container(name=one["name"], image=one["image"]) for one in tree["spec"][field])

    return Pod(
        metadata=Meta(
            labels={**tree["metadata"]["labels"], **dict(extra_labels)}, annotations=tree["metadata"]["annotations"]
        ),
        spec=PodSpec(containers=model("containers"), init_containers=model("initContainers")),
    )


def edited(found, edits):
    kept = {key: value for key, value in (found or {}).items() if key not in edits.remove}
    return {**kept, **edits.add, **{key: new for key, (_, new) in edits.change.items()}}


def patched(pod, change):
    def model(containers):
        return tuple(Container(name=one.name, image=change.images.get(one.name, one.image)) for one in containers)

    return Pod(
        metadata=Meta(
            labels=edited(pod.metadata.labels, change.labels),
            annotations=edited(pod.metadata.annotations, change.annotations),
        ),
        spec=PodSpec(containers=model(pod.spec.containers), init_containers=model(pod.spec.init_containers)),
    )


def needs(bases, target, pod, touched=()):
    verdict = diff.diff(bases[0], target)
    assert isinstance(verdict, PodChange)
    found = diff.change_for(verdict, diff.template_pair(bases, target), pod, touched)
    assert isinstance(found, PodChange)
    return found


@given(variants(), variants())
def test_a_fresh_pod_needs_just_the_difference_of_the_templates(base, target):
    verdict = diff.diff(base, target)
    found = needs([base], target, made_from(base))
    assert isinstance(verdict, PodChange)
    assert (found.images, found.labels, found.annotations) == (verdict.images, verdict.labels, verdict.annotations)


@given(variants(), variants(), requesting_maps, requesting_maps)
def test_a_request_restarts_what_has_no_new_image(base, target, before, after):
    base["metadata"]["annotations"], target["metadata"]["annotations"] = before, after
    moved = diff.diff(base, target, restart_on=())
    verdict = diff.diff(base, target)
    changed = {key for key in {**before, **after} if before.get(key) != after.get(key)}
    if not changed.isdisjoint(READ_AT_CREATION):
        assert isinstance(verdict, Refused)
        assert isinstance(moved, Refused)
        return
    again = set() if changed.isdisjoint(RESTART_REQUESTS) else {"app", "proxy", "side"} - set(moved.images)
    assert (verdict.images, verdict.annotations) == (moved.images, moved.annotations)
    assert {name for name, one in verdict.containers.items() if one.restart} == again


@given(variants(), variants(), requesting_maps, requesting_maps, st.data())
def test_no_container_restarts_that_the_plan_did_not_name(base, target, before, after, data):
    """The kubelet restarts what has another string for its image: just that, of the same bytes unless they change, and
    once."""
    base["metadata"]["annotations"], target["metadata"]["annotations"] = before, after
    for name, where in (("app", "labels"), ("proxy", "annotations")):
        read = f"metadata.{where}['{data.draw(st.sampled_from(['v', 'note', 'a.b/c']))}']"
        for side in (base, target):
            one = next(one for one in side["spec"]["containers"] if one["name"] == name)
            one["env"] = [{"name": "E", "valueFrom": {"fieldRef": {"fieldPath": read}}}]
    plan = diff.diff(base, target)
    assume(isinstance(plan, PodChange))
    pod = running(made_from(base))
    change = needs([base], target, pod)
    moved = running(patched(pod, change))
    old, new = (
        {one.name: one.image for one in each.spec.containers + each.spec.init_containers} for each in (pod, moved)
    )
    assert {name for name in old if new[name] != old[name]} == set(plan.restarts) == set(change.restarts)
    for name in set(plan.restarts) - set(plan.images):
        assert bytes_of(new[name]) == bytes_of(old[name])
    assert needs([base], target, moved).is_empty
    assert needs([base], target, moved, tuple(plan.restarts)).is_empty


def bytes_of(image):
    """The digest that a reference means; a tag means always the same here."""
    name, _, digest = image.partition("@")
    return digest or "sha256:" + hashlib.sha256(name.encode()).hexdigest()


def running(pod):
    """The Pod as its kubelet reports it."""

    def status(one):
        repository = one.image.partition("@")[0].rpartition(":")[0]
        return ContainerStatus(
            name=one.name, container_id="c://1", image_id=f"docker.io/library/{repository}@{bytes_of(one.image)}"
        )

    return replace(
        pod,
        status=PodStatus(
            container_statuses=tuple(map(status, pod.spec.containers)),
            init_container_statuses=tuple(map(status, pod.spec.init_containers)),
        ),
    )


@given(
    st.lists(variants(), min_size=2, max_size=4),
    st.dictionaries(st.sampled_from(["mine", "pod-template-hash"]), st.just("x")),
)
def test_a_chain_of_templates_ends_as_a_pod_of_the_last_one(chain, extra):
    """Each target is reached from wherever the one before left the Pod, and what belongs to others stays."""
    pod = made_from(chain[0], extra)
    moved: set[str] = set()
    for between, target in pairwise(chain):
        change = needs([chain[0], between], target, pod, moved)
        moved |= set(change.images)
        pod = patched(pod, change)
        assert needs([chain[0], between], target, pod, moved).is_empty
        assert pod == made_from(target, extra)


@given(variants(), variants(), versions)
def test_drift_is_never_fought(base, target, elsewhere):
    target["spec"]["containers"][1]["image"] = base["spec"]["containers"][1]["image"]
    pod = patched(made_from(base), PodChange.of_images({"proxy": elsewhere}))
    found = needs([base], target, pod)
    assert "proxy" not in found.images
    assert bool(found.drift) == (elsewhere != target["spec"]["containers"][1]["image"])


@given(variants(), variants(), metadata_maps)
def test_metadata_that_no_template_changes_is_never_fought(base, target, elsewhere):
    base["metadata"]["labels"] = target["metadata"]["labels"]
    pod = made_from(base)
    pod = msgspec.structs.replace(pod, metadata=msgspec.structs.replace(pod.metadata, labels=elsewhere))
    assert needs([base], target, pod).labels == Edits()


@given(
    templates(), templates(), st.sampled_from(list(InitImages)), st.none() | st.tuples(st.just(1), st.integers(28, 36))
)
def test_the_diff_is_total_and_pure(a, b, init_images, kubelet):
    before = copy.deepcopy((a, b))
    verdict = diff.diff(a, b, init_images=init_images, kubelet=kubelet)
    assert verdict == diff.diff(a, b, init_images=init_images, kubelet=kubelet)
    assert (a, b) == before
    assert isinstance(verdict, PodChange) or verdict.reasons
