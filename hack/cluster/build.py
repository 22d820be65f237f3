"""Go programs, compiled once and kept: Kubernetes as one binary, etcd, containerd.

Knows go.mod files, the Go command and the cache folder; knows nothing of clusters. A build is written beside
its place and renamed into it, so that what is there is complete; a lock keeps two builds of one thing apart.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hack.cluster.settings import DEFAULT_KUBERNETES, ETCD, KUBERNETES, RUNTIMES, ClusterError, cache_root

SOURCES = Path(__file__).parent / "go"
COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl")
STAMPED = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


@dataclass(frozen=True)
class Recipe:
    """How one component is made: `programs` maps what is written to the package it is compiled from."""

    component: str
    version: str
    sources: tuple[Path, ...]
    programs: dict[str, str]
    tags: str = ""
    ldflags: str = "-s -w"
    links: tuple[str, ...] = ()
    #: What Go is told besides, such as for which machine.
    environment: dict[str, str] = field(default_factory=dict)

    def folder(self) -> Path:
        """Its place in the cache; a changed source or flag makes another one."""
        flags = (self.programs, self.tags, self.ldflags, self.links, *sorted(self.environment.items()))
        content = hashlib.sha256(repr(flags).encode())
        for source in self.sources:
            content.update(source.name.encode() + b"\0" + source.read_bytes())
        return cache_root() / f"{self.component}-{self.version}-{content.hexdigest()[:8]}"


def kubernetes(minor: str) -> Recipe:
    """The control plane, the kubelet and kubectl of one minor version."""
    version = KUBERNETES[minor]
    major, number = minor.split(".")
    # Without the stamp the server calls itself v0.0.0 and versions cannot be told apart.
    stamp = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": number, "gitTreeState": "clean"}
    flags = [f"-X {package}.{name}={value}" for package in STAMPED for name, value in stamp.items()]
    return Recipe(
        component="kubernetes",
        version=version,
        sources=(*_files(minor), *_files("kubernetes")),
        programs={"kubernetes": "."},
        tags="k8s133" if minor == "1.33" else "",
        ldflags=" ".join(["-s -w", *flags]),
        links=COMPONENTS,
    )


def etcd() -> Recipe:
    """The database, without fsync."""
    return Recipe("etcd", ETCD, _files("etcd"), {"etcd": "."})


def containerd() -> Recipe:
    """The container runtime and its shim."""
    package = "github.com/containerd/containerd/v2/cmd"
    programs = {name: f"{package}/{name}" for name in ("containerd", "containerd-shim-runc-v2")}
    stamp = f"-X github.com/containerd/containerd/v2/version.Version=v{RUNTIMES['2.2']}"
    tags = "no_btrfs,no_devmapper,no_zfs,no_aufs"
    return Recipe("containerd", RUNTIMES["2.2"], _files("containerd"), programs, tags, f"-s -w {stamp}")


def kube_proxy() -> Recipe:
    """What makes Services work; the newest serves every cluster."""
    version = KUBERNETES[DEFAULT_KUBERNETES]
    stamp = " ".join(f"-X {package}.gitVersion=v{version}" for package in STAMPED)
    return Recipe("kube-proxy", version, _files("kube-proxy"), {"kube-proxy": "."}, ldflags=f"-s -w {stamp}")


def judges() -> Recipe:
    """kstatus and Argo CD's rules, as one program that reads objects."""
    return Recipe("judges", "1", _files("judges"), {"judges": "."})


def ensure(recipe: Recipe) -> Path:
    """The folder with the finished programs, compiled now if it is not there."""
    target = recipe.folder()
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.parent / f".{recipe.component}-{recipe.version}.lock"):
        if not target.is_dir():
            _sweep(target.parent, recipe)
            _build(recipe, target)
    return target


def _files(folder: str) -> tuple[Path, ...]:
    return tuple(sorted(path for path in (SOURCES / folder).iterdir() if path.suffix in {".go", ".mod", ".sum"}))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _sweep(cache: Path, recipe: Recipe) -> None:
    """What a killed build left; the lock is ours, so no other process writes there."""
    for leftover in cache.glob(f".{recipe.component}-{recipe.version}.*.tmp"):
        shutil.rmtree(leftover)


def _build(recipe: Recipe, target: Path) -> None:
    if shutil.which("go") is None:
        raise ClusterError(f"{recipe.component} {recipe.version} must be compiled once, and there is no Go here")
    print(f"compiling {recipe.component} {recipe.version} (once, minutes) into {target}", flush=True)
    started = time.monotonic()
    prefix = f".{recipe.component}-{recipe.version}."
    work = Path(tempfile.mkdtemp(prefix=prefix, suffix=".tmp", dir=target.parent))
    try:
        result = _compile(recipe, work)
        result.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"compiled {recipe.component} {recipe.version} in {time.monotonic() - started:.0f} s", flush=True)


def _compile(recipe: Recipe, work: Path) -> Path:
    sources, result = work / "src", work / "bin"
    sources.mkdir()
    result.mkdir()
    for path in recipe.sources:
        shutil.copy(path, sources / path.name)
    for program, package in recipe.programs.items():
        _go(recipe, sources, result / program, package)
    for link in recipe.links:
        (result / link).symlink_to(next(iter(recipe.programs)))
    return result


def _go(recipe: Recipe, sources: Path, output: Path, package: str) -> None:
    # go.mod and go.sum are committed: a build that would change them is an error, not a surprise.
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off", **recipe.environment}
    command = ["go", "build", "-trimpath", "-buildvcs=false", "-tags", recipe.tags, "-ldflags", recipe.ldflags]
    done = subprocess.run(
        [*command, "-o", str(output), package],
        cwd=sources,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        lines = done.stdout.decode(errors="replace").strip().splitlines()
        raise ClusterError(f"go build of {recipe.component} {recipe.version} failed: {' | '.join(lines[-5:])}")
