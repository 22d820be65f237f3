"""Generated Pods, and a change for each: of images, sizes, metadata that is read, in every mixture.

Everything comes from a case's number, so that a number names the same Pod and the same change wherever it runs. The
containers only sleep, so that as many as wanted fit into one Pod; cases differ in how these start, run and end.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from inplace.core.objects.model import ContainerStatus, Pod
from tests.scenarios.manifests import Manifest, statefulset

Image = Callable[[str], str]

SMALL: Final = {"requests": {"cpu": "2m", "memory": "8Mi"}, "limits": {"cpu": "100m", "memory": "48Mi"}}
LARGE: Final = {"requests": {"cpu": "4m", "memory": "12Mi"}, "limits": {"cpu": "200m", "memory": "64Mi"}}
_SLEEP: Final = "while :; do sleep 86400 & wait $!; done"
#: By tag: what runs in the real image. Those without a line run what the image has.
_COMMANDS: Final = {
    "v1": f"trap 'exit 0' TERM; {_SLEEP}",
    "stubborn": f"trap '' TERM; {_SLEEP}",
    "deaf": f"trap 'exit 0' TERM; {_SLEEP}",
}
#: Never succeeds in the image `deaf`, and at once in every other.
PROBE: Final = {"exec": {"command": ["sh", "-c", "! grep -q deaf /www/version"]}}
#: How long a startup probe goes on that never succeeds, in seconds: as long as all changes take to be planned and made.
PATIENCE: Final = 60
RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"
READ: Final = "example.com/tier"


class Member(Struct, frozen=True):
    """A container of a case, before and after."""

    name: str
    #: `app`, `sidecar` or `init`.
    role: str
    tag: str = "v1"
    #: Its new tag; empty if the image stays.
    to: str = ""
    #: Seconds that its preStop and postStart hooks take.
    pre_stop: int = 0
    post_start: int = 0
    #: Whether it has a startup probe.
    probed: bool = False
    #: Whether its env reads the label that may change.
    reads: bool = False
    #: Its size before and after, None: it has none; and whether a new one restarts it.
    size: Manifest | None = None
    resized: Manifest | None = None
    size_restarts: bool = False

    @property
    def ends(self) -> bool:
        """Whether it ends by itself all the time, before the change."""
        return self.tag == "crash"

    @property
    def waits(self) -> bool:
        """Whether its startup probe never succeeds before the change."""
        return self.tag == "deaf"


class Case(Struct, frozen=True):
    """A Pod and its change."""

    number: int
    members: tuple[Member, ...]
    grace: int
    #: The value of `container-order`; empty: all at once.
    order: str = ""
    #: Whether the label changes that env may read, and whether `kubectl rollout restart` is run.
    relabelled: bool = False
    restarted: bool = False

    @property
    def name(self) -> str:
        """Of its workload."""
        return f"p{self.number:02}"

    @property
    def hurries(self) -> bool:
        """Whether something about its Pod lasts for a while only: it is created last."""
        return any(member.waits for member in self.members)

    @property
    def _may_wait(self) -> bool:
        """Whether a sidecar may keep others from their first start: until it has started up, or the kubelet has seen it
        run, which it may miss again and again of one that ends at once."""
        return self.hurries or any(one.ends for one in self.members if one.role == "sidecar")

    def is_settled(self, pod: Pod) -> bool:
        """Whether every container is as it is to be before the change."""
        return all(self._is_settled(one, pod.container_status(one.name)) for one in self.members)

    def _is_settled(self, member: Member, status: ContainerStatus | None) -> bool:
        if status is None or member.role == "init":
            return status is not None
        if self._may_wait and not (member.waits or member.ends):
            return True
        if member.ends:
            return status.state.running is None and status.restart_count > 0
        return status.state.running is not None and (status.ready or member.waits)

    def manifest(self, app: Image) -> Manifest:
        """The workload before the change."""
        settings = {"init-images": "SpecOnly", "pre-pull": "Never"} | (
            {"container-order": self.order} if self.order else {}
        )
        spec = {**self._containers(app), "terminationGracePeriodSeconds": self.grace}
        made = statefulset(self.name, "", replicas=1, gate=False, annotations=settings, spec=spec)
        made["spec"]["template"]["metadata"]["labels"][READ] = "one"
        return made

    def _containers(self, app: Image) -> Manifest:
        return {
            "containers": [_container(one, app) for one in self.members if one.role == "app"],
            "initContainers": [_container(one, app) for one in self.members if one.role != "app"],
        }

    def change(self, app: Image) -> Manifest:
        """What is patched into the workload, strategically."""
        meta: Manifest = {}
        if self.relabelled:
            meta["labels"] = {READ: "two"}
        if self.restarted:
            meta["annotations"] = {RESTARTED_AT: "2026-01-01T00:00:00Z"}
        apps = [_changed(one, app) for one in self.members if one.role == "app"]
        inits = [_changed(one, app) for one in self.members if one.role != "app"]
        return {"spec": {"template": {"metadata": meta, "spec": {"containers": apps, "initContainers": inits}}}}


def _container(member: Member, app: Image) -> Manifest:
    made: dict[str, Any] = {"name": member.name, "image": app(member.tag), "imagePullPolicy": "IfNotPresent"}
    if member.role == "init":
        return {**made, "command": ["true"]}
    if member.role == "sidecar":
        made["restartPolicy"] = "Always"
    if member.tag in _COMMANDS:
        made["command"] = ["sh", "-c", _COMMANDS[member.tag]]
    hooks = {"preStop": member.pre_stop, "postStart": member.post_start}
    made["lifecycle"] = {hook: {"sleep": {"seconds": seconds}} for hook, seconds in hooks.items() if seconds}
    if member.probed:
        made["startupProbe"] = {**PROBE, "periodSeconds": 3, "failureThreshold": PATIENCE // 3, "timeoutSeconds": 3}
    if member.reads:
        where = {"fieldRef": {"fieldPath": f"metadata.labels['{READ}']"}}
        made["env"] = [{"name": "TIER", "valueFrom": where}]
    if member.size is not None:
        policy = "RestartContainer" if member.size_restarts else "NotRequired"
        made["resources"] = member.size
        made["resizePolicy"] = [{"resourceName": name, "restartPolicy": policy} for name in ("cpu", "memory")]
    return made


def _changed(member: Member, app: Image) -> Manifest:
    made: Manifest = {"name": member.name}
    if member.to:
        made["image"] = app(member.to)
    if member.resized is not None:
        made["resources"] = member.resized
    return made


# --- generation ------------------------------------------------------------------------------------------------------


def generate(count: int) -> tuple[Case, ...]:
    """The first so many cases: each has one feature for sure, in turn, and others by luck."""
    return tuple(_generate(number) for number in range(count))


def _generate(number: int) -> Case:
    rng = random.Random(number)
    case = _luck(number, rng)
    case = FEATURES[number % len(FEATURES)](case, rng)
    return case if _changes(case) else _swap_one(case, rng)


def _luck(number: int, rng: random.Random) -> Case:
    roles = ["app"] * rng.choice((1, 2, 2, 3)) + ["sidecar"] * rng.choice((0, 1, 1, 2)) + ["init"] * rng.choice((0, 1))
    members: list[Member] = []
    for role in roles:
        name = f"{role}{sum(one.role == role for one in members)}"
        member = Member(name, role)
        if role != "init":
            member = replace(
                member,
                pre_stop=rng.choice((0, 0, 0, 1)),
                post_start=rng.choice((0, 0, 0, 1)),
                probed=role == "sidecar" and rng.random() < 0.4,
                reads=rng.random() < 0.3,
                size=SMALL if rng.random() < 0.3 else None,
                size_restarts=rng.random() < 0.5,
            )
        members.append(replace(member, to=rng.choice(("", "", "v2"))))
    rng.shuffle(members)
    return Case(number, tuple(members), grace=rng.choice((2, 3, 4)), relabelled=rng.random() < 0.2)


def _changes(case: Case) -> bool:
    reads = case.relabelled and any(one.reads for one in case.members)
    return case.restarted or reads or any((one.to and one.role != "init") or one.resized for one in case.members)


def _pick(case: Case, rng: random.Random, *roles: str) -> Member:
    """One of its containers with one of these roles; it has one, for the first role is added if there is none."""
    found = [one for one in case.members if one.role in roles]
    return rng.choice(found) if found else Member(f"{roles[0]}0", roles[0])


def _with(case: Case, member: Member) -> Case:
    if all(one.name != member.name for one in case.members):
        return replace(case, members=(*case.members, member))
    return replace(case, members=tuple(member if one.name == member.name else one for one in case.members))


def _swap_one(case: Case, rng: random.Random) -> Case:
    return _with(case, replace(_pick(case, rng, "app", "sidecar"), to="v2"))


def _swap_all(case: Case, _rng: random.Random) -> Case:
    return replace(case, members=tuple(replace(one, to="v2") for one in case.members))


def _swap_sidecar(case: Case, rng: random.Random) -> Case:
    return _with(case, replace(_pick(case, rng, "sidecar"), to="v2", probed=rng.random() < 0.5))


def _swap_init(case: Case, rng: random.Random) -> Case:
    return _with(case, replace(_pick(case, rng, "init"), to="v2"))


def _relabel(case: Case, rng: random.Random) -> Case:
    return replace(_with(case, replace(_pick(case, rng, "app", "sidecar"), reads=True)), relabelled=True)


def _restart(case: Case, _rng: random.Random) -> Case:
    return replace(case, restarted=True)


def _resize(case: Case, rng: random.Random) -> Case:
    down = rng.random() < 0.5
    sizes = {"size": LARGE, "resized": SMALL} if down else {"size": SMALL, "resized": LARGE}
    return _with(case, replace(_pick(case, rng, "app", "sidecar"), **sizes, size_restarts=False))


def _resize_harshly(case: Case, rng: random.Random) -> Case:
    chosen, to = _pick(case, rng, "app", "sidecar"), rng.choice(("", "v2"))
    return _with(case, replace(chosen, to=to, size=SMALL, resized=LARGE, size_restarts=True))


def _order(case: Case, rng: random.Random) -> Case:
    shuffled = [one.name for one in case.members if one.role != "init"]
    rng.shuffle(shuffled)
    cut = rng.randint(1, max(1, len(shuffled) - 1))
    batches = [shuffled[:cut], shuffled[cut:]]
    order = " > ".join(", ".join(batch) for batch in batches if batch)
    return replace(_swap_all(case, rng), order=order)


def _hooks(case: Case, _rng: random.Random) -> Case:
    slow = {"pre_stop": 1, "post_start": 2, "to": "v2"}
    return replace(
        case, members=tuple(one if one.role == "init" else replace(one, **slow) for one in case.members), grace=4
    )


def _ended(case: Case, rng: random.Random) -> Case:
    chosen = _pick(case, rng, "app", "sidecar")
    return _with(case, Member(chosen.name, chosen.role, tag="crash", to="v2"))


def _stubborn(case: Case, rng: random.Random) -> Case:
    """One of them with a hook that takes all the time there is."""
    for hook in (0, case.grace):
        chosen = _pick(case, rng, "app", "sidecar")
        case = _with(case, replace(chosen, tag="stubborn", to="v2", pre_stop=hook))
    return case


def _waiting(case: Case, rng: random.Random) -> Case:
    chosen = _pick(case, rng, "sidecar")
    return _with(case, Member(chosen.name, "sidecar", tag="deaf", to="v2", probed=True))


#: What each case has one of, in turn.
FEATURES: Final = (
    _swap_all,
    _swap_sidecar,
    _restart,
    _order,
    _resize_harshly,
    _ended,
    _hooks,
    _relabel,
    _resize,
    _waiting,
    _stubborn,
    _swap_init,
    _swap_one,
)
