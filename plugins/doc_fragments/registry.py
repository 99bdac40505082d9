# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that talk to a registry's API have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """The connection to a registry."""

    DOCUMENTATION = r"""
options:
  url:
    description:
      - Base URL of the registry, without a path, as the host that runs the module reaches it.
      - On the registry host itself that can be its address on loopback, which needs no login.
    type: str
    required: true
  username:
    description: User there. Needs O(password).
    type: str
    default: ""
  password:
    description:
      - Password or token there. Keep it in a vault.
      - Where the registry names a token service, it gets the password and the registry gets the token. Neither is ever
        sent to a host that the registry redirects to.
    type: str
    default: ""
  ca_file:
    description:
      - File on the host with the certificates that are trusted; a server certificate in it counts by itself. The
        default is the system's trust.
    type: path
  connect_to:
    description:
      - Address to connect to in place of the URL's host, so that no DNS is needed. The name in the URL is still checked
        by TLS.
    type: str
  allow_http:
    description: Send O(password) without encryption to a host other than this one.
    type: bool
    default: false
  timeout:
    description: Seconds for each step of a request.
    type: float
    default: 30
"""

    ACTIONGROUP = r"""
options: {}
attributes:
  action_group:
    support: full
    description: Use C(group/dockmirror.fleet.registry) in C(module_defaults) to set the connection once.
    membership:
      - dockmirror.fleet.registry
"""
