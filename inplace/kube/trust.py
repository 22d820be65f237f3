"""Certificates in memory -> a TLS context, as strict as Go's and no stricter."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inplace.kube.access import Access
from inplace.kube.errors import ConfigError
from inplace.kube.unreachable import address


def context_of(access: Access) -> ssl.SSLContext | None:
    """None for a server without TLS. Raises ConfigError for certificates that cannot be used."""
    if not access.server.startswith("https:"):
        return None
    try:
        return _context(access)
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", None) or " ".join(str(error).split())
        raise ConfigError(f"the certificates of {address(access.server)} cannot be used: {why}") from error


def _context(access: Access) -> ssl.SSLContext:
    authority = None
    if access.authority is not None:
        authority = access.authority.decode("ascii", errors="ignore")  # what is around the certificates may be anything
        if "-----BEGIN CERTIFICATE-----" not in authority:
            raise ValueError("the authority holds no certificate")
    context = ssl.create_default_context(cadata=authority)
    # As Go: whatever is in the authority is trusted, were it an intermediate; a subject's name counts for nothing.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.hostname_checks_common_name = False
    if hasattr(ssl, "VERIFY_X509_STRICT"):
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    credential = access.credential
    if credential.certificate:
        with _file(credential.certificate) as certificate, _file(credential.key) as key:
            context.load_cert_chain(certificate, key, password="")  # or it asks for that of a key that has one
    if not access.is_verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def _file(content: bytes) -> Iterator[str]:
    """A file for a library that reads nothing else: in memory where there is such a thing, else gone at once."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("pem")
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            yield f"/proc/self/fd/{descriptor}"
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pem"
        path.touch(mode=0o600)
        path.write_bytes(content)
        yield str(path)
