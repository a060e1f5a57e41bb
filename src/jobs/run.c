/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jobs/clock.h"
#include "jobs/keeper.h"
#include "jobs/relay.h"
#include "jobs/tree.h"

#define SECOND_NS UINT64_C(1000000000)
/* How often the first guard looks at a stop that is under way. */
#define GUARD_MS 20
/* An idle Go program still uses a tick of processor time now and then, for its collector and its monitor. */
#define TICK_FREE_NS (10 * SECOND_NS)
#define IDLE_LOOKS   8                 /* in the time that makes it idle */
#define TICK_NS      (SECOND_NS / 100) /* processor time is counted in them: looking more often says nothing */

/* What both guards see. */
struct shared {
	uint64_t stopped_since; /* CLOCK_MONOTONIC ns; 0: the keeper stops nothing itself */
	atomic_bool dumping;
	atomic_bool time_up;
};

struct run {
	const struct run_plan *plan;
	const struct run_hooks *hooks;
	struct shared *shared;
	sigset_t before;       /* the mask that the command gets */
	bool ignores_children; /* so did the caller, SIGCHLD: the command gets that too */
	struct relay relay;
	int children; /* signalfd: SIGCHLD */
	int waker;    /* eventfd: the keeper begins to dump */
	pid_t command;
	bool ended;
	int wait_status;
	uint64_t started_ns;
	const char *why_killed; /* the keeper, by the first guard; NULL: it was not */
};

static void say(const struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(const struct run *run, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	run->hooks->say(run->hooks->context, text);
}

/* Of this process's children. SIGCHLD is blocked since before there were any. */
static bool listen_for_ends(struct run *run)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	run->children = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return run->children >= 0;
}

static void drain_ends(const struct run *run)
{
	struct signalfd_siginfo info;
	(void)!read(run->children, &info, sizeof info);
}

