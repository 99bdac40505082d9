# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one right that a machine may lack is dropped exactly where that is needed or harmless."""

from __future__ import annotations

import pytest

from tests.lab.rights import SYS_RESOURCE, has_capability, options

ALL = "Name:\tx\nCapBnd:\t000001ffffffffff\n"
WITHOUT = "Name:\tx\nCapBnd:\t000001fffeffffff\n"


def test_capability_is_read_from_the_bounding_set() -> None:
    assert has_capability(ALL, SYS_RESOURCE)
    assert not has_capability(WITHOUT, SYS_RESOURCE)
    assert has_capability(WITHOUT, SYS_RESOURCE - 1)


@pytest.mark.parametrize(
    ("status", "major", "dropped"), [(ALL, 20, 1), (ALL, 28, 1), (WITHOUT, 20, 1), (WITHOUT, 26, 0)]
)
def test_it_is_dropped_except_where_a_newer_engine_refuses(status: str, major: int, dropped: int) -> None:
    assert options(status, major).count("--cap-drop") == dropped
