# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof that a registry service does what its configuration says, by what it answers.

A registry that was given a wrong or misplaced configuration starts without a word and does something else: a "mirror"
that stores pushes and knows no upstream. So after a deployment the running service is asked. Where it falls short, its
upstream is asked as well, because the registry itself answers most upstream failures with the same 404.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from typing import Any, Callable, Mapping, NamedTuple
from urllib.parse import urlencode, urlsplit

from ansible_collections.dockmirror.fleet.plugins.module_utils.probe_image import LABEL, LIST_TYPE

ACCEPT = ", ".join(
    [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]
)
"""A registry asked for a tag with less than these four types answers 404, or with another manifest's digest."""

REQUEST_SECONDS = 30.0
"""How long one request may take, once the service answers at all."""

_PARTIAL_CHAIN = 0x80000  # X509_V_FLAG_PARTIAL_CHAIN, which Python names from 3.10 on


class ProbeError(Exception):
    """The service does not do what it should.

    :ivar cause: a word for programs, as documented for the module.
    """

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class Answer(NamedTuple):
    """One HTTP answer. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Service:
    """The registry service that is asked.

    :param url: base URL. Its host is the name for TLS and the Host header.
    :param connect_to: address to connect to in place of the URL's host, so that the proof needs no DNS.
    :param ca_file: certificates to trust; a server certificate in it counts as trusted by itself. None: the system's.
    """

    def __init__(self, url: str, connect_to: str | None = None, ca_file: str | None = None) -> None:
        parts = urlsplit(url)
        self.url = url.rstrip("/")
        self._secure = parts.scheme == "https"
        self._name = parts.hostname or ""
        self._port = parts.port or (443 if self._secure else 80)
        self._host = parts.netloc
        self._address = connect_to or self._name
        self._ca_file = ca_file

    def ask(self, method: str, path: str, accept: str = "*/*", timeout: float = REQUEST_SECONDS) -> Answer:
        """Send one request.

        :raises OSError: nothing answers there, or TLS fails (``ssl.SSLError``).
        :raises http.client.HTTPException: what answers does not speak HTTP.
        """
        connection = http.client.HTTPConnection(self._name, self._port, timeout=timeout)
        try:
            connection.sock = self._connect(timeout)
            connection.request(method, path, headers={"Host": self._host, "Accept": accept, "Content-Length": "0"})
            response = connection.getresponse()
            return Answer(
                response.status, {key.lower(): value for key, value in response.getheaders()}, response.read()
            )
        finally:
            connection.close()

    def _connect(self, timeout: float) -> socket.socket:
        sock = socket.create_connection((self._address, self._port), timeout=timeout)
        if not self._secure:
            return sock
        try:
            context = ssl.create_default_context(cafile=self._ca_file)
            context.verify_flags |= ssl.VerifyFlags(_PARTIAL_CHAIN)
            return context.wrap_socket(sock, server_hostname=self._name)
        except BaseException:
            sock.close()
            raise


class Upstream(NamedTuple):
    """How the upstream is reached, to tell why a mirror of it cannot serve. Empty strings stand for "not set"."""

    url: str
    username: str = ""
    password: str = ""
    ca_file: str = ""
    http_proxy: str = ""
    https_proxy: str = ""
    no_proxy: str = ""


def wait_until_ready(service: Service, timeout: float, sleep: Callable[[float], None] = time.sleep) -> Answer:
    """Wait until the service answers ``/v2/`` with anything but 503, and return that answer.

    :param timeout: in seconds.
    :raises ProbeError: it does not within that time (cause ``unanswered``), or TLS fails (cause ``tls``).
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            answer = service.ask("GET", "/v2/", timeout=min(REQUEST_SECONDS, max(1.0, deadline - time.monotonic())))
            if answer.status != 503:
                return answer
            reason = "it answers 503, which a registry does while it cannot use its storage"
        except ssl.SSLError as error:
            raise ProbeError("tls", f"{service.url}: TLS fails: {_reason(error)}.") from error
        except (OSError, http.client.HTTPException) as error:
            reason = _reason(error)
        if time.monotonic() >= deadline:
            raise ProbeError("unanswered", f"{service.url} did not answer within {timeout:g} seconds: {reason}.")
        sleep(0.2)


