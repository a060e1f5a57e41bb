#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""make_seeds.py DIR: inputs that get the fuzzers past the first checks, one folder a fuzzer."""
import pathlib
import struct
import sys

BASE = 0x10000
TEXT = 0x400000


def table(magic):
    """A function table of three functions: runtime.goexit, main.a, main.b."""
    old = magic == 0xFFFFFFF0
    names = b"runtime.goexit\0main.a\0main.b\0"
    units = struct.pack("<I", 0)
    files = b"x.go\0"
    values = b"\0" + bytes([2, 0x40, 16, 0x40, 0]) + bytes([2, 0x80, 1, 0])
    head = 72
    offsets = [head]
    for part in (names, units, files, values):
        offsets.append(offsets[-1] + len(part))
    functions = b""
    records = b""
    count = 3
    start = 8 * count + 4
    for i in range(count):
        functions += struct.pack("<II", 0x80 * i, start + len(records))
        name = [0, 15, 22][i]
        records += struct.pack("<IiiIIIIII", 0x80 * i, name, 0, 0, 1, 6, 6, 3, 0)
        if not old:
            records += struct.pack("<i", 7)
        records += bytes([7 if i == 0 else 0, 1 if i == 0 else 0, 0, 4])
        records += struct.pack("<III", 0, 0, 1) + struct.pack("<IIII", 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    functions += struct.pack("<I", 0x80 * count)
    header = struct.pack("<IHBBQQQQQQQQ", magic, 0, 1, 8, count, 1, TEXT, *offsets)
    return header + names + units + files + values + functions + records


def memory():
    """A list of two goroutines with a stack each, laid out as fuzz_goroutines.c expects."""
    image = bytearray(2048)
    struct.pack_into("<QQ", image, 0, BASE + 64, 2)
    for i in range(2):
        g = 128 + 256 * i
        struct.pack_into("<Q", image, 64 + 8 * i, BASE + g)
        low, high = BASE + 1024 + 512 * i, BASE + 1536 + 512 * i
        stack = high - 64
        struct.pack_into("<QQQQQQQ", image, g, low, high, 0, stack, TEXT + 0x90, BASE + g, stack)
        struct.pack_into("<QQ", image, g + 80, 4, i + 1)
        struct.pack_into("<Q", image, g + 144, TEXT + 0x80)
        for k in range(0, 64, 8):
            struct.pack_into("<Q", image, stack - BASE + k, TEXT + 0x91 + k if k % 16 else stack + k + 16)
    return bytes(image)


def labels():
    image = bytearray(512)
    image[0:2] = b"\x01\x40"
    struct.pack_into("<QQQ", image, 0x40, BASE + 0x80, 2, 2)
    for i in range(2):
        struct.pack_into("<QQQQ", image, 0x80 + 32 * i, BASE + 0x100, 3, BASE + 0x110, 5)
    old = bytearray(1024)
    old[0:2] = b"\x00\x40"
    struct.pack_into("<Q", old, 0x40, BASE + 0x48)
    struct.pack_into("<QBBHIQQ", old, 0x48, 1, 0, 0, 0, 0, BASE + 0x100, 0)
    old[0x100] = 9
    struct.pack_into("<QQ", old, 0x108, BASE + 0x300, 3)
    struct.pack_into("<QQ", old, 0x188, BASE + 0x310, 5)
    return [bytes(image), bytes(old)]


def types():
    """A struct runtime.g with one field, found by its name."""
    image = bytearray(1024)
    image[0:4] = bytes([8, 0, 0, 0])
    image[0x200:0x20C] = b"\0\x0a*runtime.g"
    image[0x210:0x216] = b"\0\x04goid"
    struct.pack_into("<QQIBBBB", image, 0x40, 16, 0, 0, 7, 8, 8, 25)
    struct.pack_into("<i", image, 0x40 + 40, 0x200)
    struct.pack_into("<QQQ", image, 0x40 + 56, BASE + 0x100, 1, 1)
    struct.pack_into("<QQQ", image, 0x100, BASE + 0x210, BASE + 0x180, 8)
    struct.pack_into("<QQIBBBB", image, 0x180, 8, 0, 0, 7, 8, 8, 6)
    return bytes(image)


def frames(instructions):
    """Registers, a stack, and call frame information with one record for the code at 0x100 of its file."""
    common = b"\0\0\0\0\1zR\0\1\x78\x10\1\x1b\x0c\7\x08\x90\1"
    table = 0x200
    record = 20 + 4 + len(common)
    info = b"\x01\x1b\x03\x3b" + struct.pack("<IIii", 0, 1, 0x100 - table, record)
    info += struct.pack("<I", len(common)) + common
    info += struct.pack("<IIiIB", 13 + len(instructions), record + 4 - 20, 0x100 - (table + record + 8), 0x100, 0)
    stack = b"".join(struct.pack("<Q", 0x400000 + 0x110 + 8 * i) for i in range(32))
    return bytes(range(32)) + stack + info + instructions


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def record():
    """A capture: its process, a module, a stack of two words, two goroutines with a label each."""

    def table(tag, rows, **columns):
        content = varint(rows)
        for number, values in sorted((int(name[1:]), values) for name, values in columns.items()):
            data = b"".join(varint(v) if isinstance(v, int) else varint(len(v) + 1) + v for v in values)
            content += varint(number) + varint(len(data)) + data
        return tag + struct.pack("<H", len(content)) + content

    return b"".join([
        table(b"CAPT", 1, c1=[7], c2=[10**18], c3=[10**12], c4=[26], c5=[b"go1.26.8"], c6=[b"/bin/x"], c7=[b"atomic"]),
        table(b"FIGS", 2, c1=[b"pause_ns", b"comm"], c2=[5, 0], c3=[0, b"x"]),
        table(b"MAPS", 1, c1=[0x800000], c2=[0x900000], c4=[b"/bin/x"], c5=[b"ab"], c6=[b""]),
        table(b"MODS", 1, c1=[0x500000], c2=[0x480000], c3=[0x480100], c4=[64], c5=[TEXT], c6=[TEXT + 64], c7=[TEXT],
              c8=[TEXT + 64], c9=[0x470000], c10=[26], c11=[1], c12=[1]),
        table(b"TEXT", 1, c1=[0], c2=[64], c3=[TEXT]),
        table(b"STAK", 1, c1=[2]), table(b"WORD", 2, c1=[TEXT * 2 + 2, 32]),
        table(b"LSET", 2, c1=[1, 0]), table(b"LABL", 1, c1=[b"key"], c2=[b"value"]),
        table(b"THRD", 1, c1=[16], c2=[3], c3=[4], c6=[7]), table(b"TSTK", 1, c1=[7], c2=[7]),
        table(b"ALST", 1, c1=[1], c2=[1]), table(b"ANCE", 1, c1=[1], c2=[2], c3=[1]), table(b"APCS", 1, c1=[TEXT]),
        table(b"BUBL", 1, c1=[5]), table(b"VALU", 1, c1=[b"\1\2\x80\1"]),
        table(b"CPLA", 1, c1=[9], c2=[1]), table(b"CLIN", 1, c1=[b"f"], c2=[0], c3=[3]),
        table(b"GORO", 2, c1=[2, 2], c2=[32, 64], c8=[2048, 2048], c10=[4, 2], c12=[1, 2], c13=[0, 1], c14=[1, 0],
              c15=[0, 1], c16=[14, 0], c19=[0, 1], c24=[2, 3]),
    ])


def note(name, kind, value):
    padded = [part + bytes(-len(part) % 4) for part in (name, value)]
    return struct.pack("<III", len(name), len(value), kind) + padded[0] + padded[1]


def core():
    """A core with two segments, a thread, a process, a file and an auxiliary vector."""
    status = bytearray(336)
    struct.pack_into("<i", status, 32, 7)
    info = bytearray(136)
    struct.pack_into("<i", info, 24, 7)
    files = struct.pack("<QQQQQ", 1, 4096, TEXT, TEXT + 4096, 0) + b"/server\0"
    notes = note(b"CORE\0", 1, bytes(status)) + note(b"CORE\0", 3, bytes(info))
    notes += note(b"CORE\0", 6, struct.pack("<QQQQ", 3, TEXT + 64, 0, 0)) + note(b"CORE\0", 0x46494C45, files)
    notes += note(b"", 0x444C5654, struct.pack("<QQQQ", 8, TEXT, BASE, BASE))
    head = 64 + 3 * 56
    parts = [(4, 0, head, 0, len(notes), 0), (1, 5, head + len(notes), TEXT, 64, 4096), (1, 6, 64, BASE, 16, 16)]
    headers = b"".join(struct.pack("<IIQQQQQQ", kind, flags, offset, address, 0, size, memory, 4)
                       for kind, flags, offset, address, size, memory in parts)
    elf = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, 3, 0, 0, 0)
    return elf + headers + notes + bytes(64)


