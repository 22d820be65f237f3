"""Codec of the record that an upgrade keeps on its Pod: the annotation `inplace.dev/state`, version 1
(docs/design/protocol.md, "Formats").

Together with the live Pod the record is the whole state of an upgrade. Decoding is total: an invalid record is a value
of its own, never an exception. Does not depend on the transitions of a record.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from inplace.core.objects import names
from inplace.core.objects.memo import memoised
from inplace.core.objects.model import LONGEST_GRACE, Pod
from inplace.core.objects.reading import UNREADABLE
from inplace.core.state import versions
from inplace.core.state.versions import Others


class PodPhase(StrEnum):
    """The phase of a Pod's upgrade; the `phase` of its record."""

    RESIZING = "Resizing"
    DRAINING = "Draining"
    SWAPPING = "Swapping"
    DONE = "Done"
    FAILED = "Failed"
    ROLLED_BACK = "RolledBack"


class Evidence(StrEnum):
    """Why a container counts as swapped; the rungs of the ladder (docs/design/protocol.md, "Evidence")."""

    IMAGE_CHANGED = "ImageChanged"
    EXPECTED_DIGEST = "ExpectedDigest"
    SAME_DIGEST = "SameDigest"
    UNCHANGED = "Unchanged"
    ASSUMED_BY_GENERATION = "AssumedByGeneration"


class Author(StrEnum):
    """Who works on an attempt, if it is not the controller."""

    COMMAND = "command"


#: Maximum length of a message in a record or a status; registries send whole pages.
MESSAGE_LIMIT: Final = 400
#: What has more characters is none of ours, which have some 500 for each container. It is not decoded: a hundred Pods
#: with forged records of this size are planned in less than a fifth of a second (hack/bench/block.py).
LIMIT: Final = 16 * 1024
#: What a record has besides its containers, messages included; a container besides its name and images; a size besides
#: its name and amounts.
_FRAME: Final = 2 * MESSAGE_LIMIT + 400
_BASELINE: Final = 400
_RESIZED: Final = len(',"":{"from":"","to":""}')
#: No attempt lasts longer: the largest setting (30 days), and the longest grace period that is reckoned with.
LONGEST: Final = timedelta(days=30, seconds=LONGEST_GRACE)
#: No attempt of a command lasts longer, apart from the grace period of its Pod: nobody waits so long for a prompt.
LONGEST_COMMAND: Final = timedelta(hours=6)
#: Nor does its deadline lie farther away than this, by whatever clock it was written: who may annotate Pods can hold a
#: place of the budget by it.
FARTHEST_COMMAND: Final = timedelta(days=1)
#: How far the clock of a leader before may have been ahead of this one's.
SKEW: Final = timedelta(days=1)
#: Batches of containers: no order has more names.
MAX_BATCHES: Final = 4096
IN_FLIGHT: Final = (PodPhase.RESIZING, PodPhase.DRAINING, PodPhase.SWAPPING)


class Baseline(Struct, frozen=True, gc=False, omit_defaults=True):
    """One container before the image patch, and the evidence of its swap once there is some.

    `unsettled`: an earlier image patch was not confirmed when this baseline was read, so a container of that earlier
    image may still appear. `origin` is then the image that the container `id` is known to have been created from.
    `expected`: the digest that the new container must have, if a pull Pod on its node has pulled the image.
    """

    from_: str = field(default="", name="from")
    to: str = ""
    stored: str = ""
    id: str = ""
    image_id: str = field(default="", name="imageID")
    restarts: int = 0
    evidence: str = ""
    unsettled: bool = False
    origin: str = ""
    expected: str = ""


class Resized(Struct, frozen=True, gc=False, omit_defaults=True):
    """The size of one container before and after, in words: a size is always set from a template, never from here."""

    from_: str = field(default="", name="from")
    to: str = ""


