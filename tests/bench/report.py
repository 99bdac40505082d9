# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results as docs/benchmarks.md, and what of them misses its goal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

COPIES, TAG_REQUESTS, THROUGHPUT, WALL_UNLIMITED, WALL_LIMITED, PASSWORD = 1.02, 2, 0.95, 1.15, 0.1, 0.9
"""The goals: at most, but at least for the throughput and for what is left of it with a password."""

HEAD = """\
# Benchmarks

Written by `make bench`, which takes some fifteen minutes. Everything but the real engines runs on the loopback of one
host of the lab ({machine}), ours and what it is compared with by turns; each figure is a
median. The gateway's and the mirror's configuration are rendered from the roles. *Plain* is a pull-through registry 3
with TLS, without anything in front of it.
"""

MIRROR = """\
## A cold image of {image_size} MiB, pulled by many clients at once

Copies of the image that upstream sent. Goal: at most {COPIES}.

| clients | ours | plain |
| --- | --- | --- |
{copies}

Seconds until the last of 30 clients has it. The limited uplink has {uplink} Mbit/s, a tenth of a LAN of 1 Gbit/s. The
clients' side is loopback, which is faster: over such a LAN the 30 copies alone would take a tenth of the plain time.

| uplink | ours | plain | ratio | goal |
| --- | --- | --- | --- | --- |
{wall}

## A tag that is pulled a hundred times within its time

Requests of manifests that upstream got: {tag_ours}, plain {tag_plain}. Goal: at most {TAG_REQUESTS}.

## A warm blob over TLS

Against Nginx that serves the same bytes as a file, with the same tuning. Goal for the throughput: at least
{THROUGHPUT}. The last column compares the bytes that Nginx sends for a second of a processor; the clients run on the
same ones.

| clients | ours, MB/s | file, MB/s | throughput | bytes per processor time |
| --- | --- | --- | --- | --- |
{throughput}
"""

ENGINES = """\
## Real engines

Docker Engines (20.10 and 26.1 in equal numbers), each on a host of its own, that pull an image of {size} MiB at
once. Nobody has it: neither the mirror that the playbook `site` deployed nor the plain one beside it on the same host.
The upstream is on the same machine, so the seconds are mostly those of the engines. Goals: as above.

| | ours | plain |
| --- | --- | --- |
| copies that upstream sent, {clients} engines | {ours_copies:.2f} | {plain_copies:.2f} |
| seconds until the last engine has it | {ours_seconds:.1f} | {plain_seconds:.1f} |

The median of the ratios of the seconds is {ratio:.2f}.
"""

REGISTRY = """\
## A password at the private registry

{clients} clients that pull a warm image of {size} MiB in {layers} layers from the private
registry, behind its gateway and with its own service that checks passwords (bcrypt, cost {cost}), against the
same gateway where nobody is asked. Before each run the service is made to forget all passwords, so that the check is in
it. Goal: at least {PASSWORD}.

| with a password, MB/s | without, MB/s | ratio |
| --- | --- | --- |
| {with:.0f} | {without:.0f} | {ratio:.2f} |
"""

PARTS = ("mirror", "engines", "registry")
"""What can be measured alone, in the order of the page."""


def text(results: Mapping[str, Any], before: str = "") -> tuple[str, list[str]]:
    """The page, and one sentence for each goal that is missed.

    :param results: of each part that was measured, by its name, and ``machine``.
    :param before: the page so far. Sections of parts that were not measured are taken from it as they are.
    """
    make = {"mirror": _mirror, "engines": _engines, "registry": _registry}
    pages, missed = [], []
    for part in PARTS:
        if part in results:
            page, goals = make[part](results[part])
            pages.append(page)
            missed += goals
    whole = len(pages) == len(PARTS)
    if not whole and before:
        return _replaced(before, "\n".join(pages)), missed
    return "\n".join([HEAD.format(machine=results["machine"]), *pages]), missed


