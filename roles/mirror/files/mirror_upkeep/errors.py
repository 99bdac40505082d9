# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The error of this program."""

from __future__ import annotations


class UpkeepError(Exception):
    """Something does not work; the text says what, and holds no secret."""