def unfinished_core():
    """What gdb leaves of a core when its disk is full: a program with a dynamic linker's list, no ELF header, no notes."""
    dynamic, debug, link, name = 512, 544, 584, 640
    program = bytearray(1024)
    program[:64] = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 4, 0, 0, 0)
    for i, (kind, offset, size, memory) in enumerate([(1, 0, 1024, 4096), (3, 320, 8, 8), (4, 328, 36, 36), (2, dynamic, 32, 32)]):
        struct.pack_into("<IIQQQQQQ", program, 64 + 56 * i, kind, 5, offset, offset, 0, size, memory, 4)
    program[328:364] = note(b"Go\0\0", 4, b"a-build-of-a-program")[:36]
    struct.pack_into("<QQQQ", program, dynamic, 21, BASE + debug, 0, 0)
    struct.pack_into("<QQ", program, debug, 1, BASE + link)
    struct.pack_into("<QQQQQ", program, link, BASE, BASE + name, 0, 0, 0)
    program[name:name + 8] = b"/lib.so\0"
    head = 64 + 3 * 56
    parts = [(4, 4, head + 2048, 0, 100, 0), (1, 5, head, BASE, 1024, 4096), (1, 6, head + 1024, TEXT, 1024, 1024)]
    headers = b"".join(struct.pack("<IIQQQQQQ", kind, flags, offset, address, 0, size, memory, 1)
                       for kind, flags, offset, address, size, memory in parts)
    return bytes(64) + headers + bytes(program) + bytes(1024)


