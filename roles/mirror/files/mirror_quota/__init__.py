# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the data of a host's mirrors within a quota: what was not used for the longest time goes.

Runs with the host's Python (3.8 or later) and its standard library, beside running registries. It knows the instances
of the role ``mirror`` and nothing else: what it removes can always be fetched again.
"""
