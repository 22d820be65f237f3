"""`inplace sidecars`: what is wrong with its options is said in a line, before a cluster is asked."""

from __future__ import annotations

import pytest

from inplace.cli.app import main

GOOD = {"-l": "mesh=on", "-c": "proxy", "--image": "mesh/proxy:v2"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"-l": None}, "missing --selector: expected -l SELECTOR"),
        ({"-l": "mesh in on"}, 'invalid selector "mesh in on": expected app=web, tier!=db'),
        ({"-c": None}, "missing option '-c' / '--container'"),
        ({"--image": None}, "missing option '--image'"),
        ({"--image": "Proxy:v2"}, 'invalid --image "Proxy:v2": expected a reference'),
        ({"--max-unavailable": "0"}, 'invalid --max-unavailable "0": expected a count or a percentage from 1%'),
        ({"--max-unavailable": "half"}, 'invalid --max-unavailable "half"'),
        ({"--max-disrupted": "0"}, "invalid value for '--max-disrupted': 0 is not in the range x>=1"),
        ({"--grace-period": "soon"}, 'invalid duration "soon"'),
    ],
)
def test_bad_options(given, says, capsys, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    words = [word for pair in ({**GOOD, **given}).items() if pair[1] is not None for word in pair]
    with pytest.raises(SystemExit) as ended:
        main(["sidecars", *words])
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert (said.out, len(said.err.splitlines())) == ("", 1)
    assert says in said.err
