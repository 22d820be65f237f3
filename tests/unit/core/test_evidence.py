"""The ladder of evidence, rung by rung, and what must not count."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from inplace.core.objects.nodes import Node
from inplace.core.objects.reasons import Reason
from inplace.core.pod import evidence
from inplace.core.pod.observation import observe
from inplace.core.state.records import Evidence
from tests.factories import DIGEST, NOW, container, decode, later, node, pod, swapping

V1, V2 = "app@" + DIGEST["v1"], "app@" + DIGEST["v2"]
BEFORE = container("c://1", image_id=V1)
LISTED = node(images=(("app@" + DIGEST["v1"], "app:v1", "app:v2"),))


def judge(*history, record=None, at=1.0, on=None, **fields):
    """Show statuses one after the other; the verdict on the last."""
    record, observation = record or swapping(), None
    for number, status in enumerate(history):
        seen = pod(status, record=record, generation=2, image=record.containers["app"].to, **{"observed": 2, **fields})
        observation = observe(observation, seen, later(number / 10))
    return evidence.judge(seen, "app", record, observation, on or node(), later(at))


AFTER = container("c://2", image="app:v2", image_id=V2, restarts=1, last="c://1")


def test_a_changed_image_id_is_evidence():
    assert judge(BEFORE, AFTER) is Evidence.IMAGE_CHANGED


def test_also_where_the_first_status_at_the_new_generation_shows_it():
    assert judge(AFTER) is Evidence.IMAGE_CHANGED


@pytest.mark.parametrize(("probe", "ready", "says"), [(True, False, True), (True, True, False), (False, False, False)])
def test_a_sidecar_whose_startup_probe_goes_on_is_told_apart(probe, ready, says):
    """The kubelet does not look at its new image before; that it has started is known by its being ready alone."""
    sidecar = {"name": "app", "image": "app:v2", "restartPolicy": "Always"} | ({"startupProbe": {}} if probe else {})
    status = {**container("c://1", image_id=V1), "ready": ready}
    seen = pod(status, record=swapping(), generation=2, observed=2, image="app:v2")
    spec = decode({"containers": [], "initContainers": [sidecar]}, type(seen.spec))
    found = evidence.judge(replace(seen, spec=spec), "app", swapping(), None, node(), NOW)
    assert isinstance(found, Reason)
    assert ("startup probe" in found.message) is says


def test_same_bytes_count_once_the_old_container_is_the_predecessor():
    same = container("c://2", image="app:v1", image_id=V1, restarts=1, last="c://1")
    assert judge(BEFORE, same) is Evidence.SAME_DIGEST


def test_a_pinned_digest_that_runs_is_evidence():
    record = swapping(to="app:v1@" + DIGEST["v1"])
    assert judge(BEFORE, container("c://2", image_id=V1), record=record) is Evidence.EXPECTED_DIGEST


@pytest.mark.parametrize(
    ("why", "history", "fields"),
    [
        ("the old container is still there", [BEFORE], {}),
        ("the kubelet has not taken in the image", [BEFORE, AFTER], {"observed": 1}),
        ("no container yet", [container("", running=False, waiting="ContainerCreating")], {}),
        ("the new container does not run", [BEFORE, container("c://2", image_id=V2, running=False, waiting="x")], {}),
        ("imageID flips without a restart", [BEFORE, container("c://1", image_id=V2)], {}),
        ("a crash before the kubelet acted", [container("c://2", image_id=V1, restarts=1, last="c://1")], {}),
        (
            "the image of a container that waits is the old one's",
            [BEFORE, container("c://1", running=False, waiting="ErrImagePull")],
            {},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_enough(why, history, fields):
    assert isinstance(judge(*history, **fields), Reason), why


def test_a_container_of_an_intermediate_patch_does_not_count():
    """v1 -> v2 (never confirmed) -> v3: the first status at v3's generation shows v2's container."""
    record = swapping(to="app:v3", unsettled=True)
    intermediate = container("c://2", image="app:v2", image_id=V2, restarts=1, last="c://1")
    final = container("c://3", image="app:v3", image_id="app@sha256:" + "3" * 64, restarts=2, last="c://2")
    assert isinstance(judge(intermediate, record=record), Reason)
    assert judge(intermediate, final, record=record) is Evidence.IMAGE_CHANGED


def test_an_intermediate_container_does_not_count_without_observed_generation_either():
    record = swapping(to="app:v3", unsettled=True)
    intermediate = container("c://2", image="app:v2", image_id=V2, restarts=1, last="c://1")
    assert isinstance(judge(BEFORE, intermediate, record=record, on=node("v1.33.1"), observed=0), Reason)


def test_a_template_that_went_back_before_the_kubelet_acted_leaves_the_old_container():
    record = swapping(from_="app:v2", to="app:v1", unsettled=True, origin="app:v1")
    assert judge(BEFORE, record=record) is Evidence.UNCHANGED
    assert isinstance(judge(BEFORE, record=record, observed=1), Reason)


def test_without_observed_generation_a_changed_image_id_is_enough():
    assert judge(BEFORE, AFTER, on=node("v1.33.1"), observed=0) is Evidence.IMAGE_CHANGED


def test_without_observed_generation_same_bytes_need_time():
    same = container("c://2", image="app:v1", image_id=V1, restarts=1, last="c://1")
    assert isinstance(judge(BEFORE, same, on=node("v1.33.1"), observed=0, at=5), Reason)
    assert judge(BEFORE, same, on=node("v1.33.1"), observed=0, at=61) is Evidence.SAME_DIGEST


def test_after_a_restart_of_ours_same_bytes_are_assumed_once_steady_and_known_to_the_node():
    same = container("c://2", image="app:v1", image_id=V1, restarts=1, last="c://1")
    assert isinstance(judge(same, at=59, on=LISTED), Reason)
    assert judge(same, at=61, on=LISTED) is Evidence.ASSUMED_BY_GENERATION
    other = node(images=(("app@" + DIGEST["v1"], "app:v1"), ("app@" + DIGEST["v2"], "app:v2")))
    assert isinstance(judge(same, at=61, on=other), Reason), "the node knows the image asked for as another one"


@pytest.mark.parametrize(
    "listed",
    [
        (),
        (("db@sha256:" + "3" * 64, "db:v1"),),
        (tuple(f"mirror-{n}/app@{DIGEST['v1']}" for n in range(5)),),
    ],
    ids=["nothing", "not the image that runs", "as many names as a node lists"],
)
def test_a_list_that_is_cut_off_does_not_keep_a_steady_container_from_counting(listed):
    """A node lists 50 images, or fewer if it is told so, and five names of one."""
    same = container("c://2", image="app:v1", image_id=V1, restarts=1, last="c://1")
    assert isinstance(judge(same, at=59, on=node(images=listed)), Reason)
    assert judge(same, at=61, on=node(images=listed)) is Evidence.ASSUMED_BY_GENERATION
    untracked = judge(same, record=swapping(unsettled=True), at=61, on=node("v1.33.1", images=listed), observed=0)
    assert isinstance(untracked, Reason), "without observedGeneration the list is needed"


def test_a_name_that_the_runtime_reports_is_as_good_as_one_that_the_node_lists():
    """v1 -> missing -> v2 in the first status at v2's generation, on a node that lists v2 under other names only."""
    record = swapping(from_="app:missing", to="app:v2", unsettled=True, origin="app:v1")
    elsewhere = node(images=(("mirror/app@" + DIGEST["v2"], "mirror/app:v2"),))
    assert isinstance(judge(AFTER, record=record, at=59, on=elsewhere), Reason)
    assert judge(AFTER, record=record, at=61, on=elsewhere) is Evidence.ASSUMED_BY_GENERATION


