/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "target/private.h"
#include "target/stop.h"

#define CAPACITY 2000
#define SECOND   ((uint64_t)1000000000)
/* Long enough for a machine that is busy with other tests. */
#define PATIENCE (20 * SECOND)

static struct gsd_thread items[CAPACITY];
static struct gsd_threads threads = {.items = items, .capacity = CAPACITY};

/* ---- targets ---- */

struct spinner {
	struct shared *shared;
	unsigned slot;
};

static void *spin(void *argument)
{
	struct spinner spinner = *(struct spinner *)argument;
	struct shared *shared = spinner.shared;
	atomic_store(&shared->stack_address[spinner.slot], (unsigned long)(uintptr_t)&spinner);
	atomic_fetch_add(&shared->ready, 1);
	for (unsigned long round = 0; atomic_load(&shared->quit) == 0; round++) {
		atomic_fetch_add(&shared->counters[spinner.slot], 1);
		if (round % 64 == 0)
			sched_yield();
	}
	return NULL;
}

/* @p count threads, the first one included, that count. */
static void spin_in_threads(struct shared *shared, unsigned count)
{
	static struct spinner spinners[FIXTURE_SLOTS];
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, (size_t)64 * 1024);
	for (unsigned slot = 0; slot < count; slot++)
		spinners[slot] = (struct spinner){.shared = shared, .slot = slot};
	for (unsigned slot = 1; slot < count; slot++) {
		pthread_t thread;
		if (pthread_create(&thread, &attributes, spin, &spinners[slot]) != 0)
			_exit(1);
	}
	spin(&spinners[0]);
}

static void *be_short(void *argument)
{
	struct shared *shared = argument;
	atomic_fetch_add(&shared->born, 1);
	return NULL;
}

static void *start_and_join(void *argument)
{
	for (;;) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, be_short, argument) == 0)
			pthread_join(thread, NULL);
	}
	return NULL;
}

/* Three threads that count and two that start and join others without end. */
static void churn(struct shared *shared, unsigned count)
{
	pthread_t thread;
	for (int i = 0; i < 2; i++)
		pthread_create(&thread, NULL, start_and_join, shared);
	spin_in_threads(shared, count);
}

static void *sleep_for_ever(void *argument)
{
	struct shared *shared = argument;
	atomic_fetch_add(&shared->ready, 1);
	for (;;)
		pause();
	return NULL;
}

static void sleep_in_threads(struct shared *shared, unsigned count)
{
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, (size_t)64 * 1024);
	for (unsigned i = 1; i < count; i++) {
		pthread_t thread;
		if (pthread_create(&thread, &attributes, sleep_for_ever, shared) != 0)
			_exit(1);
	}
	sleep_for_ever(shared);
}

static struct gsd_process *open_target(pid_t pid)
{
	struct gsd_process *process;
	assert_no_error(gsd_process_open(pid, &process));
	return process;
}

static void assert_runs_untraced(pid_t pid, struct shared *shared, unsigned count)
{
	await(!is_traced(pid));
	for (unsigned slot = 0; slot < count; slot++) {
		unsigned long before = atomic_load(&shared->counters[slot]);
		await(atomic_load(&shared->counters[slot]) != before);
	}
}

/* ---- windows ---- */

struct look {
	struct shared *shared;
	bool halted;
	bool moved;
	unsigned stopped;
	uint64_t hold_ns;
};

static void hold(uint64_t ns)
{
	for (uint64_t end = now_ns() + ns; now_ns() < end;)
		sched_yield();
}

static unsigned long sum(struct shared *shared)
{
	unsigned long total = atomic_load(&shared->born);
	for (unsigned slot = 0; slot < FIXTURE_SLOTS; slot++)
		total += atomic_load(&shared->counters[slot]);
	return total;
}

/* Watches the counters while the target is stopped. */
static void watch_counters(struct gsd_tracer *tracer, void *context)
{
	struct look *look = context;
	look->halted = gsd_tracer_halt(tracer);
	if (look->halted) {
		unsigned long before = sum(look->shared);
		hold(look->hold_ns);
		look->moved = sum(look->shared) != before;
	}
	gsd_tracer_release(tracer);
}

static void only_stop(struct gsd_tracer *tracer, void *context)
{
	struct look *look = context;
	look->halted = gsd_tracer_halt(tracer);
	gsd_tracer_release(tracer);
}

