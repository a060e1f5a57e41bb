# SPDX-License-Identifier: BSD-3-Clause
"""What a Go executable says about its own code, read from its bytes and nothing else: where its functions begin, what
they are called, and what is called where. Truth for walked stacks that owes nothing to the walker.

Formats: debug/elf, internal/abi/symtab.go (FuncID), runtime/symtab.go (pcHeader, functab, _func) of Go 1.18 to 1.27.
"""

import array
import bisect
import collections
import struct

Function = collections.namedtuple("Function", "entry end name wrapper")

# Function ids of compiler-made wrappers, by the first minor version that has the number.
WRAPPER_IDS = ((25, 23), (22, 22), (18, 21))

CALL, JUMP = 0xE8, 0xE9


class Executable:
    """A Go executable at fixed addresses (not PIE)."""

    def __init__(self, path, minor):
        with open(path, "rb") as f:
            self.bytes = f.read()
        self.path, self.minor = path, minor
        self.wrapper_id = next(number for since, number in WRAPPER_IDS if minor >= since)
        self.id_offset = 40 if minor >= 20 else 36
        self._read_elf(path)
        self._read_functions()
        self.functions = {}
        self.reached = {}

    # ---- ELF ----

    def _read_elf(self, path):
        kind, = struct.unpack_from("<H", self.bytes, 16)
        if self.bytes[:4] != b"\x7fELF" or kind != 2:
            raise ValueError(f"{path} is not an executable at fixed addresses")
        segments, sections = struct.unpack_from("<QQ", self.bytes, 32)
        segment_count, = struct.unpack_from("<H", self.bytes, 56)
        section_count, names = struct.unpack_from("<HH", self.bytes, 60)
        self.segments = []
        for i in range(segment_count):
            p_type, _, offset, address, _, size, _, _ = struct.unpack_from("<IIQQQQQQ", self.bytes, segments + 56 * i)
            if p_type == 1:
                self.segments.append((address, size, offset))
        headers = [struct.unpack_from("<IIQQQQIIQQ", self.bytes, sections + 64 * i) for i in range(section_count)]
        self.sections = {self._string(headers[names][4] + h[0]): h for h in headers}
        self.headers = headers

    def _string(self, offset):
        return self.bytes[offset:self.bytes.index(b"\0", offset)].decode("utf-8", "replace")

    def at(self, address, size):
        """Bytes at an address; fewer where the file has none."""
        for start, length, offset in self.segments:
            if start <= address < start + length:
                return self.bytes[offset + address - start:offset + min(address - start + size, length)]
        return b""

    def _symbol(self, wanted):
        header = self.sections.get(".symtab")
        if header is None:
            return None
        strings = self.headers[header[6]]
        table = self.bytes[strings[4]:strings[4] + strings[5]]
        name = table.index(b"\0" + wanted.encode() + b"\0") + 1
        for entry in struct.iter_unpack("<IBBHQQ", self.bytes[header[4]:header[4] + header[5]]):
            if entry[0] == name:
                return entry[4]
        return None

    # ---- the function table ----

    def _read_functions(self):
        header = self.sections.get(".gopclntab") or self.sections[".data.rel.ro.gopclntab"]
        base = header[4]
        count, _, text, names, _, _, _, table = struct.unpack_from("<8Q", self.bytes, base + 8)
        # From Go 1.26 on the header does not say where the code begins.
        self.text = text or self._symbol("runtime.text") or self.sections[".text"][3]
        pairs = array.array("I", self.bytes[base + table:base + table + 8 * count + 4])
        self.entries = pairs[0::2]
        self.offsets = pairs[1::2]
        self.names, self.table = base + names, base + table

    def function(self, address):
        """The function that an address lies in, None outside of Go code."""
        i = bisect.bisect_right(self.entries, address - self.text) - 1 if address >= self.text else -1
        if i < 0 or i >= len(self.offsets):
            return None
        if i not in self.functions:
            at = self.table + self.offsets[i]
            name, = struct.unpack_from("<i", self.bytes, at + 4)
            self.functions[i] = Function(self.text + self.entries[i], self.text + self.entries[i + 1],
                                         self._string(self.names + name), self.bytes[at + self.id_offset] == self.wrapper_id)
        return self.functions[i]

    # ---- calls ----

    def call_before(self, address):
        """The call instruction that ends at an address: ("direct", target), ("indirect", None), or None: there is none."""
        before = self.at(address - 7, 7)
        if len(before) != 7:
            return None
        if before[2] == CALL:
            target = address + struct.unpack_from("<i", before, 3)[0]
            if self.function(target):
                return "direct", target
        return ("indirect", None) if any(is_indirect_call(before[7 - n:]) for n in (2, 3, 4, 6, 7)) else None

    def leads_to(self, function, wanted):
        """Whether a function jumps into another, or is a compiler-made wrapper that calls it."""
        key = function.entry, wanted.entry
        if key not in self.reached:
            code = self.at(function.entry, function.end - function.entry)
            self.reached[key] = any(
                wanted.entry <= function.entry + i + 5 + struct.unpack_from("<i", code, i + 1)[0] < wanted.end
                for i in range(len(code) - 4) if code[i] == JUMP or (code[i] == CALL and function.wrapper)
            ) or (function.wrapper and any(is_indirect_call(code[i:i + n]) for i in range(len(code)) if code[i] == 0xFF
                                           for n in (2, 3, 4, 6, 7)))
        return self.reached[key]


def is_indirect_call(code):
    """Whether bytes are one whole `call r/m64` (FF /2), a REX prefix aside."""
    if len(code) < 2 or code[0] != 0xFF or code[1] >> 3 & 7 != 2:
        return False
    mode, base = code[1] >> 6, code[1] & 7
    size = 2
    if mode != 3 and base == 4:
        if len(code) < 3:
            return False
        size, base = 3, code[2] & 7
    displacement = {0: 4 if base == 5 else 0, 1: 1, 2: 4, 3: 0}[mode]
    return len(code) == size + displacement
