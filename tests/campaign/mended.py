"""Faults that were mended, each with a short story that shows it again if the mend is undone.

`python -m hack.mutation --campaign` undoes the mends one by one, and holds the story of each against it.
"""

from __future__ import annotations

from msgspec import Struct


class Mended(Struct, frozen=True):
    """A deliberate defect (`hack/defects`) that undoes a mend, and a story, as `--shrink` prints it, that shows it."""

    defect: str
    story: str


MENDED: tuple[Mended, ...] = (
    Mended(
        "give the history the name of another ReplicaSet",
        '{"start":{"kind":"Deployment"},'
        '"moves":[["image","v2",60.0],["opt-out","",20.0],["image","v1",60.0],["opt-in","InPlaceOnly",20.0],["image","v2",60.0]]}',
    ),
    Mended(
        "leave the freeze if nothing is recorded",
        '{"start":{"kind":"StatefulSet"},'
        '"moves":[["kill","",1.0],["original-strategy","",1.0],["opt-out","",1.0],["start","",60.0]]}',
    ),
    Mended(
        "take a reverted commit for an undo",
        '{"start":{"kind":"Deployment","replicas":1,"settings":{"max-unavailable":"2"},"policies":true},'
        '"moves":[["apply","v3",1.0],["refuse","freezes: 422",60.0],["apply","partition=1",20.0],["image","v1",8.0]]}',
    ),
    Mended(
        "judge a Pod that has served by what it lacks later",
        '{"start":{"kind":"StatefulSet","replicas":3,"settings":{"on-failure":"Rollback","steps":"1","progress-deadline-seconds":"120"}},'
        '"moves":[["image","v2",60.0],["flap","2 300",400.0]]}',
    ),
    Mended(
        "count exits for ever",
        '{"start":{"kind":"StatefulSet","replicas":3,"settings":{"on-failure":"Rollback","steps":"1","progress-deadline-seconds":"120"}},'
        '"moves":[["image","v2",200.0],["crash","2 4",60.0]]}',
    ),
    Mended(
        "take a webhook's plain denial for a passing error",
        '{"start":{"kind":"StatefulSet"},"moves":[["refuse","drains: 400",1.0],["image","v2",400.0]]}',
    ),
    Mended(
        "forget why a write was refused",
        '{"start":{"kind":"Deployment","settings":{"progress-deadline-seconds":"120"}},'
        '"moves":[["refuse","ReplicaSets: 403",1.0],["image","v2",400.0]]}',
    ),
    Mended(
        "tell only of a Pod in flight what would fail it",
        '{"start":{"kind":"Deployment","mode":"InPlaceIfPossible","policies":true,"settings":{"on-failure":"Rollback","progress-deadline-seconds":"120"}},'
        '"moves":[["image","v4",1.0],["refuse","image patches: 404",20.0],["image","v1",100.0]]}',
    ),
    Mended(
        "take a Pod of a Deployment that is not available for a native rollout",
        '{"start":{"kind":"Deployment","replicas":1,"mode":null},'
        '"moves":[["image","crash",60.0],["opt-in","InPlaceOnly",60.0]]}',
    ),
    Mended(
        "thaw a Deployment whose ReplicaSet has the template that its Pods lack",
        '{"start":{"kind":"Deployment","replicas":3},"moves":[["image","v2",3.0],["replace-without-label","",400.0]]}',
    ),
    Mended(
        "thaw a Deployment whose ReplicaSet has another template than its Pods",
        '{"start":{"kind":"Deployment","replicas":3,"settings":{"grace-period-seconds":"20"}},'
        '"moves":[["image","v2",8.0],["back-and-out","v1",60.0]]}',
    ),
    Mended(
        "hold a Deployment without a ReplicaSet",
        '{"start":{"kind":"Deployment"},"moves":[["delete-replicaset","",60.0]]}',
    ),
    Mended(
        "call healthy what never ran",
        '{"start":{"kind":"StatefulSet"},"moves":[["scale","0",20.0],["image","crash",60.0]]}',
    ),
    Mended(
        "roll back though nothing was moved",
        '{"start":{"kind":"StatefulSet","settings":{"on-failure":"Rollback","progress-deadline-seconds":"120"}},'
        '"moves":[["registry-away","",1.0],["image","v2",400.0]]}',
    ),
    Mended(
        "upgrade the Pods of a Deployment with Recreate one after the other",
        '{"start":{"kind":"Deployment","strategy":"recreate"},"moves":[["image","v2",60.0]]}',
    ),
    Mended(
        "wait without end where a Pod is behind the step",
        '{"start":{"kind":"Deployment","replicas":2,"gate":true,"mode":"InPlaceOnly","strategy":"one",'
        '"settings":{"steps":"1"},"policies":false,"tool":"apply"},'
        '"moves":[["budget","2",60.0],["image","v2",3.0]]}',
    ),
    Mended(
        "call healthy what Pods that are scaled away may never have run",
        '{"start":{"kind":"Deployment","replicas":2,"gate":true,"mode":"InPlaceOnly","strategy":"one",'
        '"settings":{"progress-deadline-seconds":"120"},"policies":false,"tool":"apply"},'
        '"moves":[["image","crash",60.0],["scale","0",60.0]]}',
    ),
    Mended(
        "report on a ReplicaSet that its Deployment left behind what is refused there",
        '{"start":{"kind":"Deployment","replicas":2,"gate":true,"mode":"InPlaceOnly","strategy":"one","settings":{},'
        '"policies":false,"tool":"apply"},'
        '"moves":[["refuse","ReplicaSets: 403",1.0],["image","v2",60.0],["orphan","",3.0]]}',
    ),
    Mended(
        "wait without end for a native rollout",
        '{"start":{"kind":"StatefulSet","mode":null,"settings":{"progress-deadline-seconds":"120"}},'
        '"moves":[["node-away","1",0.2],["image","v2",3.0],["opt-in","InPlaceOnly",400.0]]}',
    ),
    Mended(
        "put back the metadata that others have changed",
        '{"start":{"kind":"StatefulSet"},"moves":[["pod-label","0 role=primary",1.0],["image","v2",60.0]]}',
    ),
    Mended(
        "know nothing of a Pod that was changed by hand",
        '{"start":{"kind":"Deployment"},"moves":[["pod-image","0 v9",1.0],["image","v2",60.0]]}',
    ),
    Mended(
        "leave a gate closed that no attempt keeps closed",
        '{"start":{"kind":"StatefulSet"},"moves":[["pod-gate","1",60.0]]}',
    ),
    Mended(
        "raise on a record that somebody edited",
        '{"start":{"kind":"StatefulSet"},"moves":[["original-strategy","{",20.0]]}',
    ),
    Mended(
        "keep no settings where there are none now",
        '{"start":{"kind":"Deployment","replicas":1,"settings":{"steps":"1"}},'
        '"moves":[["scale","0",1.0],["setting","steps-",1.0],["image","v1-alias",1.0],["undo","v1",8.0]]}',
    ),
    Mended(
        "look for the settings on the active ReplicaSet alone",
        '{"start":{"kind":"Deployment","replicas":1,"settings":{"steps":"1"}},'
        '"moves":[["scale","0",20.0],["setting","steps-",20.0],["image","v2",20.0],["undo","v1",28.0]]}',
    ),
    Mended(
        "hold a Pod that is tried again by the step that it has used up itself",
        '{"start":{"kind":"ReplicaSet","replicas":2,"settings":{"steps":"1"}},'
        '"moves":[["image","crash",3.0],["retry","retry",1.0]]}',
    ),
    Mended(
        "let go of a Pod with the label of a template that it lacks",
        '{"start":{"kind":"DaemonSet","replicas":2},'
        '"moves":[["image","crash",60.0],["back-and-out","v1",1.0],["strategy","two",60.0]]}',
    ),
    Mended(
        "tell nothing of a Pod in flight whose failure cannot be recorded",
        '{"start":{"kind":"Deployment","replicas":1},"moves":[["image","v2",2.5],["refuse","drains: 409",100.0]]}',
    ),
    Mended(
        "drain whom somebody else keeps",
        '{"start":{"kind":"StatefulSet","settings":{"gates":"before-drain=example.com/Idle"}},"moves":[["image","v2",60.0]]}',
    ),
    Mended(
        "swap whom somebody else keeps",
        '{"start":{"kind":"StatefulSet","settings":{"gates":"before-swap=example.com/Idle"}},"moves":[["image","v2",60.0]]}',
    ),
    Mended(
        "serve before somebody else says so",
        '{"start":{"kind":"StatefulSet","settings":{"gates":"before-ready=example.com/Idle"}},"moves":[["image","v2",60.0]]}',
    ),
    Mended(
        "try the label of the phase again only once it is forgotten that it was refused",
        '{"start":{"kind":"Deployment"},"moves":[["refuse","freezes: 500",1.0],["image","crash",200.0]]}',
    ),
    Mended(
        "keep a partition that its owner applies no more",
        '{"start":{"kind":"StatefulSet","strategy":"canary","tool":"server-side-apply"},"moves":[["strategy","default",20.0]]}',
    ),
    Mended(
        "restart with the digest of another image while the new one is not there",
        '{"start":{"kind":"Deployment","replicas":1,"settings":{"pre-pull":"Never","progress-deadline-seconds":"120"}},'
        '"moves":[["image","missing",60.0],["restart-containers","app",1.0],["kill","",60.0]]}',
    ),
    Mended(
        "wait without a reason for a budget that others use up",
        '{"start":{"kind":"StatefulSet","strategy":"canary","settings":{"progress-deadline-seconds":"120"}},'
        '"moves":[["node-away","0",3.0],["image","v2",400.0]]}',
    ),
    Mended(
        "give a Pod that a partition keeps no place at the step",
        '{"start":{"kind":"StatefulSet","strategy":"canary","settings":{"progress-deadline-seconds":"120"}},'
        '"moves":[["image","v2",60.0],["setting","steps=1",1.0],["apply","v1",400.0]]}',
    ),
    Mended(
        "hand over to a strategy that replaces no Pod",
        '{"start":{"kind":"StatefulSet","mode":null,"strategy":"ondelete","settings":{"progress-deadline-seconds":"120"}},'
        '"moves":[["env","debug",20.0],["opt-in","InPlaceIfPossible",400.0]]}',
    ),
    Mended(
        "take a template of which nobody knows for another writer's change",
        '{"start":{"kind":"ReplicaSet","sidecar":true,"settings":{"progress-deadline-seconds":"120"}},'
        '"moves":[["refuse","ReplicaSets: 404",0.2],["sidecar","missing",1.0],["scale","3",200.0]]}',
    ),
    Mended(
        "judge a Pod that has served since it was created by what it lacks later",
        '{"start":{"kind":"Deployment","replicas":3,"settings":{"on-failure":"Rollback","progress-deadline-seconds":"120"}},'
        '"moves":[["image","v2",2.0],["resume","",3.0],["flap","2 300",400.0]]}',
    ),
    Mended(
        "drain a Pod that serves in the middle of an attempt without a place in the budget",
        '{"start":{"kind":"StatefulSet","settings":{"progress-deadline-seconds":"120","max-failures":"9",'
        '"gates":"before-ready=example.com/Idle"}},"moves":[["image","v2",300.0],["retry","retry",1.0],["image","v3",20.0]]}',
    ),
    Mended(
        "wait for the kubelet to observe a size that the API server has refused",
        '{"start":{"kind":"Deployment","settings":{"progress-deadline-seconds":"120"}},'
        '"moves":[["resources","20m",0.2],["image","v3",1.0]]}',
    ),
    Mended(
        "wait for the size of a container that was never there",
        '{"start":{"kind":"Deployment","replicas":1,"settings":{"progress-deadline-seconds":"120","pre-pull":"Never"}},'
        '"moves":[["image","missing",20.0],["delete-pod","0",20.0],["resources","30m",1.0]]}',
    ),
    Mended(
        "take a Pod for one of another template although its size tells",
        '{"start":{"kind":"Deployment","settings":{"steps":"1"}},"moves":[["resources","20m",1.0]]}',
    ),
    Mended(
        "leave a Pod for ever with what a failed attempt left, because somebody has emptied its record",
        '{"start":{"kind":"DaemonSet","replicas":2},'
        '"moves":[["image","crash",60.0],["back-and-out","v1",1.0],["pod-record","2 {}",60.0]]}',
    ),
    Mended(
        "take an image by digest alone for that of any template of its repository",
        '{"start":{"kind":"ReplicaSet","replicas":1},'
        '"moves":[["opt-out","",1.0],["restart-pod","0 app",1.0],["restart-pod","2 app",1.0]]}',
    ),
    Mended(
        "keep the template of a bare ReplicaSet only once an upgrade to it begins",
        '{"start":{"kind":"ReplicaSet","replicas":1,"sidecar":true},'
        '"moves":[["sidecar","missing",1.0],["scale","4",20.0],["image","v3",1.0]]}',
    ),
)
