#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""--nonblocking traces nobody: the kernel kills whoever calls ptrace here, and the program is seen all the same. It works
where a stop cannot: on what another tracer holds; and on what stands still already.

    test_untraced.py GO...     e.g. test_untraced.py 1.18 1.27
"""

import ctypes
import json
import os
import signal
import struct
import subprocess
import sys
import time

import hold

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
SYS_KILL, SYS_PTRACE, SYS_TKILL, SYS_TGKILL, SYS_PIDFD_SEND_SIGNAL = 62, 101, 200, 234, 424
RET_KILL_PROCESS, RET_ALLOW = 0x80000000, 0x7FFF0000
LOAD_NUMBER, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
CAPTURES = 20


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]


def forbid(*calls):
    """From now on this process is killed when it makes one of these system calls; so are its children."""
    code = struct.pack("HBBI", LOAD_NUMBER, 0, 0, 0)
    for n, call in enumerate(calls):
        code += struct.pack("HBBI", JUMP_IF_EQUAL, len(calls) - n, 0, call)
    code += struct.pack("HBBI", RETURN, 0, 0, RET_ALLOW) + struct.pack("HBBI", RETURN, 0, 0, RET_KILL_PROCESS)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = Filter(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    if hold.libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or hold.libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER,
                                                                           ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def forbid_touching():
    forbid(SYS_PTRACE, SYS_KILL, SYS_TKILL, SYS_TGKILL, SYS_PIDFD_SEND_SIGNAL)


def check(condition, what, err=""):
    if not condition:
        raise hold.Failed(f"{what}\n{err}")


def look(program, *options, before=None):
    """What the tool says of the program; `before` is called in the tool's process first."""
    done = subprocess.run([hold.TOOL, f"--pid={program.pid}", "--stats=/dev/stderr", "-f", "jsonl", "-o", "-", *options],
                          capture_output=True, text=True, timeout=hold.PATIENCE, preexec_fn=before)
    goroutines = [json.loads(line) for line in done.stdout.splitlines()][1:]
    return done, goroutines


def check_look(done, goroutines):
    check(done.returncode == 0, f"exit status {done.returncode}", done.stderr)
    stats = json.loads(next(line for line in done.stderr.splitlines() if line.startswith("{")))
    for key, value in {"mode": "nonblocking", "stops": 0, "pause_ns": 0, "pause_total_ns": 0, "threads": 0}.items():
        check(stats[key] == value, f"{key} is {stats[key]}", done.stderr)
    check("not paused" in done.stderr, "the summary says that it was not paused", done.stderr)
    parked = [g for g in goroutines if any(f["function"] == "main.parked" for f in g["frames"])]
    check(len(parked) == 3 and all(g["wait_reason"] == "chan receive" for g in parked), f"parked: {parked}")
    lost = [g for g in goroutines if g["unreadable"]]
    check(all(g["unreadable"] == "running" and g["status"] == "running" for g in lost), f"unreadable: {lost}")
    check(stats["unread_running"] == len(lost), f"{stats['unread_running']} running in the statistics, {len(lost)} in the file")
    if lost:
        check(f"{len(lost)} running without a stack" in done.stderr, "the summary counts those that run", done.stderr)
    return lost


def nobody_is_traced(go):
    """The filter kills: a capture with a stop does not survive it. One without does."""
    with hold.Program(go) as program:
        program.do("spin")
        done, _ = look(program, before=forbid_touching)
        check(done.returncode not in (0, 1), f"with a stop the exit status is {done.returncode}: nothing was forbidden", done.stderr)
        seen = sum(1 for _ in range(CAPTURES)
                   if check_look(*look(program, "--nonblocking", before=forbid_touching)))
        check(seen > 0, "the spinning one was never seen running")
        check(all(hold.status_of(program.pid, tid)["TracerPid"] == "0" for tid in hold.threads(program.pid)), "traced")
        program.do("unspin")
        program.finish()


def another_tracer_holds_it(go):
    """With a stop it is refused; without one it is seen, and stays as traced and as stopped as it was."""
    with hold.Program(go) as program:
        hold.trace(hold.PTRACE_SEIZE, program.pid)
        hold.trace(hold.PTRACE_INTERRUPT, program.pid)
        os.waitpid(program.pid, hold.WALL)
        refused, _ = look(program)
        check(refused.returncode == 2, f"with a stop the exit status is {refused.returncode}", refused.stderr)
        check_look(*look(program, "--nonblocking"))
        check(hold.state_of(program.pid) == "t", "it is held still")
        check(hold.status_of(program.pid)["TracerPid"] == str(os.getpid()), "by us")
        hold.trace(hold.PTRACE_DETACH, program.pid)
        program.finish()


def it_stands_still_already(go):
    """SIGSTOP: stopped before, during and after."""
    with hold.Program(go) as program:
        program.do("spin")
        os.kill(program.pid, signal.SIGSTOP)
        stopped = lambda: {hold.state_of(program.pid, tid) for tid in hold.threads(program.pid)} == {"T"}  # noqa: E731
        hold.wait_for(stopped, "the stop")
        for _ in range(3):
            check_look(*look(program, "--nonblocking"))
            check(stopped(), "still stopped")
        os.kill(program.pid, signal.SIGCONT)
        program.do("unspin")
        program.finish()


def main():
    failures = 0
    for go in sys.argv[1:]:
        for case in (nobody_is_traced, another_tracer_holds_it, it_stands_still_already):
            start = time.monotonic()
            try:
                case(go)
                print(f"ok {case.__name__} go{go} {time.monotonic() - start:.1f} s", flush=True)
            except hold.Failed as failure:
                failures += 1
                print(f"FAILED {case.__name__} go{go}: {failure}", flush=True)
    sys.exit(1 if failures else 0)


main()
