# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read out of a run of the conformance suite."""

from __future__ import annotations

from tests.lab.conformance import Result, result, unexpected

OUTPUT = """\
Test results
OCI Conformance Test: FAIL
  OCI Conformance Test/ping: Pass
  OCI Conformance Test/sha256 blobs: FAIL
    OCI Conformance Test/sha256 blobs/chunked out-of-order and put chunk: FAIL
      OCI Conformance Test/sha256 blobs/chunked out-of-order and put chunk/blob-patch-chunked: FAIL
       - blob out of order chunk: unexpected status code, expected one of [416], received 400
    OCI Conformance Test/sha256 blobs/post+put: FAIL
      OCI Conformance Test/sha256 blobs/post+put/blob-head: Pass
      OCI Conformance Test/sha256 blobs/post+put/blob-get: Error
  OCI Conformance Test/empty/referrers: Disabled
OCI Conformance Result: FAIL
"""


def test_only_the_innermost_failures_count() -> None:
    found = result(OUTPUT, {"apis": {"Blob get": "FAIL"}})
    assert found.apis == {"Blob get": "FAIL"}
    assert found.passed == 2
    assert found.failed == [
        "sha256 blobs/chunked out-of-order and put chunk/blob-patch-chunked",
        "sha256 blobs/post+put/blob-get",
    ]


def test_what_is_known_of_the_registry_is_no_surprise() -> None:
    found = Result({}, ["sha256 blobs/chunked out-of-order and put chunk/blob-patch-chunked", "x/blob-get"], 2)
    assert unexpected(found) == ["x/blob-get"]
