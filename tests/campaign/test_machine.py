"""The machine itself: a seed is a story, a story is played the same every time, and shrinks to what matters."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from kubesim.api.faults import Answer, Request
from tests import virtual_time
from tests.campaign.generator import TURNS, generate, kind_of
from tests.campaign.judges import disruption, requests, verdicts
from tests.campaign.ledger import Entry
from tests.campaign.play import play
from tests.campaign.shrink import shrunk
from tests.campaign.story import Move, Start, Story, beginning, decode, encode
from tests.campaign.trace import Trace
from tests.campaign.vocabulary import VERBS, intended, possible, recipe
from tests.campaign.vocabulary.others import ANSWERS, SORTS, refusal

#: The moves of one story, each of which is ordinary.
QUIET = Story(Start("StatefulSet"), (Move("image", "v2", 20.0), Move("scale", "3", 8.0), Move("delete-pod", "0", 20.0)))


def test_a_seed_is_a_story():
    for seed in range(200):
        story = generate(seed)
        assert story == generate(seed)
        assert story == decode(encode(story))
        assert story.start.kind == kind_of(seed)
        intent = beginning(story.start)
        for move in story.moves:
            assert possible(intent, move)
            intent = intended(intent, move)
    assert {generate(seed).start.kind for seed in range(len(TURNS))} == set(TURNS)


def test_every_verb_is_drawn_and_told():
    drawn = {move.verb for seed in range(1500) for move in generate(seed).moves}
    assert drawn == set(VERBS)
    assert len(recipe(QUIET).splitlines()) == len(QUIET.moves) + 2


@pytest.mark.parametrize("kind", sorted(set(TURNS)))
def test_an_ordinary_story_is_quiet_with_us_and_without(kind):
    story = Story(Start(kind), QUIET.moves)
    ours = play(story, ours=True)
    native = play(story, ours=False, refused=ours.refused)
    assert verdicts(ours, native) == []
    assert not ours.refused.keys() - {-1}
    assert any(entry.ours for entry in ours.entries)
    assert not any(entry.ours for entry in native.entries)


@pytest.mark.parametrize(
    "story",
    [
        pytest.param(
            Story(
                Start("Deployment", gate=False, strategy="recreate", settings={"max-unavailable": "100%"}),
                (Move("image", "v2", 60.0),),
            ),
            id="all Pods of a Deployment with Recreate are asked to swap in one moment",
        ),
        pytest.param(
            Story(
                Start("DaemonSet", replicas=1, settings={"on-failure": "Rollback", "pre-pull": "Never"}),
                (Move("registry-away"), Move("image", "v2", 60.0)),
            ),
            id="an image that cannot be pulled for a Pod that is down already is rolled back",
        ),
        pytest.param(
            Story(
                Start("StatefulSet", replicas=1, strategy="canary", policies=True, tool="server-side-apply"),
                (Move("strategy", "ondelete"),),
            ),
            id="a strategy is not compared if the server takes it only with the policies",
        ),
        pytest.param(
            Story(
                Start("Deployment", strategy="recreate", settings={"max-unavailable": "100%"}),
                (Move("apply", "slow", 3.0), Move("pod-image", "2 v2", 60.0)),
            ),
            id="what somebody set by hand on a Pod with Recreate is not our doing",
        ),
        pytest.param(
            Story(
                Start("StatefulSet", settings={"progress-deadline-seconds": "120"}),
                (
                    Move("image", "v4"),
                    Move("refuse", "image patches: 404", 20.0),
                    Move("image", "v1"),
                    Move("flap", "2 300", 400.0),
                ),
            ),
            id="a readiness that comes back begins a wait anew",
        ),
        pytest.param(
            Story(
                Start("DaemonSet", replicas=2, settings={"drain": "Never"}),
                (Move("budget", "2", 60.0), Move("image", "v2", 3.0)),
            ),
            id="what is decided in the moment in which a setting goes follows that setting",
        ),
        pytest.param(
            Story(
                Start("Deployment", strategy="recreate"),
                (Move("resume", wait=60.0), Move("image", "v1-alias", 60.0), Move("orphan", wait=20.0)),
            ),
            id="a workload that is created anew is not frozen yet",
        ),
        pytest.param(
            Story(
                Start("DaemonSet", replicas=2, settings={"steps": "1"}),
                (Move("strategy", "default", 60.0), Move("image", "v4", 400.0), Move("autoscaler", wait=60.0)),
            ),
            id="Pods that an autoscaler takes away again are not replaced",
        ),
        pytest.param(
            Story(
                Start("Deployment", tool="replace"),
                (Move("pause", wait=20.0), Move("apply", "v2; drain=Never", 60.0)),
            ),
            id="a file that is replaced takes a pause away",
        ),
        pytest.param(
            Story(
                Start(
                    "DaemonSet",
                    replicas=3,
                    settings={"on-failure": "Rollback", "steps": "1", "progress-deadline-seconds": "120"},
                ),
                (Move("node-away", "1", 0.2), Move("image", "v2", 200.0), Move("crash", "2 4", 60.0)),
                seed=3822,
            ),
            id="a container that begins to end before its upgrade goes on doing so after it",
        ),
        pytest.param(
            Story(
                Start("Deployment", strategy="default", settings={"steps": "1"}, policies=True, tool="replace"),
                (Move("refuse", "freezes: 409", 400.0), Move("apply", "v2", 28.0), Move("image", "crash", 60.0)),
                seed=2035,
            ),
            id="a write that comes too late is told of once that has lasted since the last change",
        ),
        pytest.param(
            Story(
                Start(
                    "DaemonSet",
                    gate=False,
                    settings={"on-failure": "Rollback", "gates": "before-ready=example.com/Idle"},
                ),
                (Move("image", "v3", 100.0), Move("node-away", "0", 20.0), Move("image", "v4", 3.0)),
                seed=106,
            ),
            id="a Pod in flight has its place in the budget, and each waits for its condition until its own deadline",
        ),
        pytest.param(
            Story(
                Start("Deployment", replicas=3, settings={"grace-period-seconds": "20"}),
                (Move("image", "v2", 8.0), Move("restart-pod", "1 app", 60.0)),
                seed=201,
            ),
            id="a restart by a command takes its place in the budget",
        ),
        pytest.param(
            Story(Start("DaemonSet", mode="InPlaceIfPossible"), (Move("restart", wait=60.0),)),
            id="a Pod that was restarted in place has the image of the template",
        ),
        pytest.param(
            Story(
                Start("Deployment", replicas=2, settings={"steps": "1"}),
                (Move("replace-without-label", wait=20.0), Move("setting", "steps-", 20.0)),
            ),
            id="a setting of a file that was replaced is not taken away by an apply",
        ),
        pytest.param(
            Story(
                Start("StatefulSet", gate=False, strategy="ondelete", policies=True),
                (Move("original-strategy", "[]", 20.0), Move("apply", "v4", 60.0), Move("kill", wait=60.0)),
            ),
            id="what stands in an edited record need be no object",
        ),
        pytest.param(
            Story(Start("StatefulSet"), (Move("strategy", "ondelete", 60.0),)),
            id="a strategy that its owner wrote over the freeze is his, whatever is on record",
        ),
        pytest.param(
            Story(
                Start("StatefulSet", strategy="canary"),
                (Move("replace-without-label", wait=20.0), Move("strategy", "default", 20.0)),
            ),
            id="a partition of a file that was replaced is not taken away by an apply",
        ),
        pytest.param(
            Story(Start("ReplicaSet"), (Move("image", "crash", 60.0), Move("orphan", wait=60.0))),
            id="nobody knows what the Pods of a bare ReplicaSet were made of that is created anew",
        ),
        pytest.param(
            Story(
                Start("Deployment", policies=True),
                (Move("restart", wait=3.0), Move("image", "v2", 60.0), Move("undo", "v1", 20.0)),
            ),
            id="an undo does not take the history of a revision from its ReplicaSet",
        ),
        pytest.param(
            Story(
                Start(
                    "ReplicaSet",
                    sidecar=True,
                    settings={
                        "on-failure": "Rollback",
                        "gates": "before-drain=example.com/Idle",
                        "progress-deadline-seconds": "120",
                    },
                ),
                (Move("image", "missing"), Move("delete-pod", "2")),
            ),
            id="nothing is waited for of a container that does not run beside one that is not stopped",
        ),
        pytest.param(
            Story(
                Start(
                    "Deployment",
                    replicas=1,
                    sidecar=True,
                    settings={"on-failure": "Rollback", "progress-deadline-seconds": "120"},
                ),
                (Move("image", "v4"), Move("flap", "0 300", 20.0)),
            ),
            id="a probe that fails from the swap to the deadline speaks against the image",
        ),
        pytest.param(
            Story(
                Start("DaemonSet", replicas=1),
                (
                    Move("image", "v1-alias", 60.0),
                    Move("restart-containers", "app", 60.0),
                    Move("restart-containers", "app", 60.0),
                ),
            ),
            id="a Pod with the digest of the template's image has that image",
        ),
        pytest.param(
            Story(
                Start("Deployment", replicas=3, mode=None),
                (Move("refuse", "all writes: 429"), Move("image", "v2", 20.0), Move("pause", wait=20.0)),
            ),
            id="a rollout that its owner stops halfway had got less far while gates could not be opened",
        ),
        pytest.param(
            Story(
                Start("Deployment", mode=None, strategy="default"),
                (Move("image", "v4", 3.0), Move("flap", "1 300", 3.0)),
                seed=7649,
            ),
            id="a rollout without us that cannot end has a Pod more",
        ),
        pytest.param(
            Story(
                Start("Deployment", strategy="recreate"),
                (Move("replace-without-label", wait=20.0), Move("strategy", "default", 20.0)),
            ),
            id="a strategy of a file that was replaced is not taken away by an apply, Recreate neither",
        ),
        pytest.param(
            Story(
                Start("Deployment", sidecar=True),
                (Move("sidecar", "missing", 0.2), Move("resume", wait=60.0), Move("image", "v4", 60.0)),
            ),
            id="a native rollout for the image of a sidecar is one",
        ),
        pytest.param(
            Story(
                Start("DaemonSet", replicas=2, settings={"progress-deadline-seconds": "120"}),
                (
                    Move("force-disable", "", 1.0),
                    Move("resources", "20m", 1.0),
                    Move("flap", "0 300", 1.0),
                    Move("opt-in", "InPlaceOnly", 0.2),
                ),
            ),
            id="a native rollout of a size is one",
        ),
        pytest.param(
            Story(
                Start("StatefulSet", replicas=1),
                (Move("image", "v4", 400.0), Move("back-and-out", "v1", 1.0), Move("strategy", "canary", 1.0)),
            ),
            id="a partition that follows an opt-out keeps its Pods",
        ),
        pytest.param(
            Story(
                Start("DaemonSet", replicas=1, settings={"progress-deadline-seconds": "120"}),
                (
                    Move("refuse", "freezes: timeout", 1.0),
                    Move("gates", "gates=before-ready=example.com/Idle", 400.0),
                    Move("image", "missing", 400.0),
                    Move("delete-pod", "0", 60.0),
                    Move("strategy", "default", 400.0),
                    Move("scale", "0", 60.0),
                ),
            ),
            id="a write that got no answer rests for minutes",
        ),
        pytest.param(
            Story(
                Start("StatefulSet", replicas=1, strategy="ondelete"),
                (Move("refuse", "statuses: 413", 1.0), Move("image", "v4", 1.0), Move("flap", "2 5", 400.0)),
            ),
            id="two writes of a status rest, each for itself",
        ),
        pytest.param(
            Story(
                Start("StatefulSet", replicas=3, settings={"on-failure": "Rollback", "steps": "1"}),
                (Move("restart-containers", "app", 1.0), Move("crash", "2 4", 1.0)),
            ),
            id="what crashes after a restart has failed as after an upgrade",
        ),
        pytest.param(
            Story(
                Start("DaemonSet", replicas=3, mode=None, strategy="two", policies=True),
                (
                    Move("apply", "v3; progress-deadline-seconds-; steps=1, 50%", 20.0),
                    Move("revert", "", 8.0),
                    Move("apply", "missing; paused=true", 1.0),
                    Move("flap", "2 300", 1.0),
                ),
            ),
            id="how far the native rollout of an image that does not run gets, chance decides",
        ),
        pytest.param(
            Story(
                Start("Deployment", strategy="recreate", settings={"max-unavailable": "100%"}),
                (Move("restart-containers", "app", 20.0), Move("scale", "3", 20.0)),
            ),
            id="a restarted Pod and a new one have the same bytes",
        ),
        pytest.param(
            Story(
                Start("Deployment", strategy="recreate", settings={"max-unavailable": "100%"}),
                (Move("apply", "v1-alias; partition=1", 20.0),),
            ),
            id="two names of one image are one version",
        ),
        pytest.param(
            Story(Start("ReplicaSet"), (Move("image", "crash", 3.0), Move("force-disable", wait=60.0))),
            id="a Pod that has the image that does not run when its owner opts out is not Ready",
        ),
        pytest.param(
            Story(
                Start("StatefulSet", strategy="canary", tool="server-side-apply"),
                (Move("replace-without-label", wait=3.0), Move("strategy", "default", 20.0)),
            ),
            id="a partition that was replaced over the freeze belongs to who replaced it",
        ),
        pytest.param(
            Story(
                Start("Deployment", policies=True, settings={"pre-pull": "Never", "progress-deadline-seconds": "120"}),
                (
                    Move("refuse", "freezes: 503", 3.0),
                    Move("registry-away", wait=3.0),
                    Move("orphan"),
                    Move("image", "slow", 60.0),
                ),
                seed=9899,
            ),
            id="a write that is refused for the first time after others is told of once that has lasted",
        ),
        pytest.param(
            Story(Start("Deployment", strategy="two"), (Move("replace-without-label"), Move("strategy", "default"))),
            id="a strategy that an apply cannot take away allows what it says",
        ),
    ],
)
def test_what_the_protocol_promises_no_better_is_no_fault(story):
    assert verdicts(play(story, ours=True), play(story, ours=False)) == []


def test_a_drain_beyond_the_budget_is_seen():
    """Two at a time, as it was asked for, is one too many as soon as nobody has."""
    story = Story(Start("Deployment", replicas=3, settings={"max-unavailable": "2"}), (Move("image", "v2", 60.0),))
    ours = play(story, ours=True)
    assert list(disruption.judge(ours, ours)) == []
    one = replace(ours.intents[0][1].commit, settings={})
    ours.intents = [(at, replace(intent, commit=one)) for at, intent in ours.intents]
    assert {verdict.fault for verdict in disruption.judge(ours, ours)} == {"over budget"}


def test_a_story_is_played_the_same_every_time():
    story = generate(5)
    first, second = play(story, ours=True), play(story, ours=True)
    assert [(entry.at, entry.request, entry.code) for entry in first.entries] == [
        (entry.at, entry.request, entry.code) for entry in second.entries
    ]


def test_a_story_shrinks_to_what_the_fault_needs():
    story = Story(
        Start("Deployment", replicas=3, policies=True, settings={"steps": "1", "partition": "1"}),
        tuple(Move("image", f"v{number}", 60.0) for number in range(2, 7)),
    )

    def fails(one: Story, _: str) -> bool:
        return "steps" in one.start.settings and any(move.argument == "v4" for move in one.moves)

    found = shrunk(story, "any", fails)
    assert found.moves == (Move("image", "v4", 1.0),)
    assert found.start == Start("Deployment", replicas=1, settings={"steps": "1"})


def test_a_hot_loop_is_seen():
    request = Request("inplace-1", "create", "replicasets", "", "test", "", 1)
    trace = Trace(QUIET, ours=True)
    trace.entries = [Entry(number * 0.5, request, 409) for number in range(200)]
    assert [one.kind for one in requests.judge(trace, trace)] == ["requests/create replicasets"]
    trace.entries = [Entry(number * 2.0, request, 409) for number in range(200)]
    assert list(requests.judge(trace, trace)) == []


def test_a_refusal_concerns_one_sort_of_our_writes():
    plan = refusal("drains: 403")
    drain = Request("inplace-1", "patch", "pods", "status", "test", "web-0", 1)
    assert plan(drain) == Answer(403)
    assert plan(Request("kubelet", "patch", "pods", "status", "test", "web-0", 1)) is None
    assert plan(Request("inplace-1", "patch", "pods", "", "test", "web-0", 1)) is None
    assert all(
        refusal(f"{sort}: {answer}")(drain) is not None or sort != "all writes" for sort in SORTS for answer in ANSWERS
    )


def test_time_passes_at_once_and_nobody_waits_for_ever():
    import asyncio

    async def wait(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return asyncio.get_running_loop().time()

    assert virtual_time.run(wait(3600.0)) == 3600.0
    with pytest.raises(virtual_time.Stuck):
        virtual_time.run(asyncio.Event().wait())


def test_generation_does_not_touch_the_global_random_numbers():
    state = random.getstate()
    generate(7)
    assert random.getstate() == state
