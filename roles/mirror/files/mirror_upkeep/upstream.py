# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a registry that is mirrored, as its instance does: with its credentials, its proxy and its CA."""

from __future__ import annotations

import base64
import http.client
import json
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from email.message import Message
from typing import Any, NamedTuple

from .errors import UpkeepError
from .settings import Upstream

SECONDS = 15
"""How long an upstream has for an answer."""
ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class Answer(NamedTuple):
    """An answer without its body."""

    status: int
    headers: Message


def _opener(upstream: Upstream) -> urllib.request.OpenerDirector:
    context = ssl.create_default_context()
    if upstream.ca_file.exists():
        context.load_verify_locations(str(upstream.ca_file))
    environment = {name.lower(): value for name, value in upstream.environment.items()}
    host = urllib.parse.urlsplit(upstream.url).netloc
    bypass = urllib.request.proxy_bypass_environment(host, {"no": environment.get("no_proxy", "")})  # type: ignore[attr-defined]
    proxies = {} if bypass else {name[:-6]: environment[name] for name in environment if name in _PROXIES}
    return urllib.request.build_opener(
        urllib.request.ProxyHandler(proxies), urllib.request.HTTPSHandler(context=context)
    )


_PROXIES = ("http_proxy", "https_proxy")


def _authorization(upstream: Upstream) -> str:
    """Basic credentials for the upstream; empty if it is asked as nobody."""
    try:
        found = json.loads(upstream.credentials_file.read_text())
    except FileNotFoundError:
        return ""
    name, secret = str(found.get("Username") or ""), str(found.get("Secret") or "")
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode() if name else ""


def _send(opener: urllib.request.OpenerDirector, method: str, url: str, authorization: str) -> tuple[Answer, bytes]:
    request = urllib.request.Request(url, method=method, headers={"Accept": ACCEPT})
    if authorization:
        # Not for another host to which it redirects.
        request.add_unredirected_header("Authorization", authorization)
    try:
        with opener.open(request, timeout=SECONDS) as answer:
            return Answer(answer.status, answer.headers), answer.read(1 << 20)
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers), b""


def head_manifest(upstream: Upstream) -> Answer:
    """Ask for the headers of the upstream's known image, which on Docker Hub counts as no pull.

    Raises UpkeepError where there is no answer.
    """
    url = f"{upstream.url}/v2/{upstream.repository}/manifests/{urllib.parse.quote(upstream.tag)}"
    basic = _authorization(upstream)
    try:
        opener = _opener(upstream)
        answer, _body = _send(opener, "HEAD", url, "")
        if answer.status == 401:
            challenge = str(answer.headers.get("WWW-Authenticate") or "")
            credentials = basic
            if challenge.lower().startswith("bearer "):
                credentials = f"Bearer {_token(opener, upstream, challenge, basic)}"
            answer, _body = _send(opener, "HEAD", url, credentials)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise UpkeepError(f"{upstream.url} does not answer: {reason}") from error
    return answer


def _token(opener: urllib.request.OpenerDirector, upstream: Upstream, challenge: str, basic: str) -> str:
    """A token from the service that the challenge names; raises UpkeepError where it gives none."""
    parameters = dict(_PARAMETER.findall(challenge))
    realm = parameters.pop("realm", "")
    parts = urllib.parse.urlsplit(realm)
    if parts.scheme != "https" and parts.netloc != urllib.parse.urlsplit(upstream.url).netloc:
        raise UpkeepError(f"{upstream.url} sends its users to {realm} for a token, which is not encrypted: refused")
    query = urllib.parse.urlencode({name: parameters[name] for name in ("service", "scope") if name in parameters})
    answer, body = _send(opener, "GET", f"{realm}?{query}", basic)
    if answer.status != 200:
        who = "these credentials" if basic else "nobody"
        raise UpkeepError(f"the token service of the upstream answers {answer.status} to {who}")
    document: dict[str, Any] = json.loads(body)
    return str(document.get("token") or document.get("access_token") or "")
