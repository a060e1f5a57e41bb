/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * step_compare [-m] [-r FILE] [-t SECONDS] [-v FILE] FUNCTION COUNT STEPS COMMAND...: runs COMMAND until FUNCTION is
 * entered for the COUNTth time, then single-steps all of its threads, STEPS instructions (and SECONDS) at most, and
 * holds our answer against the truth after each. With -m signals arrive more often than by themselves. -v writes the
 * functions that it went through into FILE, -r demands those that FILE names.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "step.h"

#define MAX_FINDINGS    400
#define NANO            UINT64_C(1000000000)
#define MAX_VISITS      8192
#define LONG_WAIT_S     60       /* so many steps take so long only when something hangs */
#define ROUND           8192     /* steps from one turn of sysmon's to the next */
#define EXIT_INCOMPLETE 3        /* nothing is wrong, but it did not come through all that it must: another run may */
#define MORE_STEPS      2        /* times as many steps at most, where it has not come to all that it must */
#define TURN_NS         40000000 /* that such a turn lasts at least: it preempts who runs for 10 ms */

void fail(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fflush(stdout);
	fprintf(stderr, "step_compare: ");
	vfprintf(stderr, format, arguments);
	fprintf(stderr, "\n");
	va_end(arguments);
	exit(2);
}

void check(struct gsd_error *error)
{
	if (error != NULL)
		fail("%s", gsd_error_message(error));
}

/* ---- instructions, decoded once ---- */

#define DECODED_SLOTS (1 << 16)
struct decoder {
	struct {
		uint64_t pc;
		struct instruction instruction;
	} slots[DECODED_SLOTS];
};

static struct instruction decode_at(struct decoder *decoder, struct answer *answer, uint64_t pc)
{
	size_t slot = (pc ^ pc >> 16) % DECODED_SLOTS;
	if (decoder->slots[slot].pc != pc) {
		uint8_t bytes[16] = {0};
		struct gsd_range range = {.address = pc, .length = sizeof bytes, .buffer = bytes};
		gsd_memory_read_ranges(answer->program.memory, &range, 1);
		if (range.errnum != 0)
			return (struct instruction){0};
		decoder->slots[slot].pc = pc;
		decoder->slots[slot].instruction = truth_decode(bytes, sizeof bytes);
	}
	return decoder->slots[slot].instruction;
}

/* ---- what did not agree ---- */

struct finding {
	char kind[32];
	char thread_function[96];
	char first[96];
	uint64_t pc;
	uint64_t count;
	uint64_t step;
	char detail[640];
};

/* A function that a thread was in while it ran a goroutine. */
struct visit {
	const char *name;
	uint64_t count;
	uint64_t first; /* step */
};

struct session {
	struct visit visits[MAX_VISITS];
	size_t visit_count;
	struct gsd_hash *visited; /* entry -> index of a visit */
	struct tracee tracee;
	struct answer answer;
	struct truth truth;
	struct decoder decoder;
	struct finding findings[MAX_FINDINGS];
	size_t finding_count;
	uint64_t steps, compared, parked, on_stack, in_handler, off_stack, injected, disagreements, unreadable, outside;
};

static void describe(const struct session *session, const uint64_t *words, size_t count, char *text, size_t size)
{
	size_t used = 0;
	text[0] = '\0';
	for (size_t i = 0; i < count && i < 6 && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, " %s%s",
					 answer_function(&session->answer, GSD_PC_ADDRESS(words[i])),
					 words[i] & GSD_PC_EXACT ? "!" : "");
}

/*
 * Where no answer can be had from the data of a moment, and what is said then. The only such windows: between the
 * stores of g.stack and g.sched.sp in copystack, and between those of sp and pc in recovery.
 */
static const struct {
	const char *function; /* that some thread is in */
	const char *kind;
} windows[] = {
	{"runtime.copystack", "unreadable:bounds"},
	{"runtime.copystack", "unreadable:running"},
	{"runtime.recovery", "unreadable:running"},
};

/* Where a thread is, or where a signal has interrupted it. */
static const char *place_of(const struct session *session, const struct tracee_thread *thread)
{
	return answer_function(&session->answer, thread->handling ? thread->interrupted.pc : thread->now.pc);
}

