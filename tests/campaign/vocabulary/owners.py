"""What owners do to their workload."""

from __future__ import annotations

import random

from msgspec.structs import replace

from inplace.core.objects import names
from kubesim.api import kinds
from tests.campaign import commands, kubectl
from tests.campaign.kubectl import Refused
from tests.campaign.stage import Stage
from tests.campaign.story import BAD, GOOD, Intent
from tests.campaign.vocabulary.verb import Verb, committed, lifted, one_of, short

SETTINGS = (
    "max-unavailable=2",
    "max-unavailable=100%",
    "max-unavailable=1",
    "max-unavailable=many",
    "steps=1",
    "steps=1, 50%",
    "on-failure=Rollback",
    "on-failure=Pause",
    "pre-pull=Never",
    "pre-pull=BestEffort",
    "partition=1",
    "min-ready-seconds=5",
    "grace-period-seconds=5",
    "progress-deadline-seconds=120",
    "paused=true",
    "drain=Never",
    "disruption-budgets=Ignore",
)
GATES = tuple(f"gates={step}=example.com/Idle" for step in ("before-drain", "before-swap", "before-ready"))
#: Those of Pods with two containers.
ORDERS = ("container-order=sidecar > app", "container-order=app > sidecar", "container-order=app, sidecar")
HELD = ("Deployment",)


async def _label_mode(stage: Stage, intent: Intent, _: str) -> None:
    await kubectl.metadata(stage, "labels", names.MODE, intent.mode)


async def _set_image(stage: Stage, intent: Intent, tag: str) -> None:
    await stage.set_image(stage.app(tag))


async def _apply(stage: Stage, intent: Intent, _: str) -> None:
    await kubectl.write(stage, kubectl.manifest(stage, intent))


async def _undo(stage: Stage, _: Intent, tag: str) -> None:
    await kubectl.undo(stage, tag)


async def _pause(stage: Stage, intent: Intent, _: str) -> None:
    await kubectl.pause(stage, intent.paused)


async def _scale(stage: Stage, intent: Intent, _: str) -> None:
    await stage.resize(intent.replicas)


async def _delete_pod(stage: Stage, _: Intent, number: str) -> None:
    pod = stage.nth_pod(int(number))
    if pod is None:
        raise Refused("no Pod is there")
    await kubectl.delete(stage, kinds.PODS, pod["metadata"]["name"])


async def _delete_set(stage: Stage, _: Intent, __: str) -> None:
    sets = [one for one in stage.ledger.objects(kinds.REPLICASETS) if one["spec"].get("replicas")]
    if not sets:
        raise Refused("no ReplicaSet has Pods")
    await kubectl.delete(stage, kinds.REPLICASETS, sets[0]["metadata"]["name"])


async def _orphan(stage: Stage, intent: Intent, _: str) -> None:
    await kubectl.delete_with_orphans(stage)
    await stage.clock.sleep(3)
    await kubectl.create(stage, kubectl.manifest(stage, intent))


async def _env(stage: Stage, intent: Intent, level: str) -> None:
    container = {"name": "app", "env": [{"name": "LEVEL", "value": level}]}
    await kubectl.patch(stage, {"spec": {"template": {"spec": {"containers": [container]}}}})


async def _label_template(stage: Stage, _: Intent, value: str) -> None:
    await kubectl.patch(stage, {"spec": {"template": {"metadata": {"labels": {"tier": value}}}}})


async def _restart(stage: Stage, intent: Intent, _: str) -> None:
    if (await stage.raw())["spec"].get("paused"):
        raise Refused("can't restart paused deployment (run rollout resume first)")
    mark = {names.RESTARTED_AT: f"2026-01-01T00:00:{intent.restarted:02}Z"}
    await kubectl.patch(stage, {"spec": {"template": {"metadata": {"annotations": mark}}}})


async def _budget(stage: Stage, intent: Intent, _: str) -> None:
    if intent.min_available is None:
        await kubectl.delete(stage, kinds.PDBS, "web")
        return
    spec = {"minAvailable": intent.min_available, "selector": {"matchLabels": {"app": "web"}}}
    body = {"metadata": {"name": "web"}, "spec": spec}
    await stage.client.create(kinds.PDBS.resource, stage.namespace, body, type=dict)


async def _force_disable(stage: Stage, intent: Intent, _: str) -> None:
    if stage.ours:
        await commands.force_disable(stage)
    else:
        await _label_mode(stage, intent, "")


async def _replace_without_label(stage: Stage, intent: Intent, _: str) -> None:
    await kubectl.replace(stage, kubectl.manifest(stage, intent))


async def _back_and_out(stage: Stage, intent: Intent, tag: str) -> None:
    body = {"template": {"spec": {"containers": [{"name": "app", "image": stage.app(tag)}]}}}
    await kubectl.patch(stage, {"metadata": {"labels": {names.MODE: None}}, "spec": body})


