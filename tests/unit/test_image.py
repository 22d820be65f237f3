"""The image's bytes follow from the files alone; what a layout is given, it gives back."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from importlib import metadata

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import inplace
from hack.cluster.settings import ClusterError
from hack.image import build, debian, oci, publish, sbom, wheels
from hack.image.tree import Tree, merged


def made(*paths):
    tree = Tree()
    for path in paths:
        tree.write(path, path)
    return tree


def test_a_layer_is_the_same_whatever_the_order_of_its_files():
    assert made("a/b", "c").layer(7) == made("c", "a/b").layer(7)
    assert made("a").layer(7) != made("a").layer(8)


def test_a_layer_has_folders_before_what_is_in_them_and_is_roots():
    with tarfile.open(fileobj=io.BytesIO(made("usr/lib/x", "etc/y").layer(7))) as archive:
        members = archive.getmembers()
    assert [one.name for one in members] == ["etc", "etc/y", "usr", "usr/lib", "usr/lib/x"]
    assert {(one.uid, one.gid, one.mtime) for one in members} == {(0, 0, 7)}


def test_what_debian_has_at_the_root_is_below_usr():
    assert [merged(name) for name in ("./lib/x/libc.so.6", "./usr/bin/y", "./etc/z", "./")] == [
        "usr/lib/x/libc.so.6", "usr/bin/y", "etc/z", "",
    ]  # fmt: skip


def test_a_link_is_read_through():
    tree = made("usr/lib/libx.so.1.2")
    tree.link("usr/lib/libx.so.1", "libx.so.1.2")
    assert tree.read("usr/lib/libx.so.1") == b"usr/lib/libx.so.1.2"


def small(*layers, **labels):
    named = {"org.opencontainers.image.title": "small", "org.opencontainers.image.version": "1", **labels}
    return oci.image([oci.Layer.of("a layer", one.layer(7)) for one in layers], {"Labels": named}, 7)


def test_an_image_is_read_as_it_was_written_with_what_refers_to_it(tmp_path):
    image = small(made("a"), made("b"))
    bill = oci.referrer(image, "application/x-bill", b"{}", {})
    oci.write(image, tmp_path, "1", [bill])
    assert oci.read(tmp_path) == image
    assert oci.referrers(tmp_path) == [bill]
    assert image.digest == oci.digest(image.manifest)
    subject = json.loads(bill.manifest)["subject"]
    assert (subject["digest"], subject["size"]) == (image.digest, len(image.manifest))
    oci.write(image, tmp_path, "1")
    assert oci.referrers(tmp_path) == []
    assert len(list((tmp_path / "blobs/sha256").iterdir())) == 4, "two layers, configuration, manifest"


def test_a_containers_files_are_those_of_all_layers():
    lower, upper = made("etc/a", "etc/b", "opt/x/y"), made("etc/a/.wh.b", "etc/.wh.b", ".wh.opt")
    lower.link("bin", "usr/bin")
    upper.write("etc/a", "new")
    found = small(lower, upper).files()
    assert found == {"etc/a": oci.File(b"new"), "bin": oci.File(link="usr/bin")}


def test_what_an_image_says_of_itself(monkeypatch, capsys):
    monkeypatch.setenv("SOURCE_URL", "https://example.org/inplace/")
    monkeypatch.setenv("SOURCE_REVISION", "0123abc")
    found = build.labels(86400)
    assert found["created"] == "1970-01-02T00:00:00Z"
    assert (found["title"], found["version"], found["licenses"]) == ("inplace", inplace.__version__, "Apache-2.0")
    assert (found["source"], found["revision"]) == ("https://example.org/inplace", "0123abc")
    assert found["documentation"] == "https://example.org/inplace#readme"
    image = small(**{f"org.opencontainers.image.{key}": value for key, value in found.items()})
    assert json.loads(image.manifest)["annotations"] == image.configuration["Labels"]

    monkeypatch.delenv("SOURCE_REVISION")
    monkeypatch.setenv("PATH", "/nowhere")
    assert "revision" not in build.labels(0)
    assert "the image does not name its revision" in capsys.readouterr().err


def test_a_bill_of_materials_names_both_halves():
    tree = made("usr/lib/libz.so.1")
    tree.write("usr/lib/os-release", 'ID=debian\nVERSION_ID="12"\n')
    control = (
        "Package: zlib1g\nSource: zlib (1:1.2)\nVersion: 1:1.2\nArchitecture: amd64\nDescription: compression\n more\n"
    )
    tree.write(f"{debian.STATUS}/zlib1g", control)
    tree.write(f"{debian.STATUS}/zlib1g.md5sums", "0123  lib/libz.so.1\n")
    tree.write(f"{debian.LISTS}/zlib1g.list", "/lib/libz.so.1\n")
    locked = wheels.locked()[0]
    for name, version in (("click", "0"), (locked.name, locked.version)):
        wheel = f"{wheels.SITE}/{name}.dist-info"
        tree.write(f"{wheel}/METADATA", f"Name: {name}\nVersion: {version}\nLicense-Expression: MIT\n\n# Read me\n")
        tree.write(f"{wheel}/RECORD", f"{name}/__init__.py,sha256=x,1\n../../../bin/{name},,\n")
    image = small(tree)
    first, second = (one for one in sbom.packages(image.files()) if one.name in {"zlib1g", "click"})
    assert first.files == {"usr/lib/libz.so.1"}
    assert second.files == {f"{wheels.SITE}/click/__init__.py", "opt/inplace/bin/click"}

    bill = sbom.bill(image, 7)
    assert bill == sbom.bill(image, 7)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill.decode()) is None
    read = json.loads(bill)
    assert read["metadata"]["component"]["hashes"][0]["content"] in image.digest
    components = {one["name"]: one for one in read["components"]}
    assert components["zlib1g"]["purl"] == "pkg:deb/debian/zlib1g@1:1.2?arch=amd64&distro=debian-12&upstream=zlib"
    assert components["click"]["purl"] == "pkg:pypi/click@0"
    assert components[locked.name]["hashes"] == [{"alg": "SHA-256", "content": locked.sha256}]
    assert "hashes" not in components["click"], "another version than that of the lock"


def test_the_build_backend_is_locked_at_the_versions_that_make_test_runs_with():
    text = wheels.BACKEND_LOCK.read_text()
    locked = dict(re.findall(r"^(\S+)==(\S+) \\\n    --hash=sha256:[0-9a-f]{64}$", text, re.MULTILINE))
    assert len(locked) == text.count("--hash=") == text.count("==")
    pinned = dict(line.split("==") for line in (wheels.ROOT / "constraints.txt").read_text().splitlines()[1:])
    assert locked.items() <= pinned.items()
    needed = {
        re.split(r"[ <>=;\[]", one)[0] for one in metadata.requires(wheels.BACKEND) or () if "python_version" not in one
    }
    assert {wheels.BACKEND, *needed} <= locked.keys()
    assert f"-r {wheels.BACKEND_LOCK.relative_to(wheels.ROOT)}" in (wheels.ROOT / "Makefile").read_text()


def test_the_audit_reads_the_locks_that_are_shipped():
    audit = (wheels.ROOT / ".github/workflows/audit.yml").read_text()
    assert set(re.findall(r"--requirement (\S+)", audit)) == {
        str(path.relative_to(wheels.ROOT)) for path in (wheels.LOCK, wheels.BACKEND_LOCK)
    }


def test_the_dockerfile_takes_no_base_by_a_tag():
    text = (wheels.ROOT / "Dockerfile").read_text()
    assert re.findall(r"^ARG BASE.*$", text, re.MULTILINE) == ["ARG BASE"]
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"${BASE}"}


def test_every_package_is_locked():
    assert [one.name for one in debian.locked()] == list(debian.PACKAGES)
    assert all(len(one.sha256) == 64 for one in debian.locked())
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)", (wheels.ROOT / "constraints.txt").read_text(), re.MULTILINE))
    assert {one.name: one.version for one in wheels.locked()}.items() <= pinned.items()
    assert {"aiohttp", "msgspec", "click"} <= {one.name for one in wheels.locked()}


@pytest.fixture
def apt_get(tmp_path, monkeypatch):
    """An archive that has what it is given, `PACKAGE=VERSION` or `PACKAGE` for the newest, and nothing else."""
    program = tmp_path / "bin/apt-get"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")

    def offers(**files):
        cases = "".join(
            f"{one.replace('_is_', '=')}) printf {content} > x_1_all.deb;;" for one, content in files.items()
        )
        program.write_text(f'#!/bin/sh\nfor wanted; do :; done\ncase "$wanted" in {cases} *) exit 100;; esac\n')
        program.chmod(0o755)
        return debian.Locked("x", "1", hashlib.sha256(b"locked").hexdigest()), tmp_path / "cache"

    return offers


def test_a_package_is_the_locked_one_while_it_is_offered(apt_get, capsys):
    package, cache = apt_get(x_is_1="locked", x="newest")
    assert debian.fetch(package, cache).read_bytes() == b"locked"
    apt_get()
    assert debian.fetch(package, cache).read_bytes() == b"locked", "kept"
    assert capsys.readouterr().err == ""


def test_a_package_whose_version_has_gone_is_the_newest_and_that_is_said(apt_get, capsys):
    for content in ("newest", "newer"):  # it is asked for each time
        package, cache = apt_get(x=content)
        assert debian.fetch(package, cache).read_bytes() == content.encode()
        said = capsys.readouterr().err
        assert said.startswith("WARNING: x 1 of debian.lock is no longer offered; the newest is in the image")
        assert "make lock" in said


def test_a_package_with_other_bytes_is_refused(apt_get):
    package, cache = apt_get(x_is_1="tampered", x="newest")
    with pytest.raises(ClusterError, match=r"x 1: its SHA-256 is not the one in debian\.lock"):
        debian.fetch(package, cache)


def test_without_the_package_or_apt_get_the_way_on_is_named(apt_get, monkeypatch):
    package, cache = apt_get()
    with pytest.raises(ClusterError, match="offers no x; run apt-get update first"):
        debian.fetch(package, cache)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ClusterError, match="there is no apt-get here: use the Dockerfile"):
        debian.fetch(package, cache)


@pytest.mark.parametrize(
    "reference", ["inplace", "inplace:1", "r.example/inplace", "r.example/Inplace:1", "r.example/x@sha256:0"]
)
def test_a_reference_without_host_name_or_tag_is_refused(reference, tmp_path):
    with pytest.raises(ClusterError, match=r"give HOST\[:PORT\]/NAME:TAG"):
        publish.push(tmp_path, "1", reference)


@pytest.mark.parametrize("reference", ["localhost/x:1", "127.0.0.1:5000/a/b_c:v1.0", "r.example/inplace:1"])
def test_without_an_image_there_is_nothing_to_push(reference, tmp_path):
    with pytest.raises(ClusterError, match="there is no image yet: make image"):
        publish.push(tmp_path, "1", reference)


def test_the_image_has_the_product_and_no_model_of_a_cluster():
    tree = wheels.ours(7)
    paths = list(tree.paths())
    assert f"{wheels.SITE}/inplace/cli/app.py" in paths
    assert "opt/inplace/bin/inplace" in paths
    assert not any("kubesim" in path or "__pycache__" in path for path in paths)
    (record,) = [
        path for path in paths if path.endswith("kubectl_inplace-" + inplace.__version__ + ".dist-info/RECORD")
    ]
    assert b"inplace/cli/app.py," in tree.read(record)
    assert b"kubesim" not in tree.read(record)


def test_what_the_builder_s_path_decides_is_not_in_the_image(monkeypatch, tmp_path):
    """pip writes programs that name the Python which runs it, and records their hashes."""
    record = "click-8.1.dist-info/RECORD"

    def install(*_arguments, **_options):
        for name in ("bin/click", "click/__init__.py", record):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        lines = ("../../bin/click,sha256=of-a-path,9", "click/__init__.py,sha256=x,0", "click/gone.py,,", f"{record},,")
        (tmp_path / record).write_text("".join(f"{line}\r\n" for line in lines))

    monkeypatch.setattr(wheels, "_pip", install)
    wheels.install(tmp_path, "3.11", "linux-amd64", 7)
    assert (tmp_path / record).read_text() == f"click/__init__.py,sha256=x,0\n{record},,\n"
    assert not (tmp_path / "bin").exists()
