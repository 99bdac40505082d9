#!/usr/bin/python
# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: daemon_json
short_description: Merge settings into Docker's daemon.json and apply them to the running daemon
version_added: 1.0.0
description:
  - Merges a mapping into C(/etc/docker/daemon.json), keeps what other people put there, and takes away what the same
    O(owner) put there earlier and no longer asks for.
  - Applies the change by a live reload wherever dockerd can, so that no container notices. Restarts dockerd only
    where a setting needs it and O(allow_restart) or O(apply=restart) says so.
  - Checks strictly before anything is touched, with its own rules and with C(dockerd --validate) where the engine has
    it.
  - Believes only the daemon itself. A reload counts when its C(reload) event and its C(/info) show the new settings,
    a restart when the daemon answers and stays up. Otherwise the file is put back byte for byte and the daemon with
    it.
  - Finds drift. When the file is right and the running daemon is not, it is reloaded.
requirements:
  - Docker Engine 20.10 or later, run by systemd. Only the file is needed with O(apply=none).
  - No docker command and no Docker SDK for Python.
author:
  - dockmirror.fleet contributors (@dockmirror)
attributes:
  check_mode:
    description: Can run in check mode and tell what it would do, including every check and C(dockerd --validate).
    support: full
  diff_mode:
    description: Returns the file before and after, with secrets masked.
    support: full
  idempotent:
    description: A second run with the same arguments changes nothing.
    support: full
  safe_file_operations:
    description: Replaces the file in one step; keeps its owner, mode, extended attributes and a symbolic link to it.
    support: full
options:
  config:
    description:
      - The settings, as they are to be in C(daemon.json).
      - Objects are merged member by member, lists as O(list_strategy) says; everything else replaces the value there.
      - V(null) is no value here. Leave a key out to have it not managed; give its empty value, such as V(false),
        to set that.
      - Values that look like secrets (passwords and tokens of log and storage options, credentials in proxy URLs) are
        masked wherever this module shows them. The argument as a whole is kept out of the host's system log.
    type: dict
    default: {}
  state:
    description:
      - V(present) makes O(config) what this O(owner) wants, in place of what it wanted before.
      - V(absent) withdraws all that this O(owner) wants; O(config) is not used. Where nobody else changed the file,
        it is byte for byte what it was before the first owner came, and is removed if there was none.
    type: str
    choices: [present, absent]
    default: present
  owner:
    description:
      - Who manages these settings. Owners do not touch each other's settings.
      - If two owners want different values for one key, the one that ran last wins, with a warning.
      - What an owner set is kept in C(/var/lib/dockmirror/daemon_json) on the host.
    type: str
    default: dockmirror.fleet
  list_strategy:
    description:
      - How the list of a key is merged with the elements that others put there, by key.
      - V(prepend) puts the elements first, V(append) puts those that are missing last, and both take away only these
        again. V(replace) sets the whole list.
      - Default is V(prepend) for C(registry-mirrors), V(append) for the other lists that dockerd treats as sets
        (C(insecure-registries), C(labels), C(allow-nondistributable-artifacts)), else V(replace).
    type: dict
    default: {}
  apply:
    description:
      - V(auto) reloads where a reload is enough and restarts where a setting needs it. If that is not allowed by
        O(allow_restart), it fails before anything is written, so that no setting waits in the file for the next
        reboot unseen.
      - V(reload) never restarts. Settings that need a restart are written, reported by RV(restart_required) and a
        warning, and wait.
      - V(restart) restarts on any change, and starts a daemon that does not run.
      - V(none) only writes the file.
      - Except with V(restart), a daemon that does not run is not started.
    type: str
    choices: [auto, reload, restart, none]
    default: auto
  allow_restart:
    description:
      - Allow a restart of dockerd where O(apply=auto) needs one.
      - Also allows one that stops running containers. Containers keep running through a restart if C(live-restore) is
        on, or is turned on by the same change. It is then reloaded before the restart.
      - Without it, O(apply=restart) restarts only if no container is stopped by that.
    type: bool
    default: false
  path:
    description: The configuration file of the daemon.
    type: path
    default: /etc/docker/daemon.json
  service:
    description: The systemd unit of the daemon.
    type: str
    default: docker.service
  validate:
    description:
      - Have C(dockerd --validate) check the document, with the flags dockerd runs with, on Engine 23.0 and later.
    type: bool
    default: true
  rollback:
    description: Put file and daemon back if the change does not work.
    type: bool
    default: true
  backup:
    description: Keep a copy of the file, with a time stamp in its name, before it is changed.
    type: bool
    default: false
  timeout:
    description: How many seconds a reload, a restart and each answer of the daemon may take.
    type: int
    default: 60
