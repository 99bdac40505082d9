# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three-way merge of what several owners want into one mapping. Pure: mappings in, mappings out.

Each owner is a layer over what is there without this module. A layer's record says, value by value, what the owner put
there and what was there before. So a layer can be taken off again: ``withdraw`` undoes a record, ``overlay`` applies a
wish and makes the record.

* A value goes back to what it was. If somebody changed it since, it stays as it is now: it is theirs.
* A list that is merged by element loses the owner's elements only.
* An object that the owner created goes away when nothing of anybody else is in it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.document import canonical, same

REPLACE = "replace"
APPEND = "append"
PREPEND = "prepend"

_ABSENT: Any = object()


@dataclass(frozen=True)
class Layer:
    """What one owner wants.

    :ivar owner: its name.
    :ivar config: the wish; in a stored layer, what of it was in effect.
    :ivar strategies: per top-level key, how its list is merged.
    :ivar record: made by :func:`overlay`.
    """

    owner: str
    config: Mapping[str, Any]
    strategies: Mapping[str, str]
    record: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Merged:
    """The result of a merge.

    :ivar values: the mapping for the file.
    :ivar layers: all layers with their new records, lowest first.
    :ivar overruled: keys in which another owner wanted something else and lost.
    """

    values: dict[str, Any]
    layers: list[Layer]
    overruled: list[str]


def merge(theirs: Mapping[str, Any], layers: list[Layer], owner: str, wish: Layer | None) -> Merged:
    """Replace the layer of ``owner`` by ``wish`` (None: take it away).

    Layers keep their order, so that owners who both add to a list do not undo each other's order in turns. Only an
    owner whose wish would be hidden by a later layer comes to the top: who runs, wins.

    :param theirs: what the file says now.
    :param layers: all owners' layers, lowest first.
    """
    ground = dict(theirs)
    living: list[Layer] = []
    for layer in reversed(layers):
        # What somebody changed behind another owner's back is for that owner to settle, on its own next run.
        kept = in_effect(ground, layer.record)
        living.insert(0, layer if layer.owner == owner else Layer(layer.owner, kept, layer.strategies))
        ground = withdraw(ground, layer.record)
    if wish is None:
        stack = [layer for layer in living if layer.owner != owner]
        values, done = _stack(ground, stack)
        return Merged(values, done, [])
    if any(layer.owner == owner for layer in living):
        stack = [wish if layer.owner == owner else layer for layer in living]
    else:
        stack = [*living, wish]
    values, done = _stack(ground, stack)
    if not satisfied(values, wish):
        stack = [layer for layer in stack if layer.owner != owner] + [wish]
        values, done = _stack(ground, stack)
    overruled = sorted(
        {
            key
            for layer in stack
            if layer.owner != owner
            for key in layer.config
            if not satisfied(values, Layer(layer.owner, {key: layer.config[key]}, layer.strategies))
        }
    )
    return Merged(values, done, overruled)


def overlay(ground: Mapping[str, Any], layer: Layer) -> tuple[dict[str, Any], dict[str, Any]]:
    """Put a wish over ``ground``: the new mapping, and the record that undoes it."""
    values = copy.deepcopy(dict(ground))
    record: dict[str, Any] = {}
    for key, want in layer.config.items():
        value, node = _overlay(values.get(key, _ABSENT), want, layer.strategies.get(key, REPLACE))
        if node is not None:
            values[key] = value
            record[key] = node
    return values, record


