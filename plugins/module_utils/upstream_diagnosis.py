# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a mirror cannot serve: its upstream, asked directly and as the mirror would ask.

The registry answers most failures of its upstream with the same 404 or 500.
"""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from typing import Mapping, NamedTuple
from urllib.parse import urlsplit

from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_auth import (
    basic,
    bearer,
    realm_of,
    token_url,
    wants_basic,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_service import (
    ACCEPT,
    REQUEST_SECONDS,
    Answer,
    ProbeError,
    reason_of,
)


class Upstream(NamedTuple):
    """How the upstream is reached, to tell why a mirror of it cannot serve. Empty strings stand for "not set"."""

    url: str
    username: str = ""
    password: str = ""
    ca_file: str = ""
    http_proxy: str = ""
    https_proxy: str = ""
    no_proxy: str = ""


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
            # Docker Hub counts GET alone against its rate limit: a HEAD would not show that it is reached.
            answer = _get(opener, f"{upstream.url}/v2/{repository}/manifests/{tag}", headers)
    except ProbeError as error:
        return error
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLError):
            return ProbeError(
                "upstream_untrusted",
                f"The TLS certificate of the upstream {upstream.url} is not trusted: {reason_of(reason)}. Set ca_file"
                " if the upstream or a proxy has a private CA.",
            )
        return ProbeError(
            "upstream_unreachable",
            f"The upstream {upstream.url} cannot be reached from this host: {reason_of(reason)}. Check DNS, routes and"
            " firewalls, or set https_proxy.",
        )
    return _judge(upstream, repository, tag, answer.status)


def _judge(upstream: Upstream, repository: str, tag: str, status: int) -> ProbeError | None:
    if status == 429:
        return rate_limited(upstream)
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
    login = basic(upstream.username, upstream.password) if upstream.username else ""
    if wants_basic(challenge):
        return login
    url = token_url(challenge, f"repository:{repository}:pull" if repository else "")
    if not url:
        return ""
    answer = _get(opener, url, {"Authorization": login} if login else {})
    if answer.status == 429:
        raise rate_limited(upstream)
    if answer.status in (400, 401, 403):
        raise _unauthorized(upstream, f"gives no token ({answer.status} from {realm_of(challenge)})")
    if answer.status != 200:
        raise ProbeError(
            "upstream_error", f"The token service {realm_of(challenge)} of the upstream answers {answer.status}."
        )
    return bearer(answer.body)


def rate_limited(upstream: Upstream) -> ProbeError:
    """The upstream answers 429."""
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


def _get(opener: urllib.request.OpenerDirector, url: str, headers: Mapping[str, str] | None = None) -> Answer:
    request = urllib.request.Request(url)
    for name, value in (headers or {}).items():
        # A redirect leads to another host as a rule, which must not see the credentials.
        (request.add_unredirected_header if name == "Authorization" else request.add_header)(name, value)
    try:
        with opener.open(request, timeout=REQUEST_SECONDS) as response:
            return Answer(
                response.status, {key.lower(): value for key, value in response.headers.items()}, response.read()
            )
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, {key.lower(): value for key, value in error.headers.items()}, b"")
