# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The error of this program."""

from __future__ import annotations


class QuotaError(Exception):
    """Something keeps the quota from being enforced; the text says what."""
