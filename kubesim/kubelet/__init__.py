"""A model of the kubelet and its container runtime, as a client of whatever API server it is given.

It can own any number of nodes, of the embedded cluster or of a real control plane (hollow nodes). What it does and in
which order is that of docs/design/kubernetes.md §2, §3; times are `Timings`, images are a `Catalogue`.
"""

from kubesim.kubelet.catalogue import Catalogue, Image
from kubesim.kubelet.kubelet import Kubelet
from kubesim.kubelet.timings import Timings

__all__ = ["Catalogue", "Image", "Kubelet", "Timings"]
