# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: certificate_problems
short_description: List what keeps a certificate from being used for a server
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Checks that a certificate belongs to a private key, has not expired, and is for the name that clients use.
positional: public_key, server_name
options:
  _input:
    description: What P(community.crypto.x509_certificate_info#filter) says of the certificate.
    type: dict
    required: true
  public_key:
    description: >-
      The public key, PEM, that belongs to the private key, as P(community.crypto.openssl_privatekey_info#filter) says.
    type: str
    required: true
  server_name:
    description: The DNS name that clients use.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Check a certificate
  ansible.builtin.assert:
    that: certificate | dockmirror.fleet.certificate_problems(key.public_key, 'mirror1.example.com') | length == 0
  vars:
    certificate: "{{ lookup('ansible.builtin.file', 'mirror1.crt') | community.crypto.x509_certificate_info }}"
    key: "{{ lookup('ansible.builtin.file', 'mirror1.key') | community.crypto.openssl_privatekey_info }}"
"""

RETURN = r"""
_value:
  description: One sentence per problem; empty if there is none.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.gateway_settings import certificate_problems


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"certificate_problems": certificate_problems}
