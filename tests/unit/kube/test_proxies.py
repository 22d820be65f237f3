"""Which proxy a server is reached through. tests/kubectl/test_connections.py compares with the real kubectl."""

from __future__ import annotations

import pytest
from yarl import URL

from inplace.kube import proxies
from inplace.kube.errors import ConfigError

SERVER = URL("https://api.cluster.test:6443")
PROXY = "http://proxy.test:3128"


def _found(no_proxy, server=SERVER):
    return proxies.find(server, "", {"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy}) == PROXY


@pytest.mark.parametrize(
    "no_proxy",
    [
        "*",
        "api.cluster.test",
        "cluster.test",
        " .Cluster.Test ",
        "*.cluster.test",
        "x,cluster.test:6443",
        "test",
    ],
)
def test_exceptions(no_proxy):
    assert not _found(no_proxy)


@pytest.mark.parametrize(
    "no_proxy", ["", ",", ":6443", ".api.cluster.test", "luster.test", "cluster", "cluster.test:443", "10.0.0.0/8"]
)
def test_what_is_no_exception(no_proxy):
    assert _found(no_proxy)


@pytest.mark.parametrize(
    ("no_proxy", "server", "goes_through"),
    [
        ("10.1.2.3", "https://10.1.2.3", False),
        ("10.1.2.3:443", "https://10.1.2.3", False),
        ("10.1.2.3:444", "https://10.1.2.3", True),
        ("10.1.0.0/16", "https://10.1.2.3", False),
        ("10.2.0.0/16", "https://10.1.2.3", True),
        ("2.3", "https://10.1.2.3", True),
        ("10.1.0.0/no", "https://10.1.2.3", True),
        ("fd00::/8", "https://[fd00::1]:6443", False),
        ("[fd00::1]:6443", "https://[fd00::1]:6443", False),
        ("fd00::1", "https://[fd00::1]:6443", False),
        ("fd00::2", "https://[fd00::1]:6443", True),
        ("", "https://localhost:6443", False),
        ("", "https://127.0.0.2:6443", False),
        ("", "https://[::1]:6443", False),
    ],
)
def test_addresses(no_proxy, server, goes_through):
    assert _found(no_proxy, URL(server)) is goes_through


def test_the_kubeconfigs_has_no_exceptions():
    assert proxies.find(SERVER, PROXY, {"HTTPS_PROXY": "http://other", "NO_PROXY": "*"}) == PROXY


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"https_proxy": PROXY}, PROXY),
        ({"HTTPS_PROXY": "proxy.test:3128"}, PROXY),
        ({"HTTPS_PROXY": "", "https_proxy": PROXY}, PROXY),
        ({"HTTPS_PROXY": PROXY, "https_proxy": "http://other"}, PROXY),
        ({"HTTP_PROXY": PROXY}, ""),
        ({"ALL_PROXY": PROXY}, ""),
    ],
)
def test_variables(environment, expected):
    assert proxies.find(SERVER, "", environment) == expected


@pytest.mark.parametrize(
    "proxy", ["socks5://me:s3cret@proxy.test:1080", "ftp://proxy.test", "me:s3cret@proxy.test", "http://a:b"]
)
def test_one_that_cannot_be_used_is_said_without_its_password(proxy):
    with pytest.raises(ConfigError, match=r"proxy-url .*: expected http://HOST:PORT or https://HOST:PORT") as caught:
        proxies.find(SERVER, proxy, {})
    assert "s3cret" not in str(caught.value)
