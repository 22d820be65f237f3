"""Batches inside a Pod: what is patched when, what is said, and what a damaged or failed attempt leaves."""

from __future__ import annotations

import json

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from inplace.core.actions.actions import CloseGate, PatchImages
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.plan.plan import plan
from inplace.core.pod import batches
from inplace.core.pod.states import PodContext
from inplace.core.settings.annotations import Settings
from inplace.core.state import records
from inplace.core.state.records import Baseline, Evidence, Record, Unreadable
from inplace.core.template import order
from inplace.core.template.change import ContainerChange, Edits, PodChange, Refused
from tests.factories import NOW, later, pod, snapshot, swapping, workload

WHY = Reason(ReasonCode.Paused, "", "because")


def change(*names):
    return PodChange({name: ContainerChange(f"{name}:v2") for name in names}, order=(("a",), ("b",), ("c",)))


def record(batch=0, count=3, **evidence):
    containers = {name: Baseline(to=f"{name}:v2", evidence=proof) for name, proof in evidence.items()}
    return replace(swapping(), containers=containers, batch=batch, batches=count)


def test_each_batch_is_patched_in_its_turn():
    first, part = batches.begin(record(), change("a", "b", "c"), 0)
    assert (first.batch, first.batches, part.restarts) == (0, 3, ("a",))
    second, part = batches.begin(record(a=Evidence.IMAGE_CHANGED), change("b", "c"), 1)
    assert (second.batch, second.batches, part.restarts) == (1, 3, ("b",))
    last, part = batches.begin(record(), change("c"), 2)
    assert (last.has_more, part.restarts) == (False, ("c",))


def test_one_batch_is_no_batch():
    only, part = batches.begin(record(), change("b"), 0)
    assert (only.batches, part) == (UNSET, change("b"))


def test_what_an_earlier_attempt_left_unproven_restarts_first():
    begun, part = batches.begin(record(c=""), change("a", "b", "c"), 0)
    assert (set(part.restarts), begun.batches) == ({"a", "c"}, 2)


def test_what_is_unproven_and_as_it_should_be_is_waited_for_first():
    begun, part = batches.begin(record(a=""), change("b", "c"), 0)
    assert (part.restarts, begun.batches, begun.has_more) == ((), 3, True)


def test_containers_that_restart_with_the_same_image_in_an_order_come_last_and_the_metadata_with_the_last_of_them():
    again = {name: ContainerChange(f"{name}:v1@sha256:{'1' * 64}", restart=True) for name in ("x", "y", "env")}
    annotations = Edits(add={"inplace.dev/restart": "now y > x"})
    wanted = replace(
        change("a", "b"), containers={**change("a", "b").containers, **again}, annotations=annotations,
        restart_order=(("y",), ("x",)),
    )  # fmt: skip
    assert wanted.batches == (("a",), ("b",), ("y",), ("x", "env"))
    left, parts = wanted, []
    for batch in wanted.batches:
        parts.append(left.part(batch))
        left = replace(left, containers={name: one for name, one in left.containers.items() if name not in batch})
    assert [part.annotations for part in parts] == [Edits(), Edits(), Edits(), annotations]
    assert replace(wanted, restart_order=(("x", "y"),)).batches == (("x", "y", "env", "a"), ("b",))


def test_containers_that_restart_for_metadata_do_so_together_where_the_order_has_the_first_of_them():
    """What reads a key has to be made with it or after it: so the metadata comes when the first of them restarts."""
    again = {name: ContainerChange(f"{name}:v1@sha256:{'1' * 64}", restart=True) for name in ("x", "y")}
    labels = Edits(change={"tier": ("1", "2")})
    wanted = replace(change("a", "b"), containers={**change("a", "b").containers, **again}, labels=labels)
    for wanted_order, expected in (
        ((("a",), ("b",)), (("x", "y", "a"), ("b",))),
        ((("x",), ("a",), ("b",)), (("x", "y"), ("a",), ("b",))),
        ((("a",), ("y",), ("b",), ("x",)), (("a",), ("x", "y"), ("b",))),
        ((("c",), ("b", "x"), ("a",)), (("x", "y", "b"), ("a",))),
        ((), (("x", "y", "a", "b"),)),
    ):
        ordered = replace(wanted, order=wanted_order)
        assert ordered.batches == expected
        left = ordered
        for batch in expected:
            part = left.part(batch)
            assert part.labels == (labels if "x" in batch and left.labels.keys else Edits())
            containers = {name: one for name, one in left.containers.items() if name not in batch}
            left = replace(left, containers=containers, labels=Edits() if part.labels.keys else left.labels)


