#!/usr/bin/python
# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: registry_users
short_description: Write who may use the private registry
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Writes the file that the authentication service of the role P(dockmirror.fleet.registry#role) reads. It holds
    bcrypt hashes and no password.
  - A password is only hashed anew when none of the user's hashes belongs to it. A user who is not in the list goes.
  - The file is replaced as a whole, so that the service never sees half of it; it takes effect with the next request.
requirements:
  - The Python library C(bcrypt) on the host.
options:
  path:
    description: The file.
    type: path
    required: true
  users:
    description: Everybody who may come in.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the user.
        type: str
        required: true
      password:
        description: Password of the user.
        type: str
        required: true
      role:
        description: Whether the user may only V(pull), or V(push) and delete as well.
        type: str
        choices: [push, pull]
        required: true
  anonymous_pull:
    description: Whether images may be pulled without a password.
    type: bool
    default: false
  cost:
    description: Cost of the hashes. Each step doubles the time that a check takes.
    type: int
    default: 10
  keep_previous:
    description:
      - Whether the passwords from before stay valid beside those in O(users), for the time in which clients
        change over.
      - A user has three passwords at most.
    type: bool
    default: false
extends_documentation_fragment:
  - ansible.builtin.files
attributes:
  check_mode:
    support: full
    description: Nothing is written.
  diff_mode:
    support: full
    description: Shows names, roles and how many passwords each user has. No hash is shown.
  idempotent:
    support: full
    description: Passwords are compared with their hashes.
"""

EXAMPLES = r"""
- name: Let CI push and production pull
  dockmirror.fleet.registry_users:
    path: /etc/dockmirror/registry/users.json
    users:
      - name: ci
        password: "{{ vault_registry_ci_password }}"
        role: push
      - name: production
        password: "{{ vault_registry_production_password }}"
        role: pull
    owner: root
    group: dockmirror-auth
    mode: "0640"
"""

RETURN = r"""
users:
  description: What happened to each user, by name.
  returned: success
  type: dict
  sample: {ci: kept, production: password, old: removed}
"""

import os
import tempfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.common.respawn import has_respawned, probe_interpreters_for_module, respawn_module

from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_users import describe, plan, read, render

try:
    import bcrypt
except ImportError:
    bcrypt = None


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "users": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "password": {"type": "str", "required": True, "no_log": True},
                    "role": {"type": "str", "choices": ["push", "pull"], "required": True},
                },
            },
            "anonymous_pull": {"type": "bool", "default": False},
            "cost": {"type": "int", "default": 10},
            "keep_previous": {"type": "bool", "default": False},
        },
        add_file_common_args=True,
        supports_check_mode=True,
    )
    _use_a_python_with_bcrypt(module)
    params = module.params
    path = params["path"]
    text = ""
    if os.path.exists(path):
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    before = read(text)
    planned = plan(
        before,
        params["users"],
        params["anonymous_pull"],
        params["cost"],
        params["keep_previous"],
        _check,
        (lambda _password: "") if bcrypt is None else lambda password: _make(password, params["cost"]),
    )
    changed = not text or before != planned.document
    result: dict[str, Any] = {"changed": changed, "users": planned.actions}
    if module._diff:
        result["diff"] = {
            "before_header": path,
            "after_header": path,
            "before": describe(before) if text else "",
            "after": describe(planned.document),
        }
    if changed and not module.check_mode:
        _write(module, path, render(planned.document))
    if not module.check_mode or os.path.exists(path):
        attributes = module.load_file_common_arguments(params)
        result["changed"] = module.set_fs_attributes_if_different(attributes, changed)
    module.exit_json(**result)


def _use_a_python_with_bcrypt(module: AnsibleModule) -> None:
    """The library is the distribution's, for the distribution's Python. Before the first run there is none."""
    if bcrypt is not None:
        return
    if not has_respawned():
        interpreter = probe_interpreters_for_module(["/usr/bin/python3", "/usr/libexec/platform-python"], "bcrypt")
        if interpreter:
            respawn_module(interpreter)
    if not module.check_mode:
        module.fail_json(msg=missing_required_lib("bcrypt"))


def _check(password: str, value: str) -> bool:
    try:
        return bcrypt is not None and bool(bcrypt.checkpw(password.encode("utf-8"), value.encode("ascii")))
    except ValueError:
        return False


def _make(password: str, cost: int) -> str:
    return str(bcrypt.hashpw(password.encode("utf-8"), bcrypt.gensalt(cost)).decode("ascii"))


def _write(module: AnsibleModule, path: str, text: str) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    # The owner and mode must be right in the moment in which the file takes its place.
    attributes = module.load_file_common_arguments(module.params, path=temporary)
    module.set_fs_attributes_if_different(attributes, False)
    module.atomic_move(temporary, path, unsafe_writes=module.params["unsafe_writes"])


if __name__ == "__main__":
    main()
