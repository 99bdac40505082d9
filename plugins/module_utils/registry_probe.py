# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof that a registry service does what its configuration says, by what it answers.

A registry that was given a wrong or misplaced configuration starts without a word and does something else: a "mirror"
that stores pushes and knows no upstream. So after a deployment the running service is asked. Where it falls short, its
upstream is asked as well, because the registry itself answers most upstream failures with the same 404.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ansible_collections.dockmirror.fleet.plugins.module_utils.probe_image import LABEL, LIST_TYPE
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_service import (
    ACCEPT,
    Answer,
    ProbeError,
    Service,
    reason_of,
    wait_until_ready,
    words_of,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.upstream_diagnosis import (
    Upstream,
    diagnose_upstream,
    rate_limited,
)

_UNKNOWN_BLOB = "sha256:" + 64 * "0"
_CANNOT_USE_UPSTREAM = re.compile(
    r"\bx509\b|\btls:|dial tcp|proxyconnect|unauthorized|authentication required|timeout", re.IGNORECASE
)


class MirrorProof(NamedTuple):
    """What was found out about a mirror.

    ``digest`` is that of the tag, empty if it was not asked for or is not served. ``upstream_problem`` is empty when
    the mirror can use its upstream.
    """

    digest: str
    upstream_problem: str


def prove_mirror(
    service: Service,
    repository: str,
    tag: str,
    upstream: Upstream | None,
    timeout: float,
    require_upstream: bool = True,
) -> MirrorProof:
    """Prove that the service is a pull-through cache of its upstream.

    A tag that is served proves little by itself, since it may come from the cache. So the mirror is also asked for a
    blob that nobody has: it answers 404 only after its upstream has, and 500 if it cannot use its upstream.

    :param repository: repository that only the upstream has; empty to leave that part of the proof out.
    :param timeout: seconds the service has to answer at all.
    :param require_upstream: whether a mirror that cannot use its upstream now counts as failed.
    :raises ProbeError: it is not a mirror, or cannot serve what it should.
    """
    try:
        ready = wait_until_ready(service, timeout)
    except ProbeError as error:
        # Registry 2 does not even start while its upstream is down, so the upstream is worth a question here too.
        found = diagnose_upstream(upstream, repository, tag) if upstream else None
        raise ProbeError(error.cause, f"{error} {found}" if found else str(error)) from error
    if ready.status != 200:
        raise ProbeError(
            "not_a_mirror",
            f"{service.url}/v2/ answered {ready.status} where a mirror answers 200: another program answers there, or"
            " the registry runs with another configuration.",
        )
    _refuse_push(service, repository or "dockmirror/probe", "not_a_mirror")
    if not repository:
        return MirrorProof("", "")
    problem = _upstream_problem(service, repository, tag, upstream)
    digest = ""
    if not problem or not require_upstream:
        try:
            digest = _tag_digest(service, repository, tag, upstream)
        except ProbeError as error:
            problem = problem or error
    if problem and require_upstream:
        raise problem
    return MirrorProof(digest, str(problem or ""))


def _upstream_problem(service: Service, repository: str, tag: str, upstream: Upstream | None) -> ProbeError | None:
    try:
        answer = _ask(service, "GET", f"/v2/{repository}/blobs/{_UNKNOWN_BLOB}")
        if answer.status == 404:
            return None
        said = words_of(answer)
    except ProbeError as error:  # an upstream that never answers keeps the mirror from answering too
        said = f"timeout: {error}"
    found = diagnose_upstream(upstream, repository, tag) if upstream else None
    if found:
        return ProbeError(found.cause, f"{found} The mirror itself says: {said}")
    if _CANNOT_USE_UPSTREAM.search(said):
        but = f", although this host can use {upstream.url}" if upstream else ""
        return ProbeError("mirror_error", f"The mirror cannot use its upstream{but}. It says: {said}")
    return None  # some registries answer a question for a blob that does not exist in their own way


def _tag_digest(service: Service, repository: str, tag: str, upstream: Upstream | None) -> str:
    path = f"/v2/{repository}/manifests/{tag}"
    answer = _ask(service, "HEAD", path, ACCEPT)
    digest = answer.headers.get("docker-content-digest", "")
    if answer.status == 200 and digest:
        return digest
    said = words_of(_ask(service, "GET", path, ACCEPT))
    if upstream and "toomanyrequests" in said.lower():
        raise rate_limited(upstream)
    found = diagnose_upstream(upstream, repository, tag) if upstream else None
    if found:
        raise found
    but = f", although this host gets it from {upstream.url}" if upstream else ""
    raise ProbeError(
        "mirror_error", f"The mirror answered {answer.status} for {repository}:{tag}{but}. It says: {said}"
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
        raise ProbeError("unanswered", f"{service.url} stopped answering: {reason_of(error)}.") from error
