# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The users of the private registry: from what the inventory says to the file the authentication service reads.

That file has bcrypt hashes alone, several for a user while passwords change. A password is only hashed when no present
hash belongs to it, so that a second run changes nothing.
"""

from __future__ import annotations

import json
from typing import Any, Callable, Mapping, NamedTuple, Sequence

KEPT_PASSWORDS = 3
"""How many passwords a user has at most while they change: the new one, and the last ones before it."""

Check = Callable[[str, str], bool]
Make = Callable[[str], str]


class Plan(NamedTuple):
    """What is to be done.

    ``document`` is the file's new content. ``actions`` says for each user, by name, what happens: ``added``,
    ``removed``, ``password``, ``role``, ``password and role``, ``previous passwords removed`` or ``kept``.
    """

    document: dict[str, Any]
    actions: dict[str, str]


def read(text: str) -> dict[str, Any]:
    """The file as a document; an empty one where it is missing or not understood, since it is ours to write."""
    try:
        document = json.loads(text)
        users = [
            {"name": str(item["name"]), "role": str(item["role"]), "hashes": [str(value) for value in item["hashes"]]}
            for item in document["users"]
        ]
        return {"anonymous_pull": bool(document["anonymous_pull"]), "users": users}
    except (ValueError, KeyError, TypeError):
        return {"anonymous_pull": False, "users": []}


def plan(
    before: Mapping[str, Any],
    wanted: Sequence[Mapping[str, str]],
    anonymous_pull: bool,
    cost: int,
    keep_previous: bool,
    check: Check,
    make: Make,
) -> Plan:
    """Compare what there is with what is wanted.

    :param before: the file's content, from :func:`read`.
    :param wanted: ``name``, ``password`` and ``role`` of each user.
    :param cost: bcrypt's cost; a hash of another cost is made anew.
    :param keep_previous: whether passwords from before stay valid beside the wanted one.
    :param check: whether a password belongs to a hash.
    :param make: the hash of a password, of that cost.
    """
    present = {item["name"]: item for item in before["users"]}
    users, actions = [], {}
    for user in sorted(wanted, key=lambda item: item["name"]):
        name, role = user["name"], user["role"]
        old = present.get(name, {"role": role, "hashes": []})
        fitting = [value for value in old["hashes"] if check(user["password"], value)]
        current = next((value for value in fitting if cost_of(value) == cost), None)
        if current is None:
            current = make(user["password"])
        others = [value for value in old["hashes"] if value not in fitting] if keep_previous else []
        hashes = [current, *others][:KEPT_PASSWORDS]
        users.append({"name": name, "role": role, "hashes": hashes})
        actions[name] = _action(name in present, bool(fitting), old, role, hashes)
    for name in present:
        actions.setdefault(name, "removed")
    return Plan({"anonymous_pull": anonymous_pull, "users": users}, actions)


def _action(known: bool, same_password: bool, old: Mapping[str, Any], role: str, hashes: list[str]) -> str:
    if not known:
        return "added"
    changed = [
        word for word, is_changed in (("password", not same_password), ("role", old["role"] != role)) if is_changed
    ]
    if changed:
        return " and ".join(changed)
    if len(hashes) < len(old["hashes"]):
        return "previous passwords removed"
    return "kept" if set(hashes) == set(old["hashes"]) else "hash of another cost"


def cost_of(value: str) -> int:
    """The cost of a bcrypt hash such as ``$2b$10$...``; 0 where it is none."""
    parts = value.split("$")
    return int(parts[2]) if len(parts) == 4 and parts[2].isdigit() else 0


def render(document: Mapping[str, Any]) -> str:
    """The file's text."""
    return json.dumps(document, indent=2) + "\n"


def describe(document: Mapping[str, Any]) -> str:
    """What may be shown of the file: who may do what, and how many passwords each has."""
    lines = ["anonymous pull: " + ("yes" if document["anonymous_pull"] else "no")]
    for user in document["users"]:
        count = len(user["hashes"])
        lines.append(f"{user['name']}: {user['role']}, {count} password{'' if count == 1 else 's'}")
    return "\n".join(lines) + "\n"