seealso:
  - name: dockerd reference
    description: All keys of daemon.json.
    link: https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file
notes:
  - A file that is not UTF-8, is not strict JSON (comments included), names a key twice, or is no object is refused
    and left as it is. An empty file counts as V({}).
  - A reload makes dockerd read the whole file. Settings of others that were in the file and not yet in effect come
    into effect too; a warning names those that can be seen.
  - C(authorization-plugins) and C(features.containerd-snapshotter) count as settings that need a restart.
"""

EXAMPLES = r"""
---
- name: Pull from Docker Hub through a mirror, without a restart
  dockmirror.fleet.daemon_json:
    config:
      registry-mirrors:
        - https://mirror.example.com

- name: Trust a registry that has no TLS
  dockmirror.fleet.daemon_json:
    owner: build-team
    config:
      insecure-registries:
        - registry.lab.example.com:5000
        - 10.20.0.0/16

- name: Rotate container logs, which takes a restart, and keep containers running through it
  dockmirror.fleet.daemon_json:
    owner: logging
    config:
      live-restore: true
      log-driver: json-file
      log-opts:
        max-size: 10m
        max-file: "3"
    allow_restart: true

- name: Turn live-restore on, by reload
  dockmirror.fleet.daemon_json:
    owner: availability
    config:
      live-restore: true

- name: Use these DNS servers from the next restart on
  dockmirror.fleet.daemon_json:
    owner: network
    config:
      dns: [192.0.2.53, 192.0.2.54]
    apply: reload

- name: Make our mirrors the only ones
  dockmirror.fleet.daemon_json:
    config:
      registry-mirrors:
        - https://mirror.example.com
    list_strategy:
      registry-mirrors: replace

- name: Take everything back that this owner set
  dockmirror.fleet.daemon_json:
    state: absent
"""

RETURN = r"""
action:
  description: What was done to the daemon, or in check mode would be done.
  type: str
  returned: always
  choices: [none, reload, restart]
  sample: reload
restart_required:
  description:
    - Settings are in the file, or were asked for, that the daemon reads only when it starts, and it was not
      restarted.
  type: bool
  returned: always