@pytest.mark.parametrize("listed", [[{"names": None}, {}], {"no": "list"}, [7]], ids=["no name", "no list", "no image"])
def test_a_malformed_list_of_images_hurts_nobody(listed):
    nameless = decode({"status": {"images": listed, "nodeInfo": {"kubeletVersion": "v1.36.3"}}}, Node)
    same = container("c://2", image="app:v1", image_id=V1, restarts=1, last="c://1")
    assert judge(same, at=61, on=nameless) is Evidence.ASSUMED_BY_GENERATION


def test_the_old_container_is_never_assumed():
    assert isinstance(judge(BEFORE, at=10_000, on=LISTED), Reason)


def test_a_pinned_digest_rejects_the_old_image():
    record = swapping(to="app@" + DIGEST["v2"])
    assert isinstance(judge(BEFORE, container("c://2", image_id=V1, last="c://1"), record=record), Reason)


@pytest.mark.parametrize(
    ("version", "observed", "tracked"),
    [("v1.34.0", 0, True), ("v1.33.9", 7, False), ("v1.36.3-eks", 1, True), ("", 1, True), ("", 0, False)],
)
def test_whether_the_kubelet_tracks_generations_is_judged_by_its_version(version, observed, tracked):
    assert evidence.tracks_generation(pod(observed=observed), node(version) if version else None) is tracked


