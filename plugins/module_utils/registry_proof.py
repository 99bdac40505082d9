# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof that a private registry lets in whom it should, and nobody else, by what it answers through its gateway."""

from __future__ import annotations

import hashlib
import http.client
import json
import secrets
from typing import NamedTuple
from urllib.parse import urlsplit

from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_auth import basic
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_service import (
    ACCEPT,
    Answer,
    ProbeError,
    Service,
    reason_of,
    wait_until_ready,
    words_of,
)

REPOSITORY = "dockmirror/probe"
"""The repository that is pushed to. Its name stays behind; what was pushed does not."""

TAG = "deployment"

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


class Credentials(NamedTuple):
    """A user of the registry."""

    username: str
    password: str

    @property
    def header(self) -> dict[str, str]:
        return {"Authorization": basic(self.username, self.password)}


def prove_registry(
    service: Service,
    push: Credentials | None,
    pull: Credentials | None,
    anonymous_pull: bool,
    timeout: float,
) -> dict[str, str]:
    """Prove that nobody comes in without the right password, and that users can do what they may and no more.

    :param push: somebody who may push; None leaves out pushing, pulling and deleting.
    :param pull: somebody who may only pull; None leaves out that part.
    :param anonymous_pull: whether pulling needs no user.
    :param timeout: seconds the service has to answer at all.
    :returns: ``digest`` of the image that was pushed, pulled and deleted; empty without a user who may push.
    :raises ProbeError: it is not so.
    """
    _prove_the_door(service, anonymous_pull, timeout)
    digest = ""
    if push:
        digest = _prove_a_push(service, push)
    if pull:
        _prove_that_a_push_is_refused(service, pull)
    return {"digest": digest}


def _prove_the_door(service: Service, anonymous_pull: bool, timeout: float) -> None:
    ready = wait_until_ready(service, timeout)
    if ready.status == 403:
        raise ProbeError(
            "refused",
            f"{service.url} refuses this host itself (403): its networks are not in gateway_allowed_networks.",
        )
    if ready.status == 500:
        raise ProbeError(
            "auth_error",
            f"{service.url} answers 500: the gateway cannot ask who may come in."
            " `journalctl -u dockmirror-auth` and the gateway's error.log say why.",
        )
    if ready.status == 200:
        raise ProbeError(
            "open", f"{service.url}/v2/ answers 200 without a password: anybody could come in. It must answer 401."
        )
    if ready.status != 401:
        raise ProbeError("not_a_registry", f"{service.url}/v2/ does not answer as a registry (status {ready.status}).")
    # Where pulling is free, engines are sent for a token: else they would not log in for a push.
    scheme = "Bearer realm=" if anonymous_pull else "Basic realm="
    if not ready.headers.get("www-authenticate", "").startswith(scheme):
        raise ProbeError("not_a_registry", f"{service.url}/v2/ does not ask for a password in the way engines need.")
    stranger = Credentials("dockmirror-probe", secrets.token_urlsafe(16))
    answer = _ask(service, "GET", "/v2/", stranger)
    if answer.status != 401:
        raise ProbeError("open", f"{service.url} answers {answer.status} to a wrong password; it must answer 401.")
    answer = _ask(service, "POST", f"/v2/{REPOSITORY}/blobs/uploads/", None)
    if answer.status != 401:
        raise ProbeError(
            "open", f"{service.url} answers {answer.status} to a push without a password; it must answer 401."
        )


def _prove_a_push(service: Service, user: Credentials) -> str:
    # Bytes that no earlier probe has pushed, so that nothing of it can come from anywhere else.
    layer = secrets.token_bytes(64)
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, config),
            "layers": [_descriptor(_LAYER, layer)],
        }
    ).encode()
    for blob in (layer, config):
        _push_blob(service, user, blob)
    base = f"/v2/{REPOSITORY}"
    answer = _ask(service, "PUT", f"{base}/manifests/{TAG}", user, manifest, {"Content-Type": _MANIFEST})
    _expect(service, answer, (201,), "push an image")
    digest = digest_of(manifest)
    answer = _ask(service, "GET", f"{base}/manifests/{TAG}", user)
    _expect(service, answer, (200,), "pull the image that was just pushed")
    if answer.body != manifest:
        raise ProbeError("registry_error", f"{service.url} gives back another image than the one that was pushed.")
    answer = _ask(service, "GET", f"{base}/blobs/{digest_of(layer)}", user)
    _expect(service, answer, (200,), "pull a layer that was just pushed")
    if answer.body != layer:
        raise ProbeError("registry_error", f"{service.url} gives back other bytes than those that were pushed.")
    _expect(service, _ask(service, "DELETE", f"{base}/manifests/{digest}", user), (202,), "delete an image")
    for blob in (layer, config):
        answer = _ask(service, "DELETE", f"{base}/blobs/{digest_of(blob)}", user)
        _expect(service, answer, (202, 404), "delete a layer")
    return digest


def _push_blob(service: Service, user: Credentials, blob: bytes) -> None:
    answer = _ask(service, "POST", f"/v2/{REPOSITORY}/blobs/uploads/", user)
    _expect(service, answer, (202,), "begin a push")
    location = urlsplit(answer.headers.get("location", ""))
    if location.scheme:
        raise ProbeError(
            "registry_error",
            f"{service.url} names another address for the rest of a push ({location.scheme}://{location.netloc}): it"
            " would fail wherever clients use another name or port.",
        )
    path = location.path + "?" + (location.query + "&" if location.query else "") + "digest=" + digest_of(blob)
    answer = _ask(service, "PUT", path, user, blob, {"Content-Type": "application/octet-stream"})
    _expect(service, answer, (201,), "push a layer")


def _prove_that_a_push_is_refused(service: Service, user: Credentials) -> None:
    _expect(service, _ask(service, "GET", "/v2/", user), (200,), "log in as a user who may pull")
    answer = _ask(service, "POST", f"/v2/{REPOSITORY}/blobs/uploads/", user)
    if answer.status == 202:
        raise ProbeError("open", f"{service.url} lets {user.username} push, who may only pull.")
    _expect(service, answer, (403,), "refuse the push of a user who may only pull")


def _expect(service: Service, answer: Answer, statuses: tuple[int, ...], what: str) -> None:
    if answer.status in statuses:
        return
    if answer.status == 401:
        raise ProbeError(
            "credentials", f"{service.url} does not take the password of a user (401), so it cannot {what}."
        )
    raise ProbeError(
        "registry_error", f"{service.url} cannot {what}: it answers {answer.status}. It says: {words_of(answer)}"
    )


def _descriptor(kind: str, content: bytes) -> dict[str, object]:
    return {"mediaType": kind, "digest": digest_of(content), "size": len(content)}


def digest_of(content: bytes) -> str:
    """The digest by which a registry knows these bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _ask(
    service: Service,
    method: str,
    path: str,
    user: Credentials | None,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
) -> Answer:
    try:
        sent = {**(headers or {}), **(user.header if user else {})}
        return service.ask(method, path, ACCEPT, headers=sent, body=body)
    except (OSError, http.client.HTTPException) as error:
        raise ProbeError("unanswered", f"{service.url} stopped answering: {reason_of(error)}.") from error