static void hold_for_ever(struct gsd_tracer *tracer, void *context)
{
	struct look *look = context;
	look->halted = gsd_tracer_halt(tracer);
	for (;;)
		sched_yield();
}

/* ---- the stop ---- */

static void nothing_moves_while_threads_come_and_go(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = spawn(churn, shared, 3);
	await(atomic_load(&shared->ready) == 3 && atomic_load(&shared->born) > 10);
	struct gsd_process *process = open_target(pid);
	for (int i = 0; i < 300; i++) {
		unsigned long born = atomic_load(&shared->born);
		struct look look = {.shared = shared, .hold_ns = 300000};
		struct gsd_stop_figures figures = {0};
		uint64_t before = now_ns();
		assert_no_error(gsd_process_stop(process, PATIENCE, &threads, watch_counters, &look, &figures));
		assert_true(look.halted);
		assert_false(look.moved);
		assert_false(threads.overflow);
		assert_true(threads.count >= 5);
		assert_true(figures.pause_ns >= look.hold_ns && figures.pause_ns <= now_ns() - before);
		assert_true(figures.halted_monotonic_ns > before && figures.halted_monotonic_ns < now_ns());
		assert_true(figures.halted_unix_ns / SECOND - (uint64_t)time(NULL) + 60 < 120);
		for (size_t k = 0; k < threads.count; k++)
			assert_int_equal(threads.items[k].tid_inside, threads.items[k].tid);
		await(atomic_load(&shared->born) > born);
	}
	assert_runs_untraced(pid, shared, 3);
	gsd_process_destroy(process);
	end_child(pid);
	shared_destroy(shared);
}

static void the_registers_are_those_of_the_threads(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = spawn(spin_in_threads, shared, 4);
	await(atomic_load(&shared->ready) == 4);
	struct gsd_process *process = open_target(pid);
	struct look look = {0};
	struct gsd_stop_figures figures;
	assert_no_error(gsd_process_stop(process, PATIENCE, &threads, only_stop, &look, &figures));
	assert_int_equal(threads.count, 4);
	size_t count;
	const struct gsd_mapping *mappings = gsd_process_mappings(process, &count);
	for (size_t i = 0; i < 4; i++) {
		const struct gsd_thread *thread = &threads.items[i];
		assert_int_equal(thread->state, GSD_THREAD_STOPPED);
		uint64_t local = atomic_load(&shared->stack_address[i]);
		assert_true(thread->registers.sp < local + 4096 && thread->registers.sp + 16384 > local);
		assert_true(thread->registers.bp < local + 4096 && thread->registers.bp + 16384 > local);
		bool in_code = false;
		for (size_t k = 0; k < count; k++)
			in_code = in_code || (mappings[k].executable && mappings[k].start <= thread->registers.pc &&
					      thread->registers.pc < mappings[k].end);
		assert_true(in_code);
	}
	gsd_process_destroy(process);
	end_child(pid);
	shared_destroy(shared);
}

static void more_threads_than_fit_are_reported(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = spawn(spin_in_threads, shared, 6);
	await(atomic_load(&shared->ready) == 6);
	struct gsd_process *process = open_target(pid);
	for (size_t capacity = 0; capacity <= 6; capacity++) {
		struct gsd_threads few = {.items = items, .capacity = capacity};
		struct look look = {.halted = true};
		struct gsd_stop_figures figures;
		assert_no_error(gsd_process_stop(process, PATIENCE, &few, only_stop, &look, &figures));
		assert_int_equal(few.overflow, capacity < 6);
		assert_int_equal(look.halted, capacity == 6);
		assert_int_equal(few.count, capacity);
		assert_runs_untraced(pid, shared, 6);
	}
	size_t capacity;
	assert_no_error(gsd_process_thread_capacity(process, &capacity));
	assert_true(capacity >= 6 && capacity < 200);
	gsd_process_destroy(process);
	end_child(pid);
	shared_destroy(shared);
}

static void threads_are_numbered_as_their_own_namespace_does(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("SKIP: needs root to make a pid namespace\n");
		skip();
	}
	struct shared *shared = shared_create();
	pid_t pid = (pid_t)syscall(SYS_clone, (long)(SIGCHLD | CLONE_NEWPID), 0L, 0L, 0L, 0L);
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		spin_in_threads(shared, 3);
		_exit(0);
	}
	await(atomic_load(&shared->ready) == 3);
	struct gsd_process *process = open_target(pid);
	struct look look = {0};
	struct gsd_stop_figures figures;
	assert_no_error(gsd_process_stop(process, PATIENCE, &threads, only_stop, &look, &figures));
	assert_int_equal(threads.count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(threads.items[i].tid_inside, i + 1);
		assert_true(threads.items[i].tid >= pid);
	}
	gsd_process_destroy(process);
	end_child(pid);
	shared_destroy(shared);
}

