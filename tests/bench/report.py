# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results as docs/benchmarks.md, and what of them misses its goal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COPIES, TAG_REQUESTS, THROUGHPUT, WALL_UNLIMITED, WALL_LIMITED = 1.02, 2, 0.95, 1.15, 0.1
"""The goals: at most, but at least for the throughput."""

PAGE = """\
# Benchmarks

Written by `make bench`, which takes some ten minutes. Everything runs on the loopback of one host of the lab
({machine}), ours and what it is compared with by turns; each figure is a
median. The gateway's and the mirror's configuration are rendered from the roles. *Plain* is a pull-through registry 3
with TLS, without anything in front of it.

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


def text(results: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The page, and one sentence for each goal that is missed."""
    walls = [
        ("unlimited", results["wall_unlimited"], WALL_UNLIMITED),
        ("limited", results["wall_limited"], WALL_LIMITED),
    ]
    page = PAGE.format(
        machine=results["machine"],
        image_size=results["image_size"] >> 20,
        uplink=round(results["uplink"] * 8 / 1e6),
        copies="\n".join(f"| {row['clients']} | {row['ours']:.2f} | {row['plain']:.2f} |" for row in results["copies"]),
        wall="\n".join(
            f"| {name} | {row['ours']:.1f} | {row['plain']:.1f} | {row['ratio']:.2f} | {goal} |"
            for name, row, goal in walls
        ),
        tag_ours=results["tag_requests"]["ours"],
        tag_plain=results["tag_requests"]["plain"],
        throughput="\n".join(
            f"| {row['clients']} | {row['ours'] / 1e6:.0f} | {row['static'] / 1e6:.0f} | {row['ratio']:.2f}"
            f" | {row['processor_ratio']:.2f} |"
            for row in results["throughput"]
        ),
        **{name: globals()[name] for name in ("COPIES", "TAG_REQUESTS", "THROUGHPUT")},
    )
    return page, _missed(results, walls)


def _missed(results: Mapping[str, Any], walls: list[tuple[str, Mapping[str, Any], float]]) -> list[str]:
    found = [
        f"{row['clients']} clients cost upstream {row['ours']:.2f} copies, more than {COPIES}"
        for row in results["copies"]
        if row["ours"] > COPIES
    ]
    if results["tag_requests"]["ours"] > TAG_REQUESTS:
        found.append(f"a tag cost {results['tag_requests']['ours']} requests, more than {TAG_REQUESTS}")
    found += [
        f"the throughput with {row['clients']} clients is {row['ratio']:.2f} of a file's, less than {THROUGHPUT}"
        for row in results["throughput"]
        if row["ratio"] < THROUGHPUT
    ]
    found += [
        f"30 clients on an uplink that is {name} took {row['ratio']:.2f} of the plain time, more than {goal}"
        for name, row, goal in walls
        if row["ratio"] > goal
    ]
    return found
