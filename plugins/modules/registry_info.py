#!/usr/bin/python
# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: registry_info
short_description: Tell what a registry holds
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Lists repositories, tags and images of a registry by its API, with digests, media types, dates and sizes.
  - Lists of any length are read page by page.
  - Needs nothing but Python on the host that runs it.
extends_documentation_fragment:
  - dockmirror.fleet.registry
  - dockmirror.fleet.registry.actiongroup
options:
  repositories:
    description:
      - Patterns for the repositories. C(*) stands for any characters but a slash, C(**) for any characters, C(?) for
        one, C([a-z]) for one of these.
      - Where all of them are plain names, the registry is not asked for its list of repositories.
    type: list
    elements: str
    default: ["**"]
  tags:
    description: Patterns for the tags, in the same form.
    type: list
    elements: str
    default: ["**"]
  details:
    description:
      - How much to ask for. V(repositories) are names alone. V(tags) adds the names of the tags, with a request for
        each repository.
      - V(images) reads each tag, manifest and configuration once, with three or more requests for each image.
    type: str
    choices: [repositories, tags, images]
    default: images
attributes:
  check_mode:
    support: full
    description: The module changes nothing.
  diff_mode:
    support: none
    description: There is nothing to show.
  idempotent:
    support: full
    description: The module changes nothing.
seealso:
  - module: dockmirror.fleet.registry_tags
"""

EXAMPLES = r"""
- name: See what a team's repositories hold
  dockmirror.fleet.registry_info:
    url: https://registry.example.com
    username: ci
    password: "{{ registry_ci_password }}"
    repositories: ["team/**"]
  register: inventory

- name: Show the size of each
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.unique_bytes | human_readable }}"
  loop: "{{ inventory.repositories }}"

- name: List the tags of one repository on the registry host itself
  dockmirror.fleet.registry_info:
    url: http://127.0.0.1:20500
    repositories: [team/app]
    details: tags
"""

RETURN = r"""
repositories:
  description: The repositories that match, by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the repository.
      type: str
      sample: team/app
    tags:
      description: Tags that match, sorted.
      returned: with O(details=tags)
      type: list
      elements: str
      sample: ["1.0", "1.1"]
    unique_bytes:
      description: Bytes of all that these images consist of, each part counted once.
      returned: with O(details=images)
      type: int
      sample: 3456789
    images:
      description: What the tags point to; tags of one image are together.
      returned: with O(details=images)
      type: list
      elements: dict
      contains:
        tags:
          description: Its tags, sorted.
          type: list
          elements: str
          sample: ["1.1", "stable"]
        digest:
          description: Digest of the manifest or index.
          type: str
          sample: sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881
        media_type:
          description: Media type of the manifest or index.
          type: str
          sample: application/vnd.oci.image.index.v1+json
        created:
          description: >-
            When it was made, in UTC, by its configuration or annotation; for an index the latest date of its children.
            Empty where neither says so, and where the date is older than the first container image, as that of a
            reproducible build often is.
          type: str
          sample: "2026-01-31T12:00:00Z"
        size:
          description: Bytes of all that it consists of, each part counted once.
          type: int
          sample: 3456789
        manifest_size:
          description: Bytes of the manifest or index itself.
          type: int
          sample: 1234
        config:
          description: Digest of the configuration; empty for an index.
          type: str
          sample: sha256:01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b
        layers:
          description: The layers, lowest first, each with C(digest), C(media_type) and C(size).
          type: list
          elements: dict
        children:
          description: >-
            For an index its manifests that the registry holds, each with C(platform) and the same keys as the image
            itself but C(tags). Attestations are among them.
          type: list
          elements: dict
unique_bytes:
  description: Bytes of all images of all repositories, each part counted once, as the registry stores it once.
  returned: success, with O(details=images)
  type: int
  sample: 9876543
cause:
  description:
    - What is wrong, for programs.
    - C(input), C(unreachable), C(tls), C(unauthorized), C(forbidden), C(rate_limited), C(refused) or C(broken).
  returned: failure
  type: str
  sample: unauthorized
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dockmirror.fleet.plugins.module_utils.name_patterns import pattern_problem
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_client import (
    CONNECTION,
    RegistryError,
    connect,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_inventory import DETAILS, take_inventory


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **CONNECTION,
            "repositories": {"type": "list", "elements": "str", "default": ["**"]},
            "tags": {"type": "list", "elements": "str", "default": ["**"]},
            "details": {"type": "str", "choices": list(DETAILS), "default": "images"},
        },
        supports_check_mode=True,
    )
    params = module.params
    for key in ("repositories", "tags"):
        for text in filter(None, map(pattern_problem, params[key])):
            module.fail_json(msg=f"{key}: {text}.", cause="input")
    try:
        client = connect(params)
        found = take_inventory(client, params["repositories"], params["tags"], params["details"])
    except RegistryError as error:
        module.fail_json(msg=str(error), cause=error.cause)
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