class Record(Struct, frozen=True, gc=False, rename="camel"):
    """The state of the upgrade of one Pod.

    `generation` is the metadata.generation that the image patch produces (G in docs/design/protocol.md, "Evidence"), or
    the resize, 0 if the server does not count it. `deadline` ends every wait of this attempt. Times are UTC. `retry` is
    the request that it answers. `tried` are the revisions whose labels and annotations unfinished attempts before this
    one may have left on the Pod; once it has written its own, there are none. `ready_changed_at` is the
    lastTransitionTime of the Pod's Ready condition when the upgrade was completed: as long as it is the same, the Pod
    has not become Ready since. `by` is who works on the attempt; absent: the controller, which leaves that of another
    alone until its deadline. `request` is what a command has been asked for, where that is another thing than the
    template: `requested`. `batch` is the one under way, from 0, of `batches`; absent: all containers are patched at
    once. `sizes` are the containers that this attempt resizes, or the Pod as a whole. `kept_until`: until when the
    result of a command can be read where nothing is opted in. `others` are the fields of another release; they stay for
    as long as the attempt does.
    """

    v: int
    workload: str
    attempt: int
    phase: PodPhase
    base: str
    target: str
    started_at: datetime
    deadline: datetime
    batch: int = 0
    generation: int = 0
    containers: dict[str, Baseline] = {}
    reason: str = ""
    message: str = ""
    retry: str | msgspec.UnsetType = msgspec.UNSET
    tried: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    ready_changed_at: datetime | msgspec.UnsetType = msgspec.UNSET
    by: Author | msgspec.UnsetType = msgspec.UNSET
    request: str | msgspec.UnsetType = msgspec.UNSET
    batches: int | msgspec.UnsetType = msgspec.UNSET
    sizes: dict[str, Resized] | msgspec.UnsetType = msgspec.UNSET
    kept_until: datetime | msgspec.UnsetType = msgspec.UNSET
    others: Others = msgspec.UNSET

    @property
    def attempted(self) -> tuple[str, ...]:
        """The revisions that the Pod may have metadata of beside its own: the target, and what was tried before."""
        return (self.target, *(() if self.tried is msgspec.UNSET else self.tried))

    @property
    def resized(self) -> dict[str, Resized]:
        """The containers that this attempt has resized, or is about to."""
        return {} if self.sizes is msgspec.UNSET else self.sizes

    @property
    def answers(self) -> str:
        """The retry request that this attempt answers; empty for the first attempt."""
        return "" if self.retry is msgspec.UNSET else self.retry

    def failed_for(self, target: str, retry: str) -> bool:
        """Whether this attempt failed for a target and no retry was requested since."""
        return self.phase is PodPhase.FAILED and self.target == target and self.answers == retry

    @property
    def in_flight(self) -> bool:
        """Whether our disruption is not over."""
        return self.phase in IN_FLIGHT

    @property
    def requested(self) -> str:
        """What this attempt is for, in the words of the command that was asked; empty for the template of a workload.

        Another's attempt is left alone, and its failure is none of whoever works for something else.
        """
        return "" if self.request is msgspec.UNSET else self.request

    @property
    def has_more(self) -> bool:
        """Whether another batch of containers is to be patched after this one."""
        return self.batches is not msgspec.UNSET and self.batch + 1 < self.batches

    @property
    def is_result(self) -> bool:
        """Whether it is over, and stays for a while for whoever asks what became of it."""
        return self.kept_until is not msgspec.UNSET and not self.in_flight

    def is_kept(self, now: datetime) -> bool:
        """Whether that while is not over. Longer than any attempt can last nothing is kept."""
        return self.kept_until is not msgspec.UNSET and now < self.kept_until <= now + LONGEST + SKEW

    @property
    def is_ours(self) -> bool:
        """Whether the controller works on this attempt."""
        return self.by is msgspec.UNSET

    def is_timely(self, now: datetime, grace: timedelta) -> bool:
        """Whether an attempt that has begun by now can have this deadline: what waits for another waits for ever.

        `grace`: the grace period of the Pod.
        """
        return self.deadline <= now + (LONGEST + SKEW if self.is_ours else FARTHEST_COMMAND + grace)


