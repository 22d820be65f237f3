"""`make image PUSH=…`: into any registry, with what belongs to the image; and a clear word where it does not work."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from base64 import b64encode
from contextlib import contextmanager

import pytest

from hack.cluster import api, packages
from hack.cluster.settings import ClusterError
from hack.image import oci, publish, sbom
from hack.image.tree import Tree

USER = "robot"
PASSWORD = "secret"
#: Of that password: docker-registry takes bcrypt only.
BCRYPT = "$2b$04$18k6rjiYF4CK1SzW3bUhB.61jS1KUMCaYbbaC/MINGMkQNuPwvkR2"
INDEX = "application/vnd.oci.image.index.v1+json"


@pytest.fixture(autouse=True)
def skopeo():
    packages.ensure({"skopeo": "skopeo"})


@pytest.fixture
def layout(tmp_path):
    """An image as `make image` leaves it, but small."""
    tree = Tree()
    tree.write("etc/os-release", f"made in {tmp_path}")
    image = oci.image([oci.Layer.of("test", tree.layer(7))], {"Labels": {"a": "b"}}, 7)
    oci.write(image, tmp_path / "layout", "1", [oci.referrer(image, sbom.MEDIA_TYPE, b'{"bill": true}', {"made": "7"})])
    return tmp_path / "layout"


class Registry:
    """One that the test looks into by itself."""

    def __init__(self, address, *, tls=None, authorization=""):
        self.address, self.certificate = address, tls
        self._base = f"{'https' if tls else 'http'}://{address}/v2"
        self._context = ssl.create_default_context(cafile=tls) if tls else None
        self._headers = {"Authorization": authorization} if authorization else {}

    def get(self, path, accept=oci.MANIFEST):
        request = urllib.request.Request(f"{self._base}/{path}", headers={"Accept": accept, **self._headers})
        with urllib.request.urlopen(request, context=self._context, timeout=10) as answer:
            return answer.read()

    def bill_of(self, repository, digest):
        """By the tag of the specification, for a registry that knows no referrers."""
        manifest = self.referrers(repository, digest)[sbom.MEDIA_TYPE]
        return self.get(f"{repository}/blobs/{manifest['layers'][0]['digest']}")

    def referrers(self, repository, digest):
        index = json.loads(self.get(f"{repository}/manifests/{oci.referrers_tag(digest)}", INDEX))
        manifests = [json.loads(self.get(f"{repository}/manifests/{one['digest']}")) for one in index["manifests"]]
        assert {one["subject"]["digest"] for one in manifests} == {digest}
        return {one["artifactType"]: one for one in manifests}


@contextmanager
def served(folder, port, *, tls):
    """docker-registry, with TLS and a password, or with neither."""
    settings = [f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}"]
    crt, key = folder / "ca.crt", folder / "tls.key"
    listen = f"addr: 127.0.0.1:{port}"
    if tls:
        names = ("-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1")
        made = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(crt), *names)
        subprocess.run(["openssl", *made], check=True, capture_output=True)
        (folder / "passwords").write_text(f"{USER}:{BCRYPT}\n")
        settings.append(f"auth: {{htpasswd: {{realm: test, path: {folder}/passwords}}}}")
        listen += f", tls: {{certificate: {crt}, key: {key}}}"
    (folder / "registry.yml").write_text("\n".join([*settings, f"http: {{{listen}}}"]))
    command = [packages.find("docker-registry") or "docker-registry", "serve", str(folder / "registry.yml")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            authorization = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode() if tls else ""
            registry = Registry(f"127.0.0.1:{port}", tls=crt if tls else None, authorization=authorization)
            for _ in range(100):
                try:
                    registry.get("")
                    break
                except (urllib.error.URLError, FileNotFoundError):
                    time.sleep(0.1)
            yield registry
        finally:
            process.terminate()


@pytest.fixture
def guarded(tmp_path, unused_tcp_port):
    with served(tmp_path, unused_tcp_port, tls=True) as registry:
        yield registry


def test_the_image_and_its_bill_are_in_the_clusters_registry(layout):
    image, registry = oci.read(layout), Registry(api.current().registry)
    reference = f"{registry.address}/published/inplace:1"
    for _ in range(2):  # the second time everything is there
        publish.push(layout, "1", reference, tls=False)
        assert registry.get("published/inplace/manifests/1") == image.manifest
        assert registry.bill_of("published/inplace", image.digest) == b'{"bill": true}'


def test_what_others_have_said_of_the_image_stays(layout, tmp_path):
    image, registry = oci.read(layout), Registry(api.current().registry)
    signature_type = "application/vnd.example.signature"
    signature = oci.referrer(image, signature_type, b"signed", {})
    oci.write(image, tmp_path / "signed", "1", [signature])
    for folder in (tmp_path / "signed", layout):
        publish.push(folder, "1", f"{registry.address}/published/signed:1", tls=False)
    assert set(registry.referrers("published/signed", image.digest)) == {sbom.MEDIA_TYPE, signature_type}


@pytest.fixture
def trusted(guarded, monkeypatch):
    """The registry's certificate is trusted, for skopeo."""
    monkeypatch.setenv("SSL_CERT_FILE", str(guarded.certificate))
    return guarded


def _log_in(home, monkeypatch, configuration):
    (home / ".docker").mkdir()
    (home / ".docker/config.json").write_text(json.dumps(configuration))
    for name in ("XDG_RUNTIME_DIR", "REGISTRY_AUTH_FILE", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))


def test_with_tls_and_dockers_credentials(layout, trusted, tmp_path, monkeypatch):
    auth = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    _log_in(tmp_path, monkeypatch, {"auths": {trusted.address: {"auth": auth}}})
    publish.push(layout, "1", f"{trusted.address}/inplace:1")
    assert trusted.bill_of("inplace", oci.read(layout).digest) == b'{"bill": true}'


def test_with_a_credential_helper(layout, trusted, tmp_path, monkeypatch):
    helper = tmp_path / "docker-credential-test"
    helper.write_text(f'#!/bin/sh\necho \'{{"Username": "{USER}", "Secret": "{PASSWORD}"}}\'\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    _log_in(tmp_path, monkeypatch, {"credHelpers": {trusted.address: "test"}})
    publish.push(layout, "1", f"{trusted.address}/inplace:1")
    assert trusted.get("inplace/manifests/1") == oci.read(layout).manifest


def test_what_is_wrong_is_said_with_what_to_do(layout, guarded, tmp_path, monkeypatch, unused_tcp_port_factory):
    plain, nothing = api.current().registry, f"127.0.0.1:{unused_tcp_port_factory()}"
    _log_in(tmp_path, monkeypatch, {})
    for address, said in (
        (plain, "it speaks plain HTTP: make image PUSH=… PLAIN_HTTP=1"),
        (guarded.address, "its certificate is not trusted here"),
        (nothing, "nothing answers there"),
    ):
        with pytest.raises(ClusterError, match=said):
            publish.push(layout, "1", f"{address}/inplace:1")
    with pytest.raises(ClusterError, match="log in first"):
        publish.push(layout, "1", f"{guarded.address}/inplace:1", tls=False)