/* ---- signals ---- */

#define SIGNALS_PER_ROUND 20U

static struct shared *signal_page;

static void count_signal(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	atomic_fetch_add(&signal_page->received[info->si_value.sival_int & 0xffff], 1);
	atomic_fetch_add(&signal_page->received_count, 1);
}

static void receive_in_threads(struct shared *shared, unsigned count)
{
	signal_page = shared;
	struct sigaction action = {.sa_sigaction = count_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
	sigaction(SIGRTMIN, &action, NULL);
	spin_in_threads(shared, count);
}

struct signalling {
	struct shared *shared;
	pid_t target;
	int first; /* value of the first signal */
	bool kill_tracer;
};

static void send_values(pid_t target, int first)
{
	for (int i = 0; i < (int)SIGNALS_PER_ROUND; i++) {
		if (sigqueue(target, SIGRTMIN, (union sigval){.sival_int = first + i}) != 0)
			abort();
	}
}

static void send_in_window(struct gsd_tracer *tracer, void *context)
{
	struct signalling *signalling = context;
	/* Half before the interrupt, so that some threads are met in the middle of receiving one, half in the stop. */
	send_values(signalling->target, signalling->first);
	bool halted = gsd_tracer_halt(tracer);
	send_values(signalling->target, signalling->first + (int)SIGNALS_PER_ROUND);
	if (signalling->kill_tracer)
		syscall(SYS_kill, syscall(SYS_getpid), (long)SIGKILL);
	if (!halted)
		abort();
	gsd_tracer_release(tracer);
}

static void check_signals(bool kill_tracer)
{
	struct shared *shared = shared_create();
	pid_t pid = spawn(receive_in_threads, shared, 4);
	await(atomic_load(&shared->ready) == 4);
	struct gsd_process *process = open_target(pid);
	unsigned sent = 0;
	for (int round = 0; round < 250; round++) {
		struct signalling signalling = {
			.shared = shared, .target = pid, .first = (int)sent, .kill_tracer = kill_tracer};
		struct gsd_stop_figures figures;
		struct gsd_error *error =
			gsd_process_stop(process, PATIENCE, &threads, send_in_window, &signalling, &figures);
		sent += 2 * SIGNALS_PER_ROUND;
		if (kill_tracer)
			assert_error(error, GSD_ERROR_INTERNAL, "killed by signal 9");
		else
			assert_no_error(error);
		await(atomic_load(&shared->received_count) >= sent);
	}
	assert_runs_untraced(pid, shared, 4);
	assert_int_equal(atomic_load(&shared->received_count), sent);
	for (unsigned value = 0; value < sent; value++)
		assert_int_equal(atomic_load(&shared->received[value]), 1);
	gsd_process_destroy(process);
	end_child(pid);
	shared_destroy(shared);
}

static void every_signal_is_delivered_once(void **state)
{
	(void)state;
	check_signals(false);
}

static void a_killed_tracer_loses_no_signal(void **state)
{
	(void)state;
	check_signals(true);
}

static void a_group_stopped_target_stays_stopped(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = spawn(spin_in_threads, shared, 3);
	await(atomic_load(&shared->ready) == 3);
	struct gsd_process *process = open_target(pid);
	for (int round = 0; round < 20; round++) {
		kill(pid, SIGSTOP);
		await(status_of(pid).state == 'T');
		struct look look = {.shared = shared};
		struct gsd_stop_figures figures;
		assert_no_error(gsd_process_stop(process, PATIENCE, &threads, watch_counters, &look, &figures));
		assert_int_equal(threads.count, 3);
		for (size_t i = 0; i < threads.count; i++)
			assert_int_equal(threads.items[i].state, GSD_THREAD_STOPPED);
		await(status_of(pid).state == 'T');
		unsigned long before = sum(shared);
		hold(2000000);
		assert_int_equal(sum(shared), before);
		assert_int_equal(status_of(pid).state, 'T');
		kill(pid, SIGCONT);
		assert_runs_untraced(pid, shared, 3);
	}
	gsd_process_destroy(process);
	end_child(pid);
	shared_destroy(shared);
}

/* ---- threads that do not stop ---- */

static int vfork_gate[2];

/* One thread counts, one waits in vfork for a child that waits for the gate. */
static void *wait_in_vfork(void *argument)
{
	struct shared *shared = argument;
	char byte;
	atomic_fetch_add(&shared->ready, 1);
	pid_t child = (pid_t)syscall(SYS_vfork);
	if (child == 0) {
		syscall(SYS_read, vfork_gate[0], &byte, 1L);
		syscall(SYS_exit_group, 0L);
	}
	for (;;)
		atomic_fetch_add(&shared->counters[1], 1);
	return NULL;
}

static void spin_beside_vfork(struct shared *shared, unsigned count)
{
	pthread_t thread;
	pthread_create(&thread, NULL, wait_in_vfork, shared);
	spin_in_threads(shared, count);
}

static unsigned count_state(enum gsd_thread_state state)
{
	unsigned count = 0;
	for (size_t i = 0; i < threads.count; i++)
		count += threads.items[i].state == state;
	return count;
}

static bool some_thread_is(pid_t pid, char state)
{
	for (pid_t tid = pid; tid < pid + 10; tid++) {
		char path[64];
		struct gsd_status status;
		snprintf(path, sizeof path, "/proc/%d/task/%d/status", pid, tid);
		if (gsd_procfs_status(-1, path, &status) == 0 && status.state == state)
			return true;
	}
	return false;
}

/* One thread's registers are those of a system call, without a frame pointer. The child has our own code. */
static void assert_one_waits_in_the_kernel(void)
{
	static const uint8_t syscall_instruction[] = {0x0f, 0x05};
	unsigned count = 0;
	for (size_t i = 0; i < threads.count; i++) {
		const struct gsd_registers *registers = &threads.items[i].registers;
		if (registers->bp != 0)
			continue;
		const uint8_t *before = (const uint8_t *)(uintptr_t)registers->pc - sizeof syscall_instruction;
		assert_memory_equal(before, syscall_instruction, sizeof syscall_instruction);
		assert_int_not_equal(registers->sp, 0);
		count++;
	}
	assert_int_equal(count, 1);
}

static void a_thread_in_vfork_counts_as_stopped(void **state)
{
	(void)state;
	assert_int_equal(pipe(vfork_gate), 0);
	struct shared *shared = shared_create();
	pid_t pid = spawn(spin_beside_vfork, shared, 1);
	await(atomic_load(&shared->ready) == 2 && some_thread_is(pid, 'D'));
	struct gsd_process *process = open_target(pid);
	for (int round = 0; round < 20; round++) {
		struct look look = {.shared = shared, .hold_ns = 100000};
		struct gsd_stop_figures figures;
		assert_no_error(gsd_process_stop(process, PATIENCE, &threads, watch_counters, &look, &figures));
		assert_false(look.moved);
		assert_int_equal(threads.count, 2);
		assert_int_equal(count_state(GSD_THREAD_STOPPED), 2);
		assert_one_waits_in_the_kernel();
		assert_true(figures.pause_ns >= look.hold_ns && figures.pause_ns < PATIENCE);
		assert_runs_untraced(pid, shared, 1);
	}
	assert_int_equal(write(vfork_gate[1], "x", 1), 1);
	assert_runs_untraced(pid, shared, 2);
	gsd_process_destroy(process);
	end_child(pid);
	close(vfork_gate[0]);
	close(vfork_gate[1]);
	shared_destroy(shared);
}

static void spin_without_leader(struct shared *shared, unsigned count)
{
	static struct spinner spinners[FIXTURE_SLOTS];
	for (unsigned slot = 0; slot < count; slot++) {
		pthread_t thread;
		spinners[slot] = (struct spinner){.shared = shared, .slot = slot};
		pthread_create(&thread, NULL, spin, &spinners[slot]);
	}
	syscall(SYS_exit, 0L);
}

static void an_ended_main_thread_does_not_matter(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = spawn(spin_without_leader, shared, 2);
	await(atomic_load(&shared->ready) == 2 && status_of(pid).state == 'Z');
	struct gsd_process *process = open_target(pid);
	for (int round = 0; round < 20; round++) {
		struct look look = {.shared = shared, .hold_ns = 100000};
		struct gsd_stop_figures figures;
		assert_no_error(gsd_process_stop(process, PATIENCE, &threads, watch_counters, &look, &figures));
		assert_false(look.moved);
		assert_int_equal(count_state(GSD_THREAD_STOPPED), 2);
		assert_int_equal(count_state(GSD_THREAD_GONE), 1);
		assert_runs_untraced(pid, shared, 2);
	}
	gsd_process_destroy(process);
	end_child(pid);
	shared_destroy(shared);
}

/* ---- ends ---- */

static void the_guard_ends_a_stop_that_lasts_too_long(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = spawn(spin_in_threads, shared, 3);
	await(atomic_load(&shared->ready) == 3);
	struct gsd_process *process = open_target(pid);
	/* On a machine that is busy the time may be over before all threads have stopped: not every time. */
	int halted = 0;
	for (int round = 0; round < 5; round++) {
		struct look look = {0};
		struct gsd_stop_figures figures = {0};
		uint64_t begin = now_ns();
		struct gsd_error *error =
			gsd_process_stop(process, SECOND / 5, &threads, hold_for_ever, &look, &figures);
		uint64_t lasted = now_ns() - begin;
		assert_non_null(error);
		assert_non_null(gsd_error_hint(error));
		assert_non_null(strstr(gsd_error_hint(error), "--max-pause"));
		assert_error(error, GSD_ERROR_TIMEOUT, "limit of 200 ms");
		assert_true(lasted >= SECOND / 5 && lasted < 10 * SECOND);
		assert_true(figures.pause_ns >= SECOND / 5 && figures.pause_ns <= lasted);
		assert_runs_untraced(pid, shared, 3);
		halted += look.halted ? 1 : 0;
	}
	assert_true(halted > 0);
	gsd_process_destroy(process);
	end_child(pid);
	shared_destroy(shared);
}

struct killing {
	struct gsd_process *process;
	pid_t target;
	int errnum;
};

static void kill_target_in_window(struct gsd_tracer *tracer, void *context)
{
	struct killing *killing = context;
	if (gsd_tracer_halt(tracer)) {
		syscall(SYS_kill, killing->target, (long)SIGKILL);
		struct gsd_range range = {.address = (uint64_t)(uintptr_t)&threads};
		do {
			uint64_t word;
			range.length = sizeof word;
			range.buffer = &word;
			gsd_memory_read_ranges(gsd_process_memory(killing->process), &range, 1);
		} while (range.errnum == 0);
		killing->errnum = range.errnum;
	}
	gsd_tracer_release(tracer);
}

static void a_target_killed_in_the_stop_is_gone(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++) {
		struct shared *shared = shared_create();
		pid_t pid = spawn(spin_in_threads, shared, 4);
		await(atomic_load(&shared->ready) == 4);
		struct gsd_process *process = open_target(pid);
		struct killing killing = {.process = process, .target = pid};
		struct gsd_stop_figures figures;
		assert_error(gsd_process_stop(process, PATIENCE, &threads, kill_target_in_window, &killing, &figures),
			     GSD_ERROR_GONE, "it has ended");
		assert_int_equal(killing.errnum, ESRCH);
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		struct look look = {0};
		assert_error(gsd_process_stop(process, PATIENCE, &threads, only_stop, &look, &figures), GSD_ERROR_GONE,
			     "has ended");
		gsd_process_destroy(process);
		shared_destroy(shared);
	}
}

