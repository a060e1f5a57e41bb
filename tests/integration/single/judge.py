# SPDX-License-Identifier: BSD-3-Clause
"""Which pictures of the fixture token are possible at one moment. All of it follows from the program's text.

What a function does, a goroutine does while the function is on its stack; between two of them (a few instructions in the
loop) it may be anywhere between, and nothing is said of it.

A ring. Member i waits in a phase for turn t, holds the token, and passes it on: step s = t * N + i. The send of step s is
called in `passing`, so member s+1 leaves its phase after member s has entered `passing`, having left `holding`. Let S be
the last step whose phase has been left. Then every step before S has come to `passing` at least, and each one after S is
still to leave its phase. So, with S = T * N + j: members up to j wait for turn T + 1, if they wait; those behind j wait
for turn T, if they wait; nobody but j holds the token. (A member can stay in `passing` as long as it likes.) On its way
after every step s + 1 that K divides the token is kept by another goroutine: while that is in `restR`, S = s exactly, and
R is (s + 1) / K modulo 16.

A parent. It leaves `waitingForChild` after its child has entered `reporting`, and `releasing` after the child has entered
`awaiting`; the child goes on after the parent has entered `releasing`. So while the parent is in turn P's waitingForChild
its child P exists; while a child is never run, works or reports, its parent is in the same turn, and if it does not report
yet, not in `releasing`.

A coroutine. Its consumer uses the nth number while it stays in its nth yield. While the consumer asks for the nth, it is
in its yield n - 1, in its nth, or between them. While it produces, its consumer asks.
"""

import math


def phase_of(functions, prefix):
    """The number at the end of the one function on the stack that is called PREFIX with a number, None when there is none."""
    for function in functions:
        if function.startswith(prefix) and function[len(prefix):].isdigit():
            return int(function[len(prefix):])
    return None


# ---- rings ----

HOLDS = "holds"


def member_state(functions):
    """The phase that a member waits in, HOLDS, or None: anything between."""
    return HOLDS if "main.holding" in functions else phase_of(functions, "main.phase")


def phase_in_turn(place, turn, change):
    return (turn + place * 5) // change % 4


def turns_until_all_repeats(count, change, every):
    laps = 16 * every // math.gcd(count, 16 * every)
    return 4 * change * laps // math.gcd(4 * change, laps)


def rests_there(rest, count, turn, place, every):
    steps = turn * count + place + 1
    return steps % every == 0 and steps // every % 16 == rest


def ring_is_possible(states, rest, change, every):
    holders = [i for i, state in enumerate(states) if state == HOLDS]
    if len(holders) > 1 or (holders and rest is not None):
        return False
    count = len(states)
    for turn in range(turns_until_all_repeats(count, change, every)):
        first = 0  # members before the first that cannot have left this turn's phase
        while first < count and states[first] in (None, phase_in_turn(first, turn + 1, change)):
            first += 1
        last = count  # members from here on can still wait for this turn
        while last > 0 and states[last - 1] in (None, phase_in_turn(last - 1, turn, change)):
            last -= 1
        if holders:
            if first >= holders[0] and last <= holders[0] + 1:
                return True
            continue
        for place in range(max(0, last - 1), first):
            if rest is None or rests_there(rest, count, turn, place, every):
                return True
    return False


def describe_ring(states):
    """How many are in each state; the rest is for who looks for a bug."""
    return {str(state): states.count(state) for state in dict.fromkeys(states)}


def judge_ring(ring, options, goroutines, wrong):
    missing = [goid for goid in ring if goid not in goroutines]
    if missing:
        wrong(f"{len(missing)} goroutines of a ring are not there")
        return
    states = [member_state(goroutines[goid]["functions"]) for goid in ring[:-1]]
    rest = phase_of(goroutines[ring[-1]]["functions"], "main.rest")
    if not ring_is_possible(states, rest, options["change"], options["every"]):
        wrong(f"a ring of {len(states)} is impossible: {describe_ring(states)}, rest {rest}")


# ---- births and deaths ----