static bool is_known_window(const struct session *session, const char *kind)
{
	for (size_t i = 0; i < GSD_ARRAY_SIZE(windows); i++)
		for (size_t t = 0; t < session->tracee.thread_count; t++)
			if (strcmp(windows[i].kind, kind) == 0 &&
			    strcmp(windows[i].function, place_of(session, &session->tracee.threads[t])) == 0)
				return true;
	return false;
}

static void report(struct session *session, const char *kind, const struct tracee_thread *thread,
		   const struct stack *stack, const uint64_t *expected, size_t expected_count)
{
	const uint64_t *words = NULL;
	size_t count = answer_words(&session->answer, stack->g, &words);
	const char *function = answer_function(&session->answer, thread->now.pc);
	for (size_t i = 0; i < session->finding_count; i++) {
		struct finding *known = &session->findings[i];
		if (strcmp(known->thread_function, function) == 0 && strcmp(known->kind, kind) == 0) {
			known->count++;
			return;
		}
	}
	if (session->finding_count == MAX_FINDINGS)
		return;
	struct finding *finding = &session->findings[session->finding_count++];
	*finding = (struct finding){.count = 1, .step = session->steps, .pc = thread->now.pc};
	char ours[256];
	char truth[256];
	describe(session, words, count, ours, sizeof ours);
	describe(session, expected, expected_count, truth, sizeof truth);
	snprintf(finding->kind, sizeof finding->kind, "%s", kind);
	snprintf(finding->thread_function, sizeof finding->thread_function, "%s", function);
	snprintf(finding->detail, sizeof finding->detail, "ours %zu:%s; truth %zu:%s", count, ours, expected_count,
		 truth);
}

/* ---- what the answer must be ---- */

#define MAX_WORDS (MAX_CALLS + 2)

static size_t add_calls(const struct stack *stack, uint64_t above, uint64_t words[MAX_WORDS], size_t count)
{
	for (size_t i = stack->call_count; i-- > 0;) {
		const struct call *call = &stack->calls[i];
		if (stack->high - call->depth >= above)
			words[count++] = call->return_address | (call->injected ? GSD_PC_EXACT : 0);
	}
	return count;
}

static bool is_gogo(const struct session *session, uint64_t pc)
{
	const char *name = answer_function(&session->answer, pc);
	return strcmp(name, "gogo") == 0 || strcmp(name, "runtime.gogo") == 0;
}

/* From registers on the goroutine's stack. */
static size_t expect_registers(const struct session *session, const struct gsd_registers *registers,
			       struct stack *stack, uint64_t words[MAX_WORDS])
{
	words[0] = registers->pc | GSD_PC_EXACT;
	if (is_gogo(session, registers->pc)) {
		words[0] = stack->sched_pc; /* it must jump there: truth_follow() sees to that */
		stack->resume_pc = stack->sched_pc;
	}
	return add_calls(stack, registers->sp, words, 1);
}

/* While it is on another stack, or parked. */
static size_t expect_away(const struct session *session, const struct stack *stack, const uint64_t *ours,
			  size_t our_count, uint64_t words[MAX_WORDS])
{
	if (stack->syscall_sp != 0) {
		words[0] = stack->entersyscall_return;
		return add_calls(stack, stack->syscall_sp, words, 1);
	}
	size_t count = 0;
	if (stack->departure == LEFT_IN_SYSTEMSTACK) {
		words[0] = 0;
		if (our_count > 0 &&
		    strcmp(answer_function(&session->answer, ours[0]), "runtime.systemstack_switch") == 0)
			words[0] = ours[0];
		count = 1;
	}
	return add_calls(stack, 0, words, count);
}

static bool same(const uint64_t *left, size_t left_count, const uint64_t *right, size_t right_count)
{
	return left_count == right_count && memcmp(left, right, left_count * sizeof *left) == 0;
}

/* Before Go 1.21 the runtime takes what asyncPreempt interrupted for a return address. */
static void settle_exactness(const struct session *session, uint64_t *words, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		const char *callee = answer_function(&session->answer, GSD_PC_ADDRESS(words[i - 1]));
		if ((words[i] & GSD_PC_EXACT) != 0 && session->answer.runtime.go_minor < 21 &&
		    strncmp(callee, "runtime.asyncPreempt", 20) == 0)
			words[i] &= ~GSD_PC_EXACT;
	}
}

