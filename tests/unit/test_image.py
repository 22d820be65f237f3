"""The image's bytes follow from the files alone; what a layout is given, it gives back."""

from __future__ import annotations

import io
import tarfile

from hack.image import debian, oci, wheels
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


def test_an_image_is_read_as_it_was_written(tmp_path):
    image = oci.image([oci.Layer.of("one", made("a").layer(7)), oci.Layer.of("two", made("b").layer(7))], {}, 7)
    oci.write(image, tmp_path, "1")
    assert oci.read(tmp_path) == image
    assert image.digest == oci.digest(image.manifest)


def test_every_package_is_locked():
    assert [one.name for one in debian.locked()] == list(debian.PACKAGES)
    assert all(len(one.sha256) == 64 for one in debian.locked())
    lines = [line for line in wheels.LOCK.read_text().splitlines() if not line.startswith("#")]
    assert lines
    assert all("==" in line and "--hash=sha256:" in line for line in lines)


def test_the_image_has_the_product_and_no_model_of_a_cluster():
    paths = list(wheels.ours().paths())
    assert f"{wheels.SITE}/inplace/cli/app.py" in paths
    assert "opt/inplace/bin/inplace" in paths
    assert not any("kubesim" in path or "__pycache__" in path for path in paths)
