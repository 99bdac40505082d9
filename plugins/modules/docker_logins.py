#!/usr/bin/python
# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: docker_logins
short_description: Log local users of a host in to registries
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Puts logins into the C(~/.docker/config.json) of local users, where C(docker pull), C(docker push) and
    C(docker compose) take them from, and takes those away that it put there earlier and that are no longer asked for.
  - Everything else in that file stays as it is. A login that was there before comes back when the one that replaced it
    goes. A login that somebody changed after this module did is somebody's own, and is not taken away.
  - A login is tried by the host's own engine, as C(docker login) has it do, before it is stored. Only logins that
    change are tried, so a run that changes nothing asks no registry.
  - Where the file names a credential helper for the registry (C(credHelpers), C(credsStore)), the helper is told, as
    that user, and the file is not touched.
  - The user's files are read and written with the rights of that user, so a symbolic link in a home leads nowhere where
    the user could not write. Files get the mode 0600, their directory 0700.
  - Needs nothing but Python on the host. The password is never an argument of a command.
options:
  state:
    description:
      - V(present) makes the given logins the only ones that this module manages on the host.
      - V(absent) takes all of them away. If nobody else changed a file in the meantime it is the same to the byte as
        before the first login.
    type: str
    choices: [present, absent]
    default: present
  logins:
    description:
      - The logins.
    type: list
    elements: dict
    default: []
    suboptions:
      registry:
        description:
          - The registry, as C(name) or C(name:port), as it stands before the name of an image.
        type: str
        required: true
      username:
        description:
          - The user at the registry.
        type: str
        required: true
      password:
        description:
          - The password at the registry.
        type: str
        required: true
      users:
        description:
          - The local users who get this login. They and their homes have to exist.
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
    description: Nothing is written in check mode, and no login is tried, since the registry may not know it yet.
  diff_mode:
    support: full
    description: Shows which logins change, without passwords.
  idempotent:
    support: full
    description: A second run with the same options changes nothing.
"""

EXAMPLES = r"""
- name: Let root and the user deploy pull from the private registry
  dockmirror.fleet.docker_logins:
    logins:
      - registry: registry.example.com
        username: production
        password: "{{ vault_production_password }}"
        users: [root, deploy]

- name: Log out
  dockmirror.fleet.docker_logins:
    state: absent
"""

RETURN = r"""
logged_in:
  description: Logins that were stored.
  returned: success
  type: list
  elements: dict
  contains: &login
    user:
      description: The local user.
      type: str
      sample: deploy
    registry:
      description: The registry, as the docker command names it in its file.
      type: str
      sample: registry.example.com
logged_out:
  description: Logins that were taken away.
  returned: success
  type: list
  elements: dict
  contains: *login
kept:
  description: Logins that were to be taken away and were not, because somebody else has changed them.
  returned: success
  type: list
  elements: dict
  contains: *login
cause:
  description:
    - What is wrong in one word. V(input) the logins cannot be used, or a user or a file is in the way. V(storing) a
      login could not be stored.
    - V(refused) the registry does not take this user with this password.
    - V(name_resolution), V(connection_refused), V(connection_timeout), V(unreachable), V(no_answer),
      V(certificate_untrusted), V(certificate_expired), V(certificate_name), V(tls_protocol), V(forbidden), V(limited),
      V(server_error), V(failed) the registry could not be asked. V(no_engine) nor could the engine.
  returned: failure
  type: str
  sample: refused
"""

import socket

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.config_file import Credentials, LoginError
from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.manage import (
    UserPlan,
    carry_out,
    config_path,
    plan_all,
    prove_all,
    wanted_logins,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.proof import Verdict, prove
from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.state import Store
from ansible_collections.dockmirror.fleet.plugins.module_utils.engine_api import EngineApi


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "logins": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "registry": {"type": "str", "required": True},
                    "username": {"type": "str", "required": True},
                    "password": {"type": "str", "required": True, "no_log": True},
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
    store = Store()

    def tried(registry: str, credentials: Credentials) -> Verdict:
        return prove(api, registry, credentials, timeout)

    cause = "input"
    try:
        wanted = wanted_logins(module.params["logins"] if module.params["state"] == "present" else [])
        if module.check_mode:
            plans = plan_all(wanted, store, timeout)
        else:
            with store.locked():
                plans = plan_all(wanted, store, timeout)
                verdict = prove_all(plans, wanted, tried)
                if verdict.cause != "ok":
                    module.fail_json(
                        msg=f"{client}: {verdict.message} Nothing was changed on this host.", cause=verdict.cause
                    )
                cause = "storing"
                carry_out(plans, store, timeout)
    except LoginError as error:
        module.fail_json(msg=f"{client}: {error}.", cause=cause)
    module.exit_json(
        changed=any(each.plan.changed for each in plans),
        logged_in=[{"user": each.name, "registry": key} for each in plans for key in sorted(each.plan.news)],
        logged_out=[{"user": each.name, "registry": key} for each in plans for key in each.plan.removed],
        kept=[{"user": each.name, "registry": key} for each in plans for key in each.plan.kept],
        diff=[_diff(each) for each in plans if each.plan.changed],
    )


def _diff(each: UserPlan) -> dict[str, str]:
    plan = each.plan
    path = config_path(each.user) if each.user else each.name
    before, after = list(plan.before), list(plan.then)
    if plan.found.data is not None and plan.data is not None and plan.mode != plan.found.mode:
        before.append(f"mode: {plan.found.mode:04o}")
        after.append(f"mode: {plan.mode:04o}")
    if plan.found.directory_mode and plan.directory_mode and plan.directory_mode != plan.found.directory_mode:
        before.append(f"mode of the directory: {plan.found.directory_mode:04o}")
        after.append(f"mode of the directory: {plan.directory_mode:04o}")
    return {
        "before_header": path if plan.found.data is not None else f"{path} (absent)",
        "after_header": path if plan.data is not None else f"{path} (absent)",
        "before": "".join(f"{line}\n" for line in before),
        "after": "".join(f"{line}\n" for line in after),
    }


if __name__ == "__main__":
    main()
