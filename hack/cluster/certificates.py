"""The serving certificate of the API server, the key of ServiceAccount tokens, the users' tokens.

Knows openssl; knows nothing of who uses what it makes.
"""

from __future__ import annotations

import secrets
import subprocess

from hack.cluster.layout import Layout
from hack.cluster.packages import find
from hack.cluster.settings import NODE, ClusterError

# user -> name and group in Kubernetes
USERS = {
    "admin": ("admin", "system:masters"),
    "kubelet": (f"system:node:{NODE}", "system:nodes"),
    "kube-proxy": ("system:kube-proxy", "system:node-proxier"),
}
# It signs itself and is what clients trust: Python 3.13 and newer refuse such a certificate unless it says that
# it may sign.
_EXTENSIONS = (
    "basicConstraints=critical,CA:TRUE",
    "keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign",
    "extendedKeyUsage=serverAuth",
)


def create(layout: Layout) -> None:
    """Write them all into the state folder."""
    (layout.state / "pki").mkdir(mode=0o700, exist_ok=True)
    names = ("localhost", "kubernetes.default.svc", "kubernetes.default")
    known = [*(f"IP:{one}" for one in ("127.0.0.1", layout.service, layout.gateway)), *(f"DNS:{one}" for one in names)]
    extensions = [
        word for extension in (*_EXTENSIONS, f"subjectAltName={','.join(known)}") for word in ("-addext", extension)
    ]
    _openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", f"/CN=inplace-{layout.name}"),
        *("-keyout", str(layout.state / "pki/apiserver.key"), "-out", str(layout.state / "pki/apiserver.crt")),
        *extensions,
    )
    _openssl("genrsa", "-out", str(layout.state / "pki/service-account.key"), "2048")
    lines = []
    for user, (name, group) in USERS.items():
        token = secrets.token_hex(16)
        (layout.state / "tokens" / user).write_text(token)
        lines.append(f'{token},{name},{user},"{group}"\n')
    (layout.state / "tokens.csv").write_text("".join(lines))


def _openssl(*arguments: str) -> None:
    program = find("openssl") or "openssl"
    done = subprocess.run([program, *arguments], capture_output=True, check=False)
    if done.returncode:
        raise ClusterError(f"openssl {arguments[0]} failed: {done.stderr.decode(errors='replace').strip()[-300:]}")