def test_what_was_seen_belongs_to_one_attempt():
    first = observe(None, pod(BEFORE, record=swapping(), ready=False, generation=2, observed=2), NOW)
    assert first is not None
    assert first.unready_at == NOW
    other = swapping()
    other = type(other)(**{**{f: getattr(other, f) for f in other.__struct_fields__}, "started_at": later(9)})
    second = observe(first, pod(BEFORE, record=other, generation=2, observed=2), later(10))
    assert second is not None
    assert second.unready_at is None
    assert observe(second, pod(BEFORE), later(11)) is None


def test_a_rollback_counts_in_the_first_status_that_shows_it():
    """v1 -> missing -> v1: a kubelet in a hurry shows the new container of v1 before any other status."""
    record = swapping(from_="app:missing", to="app:v1", unsettled=True, origin="app:v1")
    back = container("c://2", image="app:v1", image_id=V1, restarts=1, last="c://1")
    assert judge(back, record=record) is Evidence.SAME_DIGEST
    other = container("c://2", image="mirror/app:v1", image_id=V1, restarts=1, last="c://1")
    assert isinstance(judge(other, record=record), Reason), "it may be of the patch that was taken back"


@pytest.mark.parametrize("name", ["mirror.example.com/app@" + DIGEST["v1"], DIGEST["v1"].replace("1", "9")])
def test_another_name_of_the_same_image_is_no_other_image(name):
    """A pull under another name puts that first, or an image without a name gets one; then the old one crashes."""
    crashed = container("c://2", image_id=name, restarts=1, last="c://1")
    assert isinstance(judge(crashed), Reason)
    assert judge(BEFORE, container("c://3", image_id=name, restarts=1, last="c://1")) is Evidence.SAME_DIGEST


@pytest.mark.parametrize(("before", "after"), [("", V2), (V1, ""), ("", "")])
def test_without_image_ids_the_predecessor_tells(before, after):
    record = swapping(image_id=before)
    first = container("c://1", image_id=before)
    assert isinstance(judge(first, record=record), Reason)
    assert judge(first, container("c://2", image_id=after, last="c://1"), record=record) is Evidence.SAME_DIGEST
    assert isinstance(judge(container("c://2", image_id=after, last="c://1"), record=record), Reason)


def test_the_digest_that_a_helper_saw_is_evidence_where_nothing_else_is():
    """A mirror: the same bytes, and no word of the old container."""
    record = swapping(to="mirror.example.com/app:v1", expected=DIGEST["v1"])
    assert judge(BEFORE, container("c://2", image_id=V1), record=record) is Evidence.EXPECTED_DIGEST
    assert isinstance(judge(container("c://2", image_id=V1), record=record), Reason), "it may be the old one's restart"


def test_an_old_kubelet_needs_more_than_a_digest_that_both_have():
    record = swapping(to="mirror.example.com/app:v1", expected=DIGEST["v1"])
    crashed = container("c://2", image_id=V1, restarts=1)
    assert isinstance(judge(BEFORE, crashed, record=record, on=node("v1.33.0"), observed=0), Reason)
    other = swapping(expected=DIGEST["v2"])
    swapped = container("c://2", image_id=V2, restarts=1)
    assert judge(BEFORE, swapped, record=other, on=node("v1.33.0"), observed=0) is Evidence.IMAGE_CHANGED