def _replaced(before: str, sections: str) -> str:
    """The page with these sections in the place of those with the same titles; new ones come last."""
    head, *old = _split(before)
    titled = {section.partition("\n")[0]: section for section in old}
    titled |= {section.partition("\n")[0]: section for section in _split(sections)}
    return "\n".join([head, *titled.values()])


def _split(page: str) -> list[str]:
    """What comes before the first section, if anything, and each section; all of them end with one line feed."""
    return [f"{piece.strip()}\n" for piece in re.split(r"^(?=## )", page, flags=re.MULTILINE) if piece.strip()]


def _mirror(found: Mapping[str, Any]) -> tuple[str, list[str]]:
    walls = [("unlimited", found["wall_unlimited"], WALL_UNLIMITED), ("limited", found["wall_limited"], WALL_LIMITED)]
    page = MIRROR.format(
        image_size=found["image_size"] >> 20,
        uplink=round(found["uplink"] * 8 / 1e6),
        copies="\n".join(f"| {row['clients']} | {row['ours']:.2f} | {row['plain']:.2f} |" for row in found["copies"]),
        wall="\n".join(
            f"| {name} | {row['ours']:.1f} | {row['plain']:.1f} | {row['ratio']:.2f} | {goal} |"
            for name, row, goal in walls
        ),
        tag_ours=found["tag_requests"]["ours"],
        tag_plain=found["tag_requests"]["plain"],
        throughput="\n".join(
            f"| {row['clients']} | {row['ours'] / 1e6:.0f} | {row['static'] / 1e6:.0f} | {row['ratio']:.2f}"
            f" | {row['processor_ratio']:.2f} |"
            for row in found["throughput"]
        ),
        **{name: globals()[name] for name in ("COPIES", "TAG_REQUESTS", "THROUGHPUT")},
    )
    missed = [
        f"{row['clients']} clients cost upstream {row['ours']:.2f} copies, more than {COPIES}"
        for row in found["copies"]
        if row["ours"] > COPIES
    ]
    if found["tag_requests"]["ours"] > TAG_REQUESTS:
        missed.append(f"a tag cost {found['tag_requests']['ours']} requests, more than {TAG_REQUESTS}")
    missed += [
        f"the throughput with {row['clients']} clients is {row['ratio']:.2f} of a file's, less than {THROUGHPUT}"
        for row in found["throughput"]
        if row["ratio"] < THROUGHPUT
    ]
    missed += [
        f"30 clients on an uplink that is {name} took {row['ratio']:.2f} of the plain time, more than {goal}"
        for name, row, goal in walls
        if row["ratio"] > goal
    ]
    return page, missed


def _engines(found: Mapping[str, Any]) -> tuple[str, list[str]]:
    values = {f"{name}_{key}": found[name][key] for name in ("ours", "plain") for key in ("copies", "seconds")}
    values |= {"size": round(found["image_size"] / (1 << 20)), "clients": found["clients"], "ratio": found["ratio"]}
    missed = []
    if found["ours"]["copies"] > COPIES:
        missed.append(f"real engines cost upstream {found['ours']['copies']:.2f} copies, more than {COPIES}")
    if found["ratio"] > WALL_UNLIMITED:
        missed.append(f"real engines took {found['ratio']:.2f} of the plain time, more than {WALL_UNLIMITED}")
    return ENGINES.format(**values), missed


def _registry(found: Mapping[str, Any]) -> tuple[str, list[str]]:
    values = {name: found[name] for name in ("clients", "layers", "ratio")}
    values |= {name: found[name] / 1e6 for name in ("with", "without")}
    values |= {"size": round(found["image_size"] / (1 << 20)), "cost": found["bcrypt_cost"], "PASSWORD": PASSWORD}
    missed = []
    if found["ratio"] < PASSWORD:
        missed.append(f"with a password the throughput is {found['ratio']:.2f} of that without, less than {PASSWORD}")
    return REGISTRY.format(**values), missed
