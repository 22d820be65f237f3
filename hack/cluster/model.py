"""The test images as the model kubelet knows them: the same repositories, tags and behaviour, made-up digests.

Equal bytes have equal digests, as in `images`; making the real ones needs a package that only root can install.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any, Final

from hack.cluster.images import CATALOGUE
from kubesim.kubelet import Catalogue, Image

#: What a script of `images` does, if anything but run.
_BEHAVIOUR: Final[dict[str, dict[str, Any]]] = {
    "slow": {"ready_after": 5.0},
    "stubborn": {"ignores_term": True},
    "crash": {"exits_after": 0.2, "exit_code": 1},
    "deaf": {"ready_after": math.inf},
    "once": {"exits_after": 0.2, "exit_code": 1, "exits_once": True},
}


def digest(repository: str, tag: str) -> str:
    """The digest of one tag: made of what is in the image."""
    return "sha256:" + hashlib.sha256(repr((repository, CATALOGUE[repository][tag])).encode()).hexdigest()


def catalogue(*registries: str) -> Catalogue:
    """All images of some registries, by their full references."""
    return Catalogue(
        {
            f"{registry}/{repository}:{tag}": Image(digest=digest(repository, tag), **_BEHAVIOUR.get(script, {}))
            for registry in registries
            for repository, tags in CATALOGUE.items()
            for tag, (script, _) in tags.items()
        }
    )
