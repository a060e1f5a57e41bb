/* SPDX-License-Identifier: BSD-3-Clause */
#include "target/access.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PTRACE_CAPABILITY ((uint64_t)1 << CAP_SYS_PTRACE)

/* ---- deciding ---- */

static bool have_ptrace_capability(const struct gsd_access_facts *facts)
{
	return (facts->ours.cap_effective & PTRACE_CAPABILITY) != 0;
}

/* All of its real, effective and saved ids must be ours. */
static bool same_user(const struct gsd_access_facts *facts)
{
	for (size_t i = 0; i < 3; i++) {
		if (facts->target.uids[i] != facts->our_uid || facts->target.gids[i] != facts->our_gid)
			return false;
	}
	return true;
}

/* What the kernel checks of the two processes' credentials, for every kind of access. */
static enum gsd_access_cause cause_of_credentials(const struct gsd_access_facts *facts)
{
	if (have_ptrace_capability(facts))
		return facts->other_user_namespace && !facts->initial_user_namespace ? GSD_ACCESS_USER_NAMESPACE
										     : GSD_ACCESS_UNKNOWN;
	if (facts->target.tgid != 0 && !same_user(facts))
		return GSD_ACCESS_OTHER_USER;
	/* The capabilities come first only in words: a file capability also makes it non-dumpable, and is the reason.
	 */
	if (!facts->other_user_namespace && (facts->target.cap_permitted & ~facts->ours.cap_permitted) != 0)
		return GSD_ACCESS_CAPABILITIES;
	if (facts->proc_owner != (uid_t)-1 && facts->target.tgid != 0 && facts->proc_owner != facts->target.uids[1])
		return GSD_ACCESS_NOT_DUMPABLE;
	if (facts->other_user_namespace)
		return GSD_ACCESS_USER_NAMESPACE;
	return GSD_ACCESS_UNKNOWN;
}

static enum gsd_access_cause cause_of_yama(const struct gsd_access_facts *facts)
{
	if (facts->kind == GSD_ACCESS_LOOK)
		return GSD_ACCESS_UNKNOWN;
	if (facts->yama_scope == 3)
		return GSD_ACCESS_YAMA_NOBODY;
	if (have_ptrace_capability(facts))
		return GSD_ACCESS_UNKNOWN;
	if (facts->yama_scope == 2)
		return GSD_ACCESS_YAMA_ADMIN;
	return facts->yama_scope == 1 ? GSD_ACCESS_YAMA_CHILDREN : GSD_ACCESS_UNKNOWN;
}

enum gsd_access_cause gsd_access_cause(const struct gsd_access_facts *facts)
{
	enum gsd_access_cause cause = cause_of_credentials(facts);
	if (cause == GSD_ACCESS_UNKNOWN)
		cause = cause_of_yama(facts);
	if (cause == GSD_ACCESS_UNKNOWN && facts->kind == GSD_ACCESS_TRACE && facts->target.tracer != 0)
		cause = GSD_ACCESS_TRACED;
	if (cause == GSD_ACCESS_UNKNOWN && facts->ours.seccomp != 0 && facts->kind != GSD_ACCESS_LOOK)
		cause = GSD_ACCESS_SECCOMP;
	if (cause == GSD_ACCESS_UNKNOWN && facts->label[0] != '\0')
		cause = GSD_ACCESS_LABEL;
	return cause;
}

/* ---- explaining ---- */

static struct gsd_error *explain_other_user(struct gsd_error *error, const struct gsd_access_facts *facts)
{
	const struct gsd_status *target = &facts->target;
	error = gsd_error_because(error,
				  "it runs as uid %u gid %u (effective %u/%u, saved %u/%u) and we as uid %u gid %u, "
				  "without CAP_SYS_PTRACE",
				  target->uids[0], target->gids[0], target->uids[1], target->gids[1], target->uids[2],
				  target->gids[2], facts->our_uid, facts->our_gid);
	if (facts->our_uid == 0)
		return gsd_error_advise(error, "root without CAP_SYS_PTRACE is usually root of a container: start it "
					       "with --cap-add=SYS_PTRACE (docker, podman) or with SYS_PTRACE in "
					       "securityContext.capabilities.add (Kubernetes)");
	return gsd_error_advise(error, "run gostackdump as that user, or with sudo");
}

static struct gsd_error *explain_capabilities(struct gsd_error *error, const struct gsd_access_facts *facts)
{
	return gsd_error_advise(
		gsd_error_because(error, "it has capabilities that we lack (0x%" PRIx64 ")",
				  facts->target.cap_permitted & ~facts->ours.cap_permitted),
		"run gostackdump with sudo, or give it the right: sudo setcap cap_sys_ptrace=ep PATH-OF-GOSTACKDUMP");
}

