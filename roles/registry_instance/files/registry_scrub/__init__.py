# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what registries of this host have stored, and compares it with the digests that it is stored under.

Runs with the host's Python (3.8 or later) and its standard library, started by systemd or by an operator as root.
"""