static void a_target_that_exits_meanwhile_is_gone_or_was_seen(void **state)
{
	(void)state;
	for (int round = 0; round < 100; round++) {
		struct shared *shared = shared_create();
		pid_t pid = spawn(spin_in_threads, shared, 4);
		await(atomic_load(&shared->ready) == 4);
		struct gsd_process *process = open_target(pid);
		atomic_store(&shared->quit, 1);
		struct gsd_error *error = NULL;
		for (int stop = 0; error == NULL; stop++) {
			struct look look = {0};
			struct gsd_stop_figures figures;
			error = gsd_process_stop(process, PATIENCE, &threads, only_stop, &look, &figures);
		}
		assert_error(error, GSD_ERROR_GONE, "has ended");
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		gsd_process_destroy(process);
		shared_destroy(shared);
	}
}

/* @p argument: the test's process id as text. */
static void *exec_again(void *argument)
{
	execl("/proc/self/exe", "test_stop", "--exec-again", argument, NULL);
	_exit(1);
}

/* What the program does as `test_stop --exec-again PID`: runs itself again out of a second thread, for ever. */
static _Noreturn void exec_for_ever(char *test)
{
	pthread_t thread;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != atoi(test))
		_exit(0);
	pthread_create(&thread, NULL, sleep_for_ever, shared_create());
	pthread_create(&thread, NULL, exec_again, test);
	for (;;)
		pause();
}