static struct gsd_error *explain_not_dumpable(struct gsd_error *error)
{
	return gsd_error_advise(
		gsd_error_because(error, "it is not dumpable: it was started from a file with capabilities, with the "
					 "setuid bit or without read permission, or has called "
					 "prctl(PR_SET_DUMPABLE, 0)"),
		"run gostackdump with sudo, or give it the right: sudo setcap cap_sys_ptrace=ep PATH-OF-GOSTACKDUMP");
}

static struct gsd_error *explain_yama(struct gsd_error *error, enum gsd_access_cause cause)
{
	switch (cause) {
	case GSD_ACCESS_YAMA_CHILDREN:
		error = gsd_error_because(error, "Yama lets a process be traced by its ancestors only "
						 "(kernel.yama.ptrace_scope is 1)");
		break;
	case GSD_ACCESS_YAMA_ADMIN:
		error = gsd_error_because(error, "Yama lets only the administrator trace "
						 "(kernel.yama.ptrace_scope is 2)");
		break;
	default:
		return gsd_error_advise(gsd_error_because(error, "Yama lets nobody trace on this machine "
								 "(kernel.yama.ptrace_scope is 3)"),
					"only a reboot with another kernel.yama.ptrace_scope changes that; look in "
					"/etc/sysctl.d");
	}
	error = gsd_error_advise(error, "run gostackdump with sudo, or give it the right: sudo setcap "
					"cap_sys_ptrace=ep PATH-OF-GOSTACKDUMP");
	return gsd_error_advise(error, "or, for the whole machine: sudo sysctl kernel.yama.ptrace_scope=0");
}

static struct gsd_error *explain_traced(struct gsd_error *error, const struct gsd_access_facts *facts)
{
	const char *name = facts->tracer_name[0] != '\0' ? facts->tracer_name : "unknown name";
	return gsd_error_advise(
		gsd_error_because(error, "it is already traced by process %d (%s)", facts->target.tracer, name),
		"a process has one tracer at a time: end that one (a debugger, strace or another gostackdump) first");
}

static struct gsd_error *explain_unknown(struct gsd_error *error, const struct gsd_access_facts *facts)
{
	return gsd_error_advise(
		gsd_error_because(error,
				  "%s, and none of the usual causes (owner, capabilities, Yama, user namespace, "
				  "seccomp, another tracer, AppArmor, SELinux) can be seen from here",
				  strerror(facts->errnum)),
		"try again (another tracer may have let it go just now), or with sudo; in a container start it with "
		"--cap-add=SYS_PTRACE");
}

struct gsd_error *gsd_access_explain(const struct gsd_access_facts *facts, const char *attempt)
{
	struct gsd_error *error = gsd_error_create(GSD_ERROR_PERMISSION, facts->errnum, "%s", attempt);
	enum gsd_access_cause cause = gsd_access_cause(facts);
	switch (cause) {
	case GSD_ACCESS_TRACED: return explain_traced(error, facts);
	case GSD_ACCESS_USER_NAMESPACE:
		return gsd_error_advise(
			gsd_error_because(error, "it is in another user namespace, over which we have no power"),
			"run gostackdump on the host as root, or inside the same container: nsenter --user "
			"--preserve-credentials -t %d",
			facts->pid);
	case GSD_ACCESS_OTHER_USER: return explain_other_user(error, facts);
	case GSD_ACCESS_NOT_DUMPABLE: return explain_not_dumpable(error);
	case GSD_ACCESS_CAPABILITIES: return explain_capabilities(error, facts);
	case GSD_ACCESS_YAMA_CHILDREN:
	case GSD_ACCESS_YAMA_ADMIN:
	case GSD_ACCESS_YAMA_NOBODY: return explain_yama(error, cause);
	case GSD_ACCESS_SECCOMP:
		return gsd_error_advise(gsd_error_because(error,
							  "%s, most likely by the seccomp filter that this "
							  "process runs under",
							  strerror(facts->errnum)),
					"allow ptrace and process_vm_readv: start the container with "
					"--cap-add=SYS_PTRACE or --security-opt seccomp=unconfined");
	case GSD_ACCESS_LABEL:
		return gsd_error_advise(gsd_error_because(error,
							  "%s, most likely by AppArmor or SELinux: it runs as "
							  "\"%s\"",
							  strerror(facts->errnum), facts->label),
					"the kernel's log says which rule: dmesg | grep -iE 'apparmor|avc'; run "
					"gostackdump unconfined, or under a profile that may trace it");
	case GSD_ACCESS_UNKNOWN: break;
	}
	return explain_unknown(error, facts);
}

