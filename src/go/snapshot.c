/* SPDX-License-Identifier: BSD-3-Clause */
/* The words for statuses, wait reasons and why a stack could not be read. */
#include "go/snapshot.h"

/*
 * Wait reasons by value (runtime/runtime2.go, waitReasonStrings): from Go 1.23 on every second release inserts or
 * permutes them. Each list holds from the version in its name until the next one.
 */
/* clang-format off */
static const char *const reasons_18[] = {
        "", "GC assist marking", "IO wait", "chan receive (nil chan)", "chan send (nil chan)", "dumping heap",
        "garbage collection", "garbage collection scan", "panicwait", "select", "select (no cases)", "GC assist wait",
        "GC sweep wait", "GC scavenge wait", "chan receive", "chan send", "finalizer wait", "force gc (idle)",
        "semacquire", "sleep", "sync.Cond.Wait", "timer goroutine (idle)", "trace reader (blocked)",
        "wait for GC cycle", "GC worker (idle)", "preempted", "debug call",
};
static const char *const reasons_20[] = {
        "", "GC assist marking", "IO wait", "chan receive (nil chan)", "chan send (nil chan)", "dumping heap",
        "garbage collection", "garbage collection scan", "panicwait", "select", "select (no cases)", "GC assist wait",
        "GC sweep wait", "GC scavenge wait", "chan receive", "chan send", "finalizer wait", "force gc (idle)",
        "semacquire", "sleep", "sync.Cond.Wait", "sync.Mutex.Lock", "sync.RWMutex.RLock", "sync.RWMutex.Lock",
        "trace reader (blocked)", "wait for GC cycle", "GC worker (idle)", "GC worker (active)", "preempted",
        "debug call", "GC mark termination", "stopping the world",
};
static const char *const reasons_22[] = {
        "", "GC assist marking", "IO wait", "chan receive (nil chan)", "chan send (nil chan)", "dumping heap",
        "garbage collection", "garbage collection scan", "panicwait", "select", "select (no cases)", "GC assist wait",
        "GC sweep wait", "GC scavenge wait", "chan receive", "chan send", "finalizer wait", "force gc (idle)",
        "semacquire", "sleep", "sync.Cond.Wait", "sync.Mutex.Lock", "sync.RWMutex.RLock", "sync.RWMutex.Lock",
        "trace reader (blocked)", "wait for GC cycle", "GC worker (idle)", "GC worker (active)", "preempted",
        "debug call", "GC mark termination", "stopping the world", "flushing proc caches", "trace goroutine status",
        "trace proc status", "page trace flush", "coroutine",
};
static const char *const reasons_23[] = {
        "", "GC assist marking", "IO wait", "chan receive (nil chan)", "chan send (nil chan)", "dumping heap",
        "garbage collection", "garbage collection scan", "panicwait", "select", "select (no cases)", "GC assist wait",
        "GC sweep wait", "GC scavenge wait", "chan receive", "chan send", "finalizer wait", "force gc (idle)",
        "semacquire", "sleep", "sync.Cond.Wait", "sync.Mutex.Lock", "sync.RWMutex.RLock", "sync.RWMutex.Lock",
        "trace reader (blocked)", "wait for GC cycle", "GC worker (idle)", "GC worker (active)", "preempted",
        "debug call", "GC mark termination", "stopping the world", "flushing proc caches", "trace goroutine status",
        "trace proc status", "page trace flush", "coroutine", "GC weak to strong wait",
};
static const char *const reasons_24[] = {
        "", "GC assist marking", "IO wait", "chan receive (nil chan)", "chan send (nil chan)", "dumping heap",
        "garbage collection", "garbage collection scan", "panicwait", "select", "select (no cases)", "GC assist wait",
        "GC sweep wait", "GC scavenge wait", "chan receive", "chan send", "finalizer wait", "force gc (idle)",
        "semacquire", "sleep", "sync.Cond.Wait", "sync.Mutex.Lock", "sync.RWMutex.RLock", "sync.RWMutex.Lock",
        "sync.WaitGroup.Wait", "trace reader (blocked)", "wait for GC cycle", "GC worker (idle)",
        "GC worker (active)", "preempted", "debug call", "GC mark termination", "stopping the world",
        "flushing proc caches", "trace goroutine status", "trace proc status", "page trace flush", "coroutine",
        "GC weak to strong wait", "synctest.Run", "synctest.Wait", "chan receive (synctest)", "chan send (synctest)",
        "select (synctest)",
};
static const char *const reasons_25[] = {
        "", "GC assist marking", "IO wait", "chan receive (nil chan)", "chan send (nil chan)", "dumping heap",
        "garbage collection", "garbage collection scan", "panicwait", "select", "select (no cases)", "GC assist wait",
        "GC sweep wait", "GC scavenge wait", "chan receive", "chan send", "finalizer wait", "force gc (idle)",
        "GOMAXPROCS updater (idle)", "semacquire", "sleep", "sync.Cond.Wait", "sync.Mutex.Lock", "sync.RWMutex.RLock",
        "sync.RWMutex.Lock", "sync.WaitGroup.Wait", "trace reader (blocked)", "wait for GC cycle", "GC worker (idle)",
        "GC worker (active)", "preempted", "debug call", "GC mark termination", "stopping the world",
        "flushing proc caches", "trace goroutine status", "trace proc status", "page trace flush", "coroutine",
        "GC weak to strong wait", "synctest.Run", "synctest.Wait", "chan receive (durable)", "chan send (durable)",
        "select (durable)", "sync.WaitGroup.Wait (durable)", "cleanup wait",
};
static const char *const reasons_26[] = {
        "", "GC assist marking", "IO wait", "dumping heap", "garbage collection", "garbage collection scan",
        "panicwait", "GC assist wait", "GC sweep wait", "GC scavenge wait", "finalizer wait", "force gc (idle)",
        "GOMAXPROCS updater (idle)", "semacquire", "sleep", "chan receive (nil chan)", "chan send (nil chan)",
        "select (no cases)", "select", "chan receive", "chan send", "sync.Cond.Wait", "sync.Mutex.Lock",
        "sync.RWMutex.RLock", "sync.RWMutex.Lock", "sync.WaitGroup.Wait", "trace reader (blocked)",
        "wait for GC cycle", "GC worker (idle)", "GC worker (active)", "preempted", "debug call",
        "GC mark termination", "stopping the world", "flushing proc caches", "trace goroutine status",
        "trace proc status", "page trace flush", "coroutine", "GC weak to strong wait", "synctest.Run",
        "synctest.Wait", "chan receive (durable)", "chan send (durable)", "select (durable)",
        "sync.WaitGroup.Wait (durable)", "cleanup wait",
};
/* clang-format on */

