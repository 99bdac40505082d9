# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet's network never overlaps one that is in use."""

from __future__ import annotations

import pytest

from tests.lab.fleet import ADDRESSES, free_subnet
from tests.lab.run import LabError


def test_the_first_network_is_taken_when_nothing_is_in_the_way() -> None:
    assert str(free_subnet(["172.17.0.0/16", "fd00::/64"])) == "10.90.0.0/24"


def test_networks_in_use_are_passed_over_whatever_their_size() -> None:
    assert str(free_subnet(["10.90.0.0/24", "10.90.1.128/25", "10.90.2.0/23"])) == "10.90.4.0/24"


def test_it_is_an_error_when_all_are_used() -> None:
    with pytest.raises(LabError, match="no free network left"):
        free_subnet([str(ADDRESSES)])
