# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof of a login: the host's own engine tries it.

``docker login`` has its engine do the same (POST /auth). So the way is the one that pulls take: the engine's name
resolution, proxy and CA certificates, and whatever kind of authentication the registry has. The password goes through
the engine's unix socket in the body of the request.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.config_file import Credentials, key_of
from ansible_collections.dockmirror.fleet.plugins.module_utils.engine_api import (
    EngineApi,
    EngineError,
    EngineHTTPError,
    EngineTimeout,
    EngineUnreachable,
)

# What engines say, in this order. Measured with 20.10.24, 26.1.5 and 28.5.2 for a wrong password, a refused
# connection, an unknown name and an untrusted CA, which are all answered with HTTP 500; the rest was not measured.
_CAUSES = [
    (r"no such host|server misbehaving|lookup \S+.*(?:timeout|temporary failure)", "name_resolution"),
    (r"connection refused", "connection_refused"),
    (r"certificate has expired or is not yet valid", "certificate_expired"),
    (
        r"certificate is (?:not )?valid for|contain any IP SANs|not valid for any names",
        "certificate_name",
    ),
    (r"x509:|tls: failed to verify", "certificate_untrusted"),
    (r"HTTP response to HTTPS client|tls:", "tls_protocol"),
    (r"no route to host|network is unreachable", "unreachable"),
    (r"i/o timeout|Client\.Timeout|deadline exceeded|TLS handshake timeout", "connection_timeout"),
    (r"status:? 403\b|403 Forbidden", "forbidden"),
    (r"status:? 429\b|429 Too Many|toomanyrequests", "limited"),
    (r"status:? 5\d\d\b|50\d (?:Bad Gateway|Service|Internal|Gateway)", "server_error"),
    (r"\b401\b|unauthorized|incorrect username or password|no basic auth credentials|access denied", "refused"),
]
_REMEDIES = {
    "refused": "Check the user name and the password; the user has to be in registry_users of the registry, and the"
    " registry playbook has to have run since the password was changed",
    "forbidden": "Add the host's address or network to gateway_allowed_networks of the registry and run the registry"
    " playbook",
    "limited": "Wait a minute: the registry slows down those who guess passwords",
    "name_resolution": "Add the registry to the DNS that this host uses",
    "connection_refused": "Check that the registry's gateway runs (systemctl status dockmirror-gateway) and its port",
    "unreachable": "Check the route to the registry",
    "connection_timeout": "Check that the registry is up, and the firewalls on the way",
    "certificate_expired": "Run the registry playbook to renew it, or correct the clock of this host",
    "certificate_name": "Log in under a name that is in the registry's certificate",
    "certificate_untrusted": "Check that docker_client_registry_ca_file is the CA of the registry's certificate",
    "tls_protocol": "Check that a TLS server listens on that port of the registry",
    "server_error": "Check the error log of the gateway on the registry",
    "no_engine": "Check the docker service of this host (systemctl status docker)",
    "no_answer": "Check that the registry is up",
    "failed": "",
}


class Verdict(NamedTuple):
    """What came of trying a login.

    :ivar cause: C(ok), or one word for what is wrong.
    :ivar message: what is wrong and what to do, as sentences; the empty string for C(ok).
    """

    cause: str
    message: str = ""


def prove(api: EngineApi, registry: str, credentials: Credentials, timeout: float) -> Verdict:
    """Let the engine log in to a registry; it keeps nothing of it.

    :param timeout: seconds.
    """
    body = {
        "username": credentials.username,
        "password": credentials.password,
        "serveraddress": key_of(registry),
    }
    try:
        api.post_json("/auth", body=body, timeout=timeout)
    except EngineHTTPError as error:
        cause = "refused" if error.status == 401 else _cause_of(error.message)
        return _verdict(cause, registry, credentials, error.message)
    except EngineTimeout:
        return _verdict("no_answer", registry, credentials, f"there was no answer within {timeout:g} seconds")
    except EngineUnreachable as error:
        return _verdict("no_engine", registry, credentials, str(error))
    except EngineError as error:
        return _verdict("failed", registry, credentials, str(error))
    return Verdict("ok")


def _cause_of(message: str) -> str:
    for pattern, cause in _CAUSES:
        if re.search(pattern, message, re.IGNORECASE):
            return cause
    return "failed"


def _verdict(cause: str, registry: str, credentials: Credentials, said: str) -> Verdict:
    said = said.replace(credentials.password, "***").strip().rstrip(".")
    if cause == "refused":
        text = f"{registry} refuses the user {credentials.username} with this password."
    elif cause == "no_engine":
        text = f"The login of {credentials.username} to {registry} cannot be tried without an engine ({said})."
    else:
        text = f"{registry} cannot be asked about the login of {credentials.username}: {said}."
    remedy = _REMEDIES[cause]
    return Verdict(cause, f"{text} {remedy}." if remedy else text)
