"""The agent of docs/how-to/gates.md: it sets the condition that players say, by no more rights than it needs."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path

import yaml

from hack.pages import examples

KUBECTL = """#!/bin/sh
if [ "$1" = get ]; then
  printf 'game-0 0\\ngame-1 12\\ngame-2 <none>\\ngame-3 0x\\n'
else
  printf '%s\\n' "$*" >> "$LOG"
fi
"""
#: True once, so that the loop ends.
SLEEP = '#!/bin/sh\n[ ! -e "$LOG.slept" ] && touch "$LOG.slept"\n'


def documents():
    """What the page has people apply, by kind."""
    (text,) = (text for page, text in examples.blocks("yaml") if str(page).endswith("gates.md"))
    return {one["kind"]: one for one in yaml.safe_load_all(text)}


def test_the_agent_sets_what_the_players_say(tmp_path: Path):
    for name, script in (("kubectl", KUBECTL), ("sleep", SLEEP)):
        made = tmp_path / name
        made.write_text(script)
        made.chmod(made.stat().st_mode | stat.S_IXUSR)
    (container,) = documents()["Deployment"]["spec"]["template"]["spec"]["containers"]
    log = tmp_path / "log"
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "LOG": str(log)}
    subprocess.run(container["command"], env=env, timeout=30, check=False)
    found = {}
    for line in log.read_text().splitlines():
        words, _, patch = line.partition(" -p ")
        assert words.startswith("patch pod game-")
        assert "--subresource=status" in words
        (condition,) = json.loads(patch)["status"]["conditions"]
        assert condition["type"] == "game.example.com/Idle"
        found[words.split()[2]] = condition["status"]
    assert found == {"game-0": "True", "game-1": "False", "game-2": "Unknown", "game-3": "Unknown"}


def test_its_role_is_for_pods_and_their_status_alone():
    role = documents()["Role"]
    rights = {(resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}
    assert rights == {("pods", "get"), ("pods", "list"), ("pods/status", "get"), ("pods/status", "patch")}


def test_the_example_is_the_one_that_the_page_shows():
    shown = [text for page, text in examples.blocks("yaml") if str(page).endswith("gates.md")]
    assert shown == [(examples.ROOT / "examples" / "game-server-agent.yaml").read_text(encoding="utf-8")]
