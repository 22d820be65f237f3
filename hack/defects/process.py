"""The process and its memory: what it holds on to, whom it waits for, and how it ends."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect, not_checked

KEPT: Final = "unit/cluster/test_kept.py"
LEASE: Final = "unit/kube/test_lease.py"
REFLECTOR: Final = "unit/kube/test_reflector.py"
HTTP: Final = "unit/serve/test_http.py"
APPLY: Final = "unit/controller/test_apply.py"
PROBE: Final = "unit/controller/test_freeze_probe.py"
LATE: Final = "faults/test_opting_in_late.py"

DEFECTS: Final = (
    # --- memory
    Defect(
        "look below a workload that is nobody's for records of Pods alone",
        "cluster/gather.py",
        "return recorded or any(child.metadata.annotation(names.TEMPLATES) is not None for child in owned.children)",
        "return recorded",
        ("unit/cluster/test_kept.py::test_a_workload_is_read_whole_for_what_is_left_below_it",),
    ),
    Defect(
        "keep the templates of what nobody has opted in",
        "cluster/kept.py",
        "        template=left.template,\n",
        "        template=found.spec.template.copy(),\n",
        (KEPT,),
    ),
    Defect(
        "hold on to the page that a template came in",
        "cluster/kept.py",
        "            template=spec.template.copy(),\n",
        "            template=spec.template,\n",
        (KEPT,),
    ),
    Defect(
        "plan with the rest of a workload",
        "cluster/gather.py",
        "    if partial:\n",
        "    if partial and memory is None:\n",
        (KEPT, LATE),
    ),
    Defect(
        "never let go of what is opted out",
        "controller/handlers.py",
        "                shed(self._cache, kind, new)\n",
        "                pass\n",
        (LATE,),
    ),
    Defect(
        "believe that a name alone makes an owner",
        "cluster/kept.py",
        "above is not None and above.metadata.uid == owner.uid and not above.partial",
        "above is not None and not above.partial",
        (KEPT,),
    ),
    Defect(
        "read a page of any size",
        "kube/client.py",
        "most = PAGE_BYTES if size > 1 else bodies.MAX_BYTES",
        "most = 100 * bodies.MAX_BYTES",
        ("unit/kube/test_client.py",),
    ),
    Defect(
        "keep an object as it was when it cannot be read any more",
        "kube/reflector.py",
        "elif (old := self.store.remove((lost.namespace, lost.name))) is not None:",
        "elif (old := None) is not None:",
        (REFLECTOR,),
    ),
    Defect(
        "keep every time at which a key was to be looked at",
        "runtime/queue.py",
        "            self._drop_stale()\n",
        "            pass\n",
        ("unit/runtime/test_queue.py",),
    ),
    Defect(
        "remember large texts",
        "core/objects/memo.py",
        "return remembered(text) if len(text) <= largest else function(text)",
        "return remembered(text)",
        ("unit/core/test_memo.py",),
    ),
    Defect(
        "expect writes to what is gone for ever",
        "kube/expectations.py",
        "            del self._expected[oldest]\n",
        "            break\n",
        ("unit/kube/test_expectations.py",),
    ),
    # --- the lease, and the end
    Defect(
        "take a lease that was deleted under its holder",
        "kube/lease.py",
        "            if self._seen is not None and self._clock.monotonic() < self._ends_at(self._seen):\n",
        "            if self._seen is None and self._clock.monotonic() < 0:\n",
        (LEASE,),
    ),
    Defect(
        "release the lease while a write is on its way",
        "kube/lease.py",
        "            if led and self._may_release():\n",
        "            if led:\n",
        (LEASE, "faults/test_stop.py"),
    ),
    Defect(
        "cut off the writes in flight at the end",
        "controller/apply.py",
        "            await asyncio.wait(self._tasks, timeout=WRITE_SECONDS)\n",
        "            await asyncio.sleep(0)\n",
        ("faults/test_stop.py",),
    ),
    Defect(
        "believe that a write without an answer was not made",
        "controller/apply.py",
        "        if error.outcome_unknown:\n            self._doubt()\n",
        "",
        (APPLY,),
    ),
    # --- caches
    Defect(
        "wait for ever for a right to what protects Pods",
        "controller/app.py",
        "reflector.wait_answered() if name in OPTIONAL else reflector.wait_synced()",
        "reflector.wait_synced()",
        ("faults/test_optional_caches.py",),
    ),
    Defect(
        "take a cache that was never filled for empty",
        "kube/reflector.py",
        "        return self.problem if lasts or not self._filled.is_set() else None\n",
        "        return self.problem if lasts and self._filled.is_set() else None\n",
        (REFLECTOR, "faults/test_optional_caches.py"),
    ),
    not_checked("stale_cache", "begin on caches that are out of date", "unit/core/test_holds.py"),
    Defect(
        "wait ten minutes for a watch that is dead",
        "controller/app.py",
        "WATCH_SECONDS: Final = (20.0, 25.0)",
        "WATCH_SECONDS: Final = (300.0, 600.0)",
        (REFLECTOR,),
    ),
    # --- whoever has the port, and time
    Defect(
        "wait for ever for the end of a request",
        "serve/guard.py",
        "        self._timer = asyncio.get_running_loop().call_later(STEP_SECONDS, self.abort)\n",
        "        self._timer = None\n",
        (HTTP,),
    ),
    Defect(
        "accept any number of connections",
        "serve/guard.py",
        "        if len(self._open) > MAX_CONNECTIONS:\n",
        "        if len(self._open) > 1000 * MAX_CONNECTIONS:\n",
        (HTTP,),
    ),
    Defect(
        "encode the metrics for every scrape",
        "serve/http.py",
        "        if now >= until:\n",
        "        if until:\n",
        (HTTP,),
    ),
    Defect(
        "let whoever sets the clock move every deadline",
        "runtime/clock.py",
        "        return began + timedelta(seconds=self._own.monotonic() - at)\n",
        "        return self._own.now()\n",
        ("unit/runtime/test_clock.py",),
    ),
    Defect(
        "probe every namespace every ten seconds, however many there are",
        "controller/freeze_probe.py",
        "max(PERIOD, len(self._subjects) / PER_SECOND)",
        "PERIOD",
        (PROBE,),
    ),
    Defect(
        "say once only where the loop stands",
        "runtime/watchdog.py",
        "            if due > said:\n",
        "            if due == 1 and not said:\n",
        ("unit/runtime/test_watchdog.py",),
    ),
)