async def _request(stage: Stage, _: Intent, key: str) -> None:
    await kubectl.metadata(stage, "annotations", names.PREFIX + key, stage.clock.now().isoformat())


# --- what changes -----------------------------------------------------------------------------------------------------


def _tagged(intent: Intent, tag: str) -> Intent:
    tags = intent.tags if tag in intent.tags else (*intent.tags, tag)
    return replace(intent, commit=replace(intent.commit, tag=tag), tags=tags)


def _resumed(intent: Intent, _: str) -> Intent:
    return replace(intent, paused=False, lifted=intent.lifted + 1)


def _edited(intent: Intent, argument: str) -> Intent:
    """`v2; max-unavailable=2; steps-`: a tag and settings."""
    commit = intent.commit
    for part in (each.strip() for each in argument.split(";")):
        key, given, value = part.partition("=")
        if given:
            commit = replace(commit, settings={**commit.settings, key: value})
        elif part.endswith("-"):
            commit = replace(commit, settings={k: v for k, v in commit.settings.items() if k != part[:-1]})
        elif part:
            commit = replace(commit, tag=part)
    return committed(intent, commit)


def _with_strategy(intent: Intent, name: str) -> Intent:
    return committed(intent, replace(intent.commit, strategy=name))


def _undoable(intent: Intent, tag: str) -> bool:
    """Of a Deployment that is not ours an undo replaces our settings as well, which says nothing of us."""
    return tag != intent.tag and tag in intent.tags and (intent.kind != "Deployment" or intent.opted_in)


def _reverted(intent: Intent, _: str) -> Intent:
    return replace(lifted(intent, intent.earlier[-1]), earlier=intent.earlier[:-1])


# --- what is drawn ----------------------------------------------------------------------------------------------------


def _tag(rng: random.Random, intent: Intent) -> str | None:
    tags = [tag for tag in (*GOOD, *GOOD, *BAD) if tag != intent.tag]
    return rng.choice(tags)


def _setting(rng: random.Random, intent: Intent) -> str | None:
    if intent.settings and rng.random() < 0.3:
        return rng.choice(sorted(intent.settings)) + "-"
    if intent.commit.sidecar and rng.random() < 0.3:
        return rng.choice(ORDERS)
    return rng.choice(SETTINGS)


def _edit(rng: random.Random, intent: Intent) -> str | None:
    """A change of the file: a tag, often a setting, or nothing at all."""
    parts = [_tag(rng, intent)] if rng.random() < 0.7 else []
    parts += [_setting(rng, intent) for _ in range(rng.choice((0, 0, 1, 2)))]
    return "; ".join(part for part in parts if part)


def _strategy(rng: random.Random, intent: Intent) -> str | None:
    return rng.choice([*kubectl.STRATEGIES[intent.kind], "default"])


def _earlier_tag(rng: random.Random, intent: Intent) -> str | None:
    others = [tag for tag in intent.tags if tag != intent.tag]
    return rng.choice(others) if others else None


def _size(rng: random.Random, intent: Intent) -> str | None:
    return str(rng.choice([size for size in (0, 0, 1, 2, 3, 4) if size != intent.replicas]))


