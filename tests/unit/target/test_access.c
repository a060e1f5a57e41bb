/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/ptrace.h>

#include "target/access.h"
#include "target/process.h"

#define PTRACE_BIT ((uint64_t)1 << CAP_SYS_PTRACE)

/* Nothing wrong: our own user's process, no Yama, nobody confined. */
static struct gsd_access_facts innocent(enum gsd_access_kind kind)
{
	return (struct gsd_access_facts){
		.kind = kind,
		.errnum = EPERM,
		.pid = 7,
		.target = {.tgid = 7, .pid = 7, .uids = {1000, 1000, 1000}, .gids = {1000, 1000, 1000}},
		.our_uid = 1000,
		.our_gid = 1000,
		.proc_owner = 1000,
		.yama_scope = -1};
}

/* The cause, and that the message and the hint say it. */
static void assert_explained(const struct gsd_access_facts *facts, enum gsd_access_cause cause, const char *reason,
			     const char *remedy)
{
	assert_int_equal(gsd_access_cause(facts), cause);
	struct gsd_error *error = gsd_access_explain(facts, "trace process 7");
	assert_int_equal(gsd_error_errno(error), facts->errnum);
	assert_non_null(strstr(gsd_error_message(error), "cannot trace process 7: "));
	assert_non_null(gsd_error_hint(error));
	if (strstr(gsd_error_hint(error), remedy) == NULL)
		fail_msg("no \"%s\" in the hint: %s", remedy, gsd_error_hint(error));
	assert_error(error, GSD_ERROR_PERMISSION, reason);
}

static void another_owner_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct gsd_access_facts facts = innocent(GSD_ACCESS_LOOK);
		if (i < 3)
			facts.target.uids[i] = 5;
		else
			facts.target.gids[i - 3] = 5;
		assert_explained(&facts, GSD_ACCESS_OTHER_USER, "uid", "sudo");
	}
	struct gsd_access_facts facts = innocent(GSD_ACCESS_LOOK);
	facts.our_uid = 0;
	assert_explained(&facts, GSD_ACCESS_OTHER_USER, "without CAP_SYS_PTRACE", "--cap-add=SYS_PTRACE");
}

static void a_target_that_is_not_dumpable_is_named(void **state)
{
	(void)state;
	struct gsd_access_facts facts = innocent(GSD_ACCESS_LOOK);
	facts.proc_owner = 0;
	assert_explained(&facts, GSD_ACCESS_NOT_DUMPABLE, "PR_SET_DUMPABLE", "sudo");
	facts.proc_owner = (uid_t)-1;
	assert_int_equal(gsd_access_cause(&facts), GSD_ACCESS_UNKNOWN);
}

static void capabilities_that_we_lack_are_named(void **state)
{
	(void)state;
	struct gsd_access_facts facts = innocent(GSD_ACCESS_LOOK);
	facts.target.cap_permitted = 0x400;
	facts.proc_owner = 0; /* file capabilities also make it non-dumpable */
	assert_explained(&facts, GSD_ACCESS_CAPABILITIES, "0x400", "setcap");
	facts.proc_owner = 1000;
	facts.ours.cap_permitted = 0x400;
	assert_int_equal(gsd_access_cause(&facts), GSD_ACCESS_UNKNOWN);
}

static void yama_is_named_by_its_level(void **state)
{
	(void)state;
	struct gsd_access_facts facts = innocent(GSD_ACCESS_TRACE);
	facts.yama_scope = 1;
	assert_explained(&facts, GSD_ACCESS_YAMA_CHILDREN, "ptrace_scope is 1", "ptrace_scope=0");
	facts.yama_scope = 2;
	assert_explained(&facts, GSD_ACCESS_YAMA_ADMIN, "ptrace_scope is 2", "cap_sys_ptrace");
	facts.yama_scope = 3;
	assert_explained(&facts, GSD_ACCESS_YAMA_NOBODY, "ptrace_scope is 3", "reboot");
	facts.yama_scope = 0;
	assert_int_equal(gsd_access_cause(&facts), GSD_ACCESS_UNKNOWN);
	/* Reading a file of /proc is not its business; a capability overrides 1 and 2, but not 3. */
	facts.yama_scope = 2;
	facts.kind = GSD_ACCESS_LOOK;
	assert_int_equal(gsd_access_cause(&facts), GSD_ACCESS_UNKNOWN);
	facts.kind = GSD_ACCESS_READ;
	assert_int_equal(gsd_access_cause(&facts), GSD_ACCESS_YAMA_ADMIN);
	facts.ours.cap_effective = PTRACE_BIT;
	assert_int_equal(gsd_access_cause(&facts), GSD_ACCESS_UNKNOWN);
	facts.yama_scope = 3;
	assert_int_equal(gsd_access_cause(&facts), GSD_ACCESS_YAMA_NOBODY);
}

