"""Reasons for which a kubelet has a container wait: those of its image (pkg/kubelet/images/types.go)."""

from __future__ import annotations

from typing import Final

#: The kubelet's retries cannot fix these.
FINAL_PULL: Final = frozenset({"InvalidImageName", "ErrImageNeverPull"})
#: A pull has just failed, and will be tried again.
FAILED_PULL: Final = frozenset({"ErrImagePull", "RegistryUnavailable", "SignatureValidationFailed"})
#: The image is not there.
PULL: Final = FINAL_PULL | FAILED_PULL | {"ImagePullBackOff", "ImageInspectError"}
