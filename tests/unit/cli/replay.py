"""An upgrade of 500 Pods in the live view, from its first Pod to its last: python -m tests.unit.cli.replay"""

from __future__ import annotations

import time

from inplace.cli.render.screen import Screen
from tests.factories import NOW
from tests.unit.cli.showing import pod, pods, status, workload

TOTAL = 500


def main() -> None:
    """The pictures one after the other, as `inplace status --watch` draws them."""
    with Screen(lambda: NOW) as screen:
        screen.tell("note: cannot list nodes: node readiness and node images are unknown", err=True)
        for done in range(0, TOTAL - 3, 7):
            shown = pods(done, TOTAL - 3 - done)
            screen.draw(status(shown), workload(*shown))
            time.sleep(0.05)
        over = tuple(pod(number, "Done") for number in range(TOTAL))
        screen.draw(status(over), workload(*over))


if __name__ == "__main__":
    main()