static void another_user_namespace_is_named(void **state)
{
	(void)state;
	struct gsd_access_facts facts = innocent(GSD_ACCESS_LOOK);
	facts.other_user_namespace = true;
	facts.target.cap_permitted = 0x400; /* all capabilities, but in its own namespace */
	assert_explained(&facts, GSD_ACCESS_USER_NAMESPACE, "another user namespace", "nsenter");
	facts.ours.cap_effective = PTRACE_BIT;
	assert_int_equal(gsd_access_cause(&facts), GSD_ACCESS_USER_NAMESPACE);
	facts.initial_user_namespace = true;
	assert_int_equal(gsd_access_cause(&facts), GSD_ACCESS_UNKNOWN);
}

static void another_tracer_is_named(void **state)
{
	(void)state;
	struct gsd_access_facts facts = innocent(GSD_ACCESS_TRACE);
	facts.target.tracer = 99;
	strcpy(facts.tracer_name, "gdb");
	assert_explained(&facts, GSD_ACCESS_TRACED, "process 99 (gdb)", "one tracer");
	/* Reading is allowed beside a tracer, and the owner comes before it. */
	facts.kind = GSD_ACCESS_READ;
	assert_int_equal(gsd_access_cause(&facts), GSD_ACCESS_UNKNOWN);
	facts.kind = GSD_ACCESS_TRACE;
	facts.target.uids[0] = 5;
	assert_int_equal(gsd_access_cause(&facts), GSD_ACCESS_OTHER_USER);
}

static void seccomp_and_labels_are_what_is_left(void **state)
{
	(void)state;
	struct gsd_access_facts facts = innocent(GSD_ACCESS_TRACE);
	strcpy(facts.label, "docker-default (enforce)");
	assert_explained(&facts, GSD_ACCESS_LABEL, "docker-default", "dmesg");
	facts.ours.seccomp = 2;
	assert_explained(&facts, GSD_ACCESS_SECCOMP, "seccomp", "seccomp=unconfined");
	facts.yama_scope = 1;
	assert_int_equal(gsd_access_cause(&facts), GSD_ACCESS_YAMA_CHILDREN);
	facts = innocent(GSD_ACCESS_TRACE);
	assert_explained(&facts, GSD_ACCESS_UNKNOWN, "none of the usual causes", "sudo");
}

/* ---- the facts of real processes ---- */

static void wait_for_ever(struct shared *shared, unsigned argument)
{
	(void)argument;
	atomic_fetch_add(&shared->ready, 1);
	for (;;)
		pause();
}

/* @p argument: 1 stay dumpable. */
static void become_nobody(struct shared *shared, unsigned argument)
{
	if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
		_exit(1);
	prctl(PR_SET_DUMPABLE, argument);
	wait_for_ever(shared, 0);
}

/* Opens @p target as user nobody; the exit status is 0 when the error is as it should be. */
static int open_as_nobody(pid_t target, const char *words)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
			_exit(1);
		struct gsd_process *process;
		struct gsd_error *error = gsd_process_open(target, &process);
		if (words == NULL)
			_exit(error == NULL ? 0 : 2);
		if (error == NULL || gsd_error_code(error) != GSD_ERROR_PERMISSION)
			_exit(3);
		bool said = strstr(gsd_error_message(error), words) != NULL;
		if (!said)
			fprintf(stderr, "said: %s\n", gsd_error_message(error));
		_exit(said ? 0 : 4);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void a_refusal_by_the_kernel_is_explained(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("SKIP: needs root to become another user\n");
		skip();
	}
	struct shared *shared = shared_create();
	pid_t root = spawn(wait_for_ever, shared, 0);
	pid_t hidden = spawn(become_nobody, shared, 0);
	pid_t open = spawn(become_nobody, shared, 1);
	await(atomic_load(&shared->ready) == 3);
	assert_int_equal(open_as_nobody(root, "it runs as uid 0"), 0);
	assert_int_equal(open_as_nobody(hidden, "not dumpable"), 0);
	assert_int_equal(open_as_nobody(open, NULL), 0);
	end_child(root);
	end_child(hidden);
	end_child(open);
	shared_destroy(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_owner_is_named),
		cmocka_unit_test(a_target_that_is_not_dumpable_is_named),
		cmocka_unit_test(capabilities_that_we_lack_are_named),
		cmocka_unit_test(yama_is_named_by_its_level),
		cmocka_unit_test(another_user_namespace_is_named),
		cmocka_unit_test(another_tracer_is_named),
		cmocka_unit_test(seccomp_and_labels_are_what_is_left),
		cmocka_unit_test(a_refusal_by_the_kernel_is_explained),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
