"""A container that waits, in words: the same ones however often its kubelet tries."""

from __future__ import annotations

import pytest

from inplace.core.objects.model import Waiting
from inplace.core.objects.waiting import words

FAILED = 'rpc error: code = NotFound desc = failed to resolve image "a": not found'


@pytest.mark.parametrize(
    ("reason", "message", "told"),
    [
        pytest.param("ErrImagePull", FAILED, f"ErrImagePull: {FAILED}", id="a pull has failed"),
        pytest.param(
            "ImagePullBackOff",
            f'Back-off pulling image "a": ErrImagePull: {FAILED}',
            f"ErrImagePull: {FAILED}",
            id="it is paused for",
        ),
        pytest.param(
            "ImagePullBackOff",
            'Back-off pulling image "a": RegistryUnavailable: away',
            "RegistryUnavailable: away",
            id="another failure",
        ),
        pytest.param(
            "ImagePullBackOff",
            'Back-off pulling image "a"',
            'ImagePullBackOff: Back-off pulling image "a"',
            id="a kubelet that repeats nothing",
        ),
        pytest.param(
            "ImagePullBackOff",
            'Back-off pulling image "a": x: y',
            'ImagePullBackOff: Back-off pulling image "a": x: y',
            id="what is no failure of a pull",
        ),
        pytest.param("ContainerCreating", "", "ContainerCreating", id="no message"),
    ],
)
def test_a_pause_between_two_pulls_is_told_as_what_failed(reason, message, told):
    assert words(Waiting(reason, message)) == told
