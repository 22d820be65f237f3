"""`kubectl apply -f install.yaml`: the manifests as one file, for the image of the release."""

from __future__ import annotations

import re

from hack import kustomize
from hack.cluster.settings import ClusterError

_REFERENCE = re.compile(r"(?P<name>[^@\s]+?)(?:@(?P<digest>sha256:[0-9a-f]{64})|:(?P<tag>[\w][\w.-]{0,127}))")


def install(image: str) -> str:
    """What `kubectl apply -k manifests` sends, with this image: NAME:TAG or NAME@DIGEST. Raises ClusterError."""
    found = _REFERENCE.fullmatch(image)
    if found is None:
        raise ClusterError(f"--image {image!r} is no image: give NAME:TAG or NAME@sha256:DIGEST")
    named = {"name": "inplace", "newName": found["name"]}
    named |= {"digest": found["digest"]} if found["digest"] else {"newTag": found["tag"]}
    return kustomize.rendered({"resources": ["../../manifests"], "images": [named]})
