/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * step_compare: single-steps a Go program, keeps the truth about its stacks by looking at each instruction that was
 * executed (truth.c), asks the tool's own code for its answer at every step (answer.c), and compares (step.c).
 * tracee.c starts the program and drives its threads. The truth knows nothing of function tables, frame pointers or
 * saved registers: it knows calls, returns, and where stacks lie.
 */
#ifndef GSD_STEP_H
#define GSD_STEP_H

#include <sys/types.h>

#include "base/error.h"
#include "go/goroutine.h"
#include "target/process.h"

#define MAX_THREADS 64
#define MAX_CALLS   2048
#define MAX_STACKS  256

/* ---- the program and its threads ---- */

enum thread_mode {
	THREAD_STEPPED, /* one instruction at a time */
	THREAD_FREE     /* sysmon: stands still, but for a while now and then, when it preempts who runs too long */
};

/* An instruction, as far as the truth needs it. */
struct instruction {
	uint8_t length;
	bool is_call;
	bool is_syscall;
};

struct tracee_thread {
	pid_t tid;
	enum thread_mode mode;
	bool in_flight;              /* was let go, and has not reported since */
	struct gsd_registers before; /* where it was before its last step */
	struct gsd_registers now;
	struct instruction executed; /* the instruction at before.pc */
	uint64_t before_rax;
	uint64_t rax;
	long system_call;    /* that it is in, or -1 */
	int pending;         /* a signal to be delivered with its next step, or 0 */
	int delivered;       /* the one that its last step began with */
	struct stack *stack; /* the goroutine's that it was on last, or NULL */
	bool on_stack;       /* it is on it now */
	bool handling;       /* a signal interrupted it, and its handler has not returned */
	struct gsd_registers interrupted;
	bool interrupted_on_stack;
};

struct tracee {
	pid_t pid;
	struct tracee_thread threads[MAX_THREADS];
	size_t thread_count;
	bool ended;
	int status;
};

void tracee_start(struct tracee *tracee, char **command);
/* Runs freely until a thread has come to `address` for the `count`th time; then every thread is stopped. */
struct tracee_thread *tracee_run_to(struct tracee *tracee, uint64_t address, unsigned long count);
/* Lets a thread do one instruction. */
void tracee_step(struct tracee *tracee, struct tracee_thread *thread);
/* Waits until some thread has done a step; NULL when the program ended. */
struct tracee_thread *tracee_wait(struct tracee *tracee);
/* Lets the free threads run, or asks them to stand still as soon as they sleep. */
void tracee_hold(struct tracee *tracee, bool hold);
void tracee_signal(struct tracee *tracee, struct tracee_thread *thread, int signal);

/* ---- our answer ---- */

struct answer {
	struct gsd_process *process;
	struct gsd_elf *elf;
	struct gsd_region *regions;
	struct gsd_program program;
	struct gsd_runtime runtime;
	struct gsd_plan plan;
	struct gsd_threads threads;
	struct gsd_analysis analysis;
	bool taken;
};

/* The address of a function, by the file alone: before the program runs. */
uint64_t answer_function_in_file(const char *path, const char *name);
void answer_open(struct answer *answer, pid_t pid);
/* What the tool says of this moment: exactly its own plan and its own analysis. */
void answer_take(struct answer *answer, const struct tracee *tracee);
/* The words of the goroutine whose g is at `address`; 0: it is not in the answer. */
size_t answer_words(const struct answer *answer, uint64_t address, const uint64_t **words_ret);
const char *answer_function(const struct answer *answer, uint64_t pc);
void answer_close(struct answer *answer);

/* ---- the truth ---- */

/* A call that has not returned: its return address, and how far below the stack's high end that lies. */
struct call {
	uint64_t depth;
	uint64_t return_address;
	bool injected; /* not called: the signal handler made it look so */
};

/* How a thread left a goroutine's stack. */
enum departure { LEFT_BY_CALL, LEFT_IN_SYSTEMSTACK };

/* A goroutine's stack. */
struct stack {
	uint64_t g;
	uint64_t goid;
	uint64_t low, high;
	uint32_t status;
	bool scan;
	uint64_t sched_pc, sched_sp, sched_bp, syscall_sp;
	bool known; /* its calls are */
	struct call calls[MAX_CALLS];
	size_t call_count; /* innermost last */
	enum departure departure;
	uint64_t entersyscall_return; /* of its last call of entersyscall */
	bool resuming;                /* gogo is on it already */
	uint64_t resume_pc;           /* where we said that gogo would go; 0: nothing was said */
};

struct truth {
	struct stack *stacks[MAX_STACKS];
	size_t stack_count;
	uint64_t untracked; /* times that a stack's calls were not known */
};

/* Reads an instruction of the program's; its code does not change. */
struct instruction truth_decode(const uint8_t *bytes, size_t length);
/* Takes over the headers that the answer has read, and begins with stacks that are new. */
void truth_refresh(struct truth *truth, struct answer *answer);
/* `thread` has come to a known point: the entry of a function, whose callers all have frame pointers. */
void truth_begin(struct truth *truth, struct answer *answer, struct tracee_thread *thread);
/* `thread` has executed one instruction. */
void truth_follow(struct truth *truth, struct answer *answer, struct tracee *tracee, struct tracee_thread *thread);

void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void check(struct gsd_error *error);
uint64_t peek(struct answer *answer, uint64_t address);

#endif
