#!/usr/bin/python
# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: scheduler_state
short_description: Heal the expiry list of a pull-through cache
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - A registry that runs as a pull-through cache notes in C(scheduler-state.json) what expires when. If this file is
    empty or
    truncated, which a full disk does to it, the registry panics when it starts.
  - This module moves a file that is not a JSON object aside. The registry then starts without it, and content that
    is already cached
    does not expire by itself. A file that is sound, or missing, is left alone.
options:
  path:
    description: The file, in the registry's data directory.
    type: path
    required: true
attributes:
  check_mode:
    support: full
    description: Nothing is moved in check mode; the result is what would be.
  diff_mode:
    support: none
    description: The file's content is not shown.
  idempotent:
    support: full
    description: A second run changes nothing.
"""

EXAMPLES = r"""
- name: Let the mirror start again after a full disk
  dockmirror.fleet.scheduler_state:
    path: /var/lib/dockmirror/mirror/docker.io/scheduler-state.json
"""

RETURN = r"""
moved_to:
  description: Where a broken file was moved to.
  returned: when the file was broken, not in check mode
  type: str
  sample: /var/lib/dockmirror/mirror/docker.io/scheduler-state.json.broken-20260101T120000
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dockmirror.fleet.plugins.module_utils.scheduler_state import is_broken, move_aside


def main() -> None:
    module = AnsibleModule(argument_spec={"path": {"type": "path", "required": True}}, supports_check_mode=True)
    path = module.params["path"]
    try:
        if not is_broken(path):
            module.exit_json(changed=False)
        if module.check_mode:
            module.exit_json(changed=True)
        moved_to = move_aside(path)
    except OSError as error:
        module.fail_json(msg=f"{path} could not be read or moved: {error}.")
    module.warn(
        f"{path} was broken and was moved to {moved_to}: what the mirror has cached so far does not expire by itself."
    )
    module.exit_json(changed=True, moved_to=moved_to)


if __name__ == "__main__":
    main()
