"""Labels and annotations of other projects whose change in a Pod template asks for more than a key on a live Pod.

Data for review: an entry for each key or glob pattern, with the project that writes or reads it and where it says so.
`docs/reference/keys.md` is generated from it (`make docs`). What is done about them is decided in `template.keys`.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final, NamedTuple


class KnownKey(NamedTuple):
    """A label or annotation key, or a glob pattern of such keys (case counts, `*` matches `/` too)."""

    pattern: str
    project: str
    #: A page of its documentation, or a file of its repository.
    source: str


_HELM: Final = "https://helm.sh/docs/howto/charts_tips_and_tricks/#automatically-roll-deployments"

#: Written for one purpose: that the containers start again. A hash of what they read, or a time. The default of the
#: setting `restart-on`; `kubectl rollout restart` counts whatever that setting says.
RESTART_REQUESTS: Final = (
    KnownKey("checksum/*", "Helm charts", _HELM),
    KnownKey("checksum.*", "Helm charts", "as `checksum/*`"),
    KnownKey("checksum-*", "Helm charts", "as `checksum/*`"),
    KnownKey("configHash", "Helm charts", "as `checksum/*`"),
    KnownKey("rollme", "Helm charts", _HELM),
    KnownKey("date/deploy-date", "Helm charts", "not documented: seen in charts"),
    KnownKey(
        "*/restartedAt",
        "kubectl, the OpenShift console, KubeSphere, Vault Secrets Operator",
        "https://kubernetes.io/docs/reference/labels-annotations-taints/#kubectl-k8s-io-restart-at",
    ),
    KnownKey(
        "cattle.io/timestamp",
        "Rancher",
        "https://github.com/rancher/dashboard/blob/HEAD/shell/config/labels-annotations.js",
    ),
    KnownKey("reloader.stakater.com/last-reloaded-from", "Reloader", "https://github.com/stakater/Reloader#readme"),
    KnownKey("keel.sh/update-time", "Keel", "https://github.com/keel-hq/keel/blob/HEAD/types/types.go"),
    KnownKey("wave.pusher.com/config-hash", "Wave", "https://github.com/wave-k8s/wave#readme"),
    KnownKey(
        "secrets.doppler.com/secretsupdate.*",
        "Doppler operator",
        "https://github.com/DopplerHQ/kubernetes-operator#readme",
    ),
    KnownKey(
        "secrets.infisical.com/managed-secret.*",
        "Infisical operator",
        "https://github.com/Infisical/kubernetes-operator/blob/HEAD/internal/util/annotations.go",
    ),
    KnownKey(
        "operator.1password.io/last-restarted",
        "1Password operator",
        "https://github.com/1Password/onepassword-operator/blob/HEAD/pkg/onepassword/secret_update_handler.go",
    ),
    KnownKey("redeploy-timestamp", "the Alibaba Cloud console", "not documented: seen in manifests that it wrote"),
    KnownKey(
        "qcloud-redeploy-timestamp", "the Tencent Cloud console", "not documented: seen in manifests that it wrote"
    ),
)

_ISTIO: Final = "https://istio.io/latest/docs/reference/config/annotations/"

#: Read by an admission webhook or a CNI plug-in, once, when a Pod is created. What is read from live Pods too (such as
#: `iam.amazonaws.com/role`, `istio.io/dataplane-mode`, `prometheus.io/*`) is not here.
READ_AT_CREATION: Final = (
    KnownKey("sidecar.istio.io/*", "Istio", _ISTIO),
    KnownKey("traffic.sidecar.istio.io/*", "Istio", _ISTIO),
    KnownKey("status.sidecar.istio.io/*", "Istio", _ISTIO),
    KnownKey("readiness.status.sidecar.istio.io/*", "Istio", _ISTIO),
    KnownKey("inject.istio.io/*", "Istio", _ISTIO),
    KnownKey("proxy.istio.io/*", "Istio", _ISTIO),
    KnownKey("istio.io/rev", "Istio", "https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/"),
    KnownKey(
        "istio.deckhouse.io/full-version",
        "Istio of Deckhouse",
        "https://github.com/deckhouse/deckhouse/tree/HEAD/ee/modules/110-istio/docs",
    ),
    KnownKey("linkerd.io/inject", "Linkerd", "https://linkerd.io/2/features/proxy-injection/"),
    KnownKey("config.linkerd.io/*", "Linkerd", "https://linkerd.io/2/reference/proxy-configuration/"),
    KnownKey("config.alpha.linkerd.io/*", "Linkerd", "https://linkerd.io/2/reference/proxy-configuration/"),
    KnownKey("kuma.io/sidecar-*", "Kuma", "https://kuma.io/docs/latest/reference/kubernetes-annotations/"),
    KnownKey("kuma.io/container-patches", "Kuma", "https://kuma.io/docs/latest/reference/kubernetes-annotations/"),
    KnownKey("traffic.kuma.io/*", "Kuma", "https://kuma.io/docs/latest/reference/kubernetes-annotations/"),
    KnownKey(
        "consul.hashicorp.com/connect-inject*",
        "Consul",
        "https://developer.hashicorp.com/consul/docs/k8s/annotations-and-labels",
    ),
    KnownKey(
        "consul.hashicorp.com/sidecar-proxy-*",
        "Consul",
        "https://developer.hashicorp.com/consul/docs/k8s/annotations-and-labels",
    ),
    KnownKey(
        "consul.hashicorp.com/transparent-proxy*",
        "Consul",
        "https://developer.hashicorp.com/consul/docs/k8s/annotations-and-labels",
    ),
    KnownKey("dapr.io/*", "Dapr", "https://docs.dapr.io/reference/arguments-annotations-overview/"),
    KnownKey(
        "vault.hashicorp.com/*",
        "Vault Agent Injector",
        "https://developer.hashicorp.com/vault/docs/platform/k8s/injector",
    ),
    KnownKey(
        "vault.security.banzaicloud.io/*", "Bank-Vaults", "https://bank-vaults.dev/docs/mutating-webhook/annotations/"
    ),
    KnownKey(
        "operator.1password.io/inject",
        "1Password secrets injector",
        "https://github.com/1Password/kubernetes-secrets-injector#readme",
    ),
    KnownKey(
        "instrumentation.opentelemetry.io/*",
        "OpenTelemetry operator",
        "https://github.com/open-telemetry/opentelemetry-operator#readme",
    ),
    KnownKey(
        "sidecar.opentelemetry.io/*",
        "OpenTelemetry operator",
        "https://github.com/open-telemetry/opentelemetry-operator#readme",
    ),
    KnownKey(
        "admission.datadoghq.com/*",
        "Datadog",
        "https://docs.datadoghq.com/containers/cluster_agent/admission_controller/",
    ),
    KnownKey(
        "oneagent.dynatrace.com/*",
        "Dynatrace",
        "https://github.com/Dynatrace/dynatrace-operator/blob/HEAD/pkg/webhook/mutation/pod",
    ),
    KnownKey(
        "azure.workload.identity/*",
        "Azure workload identity",
        "https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html",
    ),
    KnownKey(
        "eks.amazonaws.com/skip-containers",
        "Amazon EKS Pod identity",
        "https://github.com/aws/amazon-eks-pod-identity-webhook#readme",
    ),
    KnownKey(
        "gke-gcsfuse/*",
        "Cloud Storage FUSE",
        "https://github.com/GoogleCloudPlatform/gcs-fuse-csi-driver/tree/HEAD/docs",
    ),
    KnownKey(
        "k8s.v1.cni.cncf.io/networks", "Multus", "https://github.com/k8snetworkplumbingwg/multus-cni/tree/HEAD/docs"
    ),
    KnownKey(
        "v1.multus-cni.io/default-network",
        "Multus",
        "https://github.com/k8snetworkplumbingwg/multus-cni/tree/HEAD/docs",
    ),
    KnownKey(
        "cni.projectcalico.org/*", "Calico", "https://docs.tigera.io/calico/latest/reference/configure-cni-plugins"
    ),
    KnownKey(
        "ipam.cilium.io/ip-pool",
        "Cilium",
        "https://docs.cilium.io/en/stable/network/concepts/ipam/multi-pool/",
    ),
    KnownKey("ovn.kubernetes.io/logical_switch", "Kube-OVN", "https://github.com/kubeovn/docs/tree/HEAD/docs/guide"),
    KnownKey("ovn.kubernetes.io/ip_address", "Kube-OVN", "https://github.com/kubeovn/docs/tree/HEAD/docs/guide"),
    KnownKey("ovn.kubernetes.io/ip_pool", "Kube-OVN", "https://github.com/kubeovn/docs/tree/HEAD/docs/guide"),
    KnownKey("ovn.kubernetes.io/mac_address", "Kube-OVN", "https://github.com/kubeovn/docs/tree/HEAD/docs/guide"),
)

#: The default of the setting `restart-on`.
RESTART_ON: Final = tuple(known.pattern for known in RESTART_REQUESTS)


def read_at_creation(key: str) -> KnownKey | None:
    """The entry for a label or annotation that is read only when a Pod is created."""
    return next((known for known in READ_AT_CREATION if fnmatchcase(key, known.pattern)), None)


#: By these a Pod asks to be left alone by those who add containers, volumes or environment to new Pods.
LEAVE_ALONE_LABELS: Final = {
    "sidecar.istio.io/inject": "false",  # Istio
    "istio.io/dataplane-mode": "none",  # Istio's ambient mode
    "kuma.io/sidecar-injection": "disabled",  # Kuma
    "admission.datadoghq.com/enabled": "false",  # Datadog
}
LEAVE_ALONE_ANNOTATIONS: Final = {
    "sidecar.istio.io/inject": "false",  # Istio before 1.10
    "linkerd.io/inject": "disabled",  # Linkerd
    "vault.hashicorp.com/agent-inject": "false",  # Vault Agent Injector
    "dapr.io/enabled": "false",  # Dapr
    "sidecar.opentelemetry.io/inject": "false",  # OpenTelemetry operator
    "consul.hashicorp.com/connect-inject": "false",  # Consul
    "eks.amazonaws.com/skip-containers": "pull",  # EKS: credentials of the ServiceAccount, as environment and volume
    "oneagent.dynatrace.com/inject": "false",  # Dynatrace
    # And by the cluster autoscaler, which would keep a node for a Pod that no workload makes again.
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "true",
}