def withdraw(values: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """Undo what a record says was put there."""
    result = copy.deepcopy(dict(values))
    for key, node in record.items():
        value = _withdraw(result.get(key, _ABSENT), node)
        if value is _ABSENT:
            result.pop(key, None)
        else:
            result[key] = value
    return result


def in_effect(values: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a record's wish that nobody has changed since."""
    config = {}
    for key, node in record.items():
        value = _in_effect(values.get(key, _ABSENT), node)
        if value is not _ABSENT:
            config[key] = value
    return config


def satisfied(values: Mapping[str, Any], layer: Layer) -> bool:
    """Whether the wish of a layer is in effect in ``values``."""
    return all(
        _satisfied(values.get(key, _ABSENT), want, layer.strategies.get(key, REPLACE))
        for key, want in layer.config.items()
    )


def _stack(ground: Mapping[str, Any], layers: list[Layer]) -> tuple[dict[str, Any], list[Layer]]:
    values = dict(ground)
    done = []
    for layer in layers:
        values, record = overlay(values, layer)
        done.append(Layer(layer.owner, layer.config, layer.strategies, record))
    return values, done


def _overlay(value: Any, want: Any, strategy: str) -> tuple[Any, dict[str, Any] | None]:
    if isinstance(want, Mapping) and (value is _ABSENT or isinstance(value, dict)):
        result = {} if value is _ABSENT else dict(value)
        children = {}
        for key, part in want.items():
            # Lists inside objects (a runtime's arguments) have an order that means something: never merged by element.
            inner, node = _overlay(result.get(key, _ABSENT), part, REPLACE)
            result[key], children[key] = inner, node
        return result, {"kind": "map", "created": value is _ABSENT, "children": children}
    if isinstance(want, list) and strategy in (APPEND, PREPEND) and (value is _ABSENT or isinstance(value, list)):
        wanted = _unique(want)
        if not wanted:
            return value, None
        present = [] if value is _ABSENT else value
        added = _without(wanted, present)
        result_list = wanted + _without(present, wanted) if strategy == PREPEND else present + added
        node = {"kind": "list", "wanted": wanted, "added": added, "result": result_list}
        return copy.deepcopy(result_list), _with_original(node, value)
    return copy.deepcopy(want), _with_original({"kind": "value", "value": copy.deepcopy(want)}, value)


def _with_original(node: dict[str, Any], value: Any) -> dict[str, Any]:
    if value is not _ABSENT:
        node["original"] = copy.deepcopy(value)
    return node


def _withdraw(value: Any, node: Mapping[str, Any]) -> Any:
    kind = node["kind"]
    if kind == "map":
        if not isinstance(value, dict):
            return value
        result = dict(value)
        for key, child in node["children"].items():
            inner = _withdraw(result.get(key, _ABSENT), child)
            if inner is _ABSENT:
                result.pop(key, None)
            else:
                result[key] = inner
        return _ABSENT if node["created"] and not result else result
    ours = node["result"] if kind == "list" else node["value"]
    if value is not _ABSENT and same(value, ours):
        return copy.deepcopy(node["original"]) if "original" in node else _ABSENT
    if kind == "list" and isinstance(value, list):
        rest = _without(value, node["added"])
        return _ABSENT if not rest and "original" not in node else rest
    return value


def _in_effect(value: Any, node: Mapping[str, Any]) -> Any:
    kind = node["kind"]
    if kind == "map":
        if not isinstance(value, dict):
            return _ABSENT
        parts = {key: _in_effect(value.get(key, _ABSENT), child) for key, child in node["children"].items()}
        parts = {key: part for key, part in parts.items() if part is not _ABSENT}
        return parts if parts or not node["children"] else _ABSENT
    if kind == "list":
        if not isinstance(value, list):
            return _ABSENT
        return [item for item in node["wanted"] if _contains(value, item)]
    return node["value"] if value is not _ABSENT and same(value, node["value"]) else _ABSENT


def _satisfied(value: Any, want: Any, strategy: str) -> bool:
    if isinstance(want, Mapping):
        return isinstance(value, dict) and all(
            _satisfied(value.get(key, _ABSENT), part, REPLACE) for key, part in want.items()
        )
    if isinstance(want, list) and strategy in (APPEND, PREPEND):
        return not want or (isinstance(value, list) and all(_contains(value, item) for item in want))
    return value is not _ABSENT and same(value, want)


def _contains(items: list[Any], item: Any) -> bool:
    return any(same(other, item) for other in items)


def _without(items: list[Any], unwanted: list[Any]) -> list[Any]:
    spellings = {canonical(item) for item in unwanted}
    return [item for item in items if canonical(item) not in spellings]


def _unique(items: list[Any]) -> list[Any]:
    return list({canonical(item): item for item in items}.values())
