# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet of this scenario as its tests see it."""

from __future__ import annotations

from tests.lab.registry_fleet import app, ci, client, server, trust

__all__ = ["app", "ci", "client", "server", "trust"]
