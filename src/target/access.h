/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why the kernel does not let us look at a process, and what to do about it. Gathering the facts and deciding are
 * apart: the decision is a pure function that follows the order of the kernel's own checks (kernel/ptrace.c,
 * __ptrace_may_access and ptrace_attach; security/yama/yama_lsm.c; security/commoncap.c).
 */
#ifndef GSD_TARGET_ACCESS_H
#define GSD_TARGET_ACCESS_H

#include "base/error.h"
#include "target/procfs.h"

/** What was refused: the kernel checks more for the later ones. */
enum gsd_access_kind {
	GSD_ACCESS_LOOK, /**< read a file of /proc/PID that is not for everyone (PTRACE_MODE_READ) */
	GSD_ACCESS_READ, /**< read memory (PTRACE_MODE_ATTACH) */
	GSD_ACCESS_TRACE /**< PTRACE_SEIZE */
};

/** Everything that the decision depends on. Unknown: zero or empty, unless said otherwise. */
struct gsd_access_facts {
	enum gsd_access_kind kind;
	int errnum;
	pid_t pid;
	struct gsd_status target; /**< its status; tgid 0: unknown */
	struct gsd_status ours;
	uid_t our_uid; /**< effective */
	gid_t our_gid;
	uid_t proc_owner; /**< owner of the files in /proc/PID; (uid_t)-1: unknown */
	bool other_user_namespace;
	bool initial_user_namespace; /**< ours is the first one: our capabilities hold in every other */
	int yama_scope;              /**< -1: no Yama */
	char tracer_name[64];        /**< comm of target.tracer */
	char label[256];             /**< the target's security label, if it is a confining one */
};

enum gsd_access_cause {
	GSD_ACCESS_TRACED,         /**< another tracer is attached */
	GSD_ACCESS_USER_NAMESPACE, /**< it is in a user namespace that ours has no power over */
	GSD_ACCESS_OTHER_USER,     /**< it belongs to another user or group */
	GSD_ACCESS_NOT_DUMPABLE,   /**< it hides itself: file capabilities, setuid, PR_SET_DUMPABLE */
	GSD_ACCESS_CAPABILITIES,   /**< it has capabilities that we lack */
	GSD_ACCESS_YAMA_CHILDREN,  /**< ptrace_scope 1 */
	GSD_ACCESS_YAMA_ADMIN,     /**< ptrace_scope 2 */
	GSD_ACCESS_YAMA_NOBODY,    /**< ptrace_scope 3 */
	GSD_ACCESS_SECCOMP,        /**< our own seccomp filter, most likely */
	GSD_ACCESS_LABEL,          /**< AppArmor or SELinux, most likely */
	GSD_ACCESS_UNKNOWN
};

/** The cause that follows from @p facts. Pure. */
enum gsd_access_cause gsd_access_cause(const struct gsd_access_facts *facts);

/** The error that explains @p facts; @p attempt as for gsd_error_create(). Pure. GSD_ERROR_PERMISSION. */
struct gsd_error *gsd_access_explain(const struct gsd_access_facts *facts, const char *attempt) GSD_MUST_CHECK;

/** The error for @p kind of access to @p thread refused with @p errnum: gather and explain. */
struct gsd_error *gsd_access_error(int directory, pid_t pid, pid_t thread, enum gsd_access_kind kind, int errnum,
				   const char *attempt) GSD_MUST_CHECK;

#endif
