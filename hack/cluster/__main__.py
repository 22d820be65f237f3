"""`python -m hack.cluster up|down|status|env|build|push|restart-apiserver`."""

from __future__ import annotations

import argparse
import os
import sys
import time

from hack.cluster import api, layout, lifecycle, registry
from hack.cluster.settings import KUBERNETES, RUNTIMES, ClusterError, wish


def main() -> int:
    """Run a command; what the caller can act on is one line, exit code 1."""
    arguments = _parser().parse_args()
    try:
        return int(arguments.call(arguments) or 0)
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hack.cluster", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, call, about in (
        ("up", _up, "start a cluster unless it runs, and print how to reach it"),
        ("down", _down, "stop it and leave nothing behind"),
        ("status", _status, "list the clusters of this machine"),
        ("env", _env, "print how to reach a running cluster"),
        ("build", _build, "compile what `up` needs"),
        ("push", _push, "push the test images to a registry"),
        ("restart-apiserver", _restart, "stop the API server and start it again"),
    ):
        command = commands.add_parser(name, help=about)
        command.set_defaults(call=call)
        command.add_argument("--name", help="which cluster; default $CLUSTER or main")
        if name in {"up", "build"}:
            command.add_argument("--k8s", help=f"one of {', '.join(KUBERNETES)}; default $K8S or 1.36")
            command.add_argument("--runtime", help=f"containerd: one of {', '.join(RUNTIMES)}; default $RUNTIME or 2.2")
            command.add_argument("--hollow", type=int, default=0, help="this many model nodes; no root needed")
        if name == "push":
            command.add_argument("--registry", required=True, help="HOST:PORT, or HOST:PORT/prefix")
    return parser


def _up(arguments: argparse.Namespace) -> int:
    if os.environ.get("KUBECONFIG") and os.environ.get("REGISTRY"):
        print(f"using the cluster of KUBECONFIG={os.environ['KUBECONFIG']}, images from {os.environ['REGISTRY']}")
        registry.push_all(os.environ["REGISTRY"])
        return 0
    began = time.monotonic()
    cluster = api.up(arguments.name, arguments.k8s, arguments.runtime, arguments.hollow)
    print(f"cluster {cluster.name}: Kubernetes {cluster.k8s}, up after {time.monotonic() - began:.1f} s")
    return _print(cluster)


def _down(arguments: argparse.Namespace) -> int:
    print("stopped" if api.down(arguments.name) else "no such cluster is running")
    return 0


def _status(_: argparse.Namespace) -> int:
    for name in layout.names():
        found = layout.load(name)
        if found is not None:
            state = "running" if lifecycle.running(found) else "broken: `down` cleans up"
            print(f"{name}: Kubernetes {found.k8s}, containerd {found.runtime}, {state}")
    return 0


def _env(arguments: argparse.Namespace) -> int:
    if arguments.name:
        os.environ["CLUSTER"] = arguments.name
    return _print(api.current())


def _build(arguments: argparse.Namespace) -> int:
    lifecycle.compile_all(wish(arguments.name, arguments.k8s, arguments.runtime, arguments.hollow))
    return 0


def _push(arguments: argparse.Namespace) -> int:
    registry.push_all(arguments.registry)
    return 0


def _restart(arguments: argparse.Namespace) -> int:
    if arguments.name:
        os.environ["CLUSTER"] = arguments.name
    api.restart_apiserver(api.current())
    return 0


def _print(cluster: api.Cluster) -> int:
    print(f"export KUBECONFIG={cluster.kubeconfig}")
    print(f"registry: {cluster.registry}")
    print(f"audit log: {cluster.audit_log}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
