"""The processes of a cluster: their command lines, their start, their end, one by one.

Knows flags. Knows neither the order in which a cluster comes up nor how to tell that a component is ready.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from hack.cluster import build, network, process
from hack.cluster.layout import Layout
from hack.cluster.packages import SYSTEM_PATH, find
from hack.cluster.settings import NODE, ClusterError

CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
WORKER = ("registry", "containerd", "kube-proxy", "kubelet")
#: The model kubelets of a hollow cluster, in one process.
HOLLOW = "hollow-kubelet"
# Seconds from SIGTERM to SIGKILL. The API server waits for requests in flight and open watches.
PATIENCE = {"kube-apiserver": 10.0}


def of(layout: Layout) -> tuple[str, ...]:
    """The processes this cluster consists of."""
    return (*CONTROL_PLANE, HOLLOW) if layout.hollow else (*CONTROL_PLANE, *WORKER)


def recipes(layout: Layout) -> dict[str, build.Recipe]:
    """What must be compiled for it."""
    wanted = {"kubernetes": build.kubernetes(layout.minor), "etcd": build.etcd()}
    if not layout.hollow and layout.runtime != "1.6":
        wanted["containerd"] = build.containerd()
    if not layout.hollow:
        wanted["kube-proxy"] = build.kube_proxy()
    return wanted


def start(layout: Layout, name: str) -> None:
    """Start one process; if it is running already, leave it."""
    if pid(layout, name) is None:
        words = {**_etcd(layout), **_kubernetes(layout), **_worker(layout)}[name]
        process.start(layout.state / "pids" / name, layout.log(name), words, _environment(layout))


def stop(layout: Layout, name: str, *, patience: float | None = None) -> None:
    """End one process; `patience` 0 kills it at once."""
    if (found := pid(layout, name)) is not None:
        process.end([found], patience=PATIENCE.get(name, 5.0) if patience is None else patience)


def pid(layout: Layout, name: str) -> int | None:
    """The pid of one of its processes, if it runs. Every command line names the state folder."""
    return process.pid_of(layout.state / "pids" / name, f"{layout.state}/")


def died(layout: Layout, name: str) -> str | None:
    """A reason in one line, if the process is gone."""
    if pid(layout, name) is not None:
        return None
    try:
        lines = layout.log(name).read_text(errors="replace").strip().splitlines()
    except FileNotFoundError:
        lines = []
    return f"{name} ended: {lines[-1][:300] if lines else 'it printed nothing'}; log: {layout.log(name)}"


def _environment(layout: Layout) -> Mapping[str, str]:
    """Little is inherited: a proxy or a KUBECONFIG of the caller's must not reach a server."""
    path = SYSTEM_PATH
    if "containerd" in recipes(layout):
        # containerd finds its shim on the PATH, and Debian's would be an older one.
        path = f"{build.containerd().folder()}:{path}"
    home = os.environ.get("HOME", "/")
    return {"PATH": path, "HOME": home, "LANG": "C.UTF-8", "PYTHONPATH": str(Path(__file__).parents[2])}


def _flags(**flags: object) -> list[str]:
    return [f"--{name.replace('_', '-')}={value}" for name, value in flags.items()]


def _etcd(layout: Layout) -> dict[str, list[str]]:
    flags = _flags(
        data_dir=layout.state / "etcd",
        client_url=f"http://127.0.0.1:{layout.port('etcd')}",
        peer_url=f"http://127.0.0.1:{layout.port('etcd_peer')}",
    )
    return {"etcd": [str(build.etcd().folder() / "etcd"), *flags]}


