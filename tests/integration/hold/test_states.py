#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Hold a program in the middle of what its runtime does, and look: each goroutine has the state and the stack that the
runtime's source says it has there, the program is left as it was, and goes on to its proper end.

    test_states.py GO [NAME]...       e.g. test_states.py 1.22 dying preempted
"""

import sys
import time

import hold
from hold import after, at, call_of, entry

CASGSTATUS = call_of("runtime.casgstatus")
STORE_TO_ALLGS = r"^mov %\w+,.*<runtime\.allgs(\+0x\w+)?>"
ATOMIC_STORE = r"^xchg %\w+,\(%"
# gobuf.sp: runtime/runtime2.go, g.sched and gobuf; the same in Go 1.18 to 1.27.
STORE_TO_SCHED_SP = r"^mov %\w+,0x38\(%"

# Where the goroutines of the fixture and of the runtime begin.
ROOTS = {
    "runtime.main", "main.start.func1", "main.start.gowrap1", "main.newborn", "main.mortal", "runtime.goexit1",
    "runtime.forcegchelper", "runtime.bgsweep", "runtime.bgscavenge", "runtime.runfinq", "runtime.runFinalizers",
    "runtime.gcBgMarkWorker", "runtime.updateMaxProcsGoroutine", "runtime.runCleanups", "runtime.corostart",
    "main.inBubble", "main.leaking", "testing.Main", "testing.tRunner", "testing/synctest.Test.func1",
    "main.spawn.func1", "main.spawn.gowrap1", "main.die.func1", "main.queue.func1", "main.queue.gowrap1",
}
MAIN_READS = ["main.main", "runtime.main"]


class Look:
    """A dump, and what is expected of it."""

    def __init__(self, program, *options):
        self.dump = hold.dump(program, *options)

    def that(self, condition, what):
        if not condition:
            shown = "\n".join(map(repr, self.dump.goroutines[:30]))
            raise hold.Failed(f"{what}\nexit status {self.dump.exit}, {self.dump.seconds:.1f} s {self.dump.err}{shown}")

    def one(self, *functions):
        found = self.dump.of(*functions)
        self.that(len(found) == 1, f"one goroutine in {functions}")
        return found[0]

    def none(self, *functions):
        self.that(not self.dump.of(*functions), f"no goroutine in {functions}")

    def goroutine(self, function, status, frames, **fields):
        """The one goroutine in FUNCTION: its status, the outer end of its stack, and other fields."""
        g = self.one(function)
        for name, value in dict(fields, status=status).items():
            self.that(getattr(g, name) == value, f"{function}: {name} {getattr(g, name)!r} instead of {value!r}")
        self.that(g.frames[-len(frames):] == frames, f"{function}: ends in {frames}")
        return g

    def main(self, status, *frames):
        return self.goroutine("main.main", status, [*frames, *MAIN_READS])

    def whole(self, parked=3, unreadable=0):
        """What holds in every state: all have a stack down to their entry, and those that are not concerned are still."""
        self.that(self.dump.exit == (1 if unreadable else 0), "exit status")
        still = [g for g in self.dump.of("main.parked")
                 if g.status == "waiting" and g.wait_reason == "chan receive" and g.frames[0] == "runtime.gopark"]
        self.that(len(still) == parked, f"{parked} parked goroutines, not {len(still)}")
        bad = [g for g in self.dump.goroutines if g.unreadable is not None]
        self.that(len(bad) == unreadable, f"{unreadable} unreadable goroutines")
        for g in self.dump.goroutines:
            if g.unreadable is None:
                self.that(g.frames and g.frames[-1] in ROOTS, f"goroutine {g.goid} ends at its entry")


def held(program, place, action, look, *options):
    """Has the program do ACTION until a thread is held at PLACE, looks, and has it go on."""
    address = program.hold(place)
    program.tell(action)
    tid = program.await_held(address)
    checked = Look(program, *options)
    look(checked)
    # In between it may be in the handler of a signal that asks it to give way.
    hold.wait_for(lambda: hold.program_counter(tid) == address, "the thread to be where it was")
    program.let_go()
    program.expect("done " + action)
    return tid


# ---- new and dying goroutines ----


def newborn(go):
    """runtime/proc.go, newproc1: in allgs and dead, then runnable without being in a queue."""
    def no_goroutine_yet(look):
        look.whole()
        look.none("main.newborn", "main.spawn.func1", "main.spawn.gowrap1")
        look.main("running", "runtime.newproc", "main.spawn")

    def runnable(look):
        look.whole()
        g = [g for g in look.dump.goroutines if g.status == "runnable"]
        look.that(len(g) == 1 and g[0].never_run and g[0].frames and g[0].start["function"] in NEWBORN and
                  g[0].creator["function"] == "main.spawn" and g[0].frames[-1] in NEWBORN, "it is about to run")
        look.main("running", "runtime.newproc", "main.spawn")
        return g[0]

    NEWBORN = ("main.newborn", "main.spawn.func1", "main.spawn.gowrap1")
    for place, check in ((at("runtime.newproc1", CASGSTATUS, -1), no_goroutine_yet),
                         (after("runtime.newproc1", CASGSTATUS, -1), runnable),
                         (at("runtime.newproc.func1", call_of("runtime.runqput")), runnable)):
        with hold.Program(go) as program:
            held(program, place, "spawn", check)
            program.finish()


def reborn(go):
    """A dead goroutine on the free list is not reported, nor is it while it is taken from there again."""
    with hold.Program(go) as program:
        for _ in range(3):
            program.do("die")
        hold.wait_for(lambda: not Look(program).dump.of("main.mortal", "runtime.goexit1", "main.die.func1"), "their death")
        Look(program).whole()

        def check(look):
            look.whole()
            look.none("main.newborn", "main.mortal", "runtime.goexit1")
        held(program, at("runtime.newproc1", CASGSTATUS, -1), "spawn", check)
        program.finish()


def queued(go):
    """Three that never ran, in the queue of the only processor, whose goroutine does not let go of it. On a busy machine
    sysmon may have it give way all the same, after 10 ms (runtime/proc.go, retake): then some have run, and it is done again."""
    def check(look):
        look.whole()
        newborn = [g for g in look.dump.goroutines if g.creator and g.creator["function"] == "main.queue"]
        fresh = [g for g in newborn if g.status == "runnable" and g.never_run and
                 g.frames[-1] in ("main.newborn", "main.queue.func1", "main.queue.gowrap1")]
        ran = [g for g in newborn if g.status in ("waiting", "runnable") and not g.never_run]
        look.that(len(newborn) == len(fresh) + len(ran) == 3, "three that never ran, or have run")
        look.main("running", "main.marker", "main.queue")
        undisturbed.append(not ran)
    undisturbed = []
    for _ in range(20):
        with hold.Program(go, GODEBUG="asyncpreemptoff=1") as program:
            held(program, entry("main.marker"), "queue", check)
            program.finish()
        if undisturbed[-1]:
            return
    raise hold.Failed("it gave way each time")


def dying(go):
    """runtime/proc.go, goexit1 and gdestroy (goexit0 in Go 1.18): running until the status says dead."""
    destroy = "runtime.goexit0" if go == "1.18" else "runtime.gdestroy"

    def alive(look):
        look.whole()
        g = look.goroutine("runtime.goexit1", "running", ["runtime.goexit1"])
        look.that(g.start["function"] in ("main.mortal", "main.die.func1"), "its start")
        look.main("syscall")

    def dead(look):
        look.whole()
        look.none("runtime.goexit1", "main.mortal")
        look.main("syscall")
    for place, check in ((entry("runtime.goexit1"), alive), (at(destroy, CASGSTATUS), alive),
                         (after(destroy, CASGSTATUS), dead)):
        with hold.Program(go) as program:
            held(program, place, "die", check)
            program.finish()


# ---- stacks ----


def copied(go):
    """runtime/stack.go, copystack: before and after the stack is another one. Between the new bounds and the new sp the
    goroutine is marked."""
    def check(look):
        look.whole()
        g = look.goroutine("main.deep", "copystack", ["main.descend", "main.deep", "main.start.func1"])
        look.that(g.frames[:-2].count("main.descend") == len(g.frames) - 2 > 5, "its frames")

    def marked(look):
        look.whole(unreadable=1)
        g = [g for g in look.dump.goroutines if g.unreadable][0]
        look.that(g.status == "copystack" and g.unreadable == "bounds", "the reason")
    copystack = "runtime.copystack"
    with hold.Program(go) as program:
        address = program.hold(entry(copystack))
        program.tell("grow")
        program.await_held(address)
        check(Look(program))
        for place, expected in ((at(copystack, call_of("runtime.memmove"), -1), check),
                                (at(copystack, STORE_TO_SCHED_SP), marked), (after(copystack, STORE_TO_SCHED_SP), check),
                                (at(copystack, call_of("runtime.stackfree")), check)):
            program.go_on(place(program.path))
            expected(Look(program))
        program.let_go()
        program.expect("done grow")
        program.finish()


# ---- the garbage collector ----


def collect_until_held(program, place):
    """Collects until a thread is held; how many collections it took is chance."""
    address = program.hold(place)
    for _ in range(50):
        program.tell("gc")
        if hold.wait_for(lambda: program.held_at(address) and "held" or program.has_said("done gc"), "a hold") == "held":
            return address
    raise hold.Failed("no thread came there in 50 collections")


def preempted(go):
    """runtime/proc.go, preemptPark, and runtime/preempt.go, suspendG: preempted with the scan bit, without it, then
    waiting with it."""
    def check(status, scan, reason=None):
        def look_at(look):
            look.whole()
            found = [g for g in look.dump.goroutines if g.status == status and g.scan == scan and
                     (reason is None or g.wait_reason == reason)]
            look.that(found, f"one is {status}")
        return look_at
    states = ((after("runtime.preemptPark", call_of("runtime.casGToPreemptScan")), check("preempted", True)),
              (at("runtime.suspendG", call_of("runtime.casGFromPreempted")), check("preempted", False)),
              (after("runtime.suspendG", call_of("runtime.casGFromPreempted")), check("waiting", False, "preempted")))
    for place, look_at in states:
        with hold.Program(go, GOMAXPROCS="4") as program:
            program.do("spin")
            collect_until_held(program, place)
            look_at(Look(program))
            program.let_go()
            program.expect("done gc")
            program.do("unspin")
            program.finish()


def marking(go):
    """In the middle of a mark: a worker on the system stack; the collection was asked for by main."""
    def check(look):
        look.whole()
        workers = [g for g in look.dump.of("runtime.gcBgMarkWorker") if "runtime.systemstack_switch" in g.frames or
                   g.wait_reason == "GC worker (active)" or "runtime.systemstack" in g.frames]
        look.that(workers, "a worker on the system stack")
        main = look.one("main.main")
        if main.status == "waiting":
            look.main("waiting", "runtime.gcWaitOnMark", "runtime.GC", "main.collect")
        else:  # the worker was faster than the end of what began the collection
            look.that(main.status in ("runnable", "running") and main.frames[-4:-2] == ["runtime.GC", "main.collect"] and
                      "runtime.gcStart" in main.frames, "main begins the collection")
    with hold.Program(go) as program:
        held(program, entry("runtime.markroot"), "gc", check)
        program.finish()


def sweeping(go):
    def check(look):
        look.whole()
        look.goroutine("runtime.sweepone", "running", look.one("runtime.sweepone").frames[1:])
    with hold.Program(go) as program:
        held(program, entry("runtime.sweepone"), "gc", check)
        program.finish()


def write_barrier(go):
    """In gcWriteBarrier, which saves all registers in a frame of its own."""
    barrier = "runtime.gcWriteBarrier" if go == "1.18" else "gcWriteBarrier"

    def in_barrier(program):
        look = Look(program)
        look.whole()
        return look if look.one("main.storing").frames[0] == barrier else None
    with hold.Program(go) as program:
        address = program.hold(at("main.storing", r"^call .*<runtime\.gcWriteBarrier"))
        program.tell("barrier")
        program.await_held(address)
        program.go_on(after(barrier, r"^sub \$0x\w+,%rsp")(program.path))
        look = hold.wait_for(lambda: in_barrier(program), "main.storing in the write barrier")
        g = look.goroutine("main.storing", "running", ["main.storing", "main.start.func1"])
        look.that(all("riteBarrier" in frame for frame in g.frames[:-2]), "only the barrier's functions are below")
        program.set("main.stop", 1)
        program.let_go()
        program.expect("done barrier")
        program.finish()


# ---- a wedged runtime ----


def world_stopped(go):
    """A thread spins with the world stopped: nothing else will ever run. One that was computing was preempted."""
    def check(where):
        def look_at(look):
            look.whole()
            g = look.goroutine("main.spinning", "runnable", ["runtime.asyncPreempt", "main.spinning", "main.start.func1"])
            look.that(g.thread is None, "no thread runs it")
            where(look)
        return look_at

    def in_memstats(look):
        look.goroutine("main.memstats", look.one("main.memstats").status,
                       ["runtime.ReadMemStats", "main.memstats", *MAIN_READS])
        look.that(look.one("main.memstats").status in ("running", "waiting"), "main stopped the world")

    def in_termination(look):
        look.goroutine("runtime.gcMarkTermination", "running",
                       ["runtime.gcMarkTermination", "runtime.gcMarkDone", "runtime.gcBgMarkWorker"])
    for place, action, where in ((at("runtime.stopTheWorldWithSema", r"^ret"), "memstats", in_memstats),
                                 (entry("runtime.readmemstats_m"), "memstats", in_memstats),
                                 (entry("runtime.gcMarkTermination"), "gc", in_termination)):
        with hold.Program(go) as program:
            program.do("spin")
            held(program, place, action, check(where))
            program.do("unspin")
            program.finish()


def sched_lock_held(go):
    """runtime/proc.go: globrunqget (globrunqgetbatch from Go 1.25 on) is called with sched.lock held."""
    def check(look):
        look.whole()
        main = look.one("main.main")  # another thread may be the first that asks the queue
        look.that(main.status in ("runnable", "running") or "runtime.Gosched" in main.frames, "main gives way")
    name = "runtime.globrunqget" if go in ("1.18", "1.22") else "runtime.globrunqgetbatch"
    with hold.Program(go) as program:
        held(program, entry(name), "yield", check)
        program.finish()


def allgs_growing(go):
    """runtime/proc.go, allgadd, with allglock held: before and after each store, by each way to find allgs."""
    steps = [at("runtime.allgadd", STORE_TO_ALLGS, which) for which in range(3)]
    steps += [at("runtime.allgadd", ATOMIC_STORE, 0), at("runtime.allgadd", ATOMIC_STORE, 1)]
    steps.append(at("runtime.allgadd", call_of("runtime.unlock2")))

    def look_at_all(program):
        for sources in ("", "allgs=code", "allgs=scan"):
            with hold.environment(GOSTACKDUMP_SOURCES=sources):
                look = Look(program)
            # All that were made before; the one that is being made is dead still. Those that did not run yet count too.
            ours = [g for g in look.dump.goroutines if g.creator and g.creator["function"] == "main.start"]
            look.that(len(ours) == program.word("main.created") - 1, f"{len(ours)} of {program.word('main.created')} - 1")
            look.that(look.dump.exit == 0, "exit status")
            look.main("running", "runtime.newproc", "main.start", "main.many")
    with hold.Program(go) as program:
        address = program.hold(at("runtime.allgadd", call_of("runtime.growslice")))
        program.tell("many")
        program.await_held(address)
        look_at_all(program)
        for place in steps:
            program.go_on(place(program.path))
            look_at_all(program)
        program.let_go()
        program.expect("done many")
        program.finish()


# ---- kinds of goroutines ----


def locked(go):
    with hold.Program(go) as program:
        program.do("lock")
        look = hold.wait_for(lambda: (look := Look(program)).one("main.locked").status == "waiting" and look, "it waits")
        look.whole()
        look.goroutine("main.locked", "waiting", ["main.locked", "main.start.func1"], locked=True)
        program.finish()


def coroutine(go):
    """runtime/coro.go, coroswitch_m: main goes, then the coroutine comes; stacks are right all the while."""
    swap = r"^lock cmpxchg %\w+,0x\w+\(%"

    def states(look, main, other):
        look.whole()
        yielding = look.one("main.sequence")
        look.that(yielding.frames[-1] == "runtime.corostart" and yielding.frames[0] == "runtime.coroswitch", "its stack")
        g = look.one("main.main")
        look.that((g.status, yielding.status) == (main, other), f"{main} and {other}")
        for waiting in (g for g in (g, yielding) if g.status == "waiting"):
            look.that(waiting.wait_reason == "coroutine", "what it waits for")
        return g

    with hold.Program(go) as program:
        program.do("pull")
        look = Look(program)
        states(look, "syscall", "waiting")
        address = program.hold(at("runtime.coroswitch_m", swap, 0))
        program.tell("next")
        program.await_held(address)
        for place, main, other in ((None, "running", "waiting"),
                                   (after("runtime.coroswitch_m", swap, 0), "waiting", "waiting"),
                                   (at("runtime.coroswitch_m", swap, 1), "waiting", "waiting"),
                                   (after("runtime.coroswitch_m", swap, 1), "waiting", "running")):
            if place is not None:
                program.go_on(place(program.path))
            look = Look(program)
            g = states(look, main, other)
            look.that("runtime.coroswitch" in g.frames and g.frames[-2:] == MAIN_READS, "main's stack")
        program.let_go()
        program.expect("done next")
        program.do("next")
        program.finish()


def bubble(go):
    """Goroutines of a synctest bubble, durably waiting or not."""
    with hold.Program(go) as program:
        program.do("bubble")
        look = hold.wait_for(lambda: (look := Look(program)).one("main.outOfBubble").status == "waiting" and look, "it waits")
        look.whole()
        inside = look.dump.of("main.inBubble")
        outside = look.one("main.outOfBubble")
        look.that(len(inside) == 2 and inside[0].bubble is not None, "two in the bubble")
        look.that({g.bubble for g in inside} == {outside.bubble}, "one bubble")
        look.that({g.wait_reason for g in inside} == {"chan receive (durable)"}, "what they wait for")
        look.that(outside.wait_reason == "chan receive", "what lies outside is not durable")
        look.that(all(g.bubble is None for g in look.dump.of("main.parked", "main.main")), "the others are in none")
        program.finish()


def leaked(go):
    """Marked by the collector of leaks (runtime/pprof, goroutineleak)."""
    with hold.Program(go) as program:
        program.do("leak")
        look = Look(program)
        look.whole()
        look.goroutine("main.leaking", "leaked", ["main.leaking"], leaked=True, wait_reason="chan receive")
        program.process.kill()


CASES = {
    newborn: "1.18", reborn: "1.18", queued: "1.18", dying: "1.18", copied: "1.18", preempted: "1.18", marking: "1.18",
    sweeping: "1.18", write_barrier: "1.18", world_stopped: "1.18", sched_lock_held: "1.18", allgs_growing: "1.18",
    locked: "1.18", coroutine: "1.23", bubble: "1.25", leaked: "1.27",
}


def version(go):
    return tuple(map(int, go.split(".")))


def main():
    go, names = sys.argv[1], sys.argv[2:]
    failures = 0
    for case, since in CASES.items():
        if version(go) < version(since) or (names and case.__name__ not in names):
            continue
        start = time.monotonic()
        try:
            case(go)
        except hold.Failed as failure:
            failures += 1
            print(f"FAILED {case.__name__} go{go}: {failure}", flush=True)
            continue
        print(f"ok {case.__name__} go{go} {time.monotonic() - start:.1f} s", flush=True)
    sys.exit(1 if failures else 0)


main()
