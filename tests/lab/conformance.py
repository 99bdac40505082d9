# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The official conformance suite of the OCI distribution specification, run on a host of the lab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import yaml

from tests.lab import gotools
from tests.lab.run import docker

PROGRAM = "/usr/local/bin/oci-conformance"
RESULTS = "/var/tmp/oci-conformance"

KNOWN = {
    "chunked out-of-order and put chunk": "a chunk out of order in the closing PUT gets 400, where 416 is right",
    "non-distributable-layers": "an image whose layers are elsewhere is refused",
}
"""What registry 3.1.1 by itself does otherwise than the specification: part of a test's name, and what."""

SETTINGS = {
    # 1.1 adds the referrers API, which registry 3.1.1 does not have.
    "OCI_VERSION": "1.0",
    # Digests other than sha256 are optional.
    "OCI_DATA_SHA512": "false",
}


class Result(NamedTuple):
    """What came of a run: verdict by API, the names of the tests that failed, and how many passed."""

    apis: dict[str, str]
    failed: list[str]
    passed: int


def run(container: str, registry: str, username: str, password: str, ca_file: str) -> Result:
    """Run the suite in *container* against *registry* (``host[:port]``), trusting the CA in *ca_file* there."""
    docker("cp", str(gotools.program("conformance")), f"{container}:{PROGRAM}")
    docker("exec", container, "mkdir", "-p", RESULTS)
    settings = {
        **SETTINGS,
        "OCI_REGISTRY": registry,
        "OCI_USERNAME": username,
        "OCI_PASSWORD": password,
        "OCI_RESULTS_DIR": RESULTS,
        "OCI_LOG": "error",
        "SSL_CERT_FILE": ca_file,
    }
    options = [part for name, value in settings.items() for part in ("--env", f"{name}={value}")]
    # Its exit code is 1 for any failure; which ones is for the caller to judge.
    said = docker("exec", *options, container, PROGRAM, check=False)
    return result(said, yaml.safe_load(docker("exec", container, "cat", f"{RESULTS}/results.yaml")))


def result(output: str, document: Mapping[str, Mapping[str, str]]) -> Result:
    """Read what the suite printed, one line for each test, and its results.yaml."""
    verdicts = [line.strip().rpartition(": ") for line in output.splitlines() if "OCI Conformance Test/" in line]
    failed = [name for name, _colon, verdict in verdicts if verdict in ("FAIL", "Error")]
    # A group fails with its members: only these count.
    leaves = [name for name in failed if not any(other.startswith(f"{name}/") for other in failed)]
    passed = sum(verdict == "Pass" for _name, _colon, verdict in verdicts)
    return Result(dict(document["apis"]), [name.partition("/")[2] for name in leaves], passed)


def unexpected(found: Result) -> list[str]:
    """The failures that are not known of the registry itself."""
    return [name for name in found.failed if not any(known in name for known in KNOWN)]