/* The answer while the handler of a signal runs; it may have prepared a call already. */
static bool matches_interrupted(const struct session *session, const struct tracee_thread *thread, struct stack *stack,
				const uint64_t *ours, size_t our_count, uint64_t *words, size_t *count)
{
	uint64_t injected[MAX_WORDS];
	*count = expect_registers(session, &thread->interrupted, stack, words);
	settle_exactness(session, words, *count);
	if (same(ours, our_count, words, *count))
		return true;
	if (our_count == 0 || is_gogo(session, thread->interrupted.pc))
		return false;
	const char *first = answer_function(&session->answer, GSD_PC_ADDRESS(ours[0]));
	if (strcmp(first, "runtime.asyncPreempt") != 0 && strncmp(first, "runtime.sigpanic", 16) != 0)
		return false;
	injected[0] = ours[0] | GSD_PC_EXACT;
	memcpy(injected + 1, words, *count * sizeof *words);
	if (first[8] == 's' && our_count == *count) { /* a call of nil: nothing is pushed */
		words[0] = injected[0];
		words[1] |= GSD_PC_EXACT;
		return same(ours, our_count, words, *count);
	}
	settle_exactness(session, injected, *count + 1);
	return same(ours, our_count, injected, *count + 1);
}

static bool is_recovering(const struct session *session, uint64_t pc)
{
	return is_gogo(session, pc) || strcmp(answer_function(&session->answer, pc), "runtime.recovery") == 0;
}

/* After recover, the answer is where gogo will go, before it does: which it then must. */
static bool matches_recovered(const struct session *session, const struct tracee_thread *thread, struct stack *stack,
			      const uint64_t *ours, size_t our_count)
{
	static uint64_t words[MAX_WORDS];
	if (!is_recovering(session, thread->now.pc) || our_count == 0 || stack->departure != LEFT_BY_CALL)
		return false;
	words[0] = ours[0];
	size_t count = add_calls(stack, stack->sched_sp, words, 1);
	if (!same(ours, our_count, words, count) || (stack->resume_pc != 0 && stack->resume_pc != ours[0]))
		return false;
	stack->resume_pc = ours[0];
	return true;
}

static void compare_one(struct session *session, const struct tracee_thread *thread, struct stack *stack, bool current)
{
	static uint64_t words[MAX_WORDS];
	const uint64_t *ours = NULL;
	size_t our_count = answer_words(&session->answer, stack->g, &ours);
	size_t count;
	bool equal;
	if (our_count == 0)
		return; /* it is dead to the runtime */
	session->compared++;
	if (our_count == 1 && ours[0] >= GSD_PC_UNREADABLE(GSD_UNREADABLE_COUNT)) {
		char kind[32];
		snprintf(kind, sizeof kind, "unreadable:%s",
			 gsd_unreadable_name((enum gsd_unreadable)(UINT64_MAX - 1 - ours[0])));
		session->unreadable++;
		if (is_known_window(session, kind))
			return;
		session->outside++;
		report(session, kind, thread, stack, NULL, 0);
		return;
	}
	bool in_system_call = stack->syscall_sp != 0 && stack->status != GSD_STATUS_RUNNING;
	if (in_system_call) {
		count = expect_away(session, stack, ours, our_count, words);
		equal = same(ours, our_count, words, count);
	} else if (current && thread->on_stack) {
		session->on_stack++;
		count = expect_registers(session, &thread->now, stack, words);
		settle_exactness(session, words, count);
		equal = same(ours, our_count, words, count);
	} else if (current && thread->handling && thread->interrupted_on_stack) {
		session->in_handler++;
		equal = matches_interrupted(session, thread, stack, ours, our_count, words, &count);
	} else {
		session->off_stack += current;
		session->parked += !current;
		count = expect_away(session, stack, ours, our_count, words);
		settle_exactness(session, words, count);
		equal = same(ours, our_count, words, count) ||
			(current && matches_recovered(session, thread, stack, ours, our_count));
	}
	if (!equal)
		report(session, current ? "WRONG" : "WRONG parked", thread, stack, words, count);
}

static bool on_another_thread(const struct session *session, const struct tracee_thread *thread,
			      const struct stack *stack)
{
	for (size_t i = 0; i < session->tracee.thread_count; i++)
		if (&session->tracee.threads[i] != thread && session->tracee.threads[i].stack == stack)
			return true;
	return false;
}