keys:
  description: The settings that change in the file or in the daemon, by key.
  type: dict
  returned: always
  contains:
    before:
      description: The value in the file, null if there was none.
      type: raw
    after:
      description: The value in the file now, null if there is none.
      type: raw
    needs:
      description: V(reload), V(restart), or V(none) if the daemon does not run.
      type: str
    why:
      description: The reason in words.
      type: str
  sample:
    registry-mirrors:
      before: null
      after: [https://mirror.example.com]
      needs: reload
      why: dockerd takes it on a reload
diff:
  description: The file before and after, with secrets masked.
  type: dict
  returned: in diff mode
effective:
  description:
    - What the running daemon says of itself (C(/info)), as far as it does, by key of C(daemon.json); empty if it does
      not run.
  type: dict
  returned: always
  sample:
    debug: false
    insecure-registries: []
    live-restore: false
    registry-mirrors: [https://mirror.example.com]
engine_version:
  description: The version of the daemon, empty if it cannot be known.
  type: str
  returned: always
  sample: 26.1.5
rolled_back:
  description: The change failed, and file and daemon are as they were.
  type: bool
  returned: always
backup_file:
  description: The copy of the file before the change.
  type: str
  returned: if O(backup=true) and the file was changed
  sample: /etc/docker/daemon.json.4711.2026-01-31@12:00:00~
"""

import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json import secrets
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.apply import ApplyError, Request, Result, run
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.files import FileError
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.state import OWNER

STRATEGIES = ("append", "prepend", "replace")


def returned(module: AnsibleModule, result: Result) -> dict[str, Any]:
    values: dict[str, Any] = {
        "changed": result.changed,
        "action": result.action,
        "restart_required": result.restart_required,
        "keys": result.keys,
        "effective": result.effective,
        "engine_version": result.engine_version,
        "rolled_back": result.rolled_back,
    }
    if result.backup_file:
        values["backup_file"] = result.backup_file
    if module._diff:
        path = module.params["path"]
        values["diff"] = {"before": result.before, "after": result.after, "before_header": path, "after_header": path}
    return values


def keep_secret(module: AnsibleModule, found: set[str]) -> None:
    """Have Ansible mask the secrets of the configuration, and nothing else of it.

    The option as a whole is no_log, which keeps it out of the system log; its harmless values may be seen in results.
    """
    module.no_log_values.clear()
    module.no_log_values.update(secret for secret in found if len(secret) >= secrets.SHORTEST)


def back_up(module: AnsibleModule, path: str) -> str:
    """Copy a file; the name of the copy."""
    try:
        return str(module.backup_local(path))
    except Exception as error:
        # What ansible-core raises here is a bare Exception.
        raise FileError(f"{path} cannot be copied: {error}") from error


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "config": {"type": "dict", "default": {}, "no_log": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "owner": {"type": "str", "default": "dockmirror.fleet"},
            "list_strategy": {"type": "dict", "default": {}},
            "apply": {"type": "str", "choices": ["auto", "reload", "restart", "none"], "default": "auto"},
            "allow_restart": {"type": "bool", "default": False},
            "path": {"type": "path", "default": "/etc/docker/daemon.json"},
            "service": {"type": "str", "default": "docker.service"},
            "validate": {"type": "bool", "default": True},
            "rollback": {"type": "bool", "default": True},
            "backup": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    params = module.params
    keep_secret(module, secrets.collect(params["config"]))
    if not OWNER.fullmatch(params["owner"]):
        module.fail_json(
            msg=f'owner "{params["owner"]}" is not a name: letters, digits and _ . @ -, a letter or digit first.'
        )
    for name, strategy in params["list_strategy"].items():
        if strategy not in STRATEGIES:
            module.fail_json(
                msg=f'list_strategy of {name} is "{strategy}"; it has to be one of {", ".join(STRATEGIES)}.'
            )
    if not params["path"].startswith("/"):
        module.fail_json(msg=f'path "{params["path"]}" is not absolute.')
    if params["timeout"] < 1:
        module.fail_json(msg=f"timeout is {params['timeout']}; it has to be at least 1 second.")

    request = Request(
        config=params["config"],
        present=params["state"] == "present",
        owner=params["owner"],
        list_strategy=params["list_strategy"],
        apply=params["apply"],
        allow_restart=params["allow_restart"],
        path=params["path"],
        service=params["service"],
        validate=params["validate"],
        rollback=params["rollback"],
        backup=(lambda path: back_up(module, path)) if params["backup"] else None,
        timeout=float(params["timeout"]),
        check_mode=module.check_mode,
    )
    try:
        result = run(request)
    except ApplyError as error:
        keep_secret(module, error.result.secrets | secrets.collect(params["config"]))
        for warning in error.result.warnings:
            module.warn(warning)
        module.fail_json(msg=str(error), **returned(module, error.result))
    except Exception as error:
        module.fail_json(
            msg=f"The module broke: {error!r}. The state of {request.path} on this host has to be looked at.",
            exception=traceback.format_exc(),
        )
    keep_secret(module, result.secrets)
    for warning in result.warnings:
        module.warn(warning)
    module.exit_json(**returned(module, result))


if __name__ == "__main__":
    main()