def child_phase(goroutine):
    """The turn that a child was started in, None of anything else. It starts in a function that the compiler makes for the
    go statement, where it stands until it has run."""
    function = (goroutine["start"] or {"function": ""})["function"]
    begin, _, made = function.partition(".")[2].partition(".")
    return phase_of([begin], "turn") if made else None


def child_state(child):
    functions = child["functions"]
    for state in ("working", "reporting", "awaiting"):
        if f"main.{state}" in functions:
            return state
    return "working" if child["never_run"] else None


def judge_family(parent, children, wrong):
    functions = parent["functions"]
    turn = phase_of(functions, "main.turn")
    waits, releases = "main.waitingForChild" in functions, "main.releasing" in functions
    born = [child_phase(child) for child in children]
    if waits and turn not in born:
        wrong(f"a parent waits for its child {turn}, and there are {born}")
    early = 0
    for child, phase in zip(children, born):
        state = child_state(child)
        if state not in ("working", "reporting"):
            continue
        early += 1
        if turn != phase:
            wrong(f"child {phase} is {state}, and its parent in turn {turn}")
        elif releases and state == "working":
            wrong("a child is working, and is being released")
    if early > 1:
        wrong("a parent has two children that have not reported")


# ---- coroutines ----

def judge_pair(consumer, coroutine, wrong):
    use, ask = phase_of(consumer, "main.use"), phase_of(consumer, "main.ask")
    given = phase_of(coroutine, "main.yield")
    if use is not None and given != use:
        wrong(f"a number {use} is used that was not given: {given}")
    if ask is not None and given is not None and given not in (ask, (ask - 1) % 4):
        wrong(f"a consumer asks for number {ask}, and the coroutine is at {given}")
    if "main.producing" in coroutine and ask is None:
        wrong("a coroutine produces, and nobody asked")


# ---- all of it ----

def has(prefix):
    return lambda goroutine: any(name.startswith(prefix) for name in goroutine["functions"])


def by_number(goroutines, label, belongs):
    """Goroutines that belong, in lists by the number that their label has."""
    found = {}
    for goroutine in goroutines:
        number = (goroutine["labels"] or {}).get(label)
        if number is not None and belongs(goroutine):
            found.setdefault(int(number), []).append(goroutine)
    return found


def judge(goroutines, rings, options, wrong):
    """Calls WRONG with each thing that cannot be at one moment. GOROUTINES have `functions`, innermost first; OPTIONS are
    those of the fixture."""
    parents, pairs, parked = (options.get(name, 0) for name in ("parents", "pairs", "parked"))
    with_goid = [goroutine for goroutine in goroutines if goroutine["goid"] != 0]
    by_goid = {goroutine["goid"]: goroutine for goroutine in with_goid}
    if len(by_goid) != len(with_goid):
        wrong("two goroutines have the same id")
    if sum("main.parked" in goroutine["functions"] for goroutine in goroutines) != parked:
        wrong("not all that are parked are there")
    for ring in rings:
        judge_ring(ring, options, by_goid, wrong)
    found = by_number(goroutines, "parent", has("main.parent"))
    # What is about to end is in the runtime only.
    children = by_number(goroutines, "parent", lambda one: child_phase(one) is not None and has("main.")(one))
    for number in range(parents):
        if len(found.get(number, [])) != 1:
            wrong("a parent is not there, or twice")
            continue
        judge_family(found[number][0], children.get(number, []), wrong)
    consumers = by_number(goroutines, "pair", has("main.consumer"))
    coroutines = by_number(goroutines, "pair", has("main.produce"))
    for number in range(pairs):
        if len(consumers.get(number, [])) != 1 or len(coroutines.get(number, [])) > 1:
            wrong("a consumer is not there, or somebody twice")
        elif number in coroutines:
            judge_pair(consumers[number][0]["functions"], coroutines[number][0]["functions"], wrong)
        elif phase_of(consumers[number][0]["functions"], "main.use") is not None:
            wrong("a number is used, and there is no coroutine")