static void start_exec(struct shared *shared, unsigned argument)
{
	char test[16];
	snprintf(test, sizeof test, "%u", argument);
	atomic_store(&shared->ready, 1);
	exec_again(test);
}

static void a_target_in_execve_is_let_go(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = spawn(start_exec, shared, (unsigned)getpid());
	await(atomic_load(&shared->ready) == 1);
	unsigned stopped = 0;
	for (int round = 0; round < 200; round++) {
		struct gsd_process *process;
		struct gsd_error *error = gsd_process_open(pid, &process);
		if (error != NULL) {
			gsd_error_destroy(error);
			continue;
		}
		struct look look = {0};
		struct gsd_stop_figures figures;
		error = gsd_process_stop(process, SECOND / 10, &threads, only_stop, &look, &figures);
		stopped += error == NULL && look.halted;
		if (error != NULL && gsd_error_code(error) != GSD_ERROR_TIMEOUT &&
		    gsd_error_code(error) != GSD_ERROR_GONE)
			fail_msg("%s", gsd_error_message(error));
		gsd_error_destroy(error);
		gsd_process_destroy(process);
	}
	print_message("stopped %u of 200 times\n", stopped);
	assert_true(stopped > 20);
	await(!is_traced(pid));
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	end_child(pid);
	shared_destroy(shared);
}

