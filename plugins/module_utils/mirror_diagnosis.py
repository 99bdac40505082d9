# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a Docker Engine does not get an image from a mirror.

dockerd falls back from a mirror to Docker Hub without a word, and the error of a failed pull is then about Docker Hub.
So the way to the mirror is walked here once more, step by step as the engine walks it: resolve the name, connect, TLS
with the CA certificates that this engine uses for the mirror, and the request itself. The first step that fails is the
cause.

Every step has a deadline; :func:`examine` returns within about three times ``timeout``.
"""

from __future__ import annotations

import glob
import http.client
import ipaddress
import os
import socket
import ssl
import threading
import time
from typing import Any, Callable, Mapping, NamedTuple, Tuple, Union
from urllib.parse import SplitResult

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirrors import port_of, split, without_credentials

PROBE_REPOSITORY = "dockmirror/probe"
ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
CONTAINERD_DRIVER = ["driver-type", "io.containerd.snapshotter.v1"]

# OpenSSL's X509_V_ERR_* numbers, which SSLCertVerificationError.verify_code carries
_NOT_YET_VALID, _EXPIRED, _WRONG_NAME, _WRONG_ADDRESS = 9, 10, 62, 64

_Address = Tuple[Any, ...]


class Finding(NamedTuple):
    """The result for one mirror.

    :ivar url: the mirror.
    :ivar cause: C(ok), or the step that failed, in one word; the module mirror_proof documents them.
    :ivar detail: what was seen, a sentence without a full stop.
    :ivar remedy: what to do about it, a sentence without a full stop.
    """

    url: str
    cause: str
    detail: str
    remedy: str = ""

    def sentence(self) -> str:
        """The finding as text for an operator."""
        text = f"{without_credentials(self.url)}: {self.detail}."
        return f"{text} {self.remedy}." if self.remedy else text


class EngineView(NamedTuple):
    """What decides how an engine reaches its mirrors, taken from its C(/info).

    :ivar version: the engine's version.
    :ivar mirrors: registry mirrors of the running daemon, in order.
    :ivar containerd_store: whether images are kept in the containerd image store.
    :ivar insecure: registries whose certificates the engine does not check, as C(name) or C(name:port).
    :ivar proxies: the proxy for each URL scheme, the empty string for none.
    :ivar no_proxy: the names and networks that are reached directly.
    """

    version: str
    mirrors: list[str]
    containerd_store: bool
    insecure: list[str]
    proxies: dict[str, str]
    no_proxy: list[str]

    @property
    def image_store(self) -> str:
        """The image store by name: C(containerd) or C(graphdriver)."""
        return "containerd" if self.containerd_store else "graphdriver"

    @property
    def reads_hosts_files(self) -> bool:
        """Whether the engine reads C(certs.d/<registry>/hosts.toml) (docs/facts.md D12)."""
        return self.containerd_store and _major(self.version) >= 28

    @property
    def title(self) -> str:
        """What has the mirrors, for a sentence."""
        return "running Docker daemon"

    @property
    def setting(self) -> str:
        """The variable of the inventory that names the mirrors."""
        return "docker_client_mirrors"

    def trusted(self, certs_dir: str, authority: str) -> tuple[str, list[str]]:
        """Where the CA of the mirror ``authority`` is looked for, and the files there."""
        directory = os.path.join(certs_dir, self.trust_directory(authority))
        return directory, sorted(glob.glob(os.path.join(glob.escape(directory), "*.crt")))

    def trust_directory(self, authority: str) -> str:
        """The directory below C(certs.d) in which this engine looks for the CA of the mirror ``authority``.

        Engine 28 and later with the containerd image store take that of C(docker.io) (measured with 28.5.2); engines
        with the graphdriver store, and 26 with either, take the mirror's own.
        """
        return "docker.io" if self.reads_hosts_files else authority

    def proxy_for(self, parts: SplitResult) -> str:
        """The proxy through which the engine asks the mirror, or the empty string."""
        proxy = self.proxies.get(parts.scheme, "")
        return "" if not proxy or _goes_direct(parts.hostname or "", self.no_proxy) else proxy


class RuntimeView(NamedTuple):
    """How a runtime that is no Docker Engine with C(registry-mirrors) reaches its mirrors of one registry.

    :ivar title: what has the mirrors, for a sentence.
    :ivar setting: the variable of the inventory that names them.
    :ivar mirrors: URLs of the mirrors, in order.
    :ivar where: where the CA of the mirrors is named, and ``authorities`` the CA files for each mirror, as C(name) or
        C(name:port).
    """

    title: str
    setting: str
    mirrors: list[str]
    where: str
    authorities: dict[str, list[str]]

    @property
    def insecure(self) -> list[str]:
        """Registries whose certificates are not checked: none, the collection never asks for that."""
        return []

    def trusted(self, _certs_dir: str, authority: str) -> tuple[str, list[str]]:
        """Where the CA of the mirror ``authority`` is looked for, and the files there."""
        return self.where, self.authorities.get(authority, [])

    def proxy_for(self, _parts: SplitResult) -> str:
        """The proxy through which the runtime asks the mirror: not known."""
        return ""


View = Union[EngineView, RuntimeView]


def engine_view(info: Mapping[str, Any]) -> EngineView:
    """Read an engine's answer to C(/info)."""
    registry = info.get("RegistryConfig") or {}
    indexes = registry.get("IndexConfigs") or {}
    return EngineView(
        version=str(info.get("ServerVersion") or ""),
        mirrors=[str(mirror) for mirror in registry.get("Mirrors") or []],
        containerd_store=CONTAINERD_DRIVER in [list(pair) for pair in info.get("DriverStatus") or []],
        insecure=[name for name, index in indexes.items() if not index.get("Secure", True)],
        proxies={"http": str(info.get("HttpProxy") or ""), "https": str(info.get("HttpsProxy") or "")},
        no_proxy=[entry.strip() for entry in str(info.get("NoProxy") or "").split(",") if entry.strip()],
    )


