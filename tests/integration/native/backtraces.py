# SPDX-License-Identifier: BSD-3-Clause
"""Runs inside gdb: the frames that gdb sees of each thread, and of the C stacks below Go code that C has called.

    gdb -batch -nx -p PID -x backtraces.py        writes JSON to the file that BACKTRACES names

gdb cannot cross runtime.cgocallback by itself. It is put where that function left C's stack, g0.sched.sp and the older
values that are saved there, and walks on from there with its own call frame information. The registers are put back.
"""

import json
import os

import gdb

MAX_FRAMES = 100


def frames():
    """The current thread's frames, innermost first, until gdb has no more or is in code that it does not know."""
    found = []
    frame = gdb.newest_frame()
    while frame is not None and len(found) < MAX_FRAMES:
        sal = frame.find_sal()
        found.append({
            "pc": frame.pc(),
            "name": frame.name(),
            "line": sal.line or None,
            "file": sal.symtab.fullname() if sal.symtab else None,
            "inlined": frame.type() == gdb.INLINE_FRAME,
            "jumped": frame.type() == gdb.TAILCALL_FRAME,
        })
        try:
            frame = frame.older()
        except gdb.error:
            break
    return found


def word(address):
    return int.from_bytes(gdb.selected_inferior().read_memory(address, 8).tobytes(), "little")


def field(value, *names):
    for name in names:
        value = value.dereference()[name] if value.type.code == gdb.TYPE_CODE_PTR else value[name]
    return value


def threads_of_go():
    """The Ms, by the id of their threads."""
    found = {}
    m = gdb.parse_and_eval("'runtime.allm'")
    while int(m) != 0:
        found[int(field(m, "procid"))] = m
        m = field(m, "alllink")
    return found


def walk_from(pc, sp):
    """The frames of a thread that would stand at pc in cgocallback with this stack pointer."""
    kept = {name: int(gdb.parse_and_eval(f"${name}")) for name in ("pc", "sp", "rbp")}
    try:
        gdb.execute("frame 0", to_string=True)
        gdb.execute(f"set $sp = {sp:#x}", to_string=True)
        gdb.execute(f"set $pc = {pc:#x}", to_string=True)
        # C's frame pointer is below the return address of crosscall2, the caller, which says nothing of that.
        below = int(gdb.newest_frame().older().older().read_register("rsp")) - 16
        gdb.execute(f"set $rbp = {word(below):#x}", to_string=True)
        return frames()
    finally:
        gdb.execute("frame 0", to_string=True)
        for name in ("rbp", "sp", "pc"):
            gdb.execute(f"set ${name} = {kept[name]:#x}", to_string=True)


def callers(m, call, bottom):
    """The C code below each cgocallback, from the innermost: `call` is where cgocallback waits in all of them."""
    found = []
    sp = int(field(m, "g0", "sched", "sp"))
    for _ in range(bottom):
        found.append(walk_from(call, sp))
        sp = word(sp)
    return found


def main():
    for setting in ("pagination off", "confirm off", "width 0", "debuginfod enabled off", "backtrace past-main on",
                    "backtrace past-entry on"):
        gdb.execute("set " + setting, to_string=True)
    wanted = json.loads(os.environ["CALLBACKS"])  # thread -> [pc in cgocallback, how many of them]
    result = {"threads": {}, "callers": {}}
    ms = threads_of_go() if wanted else {}
    for thread in gdb.selected_inferior().threads():
        tid = thread.ptid[1]
        thread.switch()
        result["threads"][tid] = frames()
        if str(tid) in wanted:
            call, count = wanted[str(tid)]
            result["callers"][tid] = callers(ms[tid], call, count)
    with open(os.environ["BACKTRACES"], "w") as f:
        json.dump(result, f)


main()