static void visit(struct session *session, uint64_t pc)
{
	struct gsd_pc_info info;
	uint64_t index;
	if (!gsd_code_pc(session->answer.runtime.code, pc, &info))
		fail("no memory");
	if (!gsd_hash_find(session->visited, info.entry, &index)) {
		index = session->visit_count;
		if (index == MAX_VISITS || !gsd_hash_insert(session->visited, info.entry, index))
			return;
		session->visits[session->visit_count++] =
			(struct visit){.name = answer_function(&session->answer, pc), .first = session->steps};
	}
	session->visits[index].count++;
}

static int by_count(const void *left, const void *right)
{
	uint64_t a = ((const struct visit *)left)->count;
	uint64_t b = ((const struct visit *)right)->count;
	return (a < b) - (a > b);
}

/* Writes the functions that it went through, most instructions first. */
static void write_visits(struct session *session, const char *path)
{
	FILE *file = fopen(path, "w");
	if (file == NULL)
		fail("cannot write %s", path);
	qsort(session->visits, session->visit_count, sizeof *session->visits, by_count);
	for (size_t i = 0; i < session->visit_count; i++)
		fprintf(file, "%lu %lu %s\n", (unsigned long)session->visits[i].count,
			(unsigned long)session->visits[i].first, session->visits[i].name);
	fclose(file);
}

static bool was_visited(const struct session *session, const char *name)
{
	for (size_t i = 0; i < session->visit_count; i++)
		if (strcmp(session->visits[i].name, name) == 0)
			return true;
	return false;
}

/* Whether it went through every function that the file names, one a line, or several where versions differ. */
static bool visited_all(const struct session *session, const char *path, bool tell)
{
	char line[256];
	bool all = true;
	FILE *file = fopen(path, "r");
	if (file == NULL)
		fail("cannot read %s", path);
	while (fgets(line, sizeof line, file) != NULL) {
		bool found = false;
		line[strcspn(line, "\n")] = '\0';
		for (char *name = strtok(line, "|"); name != NULL && !found; name = strtok(NULL, "|"))
			found = was_visited(session, name);
		if (!found && tell)
			printf("it did not come through %s\n", line);
		all = all && found;
	}
	fclose(file);
	return all;
}

static void compare_all(struct session *session, const struct tracee_thread *thread)
{
	if (session->answer.analysis.disagreements > 0) {
		session->disagreements++;
		if (thread->stack != NULL)
			report(session, "disagreement", thread, thread->stack, NULL, 0);
	}
	for (size_t i = 0; i < session->truth.stack_count; i++) {
		struct stack *stack = session->truth.stacks[i];
		if (stack->known && !on_another_thread(session, thread, stack))
			compare_one(session, thread, stack, stack == thread->stack);
	}
}

/* ---- the run ---- */

static void free_sysmon(struct session *session)
{
	for (size_t i = 0; i < session->tracee.thread_count; i++) {
		struct tracee_thread *thread = &session->tracee.threads[i];
		uint64_t bp = thread->now.bp;
		for (int depth = 0; depth < 12 && bp != 0; depth++) {
			uint64_t pc = peek(&session->answer, bp + 8);
			if (strcmp(answer_function(&session->answer, pc), "runtime.sysmon") == 0)
				thread->mode = THREAD_FREE;
			bp = peek(&session->answer, bp);
		}
	}
}

static void finish_step(struct session *session, struct tracee_thread *thread)
{
	session->steps++;
	thread->executed = decode_at(&session->decoder, &session->answer, thread->before.pc);
	answer_take(&session->answer, &session->tracee);
	if (session->answer.plan.list_errnum != 0)
		return;
	truth_refresh(&session->truth, &session->answer);
	truth_follow(&session->truth, &session->answer, &session->tracee, thread);
	if (thread->stack != NULL && thread->stack->known)
		visit(session, thread->now.pc);
	compare_all(session, thread);
}

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NANO + (uint64_t)now.tv_nsec;
}

/* The fixture's loop that can be preempted at every instruction, and should be. */
static bool enters_spin(const struct session *session, const struct tracee_thread *thread)
{
	return thread->executed.is_call && strcmp(answer_function(&session->answer, thread->now.pc), "main.spin") == 0;
}

