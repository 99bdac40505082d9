#!/usr/bin/python
# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: directory_files
short_description: Have exactly these text files in a directory
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Writes all files of a directory in one step on the host, and removes files that are not wanted there, such as
    those of
    a program's earlier version. Directories in it, and what is in them, are left alone.
  - Each file is replaced as a whole. While it lasts, files of both versions may be there.
options:
  path:
    description: The directory. It is created where it is missing; the one above it has to exist.
    type: path
    required: true
  files:
    description: The text of each file by its name, which has no slash. They are written in the order of their names.
    type: dict
    required: true
  owner:
    description: User that owns the directory and the files.
    type: str
    default: root
  group:
    description: Group that owns the directory and the files.
    type: str
    default: root
attributes:
  check_mode:
    support: full
    description: Nothing is written in check mode; the result is what would be.
  diff_mode:
    support: full
    description: The files are shown as they are and as they will be.
  idempotent:
    support: full
    description: A second run changes nothing.
seealso:
  - module: ansible.builtin.copy
    description: For directories whose other files are to stay, binary files, or modes other than 0755 and 0644.
"""

EXAMPLES = r"""
- name: Write a program
  dockmirror.fleet.directory_files:
    path: /usr/local/lib/example
    files:
      __init__.py: ""
      __main__.py: "{{ lookup('ansible.builtin.file', 'example/__main__.py', rstrip=false) }}"
"""

RETURN = r"""
written:
  description: Names of the files that were written, or would be.
  returned: success
  type: list
  elements: str
  sample: [__main__.py]
removed:
  description: Names of the files that were removed, or would be.
  returned: success
  type: list
  elements: str
  sample: [old.py]
"""

import os
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dockmirror.fleet.plugins.module_utils.directory_files import FilesError, plan


def write(module: AnsibleModule, target: str, content: bytes) -> None:
    """Replace a file as a whole."""
    handle, part = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    module.atomic_move(part, target)


def attributes(module: AnsibleModule, path: str, mode: str, changed: bool) -> bool:
    """Set owner, group and mode; whether anything has changed so far."""
    if module.check_mode and not os.path.exists(path):
        return True
    wanted = {
        "path": path,
        "owner": module.params["owner"],
        "group": module.params["group"],
        "mode": mode,
        "attributes": None,
        "secontext": [None, None, None],
    }
    return bool(module.set_fs_attributes_if_different(wanted, changed))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "files": {"type": "dict", "required": True},
            "owner": {"type": "str", "default": "root"},
            "group": {"type": "str", "default": "root"},
        },
        supports_check_mode=True,
    )
    path, files = module.params["path"], module.params["files"]
    try:
        planned = plan(path, files)
        changed = bool(planned.write or planned.remove)
        if not os.path.isdir(path):
            changed = True
            if not module.check_mode:
                os.mkdir(path, 0o755)
        if not module.check_mode:
            for name, content in planned.write.items():
                write(module, os.path.join(path, name), content)
            for name in planned.remove:
                os.unlink(os.path.join(path, name))
        changed = attributes(module, path, "0755", changed)
        for name in sorted(files):
            changed = attributes(module, os.path.join(path, name), "0644", changed)
    except (FilesError, OSError) as error:
        module.fail_json(msg=f"The files in {path} could not be written: {error}")
    module.exit_json(changed=changed, written=[*planned.write], removed=planned.remove, diff=planned.diff(path))


if __name__ == "__main__":
    main()