VERBS = (
    Verb(
        "opt-in", 6, one_of("InPlaceOnly", "InPlaceOnly", "InPlaceIfPossible"), _label_mode,
        lambda intent, mode: f"kubectl label {short(intent)} --overwrite {names.MODE}={mode}",
        change=lambda intent, mode: replace(intent, mode=mode),
        allowed=lambda intent, mode: intent.mode != mode,
    ),
    Verb(
        "opt-out", 5, one_of(""), _label_mode,
        lambda intent, _: f"kubectl label {short(intent)} {names.MODE}-",
        change=lambda intent, _: replace(intent, mode=None),
        allowed=lambda intent, _: intent.opted_in,
    ),
    Verb(
        "force-disable", 4, one_of(""), _force_disable,
        lambda intent, _: f"inplace disable {short(intent)} --force",
        change=lambda intent, _: replace(intent, mode=None, lifted=intent.lifted + 1),
        allowed=lambda intent, _: intent.opted_in,
    ),
    Verb(
        "replace-without-label", 4, one_of(""), _replace_without_label,
        lambda intent, _: f"kubectl replace -f web.yaml   # without {names.MODE}",
        change=lambda intent, _: replace(intent, mode=None, paused=False, lifted=intent.lifted + 1),
        allowed=lambda intent, _: intent.opted_in,
    ),
    Verb(
        "back-and-out", 4, _earlier_tag, _back_and_out,
        lambda intent, tag: f"kubectl patch {short(intent)} …   # app:{tag} again, and no {names.MODE}, in one write",
        change=lambda intent, tag: replace(_tagged(intent, tag), mode=None),
        allowed=lambda intent, tag: intent.opted_in and tag in intent.tags,
    ),
    Verb(
        "image", 22, _tag, _set_image,
        lambda intent, tag: f"kubectl set image {short(intent)} app=app:{tag}",
        change=_tagged,
    ),
    Verb(
        "apply", 16, _edit, _apply,
        lambda intent, edit: f"kubectl apply -f web.yaml   # {edit or 'unchanged'}; strategy: {intent.commit.strategy}",
        change=_edited,
    ),
    Verb(
        "revert", 8, one_of(""), _apply,
        lambda intent, _: "git revert HEAD && kubectl apply -f web.yaml   # the file as it was before",
        change=_reverted, allowed=lambda intent, _: bool(intent.earlier),
    ),
    Verb(
        "strategy", 6, _strategy, _apply,
        lambda intent, name: f"kubectl apply -f web.yaml   # with the strategy: {name}",
        change=_with_strategy, allowed=lambda intent, name: intent.commit.strategy != name,
        kinds=("StatefulSet", "DaemonSet", "Deployment"),
    ),
    Verb(
        "undo", 6, _earlier_tag, _undo,
        lambda intent, tag: f"kubectl rollout undo {short(intent)} --to-revision=…   # the one with {tag}",
        change=_tagged, allowed=_undoable,
        kinds=("StatefulSet", "DaemonSet", "Deployment"),
    ),
    Verb(
        "pause", 3, one_of(""), _pause, lambda intent, _: f"kubectl rollout pause {short(intent)}",
        change=lambda intent, _: replace(intent, paused=True), allowed=lambda intent, _: not intent.paused, kinds=HELD,
    ),
    Verb(
        "resume", 4, one_of(""), _pause, lambda intent, _: f"kubectl rollout resume {short(intent)}",
        change=_resumed, kinds=HELD,
    ),
    Verb(
        "scale", 10, _size, _scale, lambda intent, size: f"kubectl scale {short(intent)} --replicas={size}",
        change=lambda intent, size: replace(intent, replicas=int(size)),
    ),
    Verb(
        "delete-pod", 5, one_of("0", "1", "2"), _delete_pod,
        lambda intent, number: f"kubectl delete pod web-{number}   # the {number}th by name",
    ),
    Verb(
        "delete-replicaset", 4, one_of(""), _delete_set, lambda intent, _: "kubectl delete rs web-…   # the active one",
        change=lambda intent, _: replace(intent, deleted=intent.deleted + 1), kinds=HELD,
    ),
    Verb(
        "orphan", 2, one_of(""), _orphan,
        lambda intent, _: f"kubectl delete {short(intent)} --cascade=orphan && kubectl create -f web.yaml",
        change=lambda intent, _: replace(intent, paused=False, deleted=intent.deleted + 1),
    ),
    Verb(
        "env", 2, one_of("debug", "info"), _env,
        lambda intent, level: f"kubectl set env {short(intent)} LEVEL={level}   # a change that needs new Pods",
        change=lambda intent, level: replace(intent, commit=replace(intent.commit, env=level)),
        kinds=("StatefulSet", "DaemonSet", "Deployment"),
    ),
    Verb(
        "template-label", 3, one_of("front", "back"), _label_template,
        lambda intent, value: f"kubectl patch {short(intent)} …   # label of the template: tier={value}",
        change=lambda intent, value: replace(intent, commit=replace(intent.commit, label=value)),
    ),
    Verb(
        "restart", 2, one_of(""), _restart, lambda intent, _: f"kubectl rollout restart {short(intent)}",
        change=lambda intent, _: replace(intent, restarted=intent.restarted + 1),
        kinds=("StatefulSet", "DaemonSet", "Deployment"),
    ),
    Verb(
        "budget", 3, one_of("1", "2"), _budget, lambda intent, least: f"kubectl create pdb web --min-available={least}",
        change=lambda intent, least: replace(intent, min_available=int(least)),
        allowed=lambda intent, _: intent.min_available is None,
    ),
    Verb(
        "no-budget", 3, one_of(""), _budget, lambda intent, _: "kubectl delete pdb web",
        change=lambda intent, _: replace(intent, min_available=None),
        allowed=lambda intent, _: intent.min_available is not None,
    ),
    Verb(
        "setting", 14, _setting, _apply,
        lambda intent, edit: f"kubectl apply -f web.yaml   # annotation {names.PREFIX}{edit}", change=_edited,
    ),
    Verb(
        "gates", 7, one_of(*GATES), _apply,
        lambda intent, edit: f"kubectl apply -f web.yaml   # annotation {names.PREFIX}{edit}", change=_edited,
    ),
    Verb(
        "promote", 4, one_of("promote"), _request, lambda intent, _: f"inplace promote {short(intent)}",
        allowed=lambda intent, _: intent.opted_in and "steps" in intent.settings, ours=True,
    ),
    Verb(
        "retry", 3, one_of("retry"), _request, lambda intent, _: f"inplace retry {short(intent)}",
        allowed=lambda intent, _: intent.opted_in, ours=True,
    ),
)  # fmt: skip
