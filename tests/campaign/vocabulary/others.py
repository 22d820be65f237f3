"""What others do: autoscalers, people at Pods, nodes, the registry, the API server, and what befalls our controller."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from inplace.core.objects import names
from kubesim.api.faults import Answer, Cut, Delay, Fault, Request
from tests.campaign import kubectl
from tests.campaign.kubectl import Refused
from tests.campaign.ledger import Tree, condition
from tests.campaign.stage import NODES, Stage
from tests.campaign.story import Intent
from tests.campaign.vocabulary.verb import Verb, one_of, short
from tests.scenarios.embedded import AGENT, REGISTRY

_PLURALS = ("statefulsets", "daemonsets", "deployments", "replicasets")
#: Sorts of writes of ours.
SORTS: dict[str, Callable[[Request], bool]] = {
    "drains": lambda one: one.plural == "pods" and one.subresource == "status",
    "image patches": lambda one: one.verb == "patch" and one.plural == "pods" and not one.subresource,
    "resizes": lambda one: one.plural == "pods" and one.subresource == "resize",
    "pull Pods": lambda one: one.verb in {"create", "delete"} and one.plural == "pods",
    "freezes": lambda one: one.verb == "patch" and one.plural in _PLURALS[:3] and not one.subresource,
    "statuses": lambda one: one.plural in _PLURALS and one.subresource == "status",
    "ReplicaSets": lambda one: one.plural == "replicasets" and not one.subresource,
    "budgets": lambda one: one.plural == "poddisruptionbudgets",
    "all writes": lambda one: True,
}
#: How they are answered. A timeout: they did not arrive; lost: they did, and the answer did not.
ANSWERS: dict[str, Fault] = {
    **{str(code): Answer(code) for code in (400, 403, 404, 409, 413, 422, 500, 503)},
    "429": Answer(429, 1),
    "timeout": Delay(30.0),
    "lost": Cut.AFTER,
}


def refusal(argument: str) -> Callable[[Request], Fault | None]:
    """The plan of `SORT: ANSWER`."""
    sort, _, answer = argument.partition(": ")

    def plan(request: Request) -> Fault | None:
        ours = request.agent.startswith(AGENT) and request.writes and request.plural != "events"
        return ANSWERS[answer] if ours and SORTS[sort](request) else None

    return plan


async def _autoscale(stage: Stage, intent: Intent, _: str) -> None:
    for size in (intent.replicas + 1, intent.replicas + 2, intent.replicas):
        await stage.resize(min(size, len(NODES)))
        await stage.clock.sleep(7)


def _at_pod(argument: str) -> tuple[int, str]:
    number, _, rest = argument.partition(" ")
    return int(number), rest


def _pod(stage: Stage, number: int) -> Tree:
    pod = stage.nth_pod(number)
    if pod is None:
        raise Refused("no Pod is there")
    return pod


async def _pod_image(stage: Stage, _: Intent, argument: str) -> None:
    number, tag = _at_pod(argument)
    pod = _pod(stage, number)
    body = {"spec": {"containers": [{"name": "app", "image": stage.app(tag)}]}}
    await kubectl.patch_pod(stage, pod["metadata"]["name"], body)


async def _pod_label(stage: Stage, _: Intent, argument: str) -> None:
    number, pair = _at_pod(argument)
    key, value = (*pair.split("="), "")[:2]
    body = {"metadata": {"labels": {key: value or None}}}
    await kubectl.patch_pod(stage, _pod(stage, number)["metadata"]["name"], body)


async def _pod_record(stage: Stage, _: Intent, argument: str) -> None:
    number, text = _at_pod(argument)
    body = {"metadata": {"annotations": {names.STATE: text or None}}}
    await kubectl.patch_pod(stage, _pod(stage, number)["metadata"]["name"], body)


async def _pod_gate(stage: Stage, _: Intent, number: str) -> None:
    pod = _pod(stage, int(number))
    if condition(pod, names.GATE) is None:
        raise Refused("it has no gate, or nobody has opened it yet")
    body = {"status": {"conditions": [{"type": names.GATE, "status": "False"}]}}
    await kubectl.patch_pod(stage, pod["metadata"]["name"], body, subresource="status")


async def _original(stage: Stage, _: Intent, text: str) -> None:
    if stage.ours and "original-strategy" not in str((await stage.raw())["metadata"].get("annotations")):
        raise Refused("it has none")
    await kubectl.metadata(stage, "annotations", names.ORIGINAL_STRATEGY, text or None)


async def _flap(stage: Stage, _: Intent, argument: str) -> None:
    number, seconds = _at_pod(argument)
    stage.restored_at = max(stage.restored_at, stage.clock.monotonic() + float(seconds))
    _at_worker(stage, lambda: stage.cluster.kubelet.fail_probes(_pod(stage, number)["metadata"]["uid"], float(seconds)))


async def _crash(stage: Stage, _: Intent, argument: str) -> None:
    number, times = _at_pod(argument)
    uid = _pod(stage, number)["metadata"]["uid"]
    _at_worker(stage, lambda: stage.cluster.kubelet.crash(uid))
    for again in range(1, int(times)):
        await stage.clock.sleep(10 * 2**again)  # the kubelet's back-off, and a moment in which it runs
        with suppress(KeyError):  # the Pod is gone
            stage.cluster.kubelet.crash(uid)


def _at_worker(stage: Stage, act: Callable[[], None]) -> None:
    try:
        act()
    except KeyError as error:
        raise Refused("the Pod has no node yet") from error


async def _node_away(stage: Stage, _: Intent, number: str) -> None:
    await stage.lose_node(int(number))


async def _node_back(stage: Stage, _: Intent, number: str) -> None:
    stage.find_node(int(number))


async def _registry(stage: Stage, intent: Intent, _: str) -> None:
    stage.cluster.catalogue.unreachable = frozenset() if intent.registry else frozenset({REGISTRY})


async def _cut_watches(stage: Stage, _: Intent, __: str) -> None:
    stage.cut_watches()


async def _compact(stage: Stage, _: Intent, __: str) -> None:
    stage.forget_history()


async def _kill(stage: Stage, _: Intent, __: str) -> None:
    await stage.kill_controller()


async def _start(stage: Stage, _: Intent, __: str) -> None:
    await stage.start_controller()


async def _refuse(stage: Stage, _: Intent, argument: str) -> None:
    stage.refusals[argument] = refusal(argument)


async def _accept(stage: Stage, _: Intent, argument: str) -> None:
    del stage.refusals[argument]


async def _policies(stage: Stage, intent: Intent, _: str) -> None:
    await stage.install_policies(intent.policies)


# --- what is drawn ----------------------------------------------------------------------------------------------------


def _refused(rng: random.Random, intent: Intent) -> str | None:
    return f"{rng.choice(sorted(SORTS))}: {rng.choice(sorted(ANSWERS))}"


def _active(rng: random.Random, intent: Intent) -> str | None:
    return rng.choice(intent.refused) if intent.refused else None


def _lost(rng: random.Random, intent: Intent) -> str | None:
    return str(rng.choice(intent.away)) if intent.away else None


def _numbered(*rests: str) -> Callable[[random.Random, Intent], str | None]:
    return lambda rng, _: f"{rng.randrange(3)} {rng.choice(rests)}"


def _touched(intent: Intent, _: str) -> Intent:
    return replace(intent, touched=intent.touched + 1)


def _without(values: tuple[Any, ...], value: object) -> tuple[Any, ...]:
    return tuple(one for one in values if one != value)


VERBS = (
    Verb(
        "autoscaler", 3, one_of(""), _autoscale,
        lambda intent, _: f"an autoscaler: kubectl scale {short(intent)} one up, two up, and back, 7 s apart",
        change=lambda intent, _: replace(intent, deleted=intent.deleted + 1),
        allowed=lambda intent, _: intent.replicas > 0,
    ),
    Verb(
        "pod-image", 4, _numbered("v2", "v3", "v9"), _pod_image,
        lambda intent, rest: "kubectl set image pod/web-{} app=app:{}".format(*rest.split(" ")), change=_touched,
    ),
    Verb(
        "pod-label", 4, _numbered("role=primary", "role", "zone=a"), _pod_label,
        lambda intent, rest: f"kubectl label pod --overwrite web-{rest}   # by an agent", change=_touched,
    ),
    Verb(
        "pod-record", 2, _numbered("", '{"v":1}', "{}"), _pod_record,
        lambda intent, rest: f"kubectl annotate pod --overwrite web-{rest.replace(' ', f' {names.STATE}=')}",
        change=_touched, ours=True,
    ),
    Verb(
        "pod-gate", 1, one_of("0", "1", "2"), _pod_gate,
        lambda intent, number: f"kubectl patch pod web-{number} --subresource=status …   # {names.GATE}: False",
        change=_touched, ours=True,
    ),
    Verb(
        "original-strategy", 2, one_of("", "{", "[]", '{"type":"Foo"}'), _original,
        lambda intent, text: f"kubectl annotate --overwrite {short(intent)} {names.ORIGINAL_STRATEGY}={text!r}",
        change=_touched, ours=True, allowed=lambda intent, _: intent.opted_in,
        kinds=("StatefulSet", "DaemonSet", "Deployment"),
    ),
    Verb(
        "flap", 7, _numbered("0.5", "5", "40", "300"), _flap,
        lambda intent, rest: "the readiness of Pod web-{} is gone for {} s".format(*rest.split(" ")),
    ),
    Verb(
        "crash", 3, _numbered("1", "4"), _crash,
        lambda intent, rest: "the container of web-{} ends by itself, {} times".format(*rest.split(" ")),
        change=lambda intent, _: replace(intent, crashed=intent.crashed + 1),
    ),
    Verb(
        "node-away", 4, one_of("0", "1", "2", "3"), _node_away,
        lambda intent, number: f"node-{number} goes: its kubelet stops, it is not Ready",
        change=lambda intent, number: replace(intent, away=(*intent.away, int(number))),
        allowed=lambda intent, number: not intent.away,
    ),
    Verb(
        "node-back", 8, _lost, _node_back, lambda intent, number: f"node-{number} comes back",
        change=lambda intent, number: replace(intent, away=_without(intent.away, int(number))),
        allowed=lambda intent, number: int(number) in intent.away,
    ),
    Verb(
        "registry-away", 4, one_of(""), _registry, lambda intent, _: "the registry goes",
        change=lambda intent, _: replace(intent, registry=False), allowed=lambda intent, _: intent.registry,
    ),
    Verb(
        "registry-back", 8, one_of(""), _registry, lambda intent, _: "the registry comes back",
        change=lambda intent, _: replace(intent, registry=True), allowed=lambda intent, _: not intent.registry,
    ),
    Verb("cut-watches", 2, one_of(""), _cut_watches, lambda intent, _: "every watch ends"),
    Verb("compact", 1, one_of(""), _compact, lambda intent, _: "the API server forgets its history: watches get 410"),
    Verb(
        "kill", 5, one_of(""), _kill, lambda intent, _: "kill -9 of the controller",
        change=lambda intent, _: replace(intent, alive=False), allowed=lambda intent, _: intent.alive, ours=True,
    ),
    Verb(
        "start", 10, one_of(""), _start, lambda intent, _: "the controller is started again",
        change=lambda intent, _: replace(intent, alive=True), allowed=lambda intent, _: not intent.alive, ours=True,
    ),
    Verb(
        "refuse", 12, _refused, _refuse,
        lambda intent, what: f"from now on the API server answers the controller's {what}",
        change=lambda intent, what: replace(intent, refused=(*intent.refused, what)),
        allowed=lambda intent, what: what not in intent.refused and len(intent.refused) < 2, ours=True,
    ),
    Verb(
        "accept", 8, _active, _accept, lambda intent, what: f"no longer: {what}",
        change=lambda intent, what: replace(intent, refused=_without(intent.refused, what)),
        allowed=lambda intent, what: what in intent.refused, ours=True,
    ),
    Verb(
        "policies", 2, one_of(""), _policies, lambda intent, _: "kubectl apply -k manifests/policies",
        change=lambda intent, _: replace(intent, policies=True), allowed=lambda intent, _: not intent.policies,
        ours=True,
    ),
    Verb(
        "no-policies", 2, one_of(""), _policies, lambda intent, _: "kubectl delete -k manifests/policies",
        change=lambda intent, _: replace(intent, policies=False), allowed=lambda intent, _: intent.policies, ours=True,
    ),
)  # fmt: skip
