# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Garbage collection, backup and restore of the private registry, on its own host.

Runs with the host's Python (3.8 or later) and its standard library; ``docker`` and ``restic`` do the work. Everything
here is started through ``dockmirror-registry-maintenance``, by systemd or by an operator as root.
"""
