# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all unit tests have in common."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A property holds or it does not: how fast the machine is has no say in it.
settings.register_profile("property", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("property")