def examine(url: str, engine: View, certs_dir: str, tag: str, timeout: float) -> Finding:
    """Walk the way to one mirror.

    :param url: the mirror as the daemon reports it.
    :param certs_dir: normally C(/etc/docker/certs.d).
    :param tag: a tag of the probe repository.
    :param timeout: seconds for each of: resolving, connecting and TLS together, the answer.
    """
    try:
        parts = split(url)
        host, port = parts.hostname or "", port_of(parts)
    except ValueError as error:
        return Finding(
            url, "url", f"it is not a valid URL ({error})", f"Correct {engine.setting} and run the onboard playbook"
        )
    finding = _walk(url, parts, host, port, engine, certs_dir, tag, timeout)
    if engine.proxy_for(parts):
        hint = (
            "The daemon asks this mirror through a proxy, which was not used here: unless that is intended, add "
            f"{host} to NO_PROXY in the environment of the docker service and restart it"
        )
        remedy = f"{finding.remedy}. {hint}" if finding.remedy else hint
        return finding._replace(cause="proxy" if finding.cause == "ok" else finding.cause, remedy=remedy)
    return finding


def examine_all(urls: list[str], engine: View, certs_dir: str, tag: str, timeout: float) -> list[Finding]:
    """:func:`examine` for several mirrors at the same time; findings in the order of ``urls``."""
    findings: list[Finding | None] = [None] * len(urls)

    def work(index: int) -> None:
        findings[index] = examine(urls[index], engine, certs_dir, tag, timeout)

    threads = [threading.Thread(target=work, args=(index,), daemon=True) for index in range(len(urls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [finding for finding in findings if finding is not None]


def _walk(
    url: str, parts: SplitResult, host: str, port: int, engine: View, certs_dir: str, tag: str, timeout: float
) -> Finding:
    def finding(cause: str, detail: str, remedy: str = "") -> Finding:
        return Finding(url, cause, detail, remedy)

    addresses = _resolve(host, port, timeout)
    if isinstance(addresses, str):
        return finding(
            "name_resolution",
            f"the name {host} does not resolve on this host ({addresses})",
            "Add it to the DNS or to /etc/hosts of this host, or check gateway_server_name of the mirror",
        )
    deadline = time.monotonic() + timeout
    connected = _connect(addresses, deadline)
    if isinstance(connected, OSError):
        return finding(*_connect_problem(connected, addresses, port, timeout))
    with connected as connection:
        source = connection.getsockname()[0]
        stream: socket.socket = connection
        if parts.scheme == "https":
            secured = _secure(connection, host, parts.netloc, engine, certs_dir, deadline)
            if not isinstance(secured, ssl.SSLSocket):
                return finding(*secured)
            stream = secured
        with stream:
            return finding(*_ask(stream, parts, source, tag, timeout))


def _resolve(host: str, port: int, timeout: float) -> list[_Address] | str:
    """Addresses of the host, or why there are none. getaddrinfo knows no deadline, so it runs beside us."""
    answer: list[list[_Address] | str] = []

    def work() -> None:
        try:
            answer.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answer.append(getattr(error, "strerror", None) or str(error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(timeout)
    return answer[0] if answer else f"no answer within {timeout:g} seconds"


def _connect(addresses: list[_Address], deadline: float) -> socket.socket | OSError:
    """A connection to the first address that answers, or the last error."""
    last: OSError = socket.timeout("timed out")
    for family, kind, protocol, _name, address in addresses:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            break
        try:
            connection = socket.socket(family, kind, protocol)
        except OSError as error:
            last = error
            continue
        connection.settimeout(remaining)
        try:
            connection.connect(address)
            return connection
        except OSError as error:
            connection.close()
            last = error
    return last


def _connect_problem(error: OSError, addresses: list[_Address], port: int, timeout: float) -> tuple[str, str, str]:
    where = f"{', '.join(sorted({str(address[4][0]) for address in addresses}))} port {port}"
    if isinstance(error, ConnectionRefusedError):
        return (
            "connection_refused",
            f"the connection to {where} is refused",
            "Start the mirror's gateway (systemctl status dockmirror-gateway on the mirror), or check address and port",
        )
    if isinstance(error, socket.timeout):
        return (
            "connection_timeout",
            f"no connection to {where} within {timeout:g} seconds",
            "Check that the mirror is up and that no firewall drops the packets",
        )
    return (
        "unreachable",
        f"no connection to {where} ({error.strerror or error})",
        "Check the route to the mirror and the firewalls on the way",
    )


def _secure(
    connection: socket.socket, host: str, authority: str, engine: View, certs_dir: str, deadline: float
) -> ssl.SSLSocket | tuple[str, str, str]:
    """TLS with the roots that this engine uses for this mirror."""
    directory, files = engine.trusted(certs_dir, authority)
    context = ssl.create_default_context()
    # As Go's verifier, which dockerd uses: any certificate among the roots is an anchor, and old CAs are fine.
    context.verify_flags |= getattr(ssl, "VERIFY_X509_PARTIAL_CHAIN", 0)
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    context.hostname_checks_common_name = False  # nor does Go read the common name
    for path in files:
        try:
            context.load_verify_locations(path)
        except (OSError, ValueError) as error:
            return (
                "ca_unreadable",
                f"the CA file {path} cannot be read ({error})",
                "Run the onboard playbook to write it again",
            )
    if authority in engine.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    connection.settimeout(max(deadline - time.monotonic(), 0.1))
    try:
        return context.wrap_socket(connection, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        return _certificate_problem(error, host, directory, files)
    except socket.timeout:
        return (
            "tls_timeout",
            "it accepts the connection but does not answer the TLS handshake",
            "Check the mirror's gateway and its load",
        )
    except (ssl.SSLError, OSError) as error:
        reason = (
            getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error) or type(error).__name__
        )
        return (
            "tls_protocol",
            f"the TLS handshake fails ({reason})",
            "Check that a TLS server listens on that port of the mirror",
        )


def _certificate_problem(
    error: ssl.SSLCertVerificationError, host: str, directory: str, files: list[str]
) -> tuple[str, str, str]:
    if error.verify_code == _EXPIRED:
        return (
            "certificate_expired",
            "the mirror's certificate, or that of its CA, is expired",
            "Run the mirror playbook to renew it; if it is not expired, correct the clock of this host",
        )
    if error.verify_code == _NOT_YET_VALID:
        return (
            "certificate_not_yet_valid",
            "the mirror's certificate is not valid yet",
            "Correct the clock of this host or of the mirror",
        )
    if error.verify_code in (_WRONG_NAME, _WRONG_ADDRESS):
        return (
            "certificate_name",
            f"the mirror's certificate is not for the name {host}",
            "Add the name to gateway_server_name or gateway_server_aliases of the mirror and run the mirror playbook",
        )
    present = (
        "of the CA files there ({}) none fits".format(", ".join(map(os.path.basename, files)))
        if files
        else "there is no CA file there"
    )
    return (
        "certificate_untrusted",
        f"the mirror's certificate is not trusted ({error.verify_message}): this engine takes the CA from {directory}, "
        f"and {present}",
        "Run the onboard playbook; if it changes nothing, check that the client's CA file (docker_client_ca_file or "
        "its like) is the CA of the mirror's certificate",
    )


def _ask(stream: socket.socket, parts: SplitResult, source: str, tag: str, timeout: float) -> tuple[str, str, str]:
    """Ask for the manifest of the probe image, as an engine would."""
    path = "{}/v2/{}/manifests/{}".format(parts.path.rstrip("/"), PROBE_REPOSITORY, tag)
    connection = http.client.HTTPConnection(parts.hostname or "", timeout=timeout)
    connection.sock = stream
    stream.settimeout(timeout)
    try:
        connection.request(
            "GET", path, headers={"Host": parts.netloc, "Accept": ACCEPT, "User-Agent": "dockmirror-mirror-proof"}
        )
        response = connection.getresponse()
        status, body = response.status, response.read(4096)
    except socket.timeout:
        return (
            "answer_timeout",
            f"it accepts the connection but does not answer within {timeout:g} seconds",
            "Check the mirror's gateway and its load",
        )
    except (OSError, http.client.HTTPException) as error:
        return (
            "answer_broken",
            "the connection breaks before there is an answer (%s)" % (str(error) or type(error).__name__),
            "Check that a gateway of this collection listens on that port, and its error log",
        )
    return _answer_problem(status, body, source)


def _answer_problem(status: int, body: bytes, source: str) -> tuple[str, str, str]:
    if status == 200:
        return ("ok", "it answers for the probe image", "") if b"schemaVersion" in body else _NO_GATEWAY
    if status == 403:
        return (
            "forbidden",
            f"it refuses this host (HTTP 403): the address {source} is not in its allow-list",
            "Add the address or its network to gateway_allowed_networks of the mirror and run the mirror playbook",
        )
    if status in (400, 401, 407, 495, 496, 497):
        return (
            "unauthorized",
            f"it wants something of its clients that this host does not have (HTTP {status})",
            "A mirror is for clients without a login: check what stands before the gateway",
        )
    if status == 404:
        return (
            "no_probe",
            f"it does not know the image {PROBE_REPOSITORY} (HTTP 404)",
            "If it is a mirror of this fleet, run the mirror playbook; if not, it cannot be proven and does not belong "
            "into the client's list of mirrors",
        )
    if status >= 500:
        return ("server_error", f"it answers with HTTP {status}", "Check the gateway's error log on the mirror")
    return _NO_GATEWAY[0], f"{_NO_GATEWAY[1]} (HTTP {status})", _NO_GATEWAY[2]


_NO_GATEWAY = (
    "not_a_gateway",
    "what answers there is not a gateway of this fleet",
    "Check the mirror's name in the DNS, and the client's list of mirrors",
)


def _major(version: str) -> int:
    digits = version.split(".", maxsplit=1)[0]
    return int(digits) if digits.isdigit() else 0


def _goes_direct(host: str, no_proxy: list[str]) -> bool:
    """Whether Go's HTTP client goes round its proxy for this host (rules of golang.org/x/net/http/httpproxy)."""
    if host == "localhost" or _in_network(host, lambda address: address.is_loopback):
        return True
    for entry in no_proxy:
        name = entry.rpartition(":")[0] if entry.count(":") == 1 else entry
        if entry == "*" or host == name.lstrip(".") or host.endswith("." + name.lstrip("*").lstrip(".")):
            return True
        try:
            network = ipaddress.ip_network(entry, strict=False)
        except ValueError:
            continue
        if _in_network(host, lambda address, inside=network: address in inside):  # type: ignore[misc]
            return True
    return False


def _in_network(host: str, test: Callable[[Any], bool]) -> bool:
    try:
        return test(ipaddress.ip_address(host))
    except ValueError:
        return False