static const struct {
	unsigned since;
	const char *const *names;
	size_t count;
} reason_lists[] = {
	{26, reasons_26, GSD_ARRAY_SIZE(reasons_26)}, {25, reasons_25, GSD_ARRAY_SIZE(reasons_25)},
	{24, reasons_24, GSD_ARRAY_SIZE(reasons_24)}, {23, reasons_23, GSD_ARRAY_SIZE(reasons_23)},
	{22, reasons_22, GSD_ARRAY_SIZE(reasons_22)}, {20, reasons_20, GSD_ARRAY_SIZE(reasons_20)},
	{18, reasons_18, GSD_ARRAY_SIZE(reasons_18)},
};

const char *gsd_wait_reason_name(unsigned go_minor, unsigned reason)
{
	for (size_t i = 0; i < GSD_ARRAY_SIZE(reason_lists); i++) {
		if (go_minor < reason_lists[i].since)
			continue;
		return reason < reason_lists[i].count ? reason_lists[i].names[reason] : "unknown wait reason";
	}
	return "unknown wait reason";
}

/* runtime/runtime2.go, _Gidle and following; the scan bit is not part of it. 5 and 7 are not used. */
static const char *const status_names[] = {"idle", "runnable", "running",   "syscall",   "waiting", NULL,
					   "dead", NULL,       "copystack", "preempted", "leaked",  "deadextra"};

const struct gsd_snapshot_mapping *gsd_snapshot_mapping_at(const struct gsd_snapshot *snapshot, uint64_t address)
{
	for (size_t i = 0; i < snapshot->mapping_count; i++)
		if (address >= snapshot->mappings[i].start && address < snapshot->mappings[i].limit)
			return &snapshot->mappings[i];
	return NULL;
}

const char *gsd_status_name(uint32_t status)
{
	return status < GSD_ARRAY_SIZE(status_names) && status_names[status] != NULL ? status_names[status] : "unknown";
}

static bool waits(const struct gsd_goroutine *goroutine)
{
	return goroutine->status == GSD_STATUS_WAITING || goroutine->status == GSD_STATUS_LEAKED;
}

const char *gsd_goroutine_wait_reason(const struct gsd_snapshot *snapshot, const struct gsd_goroutine *goroutine)
{
	if (!waits(goroutine) || goroutine->wait_reason == 0)
		return NULL;
	return gsd_wait_reason_name(snapshot->go_minor, goroutine->wait_reason);
}

const char *gsd_goroutine_state(const struct gsd_snapshot *snapshot, const struct gsd_goroutine *goroutine)
{
	if (snapshot->threads_only)
		return "thread";
	const char *reason = gsd_goroutine_wait_reason(snapshot, goroutine);
	return reason != NULL ? reason : gsd_status_name(goroutine->status);
}

/* The runtime's mark lies in the past; one of another time namespace may not. */
bool gsd_goroutine_wait_ns(const struct gsd_snapshot *snapshot, const struct gsd_goroutine *goroutine,
			   uint64_t *wait_ns_ret)
{
	uint64_t now = snapshot->time_monotonic_ns;
	if ((!waits(goroutine) && goroutine->status != GSD_STATUS_SYSCALL) || goroutine->wait_since == 0 ||
	    goroutine->wait_since > now)
		return false;
	*wait_ns_ret = now - goroutine->wait_since;
	return true;
}

static const char *const unreadable_names[] = {
	[GSD_READABLE] = "",
	[GSD_UNREADABLE_BOUNDS] = "bounds",
	[GSD_UNREADABLE_TOO_LARGE] = "too-large",
	[GSD_UNREADABLE_UNMAPPED] = "unmapped",
	[GSD_UNREADABLE_RUNNING] = "running",
	[GSD_UNREADABLE_NO_THREAD] = "no-thread",
	[GSD_UNREADABLE_UNKNOWN_PC] = "unknown-pc",
	[GSD_UNREADABLE_BROKEN] = "broken",
	[GSD_UNREADABLE_STATUS] = "status",
	[GSD_UNREADABLE_MOVED] = "moved",
};

const char *gsd_unreadable_name(enum gsd_unreadable reason)
{
	return (size_t)reason < GSD_ARRAY_SIZE(unreadable_names) ? unreadable_names[reason] : "unknown";
}
