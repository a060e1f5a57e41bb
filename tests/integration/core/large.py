#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A core of 64 GiB, most of it a hole, with more segments than an ELF header can count: it is read by range.

    large.py GO KIND      e.g. large.py go1.27 stripped
"""

import json
import os
import struct

from core import CorePattern, Scene, dump, play
from support import need

SEGMENTS = 70_000  # more than 65534
GREAT = 64 << 30
PT_LOAD, PF_RW, PN_XNUM = 1, 6, 0xffff


def load(offset, address, size):
    return struct.pack("<IIQQQQQQ", PT_LOAD, PF_RW, offset, address, 0, size, size, 4096)


def enlarge(core):
    """Adds segments of holes; program headers and their number go to the end (elf(5), PN_XNUM)."""
    with open(core, "r+b") as f:
        header = bytearray(f.read(64))
        offset, = struct.unpack_from("<Q", header, 32)
        count, = struct.unpack_from("<H", header, 56)
        f.seek(offset)
        table = f.read(56 * count)
        hole = os.path.getsize(core) + 4095 & -4096
        table += b"".join(load(hole, 0x500000000000 + i * 8192, 4096) for i in range(SEGMENTS))
        table += load(hole, 0x600000000000, GREAT)
        end = hole + GREAT
        f.seek(end)
        f.write(struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 0, 0, count + SEGMENTS + 1, 0, 0) + table)
        struct.pack_into("<QQ", header, 32, end + 64, end)
        struct.pack_into("<HHHH", header, 56, PN_XNUM, 64, 1, 0)
        f.seek(0)
        f.write(header)


def main(go, kind, folder):
    scene = Scene(go, kind, folder)
    with CorePattern(), scene.start() as target:
        dump([f"--pid={target.pid}"], scene.live)
        core = scene.abort(target)
    enlarge(core)
    need(os.path.getsize(core) > GREAT, "the core is not large")
    scene.check(core, "a large core", "--stats=" + scene.path("stats"))
    with open(scene.path("stats")) as f:
        stats = json.load(f)
    for key, most in (("rss_peak_bytes", 100 << 20), ("bytes_read", 64 << 20), ("missing_bytes", 0)):
        need(stats[key] <= most, f"{key} is {stats[key]}")


if __name__ == "__main__":
    play(main)