/* ---- gathering ---- */

static int read_yama_scope(void)
{
	char text[16];
	if (gsd_procfs_read(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", text, sizeof text, NULL) != 0)
		return -1;
	return atoi(text);
}

/* The link ns/user may itself be refused; the id map is not, and differs nearly always when the namespace does. */
static bool in_other_user_namespace(int directory)
{
	char theirs[256];
	char ours[256];
	ssize_t their_length = readlinkat(directory, "ns/user", theirs, sizeof theirs);
	ssize_t our_length = readlink("/proc/self/ns/user", ours, sizeof ours);
	if (their_length > 0 && our_length > 0)
		return their_length != our_length || memcmp(theirs, ours, (size_t)our_length) != 0;
	if (gsd_procfs_read(directory, "uid_map", theirs, sizeof theirs, NULL) != 0 ||
	    gsd_procfs_read(AT_FDCWD, "/proc/self/uid_map", ours, sizeof ours, NULL) != 0)
		return false;
	return strcmp(theirs, ours) != 0;
}

/* Only the first user namespace maps every id to itself. */
static bool in_initial_user_namespace(void)
{
	char map[256];
	unsigned inside;
	unsigned outside;
	unsigned count;
	return gsd_procfs_read(AT_FDCWD, "/proc/self/uid_map", map, sizeof map, NULL) == 0 &&
	       sscanf(map, "%u %u %u", &inside, &outside, &count) == 3 && inside == 0 && outside == 0 &&
	       count == UINT32_MAX;
}

/* Control characters of a name must not reach a terminal. */
static void make_printable(char *text)
{
	text[strcspn(text, "\n")] = '\0';
	for (char *character = text; *character != '\0'; character++) {
		if ((unsigned char)*character < ' ' || (unsigned char)*character == 0x7f)
			*character = '?';
	}
}

static void read_label(int directory, char *label, size_t size)
{
	if (gsd_procfs_read(directory, "attr/current", label, size, NULL) != 0)
		label[0] = '\0';
	make_printable(label);
	/* AppArmor's and SELinux's words for a process that is not confined, and a kernel without either. */
	if (strcmp(label, "unconfined") == 0 || strstr(label, ":unconfined_t:") != NULL || strcmp(label, "kernel") == 0)
		label[0] = '\0';
}

/* What cannot be learned stays unknown. */
static void gather(int directory, pid_t pid, pid_t thread, struct gsd_access_facts *facts_ret)
{
	struct gsd_access_facts facts = {.pid = pid, .proc_owner = (uid_t)-1, .yama_scope = read_yama_scope()};
	char path[64];
	snprintf(path, sizeof path, "task/%d/status", thread);
	if (gsd_procfs_status(directory, path, &facts.target) != 0 &&
	    gsd_procfs_status(directory, "status", &facts.target) != 0)
		facts.target = (struct gsd_status){0};
	if (gsd_procfs_status(AT_FDCWD, "/proc/self/status", &facts.ours) != 0)
		facts.ours = (struct gsd_status){0};
	facts.our_uid = geteuid();
	facts.our_gid = getegid();
	/* /proc/PID itself always shows the effective uid; the files in it become root's when it is not dumpable. */
	struct stat owner;
	if (fstatat(directory, "stat", &owner, AT_SYMLINK_NOFOLLOW) == 0)
		facts.proc_owner = owner.st_uid;
	facts.other_user_namespace = in_other_user_namespace(directory);
	facts.initial_user_namespace = in_initial_user_namespace();
	if (facts.target.tracer != 0) {
		snprintf(path, sizeof path, "/proc/%d/comm", facts.target.tracer);
		if (gsd_procfs_read(AT_FDCWD, path, facts.tracer_name, sizeof facts.tracer_name, NULL) != 0)
			facts.tracer_name[0] = '\0';
		make_printable(facts.tracer_name);
	}
	read_label(directory, facts.label, sizeof facts.label);
	*facts_ret = facts;
}

struct gsd_error *gsd_access_error(int directory, pid_t pid, pid_t thread, enum gsd_access_kind kind, int errnum,
				   const char *attempt)
{
	struct gsd_access_facts facts;
	gather(directory, pid, thread, &facts);
	facts.kind = kind;
	facts.errnum = errnum;
	return gsd_access_explain(&facts, attempt);
}
