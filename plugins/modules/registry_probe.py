#!/usr/bin/python
# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: registry_probe
short_description: Prove that a mirror, a gateway or a private registry does what it should
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Asks a running service, because a registry with a wrong or misplaced configuration never says so; it starts and
    does something
    else.
  - If a mirror does not serve what it should, its upstream is asked directly, so that the message names the cause.
    The registry itself
    answers nearly every failure of its upstream with the same 404.
  - Runs on the host of the service, with nothing but Python's standard library.
options:
  expect:
    description:
      - V(mirror) is a pull-through cache. It must refuse a push with 405, reach its upstream, and serve O(repository).
      - V(gateway) is a gateway of this collection. It must answer C(/v2/) by itself, serve the probe image of
        O(server_name) with right
        types and digests, and refuse a push.
      - V(registry) is a private registry behind its gateway. It must refuse whoever has no password or a wrong one,
        serve what O(push_user) pushes, and refuse the push of O(pull_user).
    type: str
    choices: [mirror, gateway, registry]
    required: true
  url:
    description: Base URL of the service, such as V(http://127.0.0.1:21638).
    type: str
    required: true
  connect_to:
    description: >-
      Address to connect to in place of the URL's host, so that no DNS is needed. The name in the URL is still checked
      by TLS.
    type: str
  ca_file:
    description:
      - File on the host with the certificates that are trusted; a server certificate in it counts by itself.
        The default is the
        system's trust.
    type: path
  repository:
    description: For a mirror, a repository that its upstream has. If it is empty, only the refusal of pushes is proven.
    type: str
    default: ""
  tag:
    description: For a mirror, a tag in O(repository).
    type: str
    default: latest
  push_user:
    description:
      - For a private registry, a user who may push. The probe pushes, pulls and deletes a tiny image in
        C(dockmirror/probe).
      - Without one, that part of the proof is left out.
    type: dict
    suboptions: &user
      username:
        description: Name of the user.
        type: str
        required: true
      password:
        description: Password of the user.
        type: str
        required: true
  pull_user:
    description: For a private registry, a user who may only pull.
    type: dict
    suboptions: *user
  anonymous_pull:
    description: For a private registry, whether pulling needs no user.
    type: bool
    default: false
  server_name:
    description: For a gateway, the server that the probe image must name.
    type: str
  timeout:
    description: Seconds that the service has to answer at all.
    type: int
    default: 60
  require_upstream:
    description: >-
      Whether a mirror that cannot use its upstream at this moment is a failure. Otherwise it is a warning, for a
      deployment while the upstream is down.
    type: bool
    default: true
  upstream:
    description: How a mirror's upstream is reached. It is only asked to find out why the mirror does not serve.
    type: dict
    suboptions:
      url:
        description: Base URL of the upstream.
        type: str
        required: true
      username:
        description: User there.
        type: str
        default: ""
      password:
        description: Password there.
        type: str
        default: ""
      ca_file:
        description: File on the host with certificates to trust besides the system's.
        type: path
      http_proxy:
        description: Proxy for an upstream without TLS.
        type: str
        default: ""
      https_proxy:
        description: Proxy for an upstream with TLS.
        type: str
        default: ""
      no_proxy:
        description: Names that are reached without the proxy, separated by commas.
        type: str
        default: ""
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
"""

EXAMPLES = r"""
- name: Prove a mirror of Docker Hub
  dockmirror.fleet.registry_probe:
    expect: mirror
    url: http://127.0.0.1:21638
    repository: library/alpine
    upstream:
      url: https://registry-1.docker.io

- name: Prove a gateway
  dockmirror.fleet.registry_probe:
    expect: gateway
    url: https://mirror1.example.com
    connect_to: 127.0.0.1
    ca_file: /etc/dockmirror/gateway/tls/ca.crt
    server_name: mirror1.example.com

- name: Prove a private registry
  dockmirror.fleet.registry_probe:
    expect: registry
    url: https://registry.example.com
    connect_to: 127.0.0.1
    push_user:
      username: ci
      password: "{{ vault_registry_ci_password }}"
"""

RETURN = r"""
digest:
  description: Digest of what was served; empty if O(repository) is, or if it could not be served and need not be.
  returned: success
  type: str
  sample: sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881
upstream_problem:
  description: What keeps the mirror from using its upstream; empty if nothing does.
  returned: success, for a mirror
  type: str
  sample: ""
cause:
  description:
    - What is wrong, for programs.
    - C(unanswered), C(tls), C(not_a_mirror), C(not_a_gateway), C(refused), C(mirror_error), C(upstream_unreachable),
      C(upstream_untrusted), C(upstream_auth), C(upstream_rate_limit), C(upstream_missing) or C(upstream_error); for a
      private registry also C(open), C(credentials), C(auth_error), C(not_a_registry) or C(registry_error).
  returned: failure
  type: str
  sample: upstream_rate_limit
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_probe import prove_gateway, prove_mirror
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_proof import Credentials, prove_registry
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_service import ProbeError, Service
from ansible_collections.dockmirror.fleet.plugins.module_utils.upstream_diagnosis import Upstream


def _user_spec() -> dict[str, Any]:
    return {
        "username": {"type": "str", "required": True},
        "password": {"type": "str", "required": True, "no_log": True},
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "expect": {"type": "str", "choices": ["mirror", "gateway", "registry"], "required": True},
            "url": {"type": "str", "required": True},
            "connect_to": {"type": "str"},
            "ca_file": {"type": "path"},
            "repository": {"type": "str", "default": ""},
            "tag": {"type": "str", "default": "latest"},
            "push_user": {"type": "dict", "options": _user_spec()},
            "pull_user": {"type": "dict", "options": _user_spec()},
            "anonymous_pull": {"type": "bool", "default": False},
            "server_name": {"type": "str"},
            "timeout": {"type": "int", "default": 60},
            "require_upstream": {"type": "bool", "default": True},
            "upstream": {
                "type": "dict",
                "options": {
                    "url": {"type": "str", "required": True},
                    "username": {"type": "str", "default": ""},
                    "password": {"type": "str", "default": "", "no_log": True},
                    "ca_file": {"type": "path"},
                    "http_proxy": {"type": "str", "default": "", "no_log": True},
                    "https_proxy": {"type": "str", "default": "", "no_log": True},
                    "no_proxy": {"type": "str", "default": ""},
                },
            },
        },
        required_if=[("expect", "gateway", ["server_name"])],
        supports_check_mode=True,
    )
    params = module.params
    service = Service(params["url"], params["connect_to"], params["ca_file"])
    try:
        if params["expect"] == "gateway":
            found = prove_gateway(service, params["server_name"], params["timeout"])
        elif params["expect"] == "registry":
            push, pull = (Credentials(**params[key]) if params[key] else None for key in ("push_user", "pull_user"))
            found = prove_registry(service, push, pull, params["anonymous_pull"], params["timeout"])
        else:
            options = params["upstream"]
            upstream = Upstream(**{key: value or "" for key, value in options.items()}) if options else None
            proof = prove_mirror(
                service, params["repository"], params["tag"], upstream, params["timeout"], params["require_upstream"]
            )
            if proof.upstream_problem:
                module.warn(
                    f"What is not cached yet cannot be pulled through this mirror now. {proof.upstream_problem}"
                )
            found = proof._asdict()
    except ProbeError as error:
        module.fail_json(msg=str(error), cause=error.cause)
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