def _kubernetes(layout: Layout) -> dict[str, list[str]]:
    flags = {
        "kube-apiserver": _apiserver(layout),
        "kube-controller-manager": _controllers(layout),
        # 0: nobody asks it for metrics. --kube-api-qps stands in for a configuration file.
        "kube-scheduler": _flags(
            kubeconfig=layout.kubeconfig, leader_elect="false", secure_port=0, kube_api_qps=500, kube_api_burst=1000
        ),
        "kubelet": _flags(
            kubeconfig=layout.state / "kubelet.kubeconfig",
            config=layout.state / "kubelet.yaml",
            root_dir=layout.state / "kubelet",
            cert_dir=layout.state / "kubelet-pki",
            hostname_override=NODE,
        ),
    }
    folder = build.kubernetes(layout.minor).folder()
    return {name: [str(folder / name), *words] for name, words in flags.items()}


def _apiserver(layout: Layout) -> list[str]:
    pki = layout.state / "pki"
    plugins = {"enable_admission_plugins": layout.plugins.read_text()} if layout.plugins.exists() else {}
    return _flags(
        **plugins,
        etcd_servers=f"http://127.0.0.1:{layout.port('etcd')}",
        bind_address="127.0.0.1",
        # The endpoint of its Service, which no Pod could reach on loopback; nobody asks for it in a hollow cluster.
        advertise_address="127.0.0.1" if layout.hollow else layout.gateway,
        secure_port=layout.port("apiserver"),
        tls_cert_file=pki / "apiserver.crt",
        tls_private_key_file=pki / "apiserver.key",
        service_account_key_file=pki / "service-account.key",
        service_account_signing_key_file=pki / "service-account.key",
        service_account_issuer="https://kubernetes.default.svc",
        service_cluster_ip_range=layout.services,
        token_auth_file=layout.state / "tokens.csv",
        authorization_mode="Node,RBAC",
        allow_privileged="true",
        endpoint_reconciler_type="none" if layout.hollow else "lease",
        # The node's name is localhost and its kubelet listens on loopback only.
        kubelet_preferred_address_types="Hostname",
        audit_policy_file=layout.state / "audit-policy.yaml",
        audit_log_path=layout.audit_log,
        audit_log_maxsize=10_000,  # MB; tests read one file, and the default of 100 is outgrown in half an hour
    )


def _controllers(layout: Layout) -> list[str]:
    flags = _flags(
        kubeconfig=layout.kubeconfig,
        service_account_private_key_file=layout.state / "pki/service-account.key",
        # Without it no namespace gets the ConfigMap that every Pod with a token mounts.
        root_ca_file=layout.state / "pki/apiserver.crt",
        use_service_account_credentials="true",
        leader_elect="false",
        secure_port=0,
        kube_api_qps=500,
        kube_api_burst=1000,
        concurrent_statefulset_syncs=20,
        concurrent_daemonset_syncs=10,
        concurrent_deployment_syncs=20,
        concurrent_replicaset_syncs=20,
    )
    # A model kubelet with thousands of nodes renews its leases late, and that is not what is tested.
    return [*flags, "--node-monitor-grace-period=30m"] if layout.hollow else flags


def _hollow(layout: Layout) -> list[str]:
    flags = _flags(
        kubeconfig=layout.kubeconfig,
        nodes=layout.hollow,
        kubelet_version=f"v{layout.k8s}",
        # There is no registry; the images are named as if there were.
        registry=layout.registry,
    )
    return [sys.executable, "-m", "hack.cluster.hollow", *flags]


def _worker(layout: Layout) -> dict[str, list[str]]:
    if layout.hollow:
        return {HOLLOW: _hollow(layout)}
    recipe = recipes(layout).get("containerd")
    containerd = find("containerd") if recipe is None else str(recipe.folder() / "containerd")
    registry = find("docker-registry")
    if containerd is None or registry is None:
        raise ClusterError("containerd or docker-registry has gone; run `up` again, which installs what is missing")
    return {
        "registry": [registry, "serve", str(layout.state / "registry.yml")],
        "containerd": [containerd, "--config", str(layout.state / "containerd.toml")],
        "kube-proxy": network.inside(
            layout,
            [str(build.kube_proxy().folder() / "kube-proxy"), *_flags(config=layout.state / "kube-proxy.yaml")],
        ),
    }
