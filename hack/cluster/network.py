"""The cluster's Services: a network namespace with kube-proxy in it, and the way there.

kube-proxy's table has one fixed name, so that it cannot be in the machine's own network: there it would be in the way
of other clusters, and of a kube-proxy that the machine has. What Pods send to Services is routed into the namespace,
is translated there, and comes back as if from there, so that answers take the same way.

A file in the cluster's own folder holds the namespace. `ip netns add` would hold it in /run/netns, but the first one of
a machine binds that folder onto itself, which hides what the CNI plugins of other clusters have mounted there.

Knows `ip` and `nft`; knows nothing of what runs. The API server listens on loopback only: what comes for it from the
namespace, and from nowhere else, is passed on to there.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from hack.cluster.layout import Layout
from hack.cluster.packages import find
from hack.cluster.settings import ClusterError

_INSIDE = "services"


def create(layout: Layout) -> None:
    """The namespace, the link to it, and the routes; needs root."""
    space, link = _space(layout), _link(layout)
    space.touch()
    _must("unshare", f"--net={space}", "true")
    _must("ip", "link", "add", link, "type", "veth", "peer", "name", _INSIDE, "netns", str(space))
    _must("ip", "address", "add", f"{layout.gateway}/30", "dev", link)
    _must("ip", "link", "set", link, "up")
    _must("ip", "route", "add", layout.services, "via", layout.proxy)
    _must(*inside(layout, [_program("ip"), "-batch", "-"]), text=_setup(layout))
    _must(*inside(layout, ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]))
    # Loopback may be reached through this link alone, and by this rule alone.
    Path(f"/proc/sys/net/ipv4/conf/{link}/route_localnet").write_text("1\n")
    _must("nft", "-f", "-", text=_rules(layout))


def remove(layout: Layout) -> None:
    """All of it, or what is left; the routes go with the link."""
    _run("nft", "delete", "table", "ip", _table(layout))
    _run("ip", "link", "delete", _link(layout))
    _run("umount", "-l", str(_space(layout)))


def inside(layout: Layout, command: list[str]) -> list[str]:
    """The command line that runs a program in the namespace."""
    return [_program("nsenter"), f"--net={_space(layout)}", *command]


def _setup(layout: Layout) -> str:
    return f"""\
link set lo up
address add {layout.proxy}/30 dev {_INSIDE}
link set {_INSIDE} up
route add default via {layout.gateway}
"""


def _rules(layout: Layout) -> str:
    port = layout.port("apiserver")
    return f"""\
table ip {_table(layout)} {{
  chain to-the-api-server {{
    type nat hook prerouting priority dstnat;
    iifname "{_link(layout)}" ip daddr {layout.gateway} tcp dport {port} dnat to 127.0.0.1:{port}
  }}
}}
"""


def _space(layout: Layout) -> Path:
    return layout.run / "services"


def _link(layout: Layout) -> str:
    """At most 15 characters."""
    return f"{layout.owner}-svc"


def _table(layout: Layout) -> str:
    return layout.owner


def _program(name: str) -> str:
    found = find(name)
    if found is None:
        raise ClusterError(f"{name} has gone; run `up` again, which installs what is missing")
    return found


def _must(program: str, *arguments: str, text: str = "") -> None:
    done = _run(program, *arguments, text=text)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-300:]
        raise ClusterError(f"{program} {' '.join(arguments)} failed: {said}")


def _run(program: str, *arguments: str, text: str = "") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([_program(program), *arguments], input=text.encode(), capture_output=True, check=False)
