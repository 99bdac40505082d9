# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How maintenance fails."""

from __future__ import annotations


class MaintenanceError(Exception):
    """Something keeps the maintenance from being done; the text says what, and holds no secret."""


class BusyError(MaintenanceError):
    """Another maintenance has the lock."""