def prove_mirror(
    service: Service, repository: str, tag: str, upstream: Upstream | None, timeout: float
) -> dict[str, Any]:
    """Prove that the service is a pull-through cache of its upstream.

    :param repository: repository that only the upstream has; empty to leave that part of the proof out.
    :param timeout: seconds the service has to answer at all.
    :returns: what was found: ``digest`` of the tag.
    :raises ProbeError: it is not, or cannot reach what it should serve.
    """
    try:
        ready = wait_until_ready(service, timeout)
    except ProbeError as error:
        # Registry 2 does not even start while its upstream is down, so the upstream is worth a question here too.
        found = diagnose_upstream(upstream, repository, tag) if upstream else None
        raise ProbeError(error.cause, "{}{}".format(error, " " + str(found) if found else "")) from error
    if ready.status != 200:
        raise ProbeError(
            "not_a_mirror",
            f"{service.url}/v2/ answered {ready.status} where a mirror answers 200: another program answers there,"
            " or the"
            " registry runs with another configuration.",
        )
    _refuse_push(service, repository or "dockmirror/probe", "not_a_mirror")
    if not repository:
        return {"digest": ""}
    try:
        answer = service.ask("HEAD", f"/v2/{repository}/manifests/{tag}", ACCEPT)
        said = f"answered {answer.status}"
        digest = answer.headers.get("docker-content-digest", "")
        if answer.status == 200 and digest:
            return {"digest": digest}
    except (OSError, http.client.HTTPException) as error:
        said = f"did not answer: {_reason(error)}"
    found = diagnose_upstream(upstream, repository, tag) if upstream else None
    if found:
        raise found
    raise ProbeError(
        "mirror_error",
        "The mirror {} for {}:{}{}.".format(
            said, repository, tag, f", although this host gets it from {upstream.url}" if upstream else ""
        ),
    )


def prove_gateway(service: Service, server_name: str, timeout: float) -> dict[str, Any]:
    """Prove that the service is the gateway of a server: it answers by itself, has the probe image, and is read-only.

    :param server_name: what the label of the probe image has to say.
    :returns: what was found: ``digest`` of the probe image.
    :raises ProbeError: it is not.
    """
    ready = wait_until_ready(service, timeout)
    if ready.status == 403:
        raise ProbeError(
            "refused",
            f"{service.url} refuses this host itself (403): its networks are not in gateway_allowed_networks.",
        )
    if ready.status != 200 or ready.headers.get("docker-distribution-api-version") != "registry/2.0":
        raise ProbeError("not_a_gateway", f"{service.url}/v2/ does not answer as a registry (status {ready.status}).")
    digest = _prove_probe_image(service, server_name)
    _refuse_push(service, "dockmirror/probe", "not_a_gateway")
    return {"digest": digest}


def diagnose_upstream(upstream: Upstream, repository: str, tag: str) -> ProbeError | None:
    """Ask the upstream directly, as the mirror does, and say what is wrong with it; None if nothing is."""
    try:
        opener = _opener(upstream)
        answer = _get(opener, upstream.url + "/v2/")
        headers = {"Accept": ACCEPT}
        if answer.status == 401:
            authorization = _authorization(opener, upstream, answer.headers.get("www-authenticate", ""), repository)
            if authorization:
                headers["Authorization"] = authorization
        if repository:
            answer = _get(opener, f"{upstream.url}/v2/{repository}/manifests/{tag}", headers, "HEAD")
    except ProbeError as error:
        return error
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLError):
            return ProbeError(
                "upstream_untrusted",
                f"The TLS certificate of the upstream {upstream.url} is not trusted: {_reason(reason)}. Set ca_file"
                " if the upstream or a proxy has a private CA.",
            )
        return ProbeError(
            "upstream_unreachable",
            f"The upstream {upstream.url} cannot be reached from this host: {_reason(reason)}. Check DNS, routes and"
            " firewalls, or set https_proxy.",
        )
    return _judge(upstream, repository, tag, answer.status)


def _judge(upstream: Upstream, repository: str, tag: str, status: int) -> ProbeError | None:
    if status == 429:
        return _rate_limited(upstream)
    if status >= 500:
        return ProbeError("upstream_error", f"The upstream {upstream.url} answers {status}.")
    if not repository:
        return None
    if status in (401, 403):
        return _unauthorized(upstream, f"refuses access to {repository} ({status})")
    if status == 404:
        return ProbeError(
            "upstream_missing",
            f"The upstream {upstream.url} has no {repository}:{tag}; set probe_repository and probe_tag to an image"
            " it has.",
        )
    return None


def _authorization(opener: urllib.request.OpenerDirector, upstream: Upstream, challenge: str, repository: str) -> str:
    """The Authorization header for a pull, obtained as a client would."""
    basic = "Basic " + base64.b64encode((f"{upstream.username}:{upstream.password}").encode()).decode("ascii")
    if challenge.lower().startswith("basic"):
        return basic if upstream.username else ""
    parameters = dict(re.findall(r'([a-z]+)="([^"]*)"', challenge))
    if "realm" not in parameters:
        return ""
    query = {"service": parameters.get("service", "")}
    if repository:
        query["scope"] = f"repository:{repository}:pull"
    url = "{}?{}".format(parameters["realm"], urlencode(query))
    answer = _get(opener, url, {"Authorization": basic} if upstream.username else {})
    if answer.status == 429:
        raise _rate_limited(upstream)
    if answer.status in (400, 401, 403):
        raise _unauthorized(upstream, f"gives no token ({answer.status} from {parameters['realm']})")
    if answer.status != 200:
        raise ProbeError(
            "upstream_error", f"The token service {parameters['realm']} of the upstream answers {answer.status}."
        )
    document = json.loads(answer.body.decode("utf-8"))
    return "Bearer %s" % (document.get("token") or document.get("access_token") or "")