class Unreadable(Struct, frozen=True, gc=False):
    """A record that this version cannot decode: damaged, or of another version, and then `version` is which."""

    text: str
    why: str
    version: int | None = None


def read(pod: Pod) -> Record | Unreadable | None:
    """The record on the Pod, whoever wrote it, or None. What is decided of a workload goes by `of`."""
    text = pod.metadata.annotation(names.STATE)
    return None if text is None else decode(text)


def of(pod: Pod, workload: str) -> Record | Unreadable | None:
    """The record that an upgrade of the workload with this uid keeps on the Pod, or None.

    A record of another workload is none: it came with a Pod that was restored from a backup, or was orphaned and
    adopted by a workload that was created anew, and nobody acts on it any more.
    """
    record = read(pod)
    return None if isinstance(record, Record) and record.workload != workload else record


def is_left(pod: Pod) -> bool:
    """Whether the Pod has a record that goes when its workload is opted out.

    What a command has done for a request of its own stays: it is how that goes on, and goes back, opted in or not. The
    result of a restart has a time of its own (`result`).
    """
    record = read(pod)
    if isinstance(record, Record) and not record.in_flight:
        return not (record.requested or record.is_result)
    return record is not None


def result(pod: Pod) -> Record | None:
    """What a command has done, and left to be read for a while."""
    record = read(pod)
    return record if isinstance(record, Record) and record.is_result else None


def largest(images: Mapping[str, tuple[str, str]], sizes: Mapping[str, Resized]) -> int:
    """How many characters the record of an attempt may come to have that swaps these containers, from and to these
    images, and resizes those: each image stands in it twice, the second time with the digest that runs.
    """
    each = (len(name) + 3 * max(len(old), len(new)) for name, (old, new) in images.items())
    resized = sum(_RESIZED + len(name) + len(one.from_) + len(one.to) for name, one in sizes.items())
    return _FRAME + sum(each) + _BASELINE * len(images) + resized


def decode(text: str) -> Record | Unreadable:
    """Decode a record; total on any input, and in time and memory that are bounded."""
    if len(text) > LIMIT:
        return Unreadable("", f"{len(text)} characters, and a record has at most {LIMIT}")
    return _decode(text)


@memoised(4096, largest=LIMIT)
def _decode(text: str) -> Record | Unreadable:
    version = versions.foreign(text)
    if version is not None:
        return Unreadable(text, versions.why(version), version)
    try:
        record = replace(_DECODER.decode(text), others=versions.others(text, Record))
    except UNREADABLE as error:
        return Unreadable(text, str(error))
    changed_at = record.started_at if record.ready_changed_at is msgspec.UNSET else record.ready_changed_at
    kept_until = record.started_at if record.kept_until is msgspec.UNSET else record.kept_until
    times = (record.started_at, record.deadline, changed_at, kept_until)
    if any(not 2000 <= at.year < 9000 for at in times):
        return Unreadable(text, "a time that cannot be reckoned with")
    if any(at.tzinfo is None for at in times):
        return Unreadable(text, "a time without a time zone")
    if record.batches is not msgspec.UNSET and not 0 <= record.batch < record.batches <= MAX_BATCHES:
        return Unreadable(text, "a batch that there is not")
    foreign = next((one.evidence for one in record.containers.values() if one.evidence not in _EVIDENCE), None)
    return record if foreign is None else Unreadable(text, f"no evidence that there is: {foreign[:40]!r}")


def encode(record: Record) -> str:
    """Encode a record: times in RFC 3339, UTC."""
    return versions.encode(record, record.others).decode()


_DECODER: Final = msgspec.json.Decoder(Record)
_EVIDENCE: Final = frozenset({"", *Evidence})
