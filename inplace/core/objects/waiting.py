"""Reasons for which a kubelet has a container wait: those of its image (pkg/kubelet/images)."""

from __future__ import annotations

from typing import Final

from inplace.core.objects.model import Waiting

#: The kubelet's retries cannot fix these.
FINAL_PULL: Final = frozenset({"InvalidImageName", "ErrImageNeverPull"})
#: A pull has just failed, and will be tried again.
FAILED_PULL: Final = frozenset({"ErrImagePull", "RegistryUnavailable", "SignatureValidationFailed"})
#: The image is not there.
PULL: Final = FINAL_PULL | FAILED_PULL | {"ImagePullBackOff", "ImageInspectError"}


def words(waiting: Waiting) -> str:
    """`Reason: message` as the kubelet tells it; in the same words whether a pull has just failed or is paused for.

    Between two pulls a kubelet says `Back-off pulling image "…": ErrImagePull: …` and repeats what failed (since 1.32);
    what shows both would change with every try.
    """
    reason, message = waiting.reason, waiting.message
    if reason == "ImagePullBackOff":
        failed, _, how = message.partition('": ')[2].partition(": ")
        if failed in FAILED_PULL and how:
            reason, message = failed, how
    return f"{reason}: {message}" if message else reason
