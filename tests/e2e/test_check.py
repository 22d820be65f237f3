"""`inplace check` and the table of rights on a real cluster: what the authorizer says, and the rules that mend it."""

from __future__ import annotations

import json
import tarfile

import yaml

from inplace.cli.rights import NEEDS, rule
from tests.e2e.lease import lease_to_oneself
from tests.e2e.test_rights import READ, grant
from tests.scenarios.real import SYSTEM, inplace

#: What each command ends with if it has no right but those that it needs; what is missing optionally changes none.
COMMANDS = {
    "list": (("list",), 0),
    "plan": (("plan", "sts/web"), 0),
    "status": (("status", "sts/web", "--timeout", "20s"), 0),
    "status -o": (("status", "sts/web", "-o", "json"), 0),
    "status --watch": (("status", "sts/web", "--watch", "--timeout", "20s"), 0),
    "history": (("history", "sts/web"), 0),
    "set image": (("set", "image", "sts/web", "app=other", "--dry-run=server"), 0),
    "pause": (("pause", "sts/web", "--dry-run=server"), 0),
    "resume": (("resume", "sts/web", "--dry-run=server"), 0),
    "restart TYPE/NAME": (("restart", "sts/web", "--dry-run=server"), 0),
    "enable": (("enable", "sts/web", "--mode", "InPlaceIfPossible", "--dry-run=server"), 0),
}


async def test_what_each_command_needs_is_enough_for_the_real_authorizer(open_world):
    async with open_world() as world:
        await world.create_web(replicas=1, gate=False)
        await world.until(lambda: _ends(world, COMMANDS["status"][0], 0), "the upgrade to be over")
        for number, (command, (words, code)) in enumerate(COMMANDS.items()):
            rules = yaml.safe_load(rule(NEEDS[command].required))
            user = grant(world, f"need-{number}", *rules)
            await world.until(lambda words=words, code=code, user=user: _ends(world, (*words, user), code), command)


async def _ends(world, words, code):
    return (await inplace(world, *words))[0] == code


async def test_check_names_the_leader_and_the_rule_that_it_names_is_the_one_that_was_missing(open_world):
    async with open_world(controller=False) as world, lease_to_oneself(world):
        world.options = ("--lease-namespace", SYSTEM)
        await world.start_controller()
        await world.until(lambda: _ends(world, ("check",), 0), "the controller to lead")
        code, out, err = await inplace(world, "check", "-o", "json", "--lease-namespace", SYSTEM)
        assert code == 0, (out, err)
        levels = {one["topic"]: one["level"] for one in json.loads(out)["cluster"]}
        assert {levels[topic] for topic in ("server", "leader", "version", "caches", "rights")} == {"ok"}, out
        assert world.stop_controller() == 0
        assert await _ends(world, ("check",), 4), "its Lease is released"
        user = grant(world, "half", READ[0])
        await world.until(lambda: _lacks(world, user, "list pods"), "the rights to be known")
        found = [one for one in await _findings(world, user) if one["topic"] == "rights"]
        rules = [rule for one in found if "ClusterRole" not in one["remedy"] for rule in _rules(one["remedy"])]
        grant(world, "half", READ[0], *rules)
        await world.until(lambda: _is_mended(world, user), "nothing but what is of the whole cluster to be missing")


def _rules(remedy):
    return yaml.safe_load(remedy.partition("\n")[2])


async def _findings(world, user):
    return json.loads((await inplace(world, "check", "-o", "json", user))[1])["cluster"]


async def _lacks(world, user, right):
    return any(right in one["message"] for one in await _findings(world, user) if one["topic"] == "rights")


async def _is_mended(world, user):
    left = [one for one in await _findings(world, user) if one["topic"] == "rights" and one["level"] != "ok"]
    return all("ClusterRole" in one["remedy"] for one in left)


async def test_events_logs_and_a_report_of_an_image_that_crashes(open_world, tmp_path):
    async with open_world() as world:
        await world.create_web(replicas=1, gate=False)
        await world.set_image(world.app("crash"))
        await world.until(lambda: _says(world, "(previous)", "logs", "sts/web"), "the log of what has crashed")
        await world.until(lambda: _says(world, "UpgradeStarted", "events", "sts/web"), "the Event of the beginning")
        code, out, _ = await inplace(world, "events", "sts/web")
        assert (code, "pod/web-0" in out, "Created" in out) == (0, True, True), out
        path = tmp_path / "web.tar.gz"
        code, out, err = await inplace(
            world, "report", "sts/web", "--logs", "-f", str(path), "--lease-namespace", SYSTEM
        )
        assert (code, err) == (0, ""), (out, err)
        with tarfile.open(path) as tar:
            files = {one.partition("/")[2] for one in tar.getnames()}
        assert {"pods/web-0.yaml", "logs/web-0.app.previous.log", "events.yaml", "check.yaml"} <= files


async def _says(world, text, *words):
    return text in (await inplace(world, *words))[1]
