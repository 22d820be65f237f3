"""The agents of docs/how-to/gates.md: they set conditions by what servers say, by no more rights than they need."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from hack.pages import examples

GAME, INFERENCE = "game-server-agent.yaml", "inference-server-agent.yaml"
KUBECTL = """#!/bin/sh
if [ "$1" = get ]; then
  printf '%b' "$PODS"
else
  printf '%s\\n' "$*" >> "$LOG"
fi
"""
#: True once, so that the loop ends.
SLEEP = '#!/bin/sh\n[ ! -e "$LOG.slept" ] && touch "$LOG.slept"\n'
#: The metrics of the server with the address that is asked; none of one that does not answer.
WGET = """#!/bin/sh
for url; do :; done
case "$url" in
  http://10.0.0.1:8080/metrics)
    printf 'vllm:num_requests_running{model_name="m"} 0.0\\nvllm:num_requests_waiting{model_name="m"} 0.0\\n' ;;
  http://10.0.0.2:8080/metrics)
    printf 'vllm:num_requests_running{model_name="m"} 0.0\\nvllm:num_requests_waiting{model_name="m"} 3.0\\n' ;;
  http://10.0.0.4:8080/metrics) printf 'process_start_time_seconds 1.7e9\\n' ;;
  *) exit 1 ;;
esac
"""
PLAYERS = r"game-0 0\ngame-1 12\ngame-2 <none>\ngame-3 0x\n"
ADDRESSES = r"inference-0 10.0.0.1\ninference-1 10.0.0.2\ninference-2 <none>\ninference-3 10.0.0.4\n"


def documents(name):
    """What an example has people apply, by kind."""
    text = (examples.ROOT / "examples" / name).read_text(encoding="utf-8")
    return {one["kind"]: one for one in yaml.safe_load_all(text)}


def said(name: str, pods: str, folder: Path) -> dict[str, dict[str, str]]:
    """The conditions that the agent of an example sets in one round, by Pod."""
    for program, script in (("kubectl", KUBECTL), ("sleep", SLEEP), ("wget", WGET)):
        made = folder / program
        made.write_text(script)
        made.chmod(made.stat().st_mode | stat.S_IXUSR)
    (container,) = documents(name)["Deployment"]["spec"]["template"]["spec"]["containers"]
    log = folder / "log"
    env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "LOG": str(log), "PODS": pods}
    subprocess.run(container["command"], env=env, timeout=30, check=False)
    found = {}
    for line in log.read_text().split("patch pod ")[1:]:
        words, _, patch = line.partition(" -p ")
        assert "--subresource=status" in words
        conditions = json.loads(patch)["status"]["conditions"]
        found[words.split()[0]] = {one["type"].partition("/")[2]: one["status"] for one in conditions}
    return found


def test_an_agent_sets_what_the_players_say(tmp_path: Path):
    expected = {"game-0": "True", "game-1": "False", "game-2": "Unknown", "game-3": "Unknown"}
    assert said(GAME, PLAYERS, tmp_path) == {pod: {"Idle": status} for pod, status in expected.items()}


def test_an_agent_sets_what_the_metrics_of_a_server_say(tmp_path: Path):
    silent = {"Drained": "Unknown", "Warm": "False"}
    assert said(INFERENCE, ADDRESSES, tmp_path) == {
        "inference-0": {"Drained": "True", "Warm": "True"},
        "inference-1": {"Drained": "False", "Warm": "True"},
        "inference-2": silent,
        "inference-3": silent,
    }


@pytest.mark.parametrize("name", [GAME, INFERENCE])
def test_a_role_is_for_pods_and_their_status_alone(name):
    role = documents(name)["Role"]
    rights = {(resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}
    assert rights == {("pods", "get"), ("pods", "list"), ("pods/status", "get"), ("pods/status", "patch")}


def test_the_examples_are_those_that_the_page_shows():
    shown = [text for page, text in examples.blocks("yaml") if str(page).endswith("gates.md") and "kind: Role" in text]
    assert shown == [(examples.ROOT / "examples" / name).read_text(encoding="utf-8") for name in (GAME, INFERENCE)]


def test_the_policy_for_agents_is_that_of_the_page_and_names_their_accounts():
    (shown,) = (text for page, text in examples.blocks("yaml") if page.endswith("gates.md") and "gate-agents" in text)
    assert shown == (examples.ROOT / "examples" / "gate-agents-fence.yaml").read_text(encoding="utf-8")
    for name in (GAME, INFERENCE):
        assert f"system:serviceaccount:shop:{documents(name)['ServiceAccount']['metadata']['name']}" in shown
