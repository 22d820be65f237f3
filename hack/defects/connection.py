"""Who asks which server, and who may listen: the kubeconfig, credentials, certificates and proxies."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

ACCESS: Final = "kube/access.py"
CONNECTION: Final = "kube/connection.py"
KUBECONFIG: Final = "kube/kubeconfig.py"
PLUGIN: Final = "kube/plugin.py"
OF_CONNECTIONS: Final = ("unit/kube/test_connection.py",)
OF_RENEWAL: Final = ("unit/kube/test_renewal.py",)
OF_PLUGINS: Final = ("unit/kube/test_plugin.py",)
OF_PROXIES: Final = ("unit/kube/test_proxies.py",)
OF_FILES: Final = ("unit/kube/test_kubeconfig.py",)

DEFECTS: Final = (
    Defect(
        "let the error of a plugin end the process",
        CONNECTION,
        "        except Exception as error:  # noqa: BLE001",
        "        except OSError as error:  #",
        OF_CONNECTIONS,
    ),
    Defect(
        "run the plugin once for every call that is refused",
        CONNECTION,
        "        if self._renewing is None and self._clock.monotonic() >= self._renewed_at + RENEW_PAUSE:\n",
        "        if True:\n",
        OF_CONNECTIONS,
    ),
    Defect(
        "renew credentials that are not those that were refused",
        CONNECTION,
        '        if (used or "") == self._access.credential.authorization:\n',
        "        if True:\n",
        OF_RENEWAL,
    ),
    Defect(
        "let whoever gives up end the sign-in of all",
        CONNECTION,
        "            await asyncio.shield(renewing)\n",
        "            await renewing\n",
        OF_RENEWAL,
    ),
    Defect(
        "go on with the certificate from before",
        CONNECTION,
        "        if self.tls is not None and _certificates(access) != _certificates(self._access):\n",
        "        if self.tls is not None and False:\n",
        OF_RENEWAL,
    ),
    Defect(
        "never look at the authority again",
        CONNECTION,
        '        self._looked_at = float("-inf")\n',
        "        pass\n",
        OF_RENEWAL,
    ),
    Defect(
        "look at files for every request",
        CONNECTION,
        "        if self._clock.monotonic() >= self._looked_at + LOOK_EVERY:\n",
        "        if True:\n",
        OF_RENEWAL,
    ),
    Defect(
        "send the token where anybody can listen",
        ACCESS,
        '    return server.startswith("https:")\n',
        "    return True\n",
        OF_CONNECTIONS,
    ),
    Defect(
        "send the credential of one cluster to another",
        ACCESS,
        "        if _server(found) != self._server:\n",
        "        if False:\n",
        OF_RENEWAL,
    ),
    Defect(
        "follow the current context of the file",
        ACCESS,
        "        found = kubeconfig.choose(self._path, self.chosen.context, self._flags)\n",
        "        found = kubeconfig.choose(self._path, None, self._flags)\n",
        OF_RENEWAL,
    ),
    Defect(
        "use an id-token that has expired",
        ACCESS,
        "    if now + _MARGIN >= expires:\n",
        "    if False:\n",
        OF_RENEWAL,
    ),
    Defect(
        "connect as nobody",
        ACCESS,
        "    if found == Credential() and user.exec is None:\n",
        "    if False:\n",
        OF_FILES,
    ),
    Defect(
        "take the token before its file",
        ACCESS,
        "    return found or user.token\n",
        "    return user.token or found\n",
        OF_RENEWAL,
    ),
    Defect(
        "let the last file win",
        KUBECONFIG,
        "        self.current = self.current or found.current_context\n",
        "        self.current = found.current_context or self.current\n",
        OF_FILES,
    ),
    Defect(
        "ask the plugin of who has a certificate",
        KUBECONFIG,
        "    return replace(found, exec=None) if certificate else found\n",
        "    return found\n",
        OF_PLUGINS,
    ),
    Defect(
        "keep what a plugin says to itself",
        PLUGIN,
        "stdout=asyncio.subprocess.PIPE, stderr=None\n",
        "stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL\n",
        OF_PLUGINS,
    ),
    Defect(
        "tell every plugin of the cluster",
        PLUGIN,
        "if plugin.provide_cluster_info else {}",
        "if cluster else {}",
        OF_PLUGINS,
    ),
    Defect(
        "let a plugin read what is piped to the command",
        PLUGIN,
        "    stdin = None if interactive else asyncio.subprocess.DEVNULL\n",
        "    stdin = None\n",
        OF_PLUGINS,
    ),
    Defect(
        "wait for a plugin for ever",
        PLUGIN,
        "        async with asyncio.timeout(seconds):\n",
        "        async with asyncio.timeout(None):\n",
        OF_CONNECTIONS,
    ),
    Defect(
        "send what is on this machine through the proxy",
        "kube/proxies.py",
        '    if host == "localhost" or (ip is not None and ip.is_loopback):\n',
        "    if False:\n",
        OF_PROXIES,
    ),
    Defect(
        "take the end of a name for its domain",
        "kube/proxies.py",
        'host == domain or host.endswith(f".{domain}")',
        "host.endswith(domain)",
        OF_PROXIES,
    ),
    Defect(
        "let the kubeconfig's proxy have exceptions",
        "kube/proxies.py",
        "    if written:\n",
        '    if written and not _is_exempt(server, _value(environment, "NO_PROXY")):\n',
        OF_PROXIES,
    ),
    Defect(
        "trust the name in a certificate's subject",
        "kube/trust.py",
        "    context.hostname_checks_common_name = False\n",
        "",
        OF_RENEWAL,
    ),
    Defect(
        "leave the key of a certificate on the disk",
        "kube/trust.py",
        '    if hasattr(os, "memfd_create"):\n',
        "    if False:\n",
        OF_RENEWAL,
    ),
    Defect(
        "let a control character come to whoever sends it",
        "kube/connection.py",
        "        _check(headers)\n",
        "",
        (
            "unit/kube/test_connection.py::test_a_token_that_no_header_may_have_is_an_error_without_it",
            "commands/test_bad_input.py::test_a_control_character_where_a_header_is_made_of_it",
        ),
    ),
)
