# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OCI distribution specification, by its official suite, through the gateway and with a password."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab import conformance, registryimage, testing

from .conftest import CA, CI, PRIMARY, USERS


@pytest.fixture(scope="module")
def result(ci: Any) -> conformance.Result:
    if registryimage.newest() != "3":
        pytest.skip("registry 3 cannot be had on this machine, and 2 does not claim to conform")
    return conformance.run(testing.container(CI), PRIMARY, "ci", USERS["ci"], CA)


def test_the_suite_finds_nothing_but_what_is_known_of_the_registry(result: conformance.Result) -> None:
    assert result.passed > 500
    assert conformance.unexpected(result) == []


@pytest.mark.parametrize(
    "api",
    [
        *("Blob get", "Blob get range", "Blob head"),
        *("Blob post put", "Blob streaming", "Blob mount"),
        *("Tag delete", "Manifest delete", "Blob delete"),
    ],
)
def test_pull_push_and_content_management_pass(result: conformance.Result, api: str) -> None:
    assert result.apis[api] == "Pass"
