"""Who manages which fields, as apimachinery's field manager has it; the words of its conflicts."""

from __future__ import annotations

import pytest

from kubesim.api import kinds
from kubesim.api.failure import Failure
from kubesim.api.patching import apply, managers
from tests.unit.manifests import admission

KIND = kinds.DAEMONSETS
ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}


def updated(live, *changes, manager="inplace", subresource="", now="2"):
    new = admission.changed(live, *changes)
    return managers.updated(KIND, live, new, manager=manager, subresource=subresource, now=now)


def created(manager="kubectl"):
    tree = admission.workload(KIND, updateStrategy=ROLLING)
    return managers.updated(KIND, None, tree, manager=manager, subresource="", now="1")


def applied(live, strategy, *, force=False, manager="helm"):
    config = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "web"}}
    config["spec"] = {"updateStrategy": strategy}
    return apply.apply(KIND, live, config, manager=manager, force=force, now="3")


def strategy(**values):
    def change(tree):
        tree["spec"]["updateStrategy"] = {**tree["spec"]["updateStrategy"], **values}

    return change


def owned(tree, manager, operation="Update", subresource=""):
    """What of the update strategy, or whatever else, a manager has."""
    for entry in tree["metadata"].get("managedFields", []):
        if (entry["manager"], entry["operation"], entry.get("subresource", "")) == (manager, operation, subresource):
            return entry["fieldsV1"]
    return None


def own_strategy(tree, manager, operation="Update"):
    return (owned(tree, manager, operation) or {}).get("f:spec", {}).get("f:updateStrategy")


def test_who_creates_an_object_has_all_of_it_but_its_status_and_identity():
    found = owned(created(), "kubectl")
    assert own_strategy(created(), "kubectl") == {
        "f:type": {},
        "f:rollingUpdate": {"f:maxUnavailable": {}, "f:maxSurge": {}},
    }
    assert found.keys() == {"f:metadata", "f:spec"}
    assert found["f:metadata"].keys() == {"f:annotations"}


def test_what_is_changed_changes_hands_and_what_is_removed_is_nobodys():
    changed = updated(created(), strategy(type="OnDelete"))
    assert own_strategy(changed, "inplace") == {"f:type": {}}
    assert "f:type" not in own_strategy(changed, "kubectl")
    gone = updated(changed, lambda tree: tree["spec"]["updateStrategy"].pop("rollingUpdate"), manager="kubectl")
    assert own_strategy(gone, "kubectl") is None
    assert own_strategy(gone, "inplace") == {"f:type": {}}
    same = updated(gone, now="9")
    assert same == gone, "who changes nothing has nothing more, and no other time"
    again = updated(gone, strategy(type="RollingUpdate"), now="9")
    times = {entry["manager"]: entry["time"] for entry in again["metadata"]["managedFields"]}
    assert times["inplace"] == "9", "another value of what it has already"


def test_each_endpoint_manages_its_own_part():
    def status(tree):
        tree["status"] = {**tree["status"], "numberReady": 3}
        tree["metadata"]["annotations"]["a"] = "b"

    found = updated(created(), status, manager="kcm", subresource="status")
    assert owned(found, "kcm", subresource="status") == {
        "f:metadata": {"f:annotations": {"f:a": {}}},
        "f:status": {"f:numberReady": {}},
    }
    assert (
        updated(created(), lambda tree: tree["status"].update(numberReady=3), manager="kcm")["metadata"]
        == (created()["metadata"])
    )


def test_a_client_may_give_fields_up():
    changed = updated(created(), strategy(type="OnDelete"))
    place = next(n for n, one in enumerate(changed["metadata"]["managedFields"]) if one["manager"] == "inplace")
    given = updated(changed, lambda tree: tree["metadata"]["managedFields"][place]["fieldsV1"].pop("f:spec"))
    assert owned(given, "inplace") is None
    assert updated(changed, lambda tree: tree["metadata"].pop("managedFields")) == changed, "none is no list"
    free = updated(changed, lambda tree: tree["metadata"].update(managedFields=[{}]))
    assert "managedFields" not in free["metadata"]
    assert "managedFields" not in updated(free, strategy(type="OnDelete"))["metadata"], "nobody manages it from then on"
    below = updated(
        changed, lambda tree: tree["metadata"].update(managedFields=[{}]), manager="kcm", subresource="status"
    )
    assert below == changed, "not by a subresource"


def test_an_apply_conflicts_with_who_updated_and_not_with_who_agrees():
    frozen = updated(applied(created(), ROLLING, force=True), strategy(type="OnDelete"))
    with pytest.raises(Failure) as refused:
        applied(frozen, ROLLING)
    words = 'Apply failed with 1 conflict: conflict with "inplace" using apps/v1: .spec.updateStrategy.type'
    assert (refused.value.code, refused.value.message) == (409, words)
    assert applied(frozen, {**ROLLING, "type": "OnDelete"})["spec"] == frozen["spec"]
    forced = applied(frozen, ROLLING, force=True)
    assert forced["spec"]["updateStrategy"] == ROLLING
    assert own_strategy(forced, "inplace") is None
    assert own_strategy(forced, "helm", "Apply").keys() == {"f:type", "f:rollingUpdate"}


def test_several_conflicts_are_listed_by_manager():
    changed = updated(created(), strategy(type="OnDelete"), manager="b")
    changed = updated(changed, strategy(rollingUpdate={"maxUnavailable": 2, "maxSurge": 1}), manager="a", now="3")
    with pytest.raises(Failure) as refused:
        applied(changed, ROLLING)
    assert refused.value.message == (
        'Apply failed with 3 conflicts: conflicts with "a" using apps/v1:\n'
        "- .spec.updateStrategy.rollingUpdate.maxSurge\n- .spec.updateStrategy.rollingUpdate.maxUnavailable\n"
        'conflicts with "b" using apps/v1:\n- .spec.updateStrategy.type'
    )


def test_what_an_applier_leaves_out_goes_unless_another_has_it():
    live = applied(created("helm"), ROLLING)
    kept = applied(live, {"type": "RollingUpdate"})
    assert kept["spec"]["updateStrategy"] == ROLLING, "helm's own update entry has it still"
    taken = updated(live, lambda tree: tree["metadata"]["managedFields"].pop(1), manager="kubectl")
    assert "rollingUpdate" not in applied(taken, {"type": "RollingUpdate"})["spec"]["updateStrategy"]


def test_what_the_server_filled_in_goes_with_the_last_field_that_was_applied():
    """As 1.36 does: of `{maxUnavailable: 1}` and the server's `maxSurge: 0` nothing is left."""
    live = applied(created(), {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}})
    live["metadata"]["managedFields"] = [one for one in live["metadata"]["managedFields"] if one["manager"] == "helm"]
    frozen = updated(live, strategy(type="OnDelete"))
    config = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "web"}, "spec": {"minReadySeconds": 1}}
    left = apply.apply(KIND, frozen, config, manager="helm", force=False, now="4")
    assert left["spec"]["updateStrategy"] == {"type": "OnDelete"}