/* ---- the host ---- */

static atomic_uint child_signals;

static void count_child_signal(int number)
{
	(void)number;
	atomic_fetch_add(&child_signals, 1);
}

static void the_host_sees_no_child_and_no_signal(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = spawn(spin_in_threads, shared, 2);
	await(atomic_load(&shared->ready) == 2);
	struct gsd_process *process = open_target(pid);
	struct sigaction action = {.sa_handler = count_child_signal};
	struct sigaction before;
	sigaction(SIGCHLD, &action, &before);
	sigset_t mask_before;
	sigset_t mask_after;
	memset(&mask_before, 0, sizeof mask_before); /* the C library fills in only what the kernel knows */
	memset(&mask_after, 0, sizeof mask_after);
	sigprocmask(SIG_SETMASK, NULL, &mask_before);
	for (int round = 0; round < 50; round++) {
		struct look look = {0};
		struct gsd_stop_figures figures;
		bool long_one = round % 10 == 9;
		struct gsd_error *error = gsd_process_stop(process, long_one ? SECOND / 100 : PATIENCE, &threads,
							   long_one ? hold_for_ever : only_stop, &look, &figures);
		assert_int_equal(error != NULL, long_one);
		gsd_error_destroy(error);
		assert_int_equal(waitpid(-1, NULL, WNOHANG | __WALL), 0); /* only the target, which runs */
	}
	sigprocmask(SIG_SETMASK, NULL, &mask_after);
	assert_memory_equal(&mask_before, &mask_after, sizeof mask_before);
	assert_int_equal(atomic_load(&child_signals), 0);
	sigaction(SIGCHLD, &before, NULL);
	gsd_process_destroy(process);
	end_child(pid);
	shared_destroy(shared);
}

/* A tool that stops the target again and again. */
static pid_t tool_target;

static void stop_for_ever(struct shared *shared, unsigned argument)
{
	(void)argument;
	for (;;) {
		struct gsd_process *process;
		struct look look = {.shared = shared, .hold_ns = 50000};
		struct gsd_stop_figures figures;
		if (gsd_process_open(tool_target, &process) != NULL)
			_exit(1);
		atomic_fetch_add(&shared->received[0], 1);
		if (gsd_process_stop(process, PATIENCE, &threads, watch_counters, &look, &figures) != NULL)
			_exit(1);
		gsd_process_destroy(process);
	}
}

static void a_killed_tool_leaves_the_target_running(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	tool_target = spawn(churn, shared, 3);
	await(atomic_load(&shared->ready) == 3);
	srandom(7);
	for (int round = 0; round < 200; round++) {
		unsigned opened = atomic_load(&shared->received[0]);
		pid_t tool = spawn(stop_for_ever, shared, 0);
		await(atomic_load(&shared->received[0]) != opened);
		hold((uint64_t)random() % 1500000);
		kill(tool, SIGKILL);
		int status;
		assert_int_equal(waitpid(tool, &status, 0), tool);
		assert_true(WIFSIGNALED(status));
		assert_runs_untraced(tool_target, shared, 3);
	}
	end_child(tool_target);
	shared_destroy(shared);
}