def _rate_limited(upstream: Upstream) -> ProbeError:
    return ProbeError(
        "upstream_rate_limit",
        f"The upstream {upstream.url} answers 429: its rate limit for this address or account is reached. Set"
        " username and password for a"
        " higher limit, or try again later.",
    )


def _unauthorized(upstream: Upstream, what: str) -> ProbeError:
    how = (
        f"for the user {upstream.username}: check username and password"
        if upstream.username
        else "without credentials: set username and password"
    )
    return ProbeError("upstream_auth", f"The upstream {upstream.url} {what} {how}.")


def _opener(upstream: Upstream) -> urllib.request.OpenerDirector:
    proxies = {}
    host = urlsplit(upstream.url).hostname or ""
    bypass = [entry.strip().lstrip("*.") for entry in upstream.no_proxy.split(",") if entry.strip()]
    if not any(entry in ("", host) or host.endswith("." + entry) for entry in bypass):
        proxies = {
            scheme: proxy for scheme, proxy in (("http", upstream.http_proxy), ("https", upstream.https_proxy)) if proxy
        }
    context = ssl.create_default_context()
    if upstream.ca_file:
        context.load_verify_locations(cafile=upstream.ca_file)
    return urllib.request.build_opener(
        urllib.request.ProxyHandler(proxies), urllib.request.HTTPSHandler(context=context)
    )


def _get(
    opener: urllib.request.OpenerDirector, url: str, headers: Mapping[str, str] | None = None, method: str = "GET"
) -> Answer:
    request = urllib.request.Request(url, headers=dict(headers or {}), method=method)
    try:
        with opener.open(request, timeout=REQUEST_SECONDS) as response:
            return Answer(
                response.status, {key.lower(): value for key, value in response.headers.items()}, response.read()
            )
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, {key.lower(): value for key, value in error.headers.items()}, b"")


def _refuse_push(service: Service, repository: str, cause: str) -> None:
    answer = _ask(service, "POST", f"/v2/{repository}/blobs/uploads/")
    if answer.status == 405:
        return
    if answer.status == 202 and "location" in answer.headers:
        location = urlsplit(answer.headers["location"])
        _ask(service, "DELETE", location.path + ("?" + location.query if location.query else ""))
    raise ProbeError(
        cause,
        f"{service.url} {'accepts' if answer.status == 202 else 'does not refuse'} a push (status {answer.status})"
        " where a"
        " mirror answers 405: it does not run as a mirror. Most likely the registry reads another configuration"
        " file than"
        " the one that was deployed.",
    )


def _prove_probe_image(service: Service, server_name: str) -> str:
    index = _document(service, "manifests/deployed", LIST_TYPE)
    digest = "sha256:" + hashlib.sha256(index.body).hexdigest()
    if index.headers.get("docker-content-digest") != digest:
        raise ProbeError("not_a_gateway", f"{service.url} serves dockmirror/probe with a wrong Docker-Content-Digest.")
    manifest = _document(service, "manifests/" + json.loads(index.body)["manifests"][0]["digest"], ACCEPT)
    config = _document(service, "blobs/" + json.loads(manifest.body)["config"]["digest"], "*/*")
    served_by = json.loads(config.body)["config"]["Labels"].get(LABEL)
    if served_by != server_name:
        raise ProbeError("not_a_gateway", f"{service.url} serves the probe image of {served_by}, not of {server_name}.")
    return digest


def _document(service: Service, path: str, accept: str) -> Answer:
    path = "/v2/dockmirror/probe/" + path
    answer = _ask(service, "GET", path, accept)
    if answer.status != 200:
        raise ProbeError("not_a_gateway", f"{service.url}{path} answered {answer.status}.")
    if accept == LIST_TYPE and answer.headers.get("content-type") != LIST_TYPE:
        raise ProbeError(
            "not_a_gateway", "{}{} has the type {}.".format(service.url, path, answer.headers.get("content-type"))
        )
    return answer


def _ask(service: Service, method: str, path: str, accept: str = "*/*") -> Answer:
    try:
        return service.ask(method, path, accept)
    except (OSError, http.client.HTTPException) as error:
        raise ProbeError("unanswered", f"{service.url} stopped answering: {_reason(error)}.") from error


def _reason(error: Any) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(error.verify_message)
    if isinstance(error, socket.timeout):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