def test_another_writer_is_told_from_a_batch_to_come():
    assert batches.is_planned(record(a=""), change("b", "c"))
    assert not batches.is_planned(record(a=""), change("a", "b", "c"))
    assert not batches.is_planned(record(batch=2, a=""), change("c"))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"hold": WHY}, ReasonCode.Paused),
        ({"hold": WHY, "change": Refused((WHY,))}, ReasonCode.Paused),
        ({"change": Refused((WHY,))}, ReasonCode.Paused),
        ({"change": None}, ReasonCode.RevisionUnknown),
        ({"hold": replace(WHY, code=ReasonCode.OptOutPending)}, None),
        ({}, None),
    ],
)
def test_why_the_next_batch_does_not_begin(changes, code):
    given = {"change": change("b"), "target": record().target, **changes}
    found = batches.held(record(), PodContext("web", Settings(), NOW, **given))
    assert (found.code if found is not None else None) == code


def test_a_wait_and_a_failure_name_the_batch():
    at = record(1, a=Evidence.IMAGE_CHANGED, b="")
    assert batches.told(at, WHY).message == "batch 2 of 3 (b): because"
    assert batches.failed(at, "it broke") == "batch 2 of 3 (swapped before: a; the rest was not begun): it broke"
    assert batches.failed(record(2, 3), "it broke") == "batch 3 of 3 (nothing was swapped before): it broke"
    assert batches.told(batches.closed(at), WHY) is WHY
    assert batches.failed(batches.closed(at), "it broke") == "it broke"


@pytest.mark.parametrize(("batch", "count"), [(3, 3), (-1, 3), (0, 0), (0, 10**9)])
def test_a_batch_that_cannot_be_is_no_record(batch, count):
    good = records.encode(record())
    assert isinstance(records.decode(good), Record)
    bad = json.dumps(json.loads(good) | {"batch": batch, "batches": count})
    assert isinstance(records.decode(bad), Unreadable)


# --- Kruise's launch priorities


def template(annotation=None, **priorities):
    env = {
        name: [{"name": order.PRIORITY, "value": text}] if text is not None else [] for name, text in priorities.items()
    }
    return {
        "metadata": {"annotations": {order.LAUNCH_PRIORITY: annotation} if annotation else {}},
        "spec": {"containers": [{"name": name, "image": "x", "env": given} for name, given in env.items()]},
    }


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (template(app=None, proxy="10", log="-1"), (("proxy",), ("app",), ("log",))),
        (template(app="5", proxy="5", log=None), (("app", "proxy"), ("log",))),
        (template(app="5", proxy="5"), ()),
        (template(app="five", proxy="5"), ()),
        (template(app=None, proxy=None), ()),
        (template("Ordered", proxy=None, app=None), (("proxy",), ("app",))),
        (template("ordered", proxy=None, app=None), ()),
    ],
)
def test_launch_priorities_are_an_order(tree, expected):
    assert order.of(tree, ()) == expected
    assert order.of(tree, (("app",),)) == (("app",),), "the setting goes before them"


def test_a_plan_says_the_order_only_if_there_are_batches():
    (note,) = order.note(change("a", "b"))
    assert note.code == ReasonCode.ContainerOrder
    assert note.message.endswith("a, then b")
    assert not [*order.note(change("a"))]


# --- what only a record says


def flying(name="web-0", *, gate="True", ready=True, **fields):
    """A Pod at v1 whose record says that a swap to v2 is under way, with another batch to come."""
    forged = replace(swapping(), **{"containers": {}, "batches": 2, **fields})
    return pod(name=name, gate=gate, ready=ready, record=forged)


def patched(*pods, **annotations):
    one = workload(replicas=len(pods), annotations=annotations)
    made = plan(snapshot(*pods, workload=one), later(60)).actions
    return sorted(action.pod.name for action in made if isinstance(action, PatchImages | CloseGate))


@pytest.mark.parametrize("gate", ["True", None], ids=["drained", "not drained"])
@pytest.mark.parametrize("forged", [{}, {"target": "elsewhere"}], ids=["another batch", "another target"])
def test_a_pod_that_serves_is_patched_on_only_as_one_that_begins(gate, forged):
    """Who may write annotations alone starts no Pod past a hold, a step or a budget."""
    pods = [flying(f"web-{number}", gate=gate, **forged) for number in range(3)]
    assert patched(*pods) == ["web-2"], "max-unavailable is 1"
    assert patched(*pods, paused="true") == []


def test_a_pod_out_of_service_goes_on_at_once():
    assert patched(flying(gate="False", ready=False), paused="true") == ["web-0"]


def test_who_opts_out_has_the_next_batch_finish():
    out = replace(snapshot(flying(gate=None)), workload=workload(replicas=1, mode=None))
    assert any(isinstance(action, PatchImages) for action in plan(out, later(60)).actions)
