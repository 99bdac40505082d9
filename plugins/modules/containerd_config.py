#!/usr/bin/python
# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: containerd_config
short_description: Let containerd's CRI read hosts.toml files
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Sets C(config_path) of containerd's CRI plugin in its configuration file, for containerd 1.x and 2.x and each
    version of the file, where it is not set yet. Nothing else in the file is touched, comments and formatting included.
  - What the change does is asked of C(containerd config dump) before the file is replaced.
  - containerd reads its configuration when it starts only. A restart happens only with O(allow_restart); containers
    survive it. If containerd, or its CRI, does not work afterwards, the file is put back and containerd restarted
    again.
  - Where the CRI plugin is switched off nothing is needed, and nothing is done.
options:
  state:
    description:
      - V(present) sets C(config_path).
      - V(absent) gives back what was there. If nobody else changed the file in the meantime it is the same to the byte.
    type: str
    choices: [present, absent]
    default: present
  certs_dir:
    description: The directory with a directory for each registry.
    type: path
    default: /etc/containerd/certs.d
  path:
    description: containerd's configuration file. It need not exist.
    type: path
    default: /etc/containerd/config.toml
  service:
    description: The systemd unit of containerd.
    type: str
    default: containerd.service
  allow_restart:
    description:
      - Whether containerd may be restarted. Without, V(present) fails where C(config_path) is missing and containerd
        runs, before anything is changed; V(absent) changes the file, which has its effect at the next start.
    type: bool
    default: false
  timeout:
    description: Seconds for each command, and for containerd to answer after a restart.
    type: float
    default: 60
attributes:
  check_mode:
    support: full
    description: Nothing is written in check mode; the result is what would be.
  diff_mode:
    support: full
    description: Shows the file before and after.
  idempotent:
    support: full
    description: A second run with the same options changes nothing.
"""

EXAMPLES = r"""
- name: Let Kubernetes pull by what is in certs.d
  dockmirror.fleet.containerd_config:
    allow_restart: true

- name: Give back what was there
  dockmirror.fleet.containerd_config:
    state: absent
"""

RETURN = r"""
cri:
  description: Whether containerd's CRI plugin is on.
  returned: success
  type: bool
  sample: true
restarted:
  description: Whether containerd was restarted.
  returned: success
  type: bool
  sample: false
restart_required:
  description: Whether the running containerd does not know yet what the file says.
  returned: always
  type: bool
  sample: false
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dockmirror.fleet.plugins.module_utils.containerd_apply import Apply, ApplyError
from ansible_collections.dockmirror.fleet.plugins.module_utils.containerd_config import ConfigError
from ansible_collections.dockmirror.fleet.plugins.module_utils.containerd_service import Containerd, ServiceError
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.files import FileError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "certs_dir": {"type": "path", "default": "/etc/containerd/certs.d"},
            "path": {"type": "path", "default": "/etc/containerd/config.toml"},
            "service": {"type": "str", "default": "containerd.service"},
            "allow_restart": {"type": "bool", "default": False},
            "timeout": {"type": "float", "default": 60},
        },
        supports_check_mode=True,
    )
    path = module.params["path"]
    try:
        containerd = Containerd(module.params["service"], module.params["timeout"])
        apply = Apply(
            containerd, path, module.params["certs_dir"], module.params["allow_restart"], bool(module.check_mode)
        )
        outcome = apply.present() if module.params["state"] == "present" else apply.absent()
    except ApplyError as error:
        module.fail_json(msg=f"{error}.", restart_required=error.restart_required)
    except ConfigError as error:
        module.fail_json(msg=f"{path}: {error}. Nothing was changed.", restart_required=False)
    except (ServiceError, FileError) as error:
        module.fail_json(msg=f"{error}.", restart_required=False)
    module.exit_json(
        changed=outcome.changed,
        cri=outcome.cri,
        restarted=outcome.restarted,
        restart_required=outcome.restart_required,
        diff={
            "before_header": path if outcome.before is not None else "absent",
            "after_header": path if outcome.after is not None else "absent",
            "before": outcome.before or "",
            "after": outcome.after or "",
        },
    )


if __name__ == "__main__":
    main()