/* At least @p limit steps; more, within reason, until it went through everything that @p required names (or NULL). */
static void run(struct session *session, uint64_t limit, const char *required, uint64_t until, bool more_signals)
{
	uint64_t turn = 0;
	bool complete = required == NULL;
	for (size_t i = 0; i < session->tracee.thread_count; i++)
		if (session->tracee.threads[i].mode == THREAD_STEPPED)
			tracee_step(&session->tracee, &session->tracee.threads[i]);
	while (session->steps < limit || (!complete && session->steps < MORE_STEPS * limit)) {
		struct tracee_thread *thread = tracee_wait(&session->tracee);
		if (thread == NULL)
			return;
		finish_step(session, thread);
		if (session->steps % ROUND == 0) {
			alarm(LONG_WAIT_S);
			complete = required == NULL || visited_all(session, required, false);
		}
		if (session->steps % 64 == 0 && now_ns() >= until)
			return;
		if (session->steps % ROUND == ROUND / 2 || enters_spin(session, thread)) {
			tracee_hold(&session->tracee, false);
			turn = now_ns();
		} else if (session->steps % 64 == 0 && now_ns() - turn >= TURN_NS) {
			tracee_hold(&session->tracee, true);
		}
		if (more_signals && thread->on_stack && session->steps % 1499 == 0)
			tracee_signal(&session->tracee, thread, SIGURG);
		tracee_step(&session->tracee, thread);
	}
}

static int print_findings(const struct session *session)
{
	int bad = 0;
	for (size_t i = 0; i < session->finding_count; i++) {
		const struct finding *finding = &session->findings[i];
		printf("%s at %s pc %#lx, %lu times, first at step %lu: %s\n", finding->kind, finding->thread_function,
		       (unsigned long)finding->pc, (unsigned long)finding->count, (unsigned long)finding->step,
		       finding->detail);
		bad++;
	}
	return bad;
}

int main(int argc, char **argv)
{
	bool more_signals = false;
	const char *visits = NULL;
	const char *required = NULL;
	unsigned long seconds = 3600;
	int option;
	while ((option = getopt(argc, argv, "+mr:t:v:")) != -1) {
		more_signals = more_signals || option == 'm';
		visits = option == 'v' ? optarg : visits;
		required = option == 'r' ? optarg : required;
		seconds = option == 't' ? strtoul(optarg, NULL, 10) : seconds;
		if (option == '?')
			return 2;
	}
	argc -= optind - 1;
	argv += optind - 1;
	if (argc < 5)
		fail("usage: step_compare [-m] [-r FILE] [-t SECONDS] [-v FILE] FUNCTION COUNT STEPS COMMAND...");
	struct session *session = calloc(1, sizeof *session);
	if (session == NULL || (session->visited = gsd_hash_create(1024)) == NULL)
		fail("no memory");
	uint64_t address = answer_function_in_file(argv[4], argv[1]);
	tracee_start(&session->tracee, argv + 4);
	struct tracee_thread *thread = tracee_run_to(&session->tracee, address, strtoul(argv[2], NULL, 10));
	answer_open(&session->answer, session->tracee.pid);
	answer_take(&session->answer, &session->tracee);
	truth_refresh(&session->truth, &session->answer);
	truth_begin(&session->truth, &session->answer, thread);
	free_sysmon(session);
	uint64_t start = now_ns();
	run(session, strtoul(argv[3], NULL, 10), required, now_ns() + seconds * NANO, more_signals);
	double took = (double)(now_ns() - start) / 1e9;
	int bad = print_findings(session);
	bool complete = required == NULL || visited_all(session, required, true);
	if (visits != NULL)
		write_visits(session, visits);
	printf("%lu steps, %lu answers compared (%lu on its stack, %lu in a handler, %lu elsewhere, %lu parked), "
	       "%lu unreadable, %lu disagreements, %lu unknown, %zu findings, %.1f s\n",
	       (unsigned long)session->steps, (unsigned long)session->compared, (unsigned long)session->on_stack,
	       (unsigned long)session->in_handler, (unsigned long)session->off_stack, (unsigned long)session->parked,
	       (unsigned long)session->unreadable, (unsigned long)session->disagreements,
	       (unsigned long)session->truth.untracked, session->finding_count, took);
	answer_close(&session->answer);
	gsd_hash_destroy(session->visited);
	return bad > 0 ? 1 : complete ? 0 : EXIT_INCOMPLETE;
}
