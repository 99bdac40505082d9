#!/usr/bin/python
# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: docker_login_proof
short_description: Prove that local users of a host are logged in to registries
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Takes the login that the docker command of a user would send to a registry, from C(~/.docker/config.json) or from
    the credential helper that is named there, and lets the host's own engine log in with it.
  - Fails when a login is missing, is another user's, or is refused, and says why. No password is an option of this
    module or in its result.
  - Equal logins of several users are tried once.
  - Needs nothing but Python on the host.
options:
  logins:
    description:
      - The logins that have to work.
    type: list
    elements: dict
    required: true
    suboptions:
      registry:
        description:
          - The registry, as C(name) or C(name:port).
        type: str
        required: true
      username:
        description:
          - The user at the registry.
        type: str
        required: true
      users:
        description:
          - The local users.
        type: list
        elements: str
        default: [root]
  client:
    description:
      - The host's name in messages.
      - By default its own host name.
    type: str
  timeout:
    description:
      - Seconds for trying one login, and for one call of a credential helper.
    type: float
    default: 60
  docker_socket:
    description:
      - The unix socket of the Docker Engine.
    type: path
    default: /var/run/docker.sock
attributes:
  check_mode:
    support: full
    description: Does the same in check mode, since it never changes anything.
  diff_mode:
    support: none
    description: There is nothing to show, the module never changes anything.
  idempotent:
    support: full
    description: Never reports a change.
"""

EXAMPLES = r"""
- name: Prove that root and the user deploy can log in to the private registry
  dockmirror.fleet.docker_login_proof:
    logins:
      - registry: registry.example.com
        username: production
        users: [root, deploy]
"""

RETURN = r"""
proven:
  description: The logins that work.
  returned: always
  type: list
  elements: str
  sample: ["deploy: production at registry.example.com"]
cause:
  description:
    - V(ok), or in one word what is wrong with the first login that does not work.
    - V(no_login) the user has none for the registry. V(other_login) it is for another user name. V(unreadable) it
      cannot be read. All others are those of M(dockmirror.fleet.docker_logins).
  returned: always
  type: str
  sample: ok
"""

import socket

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.config_file import Credentials
from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.manage import prove_stored
from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.proof import Verdict, prove
from ansible_collections.dockmirror.fleet.plugins.module_utils.engine_api import EngineApi


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "logins": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "registry": {"type": "str", "required": True},
                    "username": {"type": "str", "required": True},
                    "users": {"type": "list", "elements": "str", "default": ["root"]},
                },
            },
            "client": {"type": "str"},
            "timeout": {"type": "float", "default": 60},
            "docker_socket": {"type": "path", "default": "/var/run/docker.sock"},
        },
        supports_check_mode=True,
    )
    client = module.params["client"] or socket.gethostname()
    timeout = module.params["timeout"]
    api = EngineApi(module.params["docker_socket"])

    def tried(registry: str, credentials: Credentials) -> Verdict:
        return prove(api, registry, credentials, timeout)

    proven, verdict = prove_stored(module.params["logins"], tried, timeout)
    if verdict.cause != "ok":
        module.fail_json(msg=f"{client}: {verdict.message}", cause=verdict.cause, proven=proven)
    module.exit_json(changed=False, msg=f"{client}: {len(proven)} logins work.", cause="ok", proven=proven)


if __name__ == "__main__":
    main()
