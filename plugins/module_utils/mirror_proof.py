# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof that an engine pulls through a mirror.

Mirrors of this collection answer for the repository C(dockmirror/probe) themselves, for any tag, with an image whose
label names the mirror. Docker Hub has no such image. An engine that can pull it under a fresh tag came through a
mirror, with name resolution, TLS, trust and allow-list; one that cannot was about to fall back to Docker Hub.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from ansible_collections.dockmirror.fleet.plugins.module_utils.engine_api import EngineApi, EngineError, EngineHTTPError
from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_diagnosis import (
    PROBE_REPOSITORY,
    Finding,
    View,
    examine_all,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.mirrors import split, without_credentials

SERVED_BY_LABEL = "io.dockmirror.served-by"
DOCKER_HUB = "docker.io"


class Pull(NamedTuple):
    """What came of pulling the probe image.

    :ivar served_by: the mirror's name, None where the pull failed or the image has no such label.
    :ivar error: what the engine said where the pull failed, else the empty string.
    :ivar elapsed_ms: time of the pull in milliseconds.
    """

    served_by: str | None
    error: str
    elapsed_ms: int


class Verdict(NamedTuple):
    """The judgement.

    :ivar cause: C(ok), or one word for what is wrong.
    :ivar message: one or more sentences for an operator.
    :ivar findings: what was found out about mirrors that did not answer.
    :ivar warning: what an operator should know although the client is proven, or the empty string.
    """

    cause: str
    message: str
    findings: list[Finding]
    warning: str = ""


def pull_probe(api: EngineApi, tag: str, timeout: float, registry: str = DOCKER_HUB) -> Pull:
    """Pull the probe image under ``tag``, read its label, and remove it again.

    :param timeout: seconds for the pull. An engine whose client hangs up gives the pull up.
    :param registry: the registry of which the image is to be.
    """
    start = time.monotonic()
    repository = PROBE_REPOSITORY if registry == DOCKER_HUB else f"{registry}/{PROBE_REPOSITORY}"
    image = f"{repository}:{tag}"
    served_by = None
    error = ""
    try:
        with api.post_stream("/images/create", {"fromImage": repository, "tag": tag}, timeout=timeout) as progress:
            for step in progress:
                error = str(step.get("error") or error)
        elapsed = time.monotonic() - start
        if not error:
            config = api.get_json(f"/images/{image}/json").get("Config") or {}
            served_by = (config.get("Labels") or {}).get(SERVED_BY_LABEL)
    except EngineError as failure:
        elapsed = time.monotonic() - start
        error = str(failure)
    _remove(api, image)
    return Pull(served_by, error, round(elapsed * 1000))


def _remove(api: EngineApi, image: str) -> None:
    try:
        api.delete(f"/images/{image}")
    except EngineHTTPError as error:
        if error.status != 404:
            raise


def judge(
    pull: Pull, engine: View, wanted: list[str], expected: list[str], certs_dir: str, tag: str, timeout: float
) -> Verdict:
    """Judge a pull; where it was not served as it should be, find out why.

    :param wanted: URLs of the mirrors in the order that this host is to have; may be empty.
    :param expected: names by which mirrors of the inventory call themselves in the label; may be empty for any.
    """
    if pull.served_by is None:
        return _explain_failure(pull, engine, wanted, certs_dir, tag, timeout)
    if expected and pull.served_by not in expected:
        return Verdict(
            "foreign_mirror",
            f"The probe image came from {pull.served_by}, which is not a mirror of the inventory ({_list(expected)}). "
            f"The mirrors of the {engine.title} are {_list(engine.mirrors)}. Run the onboard playbook, or add the "
            "mirror to the inventory.",
            [],
        )
    findings = examine_all(_ahead_of(pull.served_by, wanted or engine.mirrors), engine, certs_dir, tag, timeout)
    warning = ""
    if findings:
        warning = f"{pull.served_by} answered, although it is not the first mirror of this host. {_sentences(findings)}"
    return Verdict("ok", f"{pull.served_by} served the probe image in {pull.elapsed_ms} ms.", findings, warning)


def _ahead_of(served_by: str, order: list[str]) -> list[str]:
    """The mirrors that should have answered before ``served_by``; none where it is not known by that name."""
    names = [split(url).hostname for url in order]
    return order[: names.index(served_by.lower())] if served_by.lower() in names else []


def _explain_failure(pull: Pull, engine: View, wanted: list[str], certs_dir: str, tag: str, timeout: float) -> Verdict:
    if not engine.mirrors:
        return Verdict(
            "no_mirror",
            f"The {engine.title} has no registry mirror; it pulls from the registry itself. Run the onboard playbook "
            "for this host.",
            [],
        )
    findings = examine_all(engine.mirrors, engine, certs_dir, tag, timeout)
    if wanted and not _normal(wanted) & _normal(engine.mirrors):
        return Verdict(
            "other_mirrors",
            f"The {engine.title} has other mirrors ({_list(engine.mirrors)}) than the inventory asks for "
            f"({_list(wanted)}). Run the onboard playbook for this host. {_sentences(findings)}",
            findings,
        )
    failed = [finding for finding in findings if finding.cause != "ok"]
    if failed:
        return Verdict(failed[0].cause, _sentences(failed), findings)
    if not pull.error:
        return Verdict(
            "not_a_gateway",
            f"The probe image came without the label {SERVED_BY_LABEL}: what answers at {_list(engine.mirrors)} is not "
            "a gateway of this fleet.",
            findings,
        )
    return Verdict(
        "engine",
        f"Every mirror answers this host, but the engine's pull fails: {pull.error.rstrip('.')}. If that is about a "
        "certificate: runtimes read the CA certificates of the system only when they start. Look into its log "
        "(journalctl -u docker, or -u containerd).",
        findings,
    )


def _normal(urls: list[str]) -> set[str]:
    """URLs as dockerd compares them: it reports each with a slash at the end."""
    return {url.rstrip("/") for url in urls}


def _sentences(findings: list[Finding]) -> str:
    return " ".join(finding.sentence() for finding in findings)


def _list(items: list[str]) -> str:
    return ", ".join(without_credentials(item).rstrip("/") for item in items)
