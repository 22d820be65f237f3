"""Kubeconfigs with flags and variables, each as somebody may have it: what the matrix compares with kubectl.

In the texts `$a` is the address of a server of `recording`, `$ca_crt` the path of a file beside it and `$ca_crt_data`
its content in base64; `$here` is the folder of the case.
"""

from __future__ import annotations

import base64
import json
from typing import Any, Final, NamedTuple

PLUGIN: Final = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}
TRUSTED: Final = {"certificate-authority": "$ca_crt"}
#: By a flag.
TRUST: Final[dict[str, Any]] = {"certificate_authority": "$ca_crt"}
PROXIED: Final = "https://api.cluster.test:6443"
#: An id-token that is good until the year 2100, and one that has expired.
FRESH, STALE = (
    ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "x"}, claims, {})
    )
    for claims in ({"exp": 4102444800}, {"exp": 1600000000})
)


class Case(NamedTuple):
    """Files by their path below the folder of the case, variables, and kubectl's flags."""

    files: dict[str, Any]
    flags: dict[str, str]
    environment: dict[str, str]
    #: Why another outcome than kubectl's is right.
    differs: str = ""
    #: The minor version of kubectl that is the first to do so.
    since: int = 0


def config(
    user: Any = None, cluster: Any = None, *, server: str = "https://$a", name: str = "x", **context: Any
) -> dict[str, Any]:
    """A kubeconfig of one context."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": server, **(TRUSTED if cluster is None else cluster)}}],
        "users": [{"name": name, "user": {"token": "abc"} if user is None else user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, **context}}],
    }


def case(
    found: Any = None, /, *, files: Any = None, env: Any = None, differs: str = "", since: int = 0, **flags: Any
) -> Case:
    """A case of the file `config`, with others beside it, or of `files` alone."""
    held = dict(files or {})
    if found is not None:
        held["config"] = found
    named = {name.replace("_", "-"): value for name, value in flags.items()}
    if "kubeconfig" not in named and "KUBECONFIG" not in (env or {}) and found is not None:
        named["kubeconfig"] = "$here/config"
    return Case(held, named, dict(env or {}), differs, since)


def user(entry: Any, **more: Any) -> Case:
    """A case of a user."""
    return case(config(entry), **more)


def cluster(entry: Any, *, server: str = "https://$a", **more: Any) -> Case:
    """A case of a cluster."""
    return case(config(None, entry, server=server), **more)


def plugin(body: str, entry: Any = None, /, **more: Any) -> Case:
    """A case of an exec plugin that is this script of a shell."""
    run = {**PLUGIN, "command": "./plugin.sh", **(entry or {})}
    files = {"plugin.sh": f"#!/bin/sh\n{body}\n", **more.pop("files", {})}
    return case(config({"exec": run}), files=files, **more)


def answer(**status: Any) -> str:
    """The script of a plugin that answers with this."""
    about = {"apiVersion": PLUGIN["apiVersion"], "kind": "ExecCredential", "status": status}
    return f"cat <<'END'\n{json.dumps(about)}\nEND"


#: The script of a plugin whose token is what it was told, without what a header may not hold.
TELLS: Final = "TOLD=$$(printf %s \"$$KUBERNETES_EXEC_INFO\" | tr -d '\\n\"' | tr '{}' '()')\n" + answer(
    token="$$TOLD"
).replace("'END'", "END")


def proxied(no_proxy: str, *, server: str = PROXIED, **more: str) -> Case:
    """A case of a proxy of the environment, with exceptions."""
    return case(config(server=server), env={"HTTPS_PROXY": "http://$proxy", "NO_PROXY": no_proxy, **more})


def text(body: str, **more: Any) -> Case:
    """A case of a file that is written so."""
    return case(body, **more)


def oidc(**fields: str) -> dict[str, Any]:
    """A user of an identity provider."""
    return {
        "auth-provider": {"name": "oidc", "config": {"client-id": "i", "idp-issuer-url": "https://$strange", **fields}}
    }


JANE: Final = {"client-certificate": "$jane_crt", "client-key": "$jane_key"}
JANE_DATA: Final = {"client-certificate-data": "$jane_crt_data", "client-key-data": "$jane_key_data"}
SEVERAL: Final = {
    "apiVersion": "v1",
    "clusters": [
        {"name": "x", "cluster": {"server": "https://$a", **TRUSTED}},
        {"name": "y", "cluster": {"server": "https://$b", **TRUSTED}},
    ],
    "users": [{"name": "x", "user": {"token": "of-x"}}, {"name": "y", "user": {"token": "of-y"}}],
    "contexts": [
        {"name": "x", "context": {"cluster": "x", "user": "x"}},
        {"name": "y", "context": {"cluster": "y", "user": "y"}},
        {"name": "mixed", "context": {"cluster": "y", "user": "x"}},
        {"name": "nobody", "context": {"cluster": "x"}},
        {"name": "nowhere", "context": {"cluster": "none", "user": "x"}},
        {"name": "who", "context": {"cluster": "x", "user": "none"}},
    ],
    "current-context": "x",
}
AS: Final[dict[str, Any]] = {"as": "jane"}  # which is a word of Python
PLAIN_TEXT: Final = """
apiVersion: v1
kind: Config
current-context: x
clusters: [{name: x, cluster: {server: "https://$a", certificate-authority: $ca_crt}}]
contexts: [{name: x, context: {cluster: x, user: x}}]
users: [{name: x, user: {token: abc}}]
"""
LOCALHOST: Final = (
    "kubectl falls back to localhost:8080, which is hardly ever what was meant: the file is named instead"
)

USERS: Final = {
    "a token": user({"token": "abc"}),
    "a password": user({"username": "u", "password": "p:q"}),
    "a name without a password": user({"username": "u"}),
    "a token's file": user({"tokenFile": "token"}, files={"token": "fresh\n"}),
    "a token's file before a token": user({"token": "stale", "tokenFile": "token"}, files={"token": "fresh\n"}),
    "a token when its file is gone": user({"token": "stale", "tokenFile": "none"}),
    "a token's file that is gone": user({"tokenFile": "none"}),
    "a token's file that is empty": user({"tokenFile": "token"}, files={"token": "\n"}),
    "a token's file in another folder": case(files={"x/config": config({"tokenFile": "../below/token"}), "below/token": "t"}, kubeconfig="$here/x/config"),  # noqa: E501
    "a token and a password": user({"token": "abc", "username": "u", "password": "p"}),
    "a certificate": user(JANE),
    "a certificate in the file": user(JANE_DATA),
    "a certificate and a token": user({**JANE, "token": "abc"}),
    "a certificate without a key": user({"client-certificate": "$jane_crt"}),
    "a certificate twice": user({**JANE, "client-certificate-data": "$joe_crt_data"}),
    "a certificate with another's key": user({**JANE, "client-key": "$joe_key"}),
    "a certificate that is gone": user({**JANE, "client-certificate": "none.crt"}),
    "a certificate that is none": user({**JANE_DATA, "client-certificate-data": "Zm9v"}),
    "a certificate not in base64": user({**JANE_DATA, "client-certificate-data": "%%%"}),
    "nobody": user({}),
    "fields that are null": user({"token": "abc", "exec": None, "client-certificate": None, "as-groups": None}),
    "fields that are empty": user({"token": "abc", "tokenFile": "", "username": "", "as": ""}),
    "a token that is a number": user({"token": 12345}),
    "a field that nobody knows": user({"token": "abc", "Token": "x", "colour": "red"}),
    "who to count as": user({"token": "t", "as": "jane", "as-uid": "7", "as-groups": ["a", "b"], "as-user-extra": {"Why/so": ["r", "s"]}}),  # noqa: E501
    "groups of nobody": user({"token": "t", "as-groups": ["a"]}),
    "groups that are text": user({"token": "t", "as": "jane", "as-groups": "a"}),
    "another to count as": user({"token": "t", "as": "jane", "as-groups": ["a"]}, **{"as": "joe"}),
    "an id-token": user(oidc(**{"id-token": FRESH})),
    "an id-token and a token": user({**oidc(**{"id-token": FRESH}), "token": "abc"}),
    "an id-token and a certificate": user({**oidc(**{"id-token": FRESH}), **JANE}),
    "an id-token that has expired": user(oidc(**{"id-token": STALE})),
    "an id-token that is none": user(oidc(**{"id-token": "abc"})),
    "no id-token": user(oidc()),
    "a provider that nobody knows": user({"auth-provider": {"name": "gcp", "config": {"access-token": "x"}}}),
    "a provider and a plugin": user({**oidc(**{"id-token": FRESH}), "exec": {**PLUGIN, "command": "true"}}),
}  # fmt: skip

PLUGINS: Final = {
    "a plugin's token": plugin(answer(token="of-plugin")),
    "a plugin's certificate": plugin(answer(clientCertificateData="$jane_crt_text", clientKeyData="$jane_key_text")),
    "a plugin's certificate and token": plugin(answer(token="t", clientCertificateData="$jane_crt_text", clientKeyData="$jane_key_text")),  # noqa: E501
    "a plugin's certificate with another's key": plugin(answer(clientCertificateData="$jane_crt_text", clientKeyData="$joe_key_text")),  # noqa: E501
    "a plugin of a former version": plugin(answer(token="t").replace("k8s.io/v1", "k8s.io/v1beta1"), {"apiVersion": "client.authentication.k8s.io/v1beta1", "interactiveMode": None}),  # noqa: E501
    "a plugin that answers in another version": plugin(answer(token="t").replace("k8s.io/v1", "k8s.io/v1beta1")),
    "a plugin of a version that is gone": plugin(answer(token="t"), {"apiVersion": "client.authentication.k8s.io/v1alpha1"}),  # noqa: E501
    "a plugin of no mode": plugin(answer(token="t"), {"interactiveMode": None}),
    "a plugin of a mode that nobody knows": plugin(answer(token="t"), {"interactiveMode": "Sometimes"}),
    "a plugin that needs a terminal": plugin(answer(token="t"), {"interactiveMode": "Always"}),
    "a plugin that may have a terminal": plugin(answer(token="t"), {"interactiveMode": "IfAvailable"}),
    "a plugin that is not there": plugin(answer(token="t"), {"command": "no-such-plugin", "installHint": "get it"}),
    "a plugin of the path": plugin(answer(token="of-path"), {"command": "plugin.sh"}, env={"PATH": "$here:$path"}),
    "a plugin without a command": plugin(answer(token="t"), {"command": ""}),
    "a plugin with arguments and variables": plugin(answer(token="$$1-$$MORE-$$NULL").replace("<<'END'", "<<END"), {"args": ["one"], "env": [{"name": "MORE", "value": "two"}, {"name": "NULL", "value": None}]}),  # noqa: E501
    "a plugin's variable without a name": plugin(answer(token="t"), {"env": [{"value": "two"}]}),
    "a plugin that fails": plugin(f"{answer(token='t')}\nexit 3"),
    "a plugin that talks": plugin(f"head -c 600000 /dev/zero >&2\n{answer(token='talks')}"),
    "a plugin that answers no JSON": plugin("echo hello"),
    "a plugin that answers in YAML": plugin("echo 'apiVersion: client.authentication.k8s.io/v1\nkind: ExecCredential\nstatus: {token: of-yaml}'"),  # noqa: E501
    "a plugin that answers another kind": plugin(answer(token="t").replace("ExecCredential", "Other")),
    "a plugin that answers nulls": plugin(answer(token="nulls", clientKeyData=None, clientCertificateData=None, expirationTimestamp=None)),  # noqa: E501
    "a plugin that answers nothing": plugin(answer()),
    "a plugin that answers a number": plugin(answer(token=7)),
    "a plugin that answers a certificate alone": plugin(answer(token="t", clientCertificateData="x")),
    "a plugin that answers no time": plugin(answer(token="t", expirationTimestamp="tomorrow")),
    "a plugin's token that has expired": plugin(answer(token="old", expirationTimestamp="2020-01-01T00:00:00Z")),
    "a plugin of who has a token": case(config({"token": "abc", "exec": {**PLUGIN, "command": "/none"}})),
    "a plugin of who has a certificate": case(config({**JANE, "exec": {**PLUGIN, "command": "/none"}})),
    "a plugin that is told of the cluster": case(
        {
            **config({"exec": {**PLUGIN, "command": "./plugin.sh", "provideClusterInfo": True}}),
            "clusters": [{"name": "x", "cluster": {"server": "https://$a/p", **TRUSTED, "tls-server-name": "api.cluster.test", "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "me"}}]}}],  # noqa: E501
        },
        files={"plugin.sh": f"#!/bin/sh\n{TELLS}\n"},
        since=34,
    ),
    "a plugin that is told no more than it asks for": plugin(TELLS),
    "a plugin over plain HTTP": case(config({"exec": {**PLUGIN, "command": "/none"}}, {}, server="http://$plain")),
}  # fmt: skip

CLUSTERS: Final = {
    "an authority": cluster(TRUSTED),
    "an authority beside the file": cluster({"certificate-authority": "ca.crt"}, files={"ca.crt": "$ca_crt_raw"}),
    "an authority in the file": cluster({"certificate-authority-data": "$ca_crt_data"}),
    "an authority twice": cluster({**TRUSTED, "certificate-authority-data": "$ca_crt_data"}),
    "an authority that is gone": cluster({"certificate-authority": "none.crt"}),
    "an authority that is none": cluster({"certificate-authority-data": "Zm9v"}),
    "an authority of another": cluster(TRUSTED, server="https://$strange"),
    "no authority": cluster({}),
    "no authority and capitals": cluster({}, server="HTTPS://$strange"),
    "who does not verify": cluster({"insecure-skip-tls-verify": True}, server="https://$strange"),
    "who does not verify and has an authority": cluster({"insecure-skip-tls-verify": True, **TRUSTED}),
    "the server's own certificate": cluster({"certificate-authority": "$server_crt"}),
    "another name": cluster({**TRUSTED, "tls-server-name": "api.cluster.test"}),
    "a name that it does not have": cluster({**TRUSTED, "tls-server-name": "other.test"}),
    "a path": cluster(None, server="https://$a/k8s/clusters/c-1/", since=34),
    "a path and a query": cluster(None, server="https://$a/k8s?x=1#y", since=34),
    "a slash": cluster(None, server="https://$a/"),
    "plain HTTP": cluster({}, server="http://$plain"),
    "plain HTTP and who to count as": case(config({"token": "t", "as": "jane"}, {}, server="http://$plain")),
    "no scheme": cluster({}, server="$plain"),
    "no server": cluster({}, server="", differs=LOCALHOST),
    "another scheme": cluster({}, server="ftp://$plain"),
    "a verification that is text": cluster({"insecure-skip-tls-verify": "yes"}),
}

FLAGS: Final = {
    "--context": case(SEVERAL, context="y"),
    "--context of both": case(SEVERAL, context="mixed"),
    "--context of none": case(SEVERAL, context="none"),
    "--context of nobody": case(SEVERAL, context="nobody"),
    "--context of no cluster": case(SEVERAL, context="nowhere"),
    "--context of no user": case(SEVERAL, context="who"),
    "--cluster": case(SEVERAL, cluster="y"),
    "--cluster of none": case(SEVERAL, cluster="none"),
    "--user": case(SEVERAL, user="y"),
    "--user of a context of nobody": case(SEVERAL, context="nobody", user="y"),
    "--user of none": case(SEVERAL, user="none"),
    "--server": case(SEVERAL, server="https://$b"),
    "--server without a name": case(config(None, {**TRUSTED, "tls-server-name": "other.test"}), server="https://$b"),
    "--tls-server-name": case(SEVERAL, tls_server_name="api.cluster.test"),
    "--token": case(SEVERAL, token="given"),
    "--token of a context of nobody": case(SEVERAL, context="nobody", token="given"),
    "--token before a plugin": case(config({"exec": {**PLUGIN, "command": "/none"}}), token="given"),
    "--token and a password": case(config({"username": "u", "password": "p"}), token="given"),
    "--insecure-skip-tls-verify": case(config(server="https://$strange"), insecure_skip_tls_verify="true"),
    "--certificate-authority": case(
        config(None, {"certificate-authority-data": "Zm9v"}), certificate_authority="$ca_crt"
    ),
    "--certificate-authority of another": case(config(), certificate_authority="$other_ca_crt"),
    "--client-certificate": case(config({}), client_certificate="$joe_crt", client_key="$joe_key"),
    "--client-certificate before another": case(
        config(JANE_DATA), client_certificate="$joe_crt", client_key="$joe_key", since=34
    ),
    "--username": case(config({}), username="u", password="p"),
    "--username beside a token": case(config(), username="u", password="p"),
    "--password of the user's name": case(config({"username": "u", "password": "p"}), password="q"),
    "--username before a plugin": case(config({"exec": {**PLUGIN, "command": "/none"}}), username="u", password="p"),
    "--server without a context": case({"kind": "Config"}, server="https://$a", token="given", **TRUST),
    "--server without a kubeconfig": case(server="https://$a", token="given", **TRUST),
    "--server of a context without a cluster": case(
        {**config(), "contexts": [{"name": "x", "context": {"user": "x"}}]}, server="https://$a", **TRUST
    ),
    "--server and a kubeconfig that is not there": case(
        server="https://$a", token="t", kubeconfig="$here/none", **TRUST
    ),
    "--as": case(SEVERAL, as_group="g", as_uid="7", **AS),
    "--as-group alone": case(SEVERAL, as_group="g"),
}

FILES: Final = {
    "two files": case(files={"1": config({"token": "one"}, name="x"), "2": config({"token": "two"}, name="y", server="https://$b")}, env={"KUBECONFIG": "$here/1:$here/2"}),  # noqa: E501
    "two files of one name": case(files={"1": config({"token": "one"}), "2": config({"token": "two"}, server="https://$b")}, env={"KUBECONFIG": "$here/1:$here/2"}),  # noqa: E501
    "two files that need each other": case(files={"1": {**config(), "users": [], "current-context": ""}, "2": {**config({"token": "two"}), "clusters": []}}, env={"KUBECONFIG": "$here/1:$here/2"}),  # noqa: E501
    "files that are not there or empty": case(files={"1": "", "2": config()}, env={"KUBECONFIG": "$here/none::$here/1:$here/2"}),  # noqa: E501
    "paths of two files": case(files={"below/1": config({"tokenFile": "token"}), "below/token": "below", "2": config(), "token": "no"}, env={"KUBECONFIG": "$here/below/1:$here/2"}),  # noqa: E501
    "the file of the home": case(files={".kube/config": config({"token": "home"})}, env={"HOME": "$here"}),
    "a variable before the home": case(files={".kube/config": config(), "1": config({"token": "one"})}, env={"HOME": "$here", "KUBECONFIG": "$here/1"}),  # noqa: E501
    "a flag before a variable": case(config({"token": "flag"}), files={"1": config()}, env={"KUBECONFIG": "$here/1"}, kubeconfig="$here/config"),  # noqa: E501
    "a colon in the flag": case(files={"a:b/config": config()}, kubeconfig="$here/a:b/config"),
    "a list in the flag": case(files={"1": config(), "2": config()}, kubeconfig="$here/1:$here/2"),
    "a flag of no file": case(files={"1": config()}, env={"KUBECONFIG": "$here/1"}, kubeconfig="$here/none"),
    "an empty file": text("", differs=LOCALHOST),
    "no current context": case({**SEVERAL, "current-context": ""}, differs=LOCALHOST),
    "a current context that is not there": case({**SEVERAL, "current-context": "none"}),
    "lists that are null": case({**config(), "preferences": None, "extensions": None}),
    "YAML": text(PLAIN_TEXT),
    "YAML with a mark of order": text("\ufeff" + PLAIN_TEXT),
    "YAML of two documents": text(PLAIN_TEXT + "---\n" + PLAIN_TEXT.replace("abc", "second")),
    "YAML with a separator first": text("---\n" + PLAIN_TEXT),
    "YAML with anchors": text(PLAIN_TEXT.replace("{token: abc}", "{token: &t abc, as: *t}")),
    "YAML with a key twice": text(PLAIN_TEXT.replace("token: abc", "token: abc, token: second")),
    "YAML with a name that is a number": text(PLAIN_TEXT.replace("user: x", "user: 1").replace("users: [{name: x", "users: [{name: 1")),  # noqa: E501
    "YAML with a name that is a boolean": text(PLAIN_TEXT.replace("current-context: x", "current-context: y").replace("contexts: [{name: x", "contexts: [{name: y")),  # noqa: E501
    "YAML with a boolean in words": text(PLAIN_TEXT.replace("certificate-authority: $ca_crt", "insecure-skip-tls-verify: yes")),  # noqa: E501
    "YAML with a tab": text(PLAIN_TEXT.replace("current-context", "\tcurrent-context")),
    "YAML without a version": text(PLAIN_TEXT.replace("apiVersion: v1", "").replace("kind: Config", "")),
    "YAML of another version": text(PLAIN_TEXT.replace("apiVersion: v1", "apiVersion: v2")),
    "YAML of another kind": text(PLAIN_TEXT.replace("kind: Config", "kind: Pod")),
    "YAML that is a list": text("- a\n"),
    "YAML with two entries of a name": text(PLAIN_TEXT.replace("users: [", "users: [{name: x, user: {token: t}}, ")),
    "JSON with tabs": text(json.dumps(config(), indent="\t")),
    "a namespace that is none": case(config(namespace="Not_One")),
}  # fmt: skip

PROXIES: Final = {
    "a proxy": cluster({**TRUSTED, "proxy-url": "http://$proxy"}, server=PROXIED),
    "a proxy of this machine": cluster({**TRUSTED, "proxy-url": "http://$proxy"}),
    "a proxy with a password": cluster({**TRUSTED, "proxy-url": "http://u:p%40q@$proxy"}, server=PROXIED),
    "a proxy by TLS": cluster({**TRUSTED, "proxy-url": "https://$tls_proxy"}, server=PROXIED),
    "a proxy by TLS of no authority": cluster({"insecure-skip-tls-verify": True, "proxy-url": "https://$tls_proxy"}, server=PROXIED),  # noqa: E501
    "a proxy of another scheme": cluster({**TRUSTED, "proxy-url": "ftp://$proxy"}),
    "a proxy without a scheme": cluster({**TRUSTED, "proxy-url": "$proxy"}),
    "a proxy that is not there": cluster({**TRUSTED, "proxy-url": "http://127.0.0.1:1"}),
    "a proxy for plain HTTP": cluster({"proxy-url": "http://$proxy"}, server="http://api.cluster.test"),
    "a proxy before the environment's": cluster({**TRUSTED, "proxy-url": "http://$proxy"}, server=PROXIED, env={"HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": "*"}),  # noqa: E501
    "the environment's proxy": proxied(""),
    "the environment's proxy in small letters": case(config(server=PROXIED), env={"https_proxy": "http://$proxy"}),
    "the environment's proxy without a scheme": case(config(server=PROXIED), env={"HTTPS_PROXY": "$proxy"}),
    "the environment's proxy for HTTP": case(config(server=PROXIED), env={"HTTP_PROXY": "http://$proxy"}),
    "the environment's proxy for plain HTTP": case(config(None, {}, server="http://api.cluster.test"), env={"HTTP_PROXY": "http://$proxy"}),  # noqa: E501
    "the environment's proxy for all": case(config(server=PROXIED), env={"ALL_PROXY": "http://$proxy"}),
    "the environment's proxy of this machine": case(config(), env={"HTTPS_PROXY": "http://127.0.0.1:1"}),
    "capitals first": case(config(server=PROXIED), env={"HTTPS_PROXY": "http://$proxy", "https_proxy": "http://127.0.0.1:1"}),
    "not for all": proxied("*"),
    "not for the host": proxied("api.cluster.test"),
    "not for its domain": proxied("cluster.test"),
    "not for its domain with a dot": proxied(" .Cluster.Test , x"),
    "not for its domain with a star": proxied("*.cluster.test"),
    "not below the host": proxied(".api.cluster.test"),
    "not for another domain": proxied("luster.test,cluster"),
    "not for its port": proxied("cluster.test:6443"),
    "not for another port": proxied("cluster.test:443"),
    "not for an address": proxied("224.0.2.7", server="https://224.0.2.7:6443"),
    "not for another address": proxied("224.0.2.8", server="https://224.0.2.7:6443"),
    "not for a network": proxied("224.0.2.0/24", server="https://224.0.2.7:6443"),
    "not for another network": proxied("224.0.3.0/24", server="https://224.0.2.7:6443"),
    "not for a part of an address": proxied(".0.2.7", server="https://224.0.2.7:6443"),
}  # fmt: skip

CASES: Final[dict[str, Case]] = {**USERS, **PLUGINS, **CLUSTERS, **FLAGS, **FILES, **PROXIES}