/* Another tracer: holds the target until it is ended. */
static void trace_target(struct shared *shared, unsigned argument)
{
	(void)argument;
	if (ptrace(PTRACE_SEIZE, tool_target, NULL, NULL) != 0)
		_exit(1);
	atomic_store(&shared->received[0], 1);
	for (;;)
		pause();
}

static void another_tracer_is_named(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	tool_target = spawn(spin_in_threads, shared, 2);
	await(atomic_load(&shared->ready) == 2);
	pid_t tracer = spawn(trace_target, shared, 0);
	await(atomic_load(&shared->received[0]) == 1);
	struct gsd_process *process = open_target(tool_target);
	struct look look = {0};
	struct gsd_stop_figures figures;
	char words[64];
	snprintf(words, sizeof words, "already traced by process %d (", tracer);
	assert_error(gsd_process_stop(process, PATIENCE, &threads, only_stop, &look, &figures), GSD_ERROR_PERMISSION,
		     words);
	assert_false(look.halted);
	end_child(tracer);
	assert_runs_untraced(tool_target, shared, 2);
	gsd_process_destroy(process);
	end_child(tool_target);
	shared_destroy(shared);
}

/* ---- how long ---- */

static int by_value(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left;
	uint64_t b = *(const uint64_t *)right;
	return (a > b) - (a < b);
}

static void measure(unsigned count)
{
	struct shared *shared = shared_create();
	pid_t pid = spawn(sleep_in_threads, shared, count);
	await(atomic_load(&shared->ready) == count);
	struct gsd_process *process = open_target(pid);
	uint64_t pauses[31];
	for (size_t i = 0; i < GSD_ARRAY_SIZE(pauses); i++) {
		struct look look = {0};
		struct gsd_stop_figures figures;
		assert_no_error(gsd_process_stop(process, PATIENCE, &threads, only_stop, &look, &figures));
		assert_int_equal(count_state(GSD_THREAD_STOPPED), count);
		pauses[i] = figures.pause_ns;
	}
	qsort(pauses, GSD_ARRAY_SIZE(pauses), sizeof pauses[0], by_value);
	print_message("bare stop of %3u sleeping threads: median %.3f ms, best %.3f ms, worst %.3f ms\n", count,
		      (double)pauses[GSD_ARRAY_SIZE(pauses) / 2] / 1e6, (double)pauses[0] / 1e6,
		      (double)pauses[GSD_ARRAY_SIZE(pauses) - 1] / 1e6);
	gsd_process_destroy(process);
	end_child(pid);
	shared_destroy(shared);
}

static void all_of_many_threads_are_stopped(void **state)
{
	(void)state;
	measure(5);
	measure(16);
	measure(50);
	measure(500);
}

int main(int count, char **arguments)
{
	if (count > 2 && strcmp(arguments[1], "--exec-again") == 0)
		exec_for_ever(arguments[2]);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_moves_while_threads_come_and_go),
		cmocka_unit_test(the_registers_are_those_of_the_threads),
		cmocka_unit_test(more_threads_than_fit_are_reported),
		cmocka_unit_test(threads_are_numbered_as_their_own_namespace_does),
		cmocka_unit_test(every_signal_is_delivered_once),
		cmocka_unit_test(a_killed_tracer_loses_no_signal),
		cmocka_unit_test(a_group_stopped_target_stays_stopped),
		cmocka_unit_test(a_thread_in_vfork_counts_as_stopped),
		cmocka_unit_test(an_ended_main_thread_does_not_matter),
		cmocka_unit_test(the_guard_ends_a_stop_that_lasts_too_long),
		cmocka_unit_test(a_target_killed_in_the_stop_is_gone),
		cmocka_unit_test(a_target_that_exits_meanwhile_is_gone_or_was_seen),
		cmocka_unit_test(a_target_in_execve_is_let_go),
		cmocka_unit_test(the_host_sees_no_child_and_no_signal),
		cmocka_unit_test(a_killed_tool_leaves_the_target_running),
		cmocka_unit_test(another_tracer_is_named),
		cmocka_unit_test(all_of_many_threads_are_stopped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