static int exit_status(int wait_status)
{
	return WIFSIGNALED(wait_status) ? RUN_SIGNAL_BASE + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

static void note_end(void *context, int wait_status)
{
	struct run *run = context;
	run->ended = true;
	run->wait_status = wait_status;
}

/* ---- the command ---- */

/* In the child. What was blocked, ignored or opened for us is not the command's business. */
static void become_command(const struct run *run, int failure)
{
	signal(SIGPIPE, run->plan->ignores_sigpipe ? SIG_IGN : SIG_DFL);
	signal(SIGXFSZ, run->plan->ignores_sigxfsz ? SIG_IGN : SIG_DFL);
	if (run->ignores_children)
		signal(SIGCHLD, SIG_IGN);
	sigprocmask(SIG_SETMASK, &run->before, NULL);
	execvp(run->plan->command[0], run->plan->command);
	int errnum = errno;
	while (write(failure, &errnum, sizeof errnum) < 0 && errno == EINTR)
		;
	_exit(RUN_FAILED);
}

/* What the command's process and the keeper tell each other before there is a command. */
struct start {
	int go[2];      /* ends when the keeper is ready: from then on it has got what the command has got */
	int failure[2]; /* why it could not be executed; ends when it was */
};

static bool open_start(struct start *start)
{
	if (pipe2(start->go, O_CLOEXEC) != 0)
		return false;
	if (pipe2(start->failure, O_CLOEXEC) == 0)
		return true;
	close(start->go[0]);
	close(start->go[1]);
	return false;
}

/* In the child. A signal that comes before the command can take it stays pending, and is one with what is handed on. */
static void wait_for_keeper(const struct start *start)
{
	char byte;
	close(start->failure[0]);
	close(start->go[1]);
	while (read(start->go[0], &byte, 1) < 0 && errno == EINTR)
		;
}

/* Why the command could not be executed; 0: it is. */
static int let_go(const struct start *start)
{
	int errnum = 0;
	ssize_t got;
	close(start->failure[1]);
	close(start->go[0]);
	close(start->go[1]);
	do
		got = read(start->failure[0], &errnum, sizeof errnum);
	while (got < 0 && errno == EINTR);
	close(start->failure[0]);
	return got == sizeof errnum ? errnum : 0;
}

/* 0, or the status to exit with. */
static int start_command(struct run *run)
{
	struct start start;
	run->started_ns = clock_ns(CLOCK_MONOTONIC);
	run->command = open_start(&start) ? fork() : -1;
	if (run->command < 0) {
		say(run, "cannot start %s: %s", run->plan->command[0], strerror(errno));
		return RUN_FAILED;
	}
	if (run->command == 0) {
		wait_for_keeper(&start);
		become_command(run, start.failure[1]);
	}
	relay_begin();
	int errnum = let_go(&start);
	if (errnum == 0)
		return 0;
	waitpid(run->command, NULL, 0);
	say(run, "cannot start %s: %s", run->plan->command[0], strerror(errnum));
	return errnum == ENOENT ? RUN_NOT_FOUND : RUN_NOT_RUN;
}

/* ---- the keeper ---- */

static void dump_tree(struct run *run, enum run_occasion occasion)
{
	struct processes tree;
	const uint64_t one = 1;
	uint64_t elapsed_ns = clock_ns(CLOCK_MONOTONIC) - run->started_ns;
	if (!tree_list(&tree)) {
		say(run, "cannot list the processes in /proc: %s", strerror(errno));
		return;
	}
	atomic_store(&run->shared->dumping, true);
	(void)!write(run->waker, &one, sizeof one);
	run->hooks->dump(run->hooks->context, occasion, elapsed_ns, &tree, &run->shared->stopped_since);
	atomic_store(&run->shared->dumping, false);
	processes_free(&tree);
}

/* Whom this user may not end (a program with another user's rights, as sudo and what it starts), or nobody. */
static void say_left(const struct run *run, const struct processes *left)
{
	for (size_t i = 0; i < left->count; i++) {
		const struct process *process = &left->items[i];
		bool refused = kill(process->pid, 0) != 0 && errno == EPERM;
		say(run, "%s (pid %d, of user %u) goes on: %s%s%s", process->comm, process->pid, process->user,
		    refused ? "this user may not end it" : "it waits in the kernel, and SIGKILL has not ended it",
		    *process->command != '\0' ? ": " : "", process->command);
	}
}

static void end_tree(struct run *run, pid_t watched)
{
	struct tree_ended ended;
	int signal = run->plan->signal;
	tree_end(signal, run->plan->grace_ns, watched, note_end, run, &ended);
	if (ended.killed > 0)
		say(run, "%zu process%s did not end on signal %d and %s killed", ended.killed,
		    ended.killed == 1 ? "" : "es", signal, ended.killed == 1 ? "was" : "were");
	say_left(run, &ended.left);
	processes_free(&ended.left);
}

/* The command has ended; what it has left behind ends too. That there is something, waitpid knows best. */
static void end_rest(struct run *run)
{
	struct processes tree;
	if (!tree_reap(run->command, note_end, run) || !tree_list_bare(&tree))
		return;
	size_t count = tree.count;
	if (count > 0)
		say(run, "the command has ended and left %zu process%s running (%s, pid %d%s): ending %s", count,
		    count == 1 ? "" : "es", tree.items[0].comm, tree.items[0].pid, count == 1 ? "" : ", …",
		    count == 1 ? "it" : "them");
	else
		say(run, "the command has ended and left processes running that start others: ending them");
	processes_free(&tree);
	end_tree(run, run->command);
}

/* Since when the tree has used no processor time. */
struct idleness {
	uint64_t since_ns;
	uint64_t ticks;
	uint64_t last_look_ns;
	uint64_t next_look_ns;
};

/* A look that comes late was no choice of the tree's: ^Z had stopped this process too. That time counts as one step. */
static void leave_out_pause(struct idleness *idleness, uint64_t step_ns, uint64_t now)
{
	uint64_t gap_ns = now - idleness->last_look_ns;
	if (gap_ns > 2 * step_ns)
		idleness->since_ns += gap_ns - step_ns;
	idleness->last_look_ns = now;
}

/* How long it is from one look to the next. */
static uint64_t idle_step(uint64_t idle_ns)
{
	uint64_t step = idle_ns / IDLE_LOOKS;
	return step > SECOND_NS ? SECOND_NS : step < TICK_NS ? TICK_NS : step;
}

static bool is_idle(const struct run *run, struct idleness *idleness, uint64_t now)
{
	struct processes tree;
	if (run->plan->idle_ns == 0 || now < idleness->next_look_ns || !tree_list_bare(&tree))
		return false;
	uint64_t ticks = tree_cpu_ticks(&tree);
	processes_free(&tree);
	uint64_t every = idle_step(run->plan->idle_ns);
	leave_out_pause(idleness, every, now);
	idleness->next_look_ns = now + every;
	uint64_t free_ticks = 1 + (now - idleness->since_ns) / TICK_FREE_NS;
	if (ticks < idleness->ticks || ticks > idleness->ticks + free_ticks) {
		idleness->ticks = ticks;
		idleness->since_ns = now;
	}
	return now - idleness->since_ns >= run->plan->idle_ns;
}

static int wait_ms(const struct run *run, const struct idleness *idleness, uint64_t now)
{
	uint64_t next = UINT64_MAX;
	if (run->plan->timeout_ns != 0)
		next = run->started_ns + run->plan->timeout_ns;
	if (run->plan->idle_ns != 0 && idleness->next_look_ns < next)
		next = idleness->next_look_ns;
	if (next == UINT64_MAX)
		return -1;
	if (next <= now)
		return 0;
	uint64_t ms = (next - now) / 1000000 + 1;
	return ms > 60000 ? 60000 : (int)ms;
}

static bool is_time_up(const struct run *run, uint64_t now)
{
	return run->plan->timeout_ns != 0 && now >= run->started_ns + run->plan->timeout_ns;
}

/* False when the first guard was killed: nobody waits for us. */
static bool take_signals(struct run *run)
{
	int number;
	enum relay_event event = relay_next(&run->relay, run->ended ? 0 : run->command, &number);
	if (event == RELAY_SIGNAL && number == SIGUSR1)
		dump_tree(run, RUN_SIGNAL);
	return event != RELAY_GUARD_ENDED;
}

/* Until the command has ended or its time is up; the status to exit with. */
static int keep(struct run *run)
{
	struct idleness idleness = {.since_ns = run->started_ns, .last_look_ns = run->started_ns};
	struct pollfd sources[] = {{.fd = run->children, .events = POLLIN},
				   {.fd = run->relay.reading, .events = POLLIN},
				   {.fd = run->relay.own, .events = POLLIN}};
	while (!run->ended) {
		uint64_t now = clock_ns(CLOCK_MONOTONIC);
		bool timeout = is_time_up(run, now);
		if (timeout || is_idle(run, &idleness, now)) {
			atomic_store(&run->shared->time_up, true);
			dump_tree(run, timeout ? RUN_TIMEOUT : RUN_IDLE);
			end_tree(run, run->command);
			return RUN_TIME_UP;
		}
		if (poll(sources, 3, wait_ms(run, &idleness, now)) <= 0)
			continue;
		drain_ends(run);
		(void)tree_reap(run->command, note_end, run);
		if (sources[1].revents != 0 && !take_signals(run)) {
			end_tree(run, run->command);
			return RUN_FAILED;
		}
		if (sources[1].revents == 0 && sources[2].revents != 0)
			relay_ask(&run->relay);
	}
	end_rest(run);
	return exit_status(run->wait_status);
}

/* Whoever names processes by what they are called means the first guard. */
static void take_other_name(const struct run *run)
{
	static const char name[] = "run-keeper";
	prctl(PR_SET_NAME, name);
	memset(run->plan->shown_command, 0, run->plan->shown_size);
	if (run->plan->shown_size >= sizeof name)
		memcpy(run->plan->shown_command, name, sizeof name);
}

static int keeper_main(struct run *run)
{
	take_other_name(run);
	if (!relay_keep(&run->relay) || !listen_for_ends(run) || !tree_adopt_orphans()) {
		say(run, "cannot watch over the command: %s", strerror(errno));
		return RUN_FAILED;
	}
	int failed = start_command(run);
	return failed != 0 ? failed : keep(run);
}

/* ---- the first guard ---- */

static void check_keeper(struct run *run, uint64_t dump_since, pid_t keeper)
{
	const struct keeper_state state = {
		.stopped_since = __atomic_load_n(&run->shared->stopped_since, __ATOMIC_SEQ_CST),
		.dump_since = dump_since,
	};
	if (run->why_killed == NULL)
		run->why_killed = keeper_hangs(&state, run->plan->max_pause_ns, clock_ns(CLOCK_MONOTONIC));
	if (run->why_killed != NULL)
		kill(keeper, SIGKILL);
}

/* Until the keeper has ended; its wait status. As the first process of a container this one gets orphans of others. */
static int guard(struct run *run, pid_t keeper)
{
	struct pollfd sources[] = {{.fd = run->children, .events = POLLIN},
				   {.fd = run->relay.taken, .events = POLLIN},
				   {.fd = run->relay.question, .events = POLLIN},
				   {.fd = run->waker, .events = POLLIN}};
	uint64_t count;
	uint64_t since = 0; /* when it was seen that a dump is made */
	while (!run->ended) {
		bool dumping = atomic_load(&run->shared->dumping);
		since = !dumping ? 0 : since != 0 ? since : clock_ns(CLOCK_MONOTONIC);
		(void)poll(sources, 4, dumping ? GUARD_MS : -1);
		drain_ends(run);
		(void)tree_reap(keeper, note_end, run);
		relay_pass(&run->relay);
		(void)!read(run->waker, &count, sizeof count);
		if (!run->ended)
			check_keeper(run, since, keeper);
	}
	return run->wait_status;
}

static int guard_main(struct run *run, pid_t keeper)
{
	int status = 0;
	if (listen_for_ends(run) && relay_take(&run->relay))
		status = guard(run, keeper);
	else
		waitpid(keeper, &status, 0);
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	/* The tree is ours now. */
	struct tree_ended ended;
	tree_end(run->plan->signal, run->plan->grace_ns, 0, NULL, NULL, &ended);
	/* Last: nobody may be reading what is said. */
	if (run->why_killed != NULL)
		say(run, "%s: everything was ended", run->why_killed);
	else
		say(run, "the process that watched over the command was killed by signal %d: everything was ended",
		    WTERMSIG(status));
	say_left(run, &ended.left);
	processes_free(&ended.left);
	return atomic_load(&run->shared->time_up) ? RUN_TIME_UP : RUN_FAILED;
}

int run_command(const struct run_plan *plan, const struct run_hooks *hooks)
{
	struct run run = {.plan = plan, .hooks = hooks};
	sigset_t set;
	run.shared = mmap(NULL, sizeof *run.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	run.waker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (run.shared == MAP_FAILED || run.waker < 0 || !relay_open(&run.relay) || !tree_adopt_orphans()) {
		say(&run, "cannot watch over a command: %s", strerror(errno));
		return RUN_FAILED;
	}
	/* Ignored, it would not come, and the status of who has ended would be lost (wait(2)). */
	run.ignores_children = signal(SIGCHLD, SIG_DFL) == SIG_IGN;
	/* Before there is anyone to hand signals to, they wait. */
	relay_signals(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &run.before);
	pid_t keeper = fork();
	if (keeper < 0) {
		say(&run, "cannot watch over a command: %s", strerror(errno));
		return RUN_FAILED;
	}
	if (keeper == 0)
		_exit(keeper_main(&run));
	return guard_main(&run, keeper);
}
