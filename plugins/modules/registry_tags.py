#!/usr/bin/python
# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: registry_tags
short_description: Delete tags and images of a registry by rules
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Keeps the newest images, the young ones, and those whose tags match a pattern; deletes the rest by the registry's
    API.
  - Everything is looked at before anything is deleted, and each repository is looked at once more right before. What
    was pushed or moved meanwhile is left to the next run.
  - A manifest is deleted together with all its tags, so it goes only if none of them stays, and if no index that stays
    names it. A tag that shares its manifest with one that stays is deleted alone where the registry can do that
    (registry 3), and is kept otherwise (registry 2).
  - With an index go its children, attestations among them, unless something that stays needs them.
  - Signatures and other referrers under a tag made of a digest (C(sha256-<hex>), C(sha256-<hex>.sig)) stay with what
    they belong to and go with it. Of them, a rule can say only that they stay, with O(rules[].keep_tags).
  - Manifests that no tag leads to cannot be listed by API. They are neither deleted nor protected.
  - Space is freed by the registry's garbage collection afterwards.
  - Needs nothing but Python on the host that runs it.
extends_documentation_fragment:
  - dockmirror.fleet.registry
  - dockmirror.fleet.registry.actiongroup
options:
  rules:
    description:
      - The first rule whose O(rules[].repositories) match a repository is the one for it. A repository that no rule
        matches is left alone.
      - A tag stays if O(rules[].delete_tags) is set and does not match it. Of the others, a tag stays if any of
        O(rules[].keep_tags), O(rules[].keep_newest) and O(rules[].keep_within) keeps it. What remains is deleted.
      - In patterns, C(*) stands for any characters but a slash, C(**) for any characters, C(?) for one, C([a-z]) for
        one of these.
    type: list
    elements: dict
    required: true
    suboptions:
      repositories:
        description:
          - Patterns for the repositories that the rule is for. V(team/*) does not match C(team/web/app), V(team/**)
            does.
        type: list
        elements: str
        required: true
      keep_newest:
        description:
          - How many images stay, counted from the newest, among those that O(rules[].delete_tags) and
            O(rules[].keep_tags) leave over. An image with several tags counts once.
          - An image's date is the one that its configuration or annotation says. Where neither does, or says a date
            before 2013 as reproducible builds do, the image stays, and there is a warning.
        type: int
      keep_within:
        description: Images younger than this stay; hours, days or weeks, such as V(12h), V(30d) or V(8w).
        type: str
      keep_tags:
        description: Patterns for tags that stay.
        type: list
        elements: str
        default: []
      delete_tags:
        description: Patterns for tags that may go. Without it, all may.
        type: list
        elements: str
        default: []
      allow_empty:
        description: >-
          Whether the rule may delete every tag that a repository has. Otherwise nothing is deleted anywhere, and the
          module fails.
        type: bool
        default: false
attributes:
  check_mode:
    support: full
    description: >-
      Tells exactly what would go, and fails where deletion would be refused. It finds that out with the deletion of a
      digest that nobody has.
  diff_mode:
    support: full
    description: Lists tags and manifests before and after, of the repositories that change.
  idempotent:
    support: full
    description: A second run changes nothing, until images grow old or new ones come.
seealso:
  - module: dockmirror.fleet.registry_info
"""

EXAMPLES = r"""
- name: Keep what is released, and of the rest what is new
  dockmirror.fleet.registry_tags:
    url: https://registry.example.com
    username: ci
    password: "{{ registry_ci_password }}"
    rules:
      # What production runs is never touched: the first rule that matches decides.
      - repositories: ["prod/**"]
        keep_tags: ["*"]
      # Builds of merge requests go after two weeks, all other tags stay.
      - repositories: ["team/**"]
        delete_tags: ["mr-*"]
        keep_within: 14d
        allow_empty: true
      # Elsewhere: releases, the ten newest others, and everything of the last month.
      - repositories: ["**"]
        keep_tags: ["v[0-9]*", stable]
        keep_newest: 10
        keep_within: 30d

- name: Delete one tag
  dockmirror.fleet.registry_tags:
    url: https://registry.example.com
    username: ci
    password: "{{ registry_ci_password }}"
    rules:
      - repositories: [team/app]
        delete_tags: ["1.0-broken"]
"""

RETURN = r"""
repositories:
  description: The repositories that a rule is for, by name.
  returned: when they could be listed
  type: list
  elements: dict
  contains:
    name:
      description: Name of the repository.
      type: str
      sample: team/app
    rule:
      description: Which rule it was, counted from 1.
      type: int
      sample: 2
    kept:
      description: Tags that stay.
      type: list
      elements: dict
      sample:
        - tag: stable
          digest: sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881
          reason: keep_tags has stable
          created: "2026-01-31T12:00:00Z"
    deleted:
      description: Tags that went, or would go in check mode.
      type: list
      elements: dict
      sample:
        - tag: mr-17
          digest: sha256:01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b
          reason: delete_tags has mr-*, it is older than 14d
          created: "2026-01-01T12:00:00Z"
    manifests:
      description: Digests of the manifests and indexes that went with them, in the order of their deletion.
      type: list
      elements: str
      sample: [sha256:01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b]
cause:
  description:
    - What is wrong, for programs.
    - C(input), C(unreachable), C(tls), C(unauthorized), C(forbidden), C(rate_limited), C(refused) or C(broken).
    - C(unsupported) the registry does not allow deletion, or not now. C(empty) see O(rules[].allow_empty).
  returned: failure
  type: str
  sample: empty
"""

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_client import (
    CONNECTION,
    RegistryError,
    connect,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.retention import (
    Retention,
    RetentionError,
    difference,
    results,
    undated,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.retention_rules import parse_rules, rule_problems


def main() -> None:
    patterns = {"type": "list", "elements": "str"}
    module = AnsibleModule(
        argument_spec={
            **CONNECTION,
            "rules": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "repositories": {**patterns, "required": True},
                    "keep_newest": {"type": "int"},
                    "keep_within": {"type": "str"},
                    "keep_tags": {**patterns, "default": []},
                    "delete_tags": {**patterns, "default": []},
                    "allow_empty": {"type": "bool", "default": False},
                },
            },
        },
        supports_check_mode=True,
    )
    params = module.params
    problems = rule_problems(params["rules"])
    if problems:
        module.fail_json(msg=" ".join(problems), cause="input")
    try:
        retention = Retention(connect(params), parse_rules(params["rules"]), time.time())
        outcomes = retention.plan() if module.check_mode else retention.run()
    except RegistryError as error:
        module.fail_json(msg=str(error), cause=error.cause)
    except RetentionError as error:
        module.fail_json(msg=str(error), cause=error.cause, **results(error.done))
    for text in undated(outcomes):
        module.warn(text)
    result = results(outcomes)
    if module._diff:
        result["diff"] = difference(outcomes)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
