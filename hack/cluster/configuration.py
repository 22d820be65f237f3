"""The configuration files of the components, written into the state folder.

Knows the formats and the settings that make Kubernetes run on a machine without systemd and with few rights.
Starts nothing. JSON is YAML too, which spares a dependency; containerd's TOML is a template.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from hack.cluster.layout import Layout
from hack.cluster.packages import CNI_PLUGINS
from hack.cluster.settings import NODE

_SNAPSHOTTERS = ("btrfs", "zfs", "devmapper", "aufs")

# Without CAP_SYS_RESOURCE runc cannot lower oom_score_adj and dies, hence restrict_oom_score_adj. The path of
# the opt plugin would be /opt/containerd.
_CONTAINERD_2 = """\
version = 3
root = "{state}/containerd/root"
state = "{state}/containerd/state"
disabled_plugins = ["io.containerd.nri.v1.nri"]
[grpc]
  address = "{socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{state}/containerd/opt"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "{registry}/pause:1"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["{plugins}"]
    conf_dir = "{state}/cni"
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""

_CONTAINERD_1 = """\
version = 2
root = "{state}/containerd/root"
state = "{state}/containerd/state"
disabled_plugins = [{disabled}]
[grpc]
  address = "{socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{state}/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{registry}/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{state}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""

_REGISTRY = """\
version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: "{state}/registry"}}
  delete: {{enabled: true}}
http: {{addr: "{registry}"}}
"""


def write_control_plane(layout: Layout) -> None:
    """What every cluster needs."""
    _write(layout.kubeconfig, kubeconfig(layout, "admin"))
    policy: dict[str, object] = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "Metadata", "verbs": ["create", "update", "patch", "delete", "deletecollection", "get"]},
            {"level": "None"},
        ],
    }
    _write(layout.state / "audit-policy.yaml", policy)
    layout.audit_log.touch()


def write_node(layout: Layout) -> None:
    """What a cluster with a kubelet needs besides."""
    template = _CONTAINERD_1 if layout.runtime == "1.6" else _CONTAINERD_2
    disabled = ", ".join(f'"io.containerd.snapshotter.v1.{name}"' for name in _SNAPSHOTTERS)
    values = {
        "state": layout.state,
        "socket": layout.socket,
        "registry": layout.registry,
        "plugins": CNI_PLUGINS,
        "disabled": disabled,
    }
    (layout.state / "containerd.toml").write_text(template.format(**values))
    (layout.state / "registry.yml").write_text(_REGISTRY.format(**values))
    (layout.state / "cni").mkdir(exist_ok=True)
    _write(layout.state / "cni/10-inplace.conflist", _network(layout))
    _write(layout.state / "kubelet.kubeconfig", kubeconfig(layout, "kubelet"))
    _write(layout.state / "kubelet.yaml", _kubelet(layout))
    server = f"https://{layout.gateway}:{layout.port('apiserver')}"
    _write(layout.state / "kube-proxy.kubeconfig", kubeconfig(layout, "kube-proxy", server))
    _write(layout.state / "kube-proxy.yaml", _kube_proxy(layout))


def kubeconfig(layout: Layout, user: str, server: str = "") -> dict[str, object]:
    """The way to the API server, as one of its users; the certificate it serves is the one that is trusted.

    `server`: its address where that is not the one on loopback.
    """
    certificate = base64.b64encode((layout.state / "pki/apiserver.crt").read_bytes()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": layout.name,
                "cluster": {"server": server or layout.server, "certificate-authority-data": certificate},
            }
        ],
        "users": [{"name": user, "user": {"token": layout.secret(user)}}],
        "contexts": [{"name": layout.name, "context": {"cluster": layout.name, "user": user}}],
        "current-context": layout.name,
    }


def _network(layout: Layout) -> dict[str, object]:
    """A veth pair per Pod and no bridge: nothing of the network is left when the Pods are gone."""
    ipam = {
        "type": "host-local",
        "dataDir": str(layout.state / "cni-state"),
        "ranges": [[{"subnet": layout.subnet}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    return {
        "cniVersion": "0.4.0",
        "name": layout.owner,
        "plugins": [{"type": "ptp", "ipMasq": False, "ipam": ipam}],
    }


def _kubelet(layout: Layout) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "127.0.0.1",
        "port": layout.port("kubelet"),
        "healthzPort": layout.port("kubelet_health"),
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "containerRuntimeEndpoint": f"unix://{layout.socket}",
        # One control group for all the Pods of this cluster: what is left of them can be told and removed.
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{layout.owner}",
        "cgroupsPerQOS": True,
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "failCgroupV1": False,
        "makeIPTablesUtilChains": False,
        # A developer's disk may be nearly full; that is no reason to evict a test's Pods or drop its images.
        "evictionHard": {"memory.available": "50Mi"},
        "imageGCHighThresholdPercent": 100,
        "podLogsDir": str(layout.state / "pod-logs"),
        "volumePluginDir": str(layout.state / "volume-plugins"),
        # Nobody answers there, but without any each Pod gets a warning event.
        "clusterDNS": [f"{layout.service}0"],
        "clusterDomain": "cluster.local",
        "maxPods": 200,
        "serializeImagePulls": False,
        "registryPullQPS": 50,
        "registryBurst": 100,
        "kubeAPIQPS": 100,
        "kubeAPIBurst": 200,
        "eventRecordQPS": 100,
        "eventBurst": 200,
    }


def _kube_proxy(layout: Layout) -> dict[str, object]:
    """In a network of its own, through which everything comes back: hence masqueradeAll. It leaves the machine's limits
    of connections alone."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "nftables": {"masqueradeAll": True, "minSyncPeriod": "0s", "syncPeriod": "30s"},
        "clusterCIDR": layout.subnet,
        "hostnameOverride": NODE,
        "bindAddress": layout.proxy,
        "clientConnection": {"kubeconfig": str(layout.state / "kube-proxy.kubeconfig")},
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }


def _write(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n")
    path.chmod(0o600)