def jsonl():
    """A capture of two goroutines."""
    return b"".join(line + b"\n" for line in [
        b'{"type":"capture","schema":1,"tool":"gostackdump","pid":7,"exe":"/server","go_version":"go1.26.8",'
        b'"time":"2025-01-31T12:00:00.5Z","goroutines":2}',
        b'{"type":"goroutine","goid":1,"state":"select","wait_ns":60000000000,"creator":null,'
        b'"frames":[{"function":"main.main","file":"x.go","line":3,"pc":"0x400000"}]}',
        b'{"type":"goroutine","goid":2,"state":"running","creator":{"function":"main.main","goid":1},'
        b'"frames":[{"function":"main.a","file":null,"line":4},{"function":"runtime.goexit","line":1}]}',
        b'{"type":"end"}',
    ])


def profile(single):
    """A profile.proto of two stacks; or of two goroutines with labels."""

    def field(number, value):
        if isinstance(value, int):
            return varint(number << 3) + varint(value)
        return varint(number << 3 | 2) + varint(len(value)) + value

    strings = [b"", b"goroutine", b"count", b"stack_reserved", b"goid", b"state", b"select", b"wait_minutes", b"creator",
               b"main.a", b"main.b", b"x.go", b"/server", b"build"]
    out = field(1, field(1, 1) + field(2, 2))
    out += field(1, field(1, 3) + field(2, 2)) if single else b""
    for i in (1, 2):
        labels = b""
        for key, text, number in ((4, 0, i), (5, 6, 0), (7, 0, 3), (8, 9, 0)):
            labels += field(3, field(1, key) + (field(2, text) if text else field(3, number)))
        values = varint(1) + varint(4096) if single else varint(i)
        out += field(2, field(1, varint(i) + varint(2)) + field(2, values) + (labels if single else b""))
    out += field(3, field(1, 1) + field(5, 12) + field(6, 13))
    for i in (1, 2):
        out += field(4, field(1, i) + field(3, TEXT) + field(4, field(1, i) + field(2, 5)))
        out += field(5, field(1, i) + field(2, 8 + i) + field(4, 11))
    return out + b"".join(field(6, string) for string in strings) + field(9, 10**18)


def main():
    tables = [table(0xFFFFFFF0), table(0xFFFFFFF1)]
    seeds = {
        "record": [record(), b"\x89GSD\r\n\x1a\n\1\0\0\0\0\0\0\0"],
        "captures": [jsonl(), profile(False), profile(True), b"\x89" + record()],
        "pclntab": tables,
        "core": [core(), unfinished_core()],
        "frames": [
            frames(b"\x41\x0e\x10\x86\x02"),
            frames(b"\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22"),
            frames(b"\x0f\x03\x77\x88\x01\x10\x08\x03\x77\x90\x01\x16\x07\x02\x77\x00"),
        ],
        "types": [types()],
        "labels": labels(),
        "goroutines": [
            bytes([minor - 18]) + struct.pack("<H", len(t) + 3) + t + memory()
            for t, minor in zip(tables, (18, 26))
        ],
    }
    for name, contents in seeds.items():
        folder = pathlib.Path(sys.argv[1]) / name
        folder.mkdir(parents=True, exist_ok=True)
        for i, content in enumerate(contents):
            (folder / f"seed{i}").write_bytes(content)


main()
