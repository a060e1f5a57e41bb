/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stacks as the runtime's own tracebacks have them (runtime/traceback.go; runtime/pprof/pprof.go, printStackRecord):
 * every logical frame with its place in the runtime's lists, whether a traceback shows it, and the recipe for its
 * arguments. What is found out of a word is found out once.
 */
#ifndef GSD_GO_TRACEBACK_H
#define GSD_GO_TRACEBACK_H

#include "go/code.h"
#include "go/snapshot.h"

/** Whether a traceback shows a function, by its name. */
enum gsd_shown {
	GSD_SHOWN_NEVER,     /**< one of the runtime's own */
	GSD_SHOWN_NOT_FIRST, /**< gopanic: not as the first frame that is shown */
	GSD_SHOWN_ALWAYS
};

/** A logical frame. */
struct gsd_traceback_frame {
	const char *function; /**< as it is printed: type arguments as "[...]" */
	const char *file;
	int64_t line;
	uint64_t return_pc; /**< the call + 1, as it is in the runtime's lists */
	uint8_t special;    /**< enum gsd_special */
	uint8_t shown;      /**< enum gsd_shown */
	bool inlined;
};

/** What a word of a stack stands for. */
struct gsd_traceback_place {
	uint64_t word;
	uint64_t pc;
	uint64_t entry; /**< of the physical function; 0: it is not Go code, and has no frames here */
	/** Innermost first; the last one is the physical function. Wrappers and runtime.goexit included. */
	const struct gsd_traceback_frame *frames;
	size_t frame_count;
	/**
	 * How its arguments are printed, ended by GSD_ARGUMENTS_END (internal/abi, FUNCDATA_ArgInfo); NULL: it says
	 * nothing of them.
	 */
	const uint8_t *arguments;
	size_t value_count;  /**< arguments that have a value */
	uint8_t live_from;   /**< offsets from here on may be dead */
	const uint8_t *live; /**< a bit for each value from live_from on; NULL: all of them live */
	uint32_t index;      /**< counts places from 0 in order of creation */
	bool counts;         /**< its physical function is one that a traceback shows */
};

/** Bytes of gsd_traceback_place.arguments (internal/abi/symtab.go, TraceArgs…); another one is an offset, then a size.
 */
enum {
	GSD_ARGUMENTS_END = 0xff,
	GSD_ARGUMENTS_OPEN = 0xfe,
	GSD_ARGUMENTS_CLOSE = 0xfd,
	GSD_ARGUMENTS_MORE = 0xfc,
	GSD_ARGUMENTS_TOO_FAR = 0xfb
};

/** How many frames a traceback prints (runtime/traceback.go). */
struct gsd_traceback_rule {
	uint32_t inner; /**< innermost frames; 0: all there are */
	uint32_t outer; /**< outermost frames; 0: with an inner one, that counts physical frames, hidden ones too */
};
/** The rule of a Go version. */
struct gsd_traceback_rule gsd_traceback_rule_of(unsigned go_minor);

struct gsd_traceback;

/** @p code is borrowed and must outlive it. Errors: GSD_ERROR_NO_MEMORY. */
GSD_MUST_CHECK struct gsd_error *gsd_traceback_create(struct gsd_code *code, struct gsd_traceback **traceback_ret);
void gsd_traceback_destroy(struct gsd_traceback *traceback);

/** The place of @p word; it lives as long as the traceback. Errors as for gsd_symbolize_stack(). */
GSD_MUST_CHECK struct gsd_error *gsd_traceback_place(struct gsd_traceback *traceback, uint64_t word,
						     const struct gsd_traceback_place **place_ret);

/** A word of a stack, and whether the values of its arguments are kept. */
struct gsd_traceback_item {
	const struct gsd_traceback_place *place;
	bool values;
};
/** Reused from call to call. */
struct gsd_traceback_list {
	struct gsd_traceback_item *items;
	size_t count;
	size_t capacity;
};
void gsd_traceback_list_free(struct gsd_traceback_list *list);
/** The places of @p count words; which values are kept follows from what @p rule lets a traceback print. */
GSD_MUST_CHECK struct gsd_error *gsd_traceback_expand(struct gsd_traceback *traceback, const uint64_t *words,
						      size_t count, const struct gsd_traceback_rule *rule,
						      struct gsd_traceback_list *list);

/** Whether the runtime leaves @p frame out of its lists: a wrapper that called @p callee (enum gsd_special). */
bool gsd_traceback_elides(const struct gsd_traceback_frame *frame, uint8_t callee);
/**
 * Whether a traceback shows @p frame, which called a function that is @p callee (enum gsd_special; GSD_SPECIAL_NONE for
 * the innermost); @p first: none has been shown so far (showframe).
 */
bool gsd_traceback_shows(const struct gsd_traceback_frame *frame, bool first, uint8_t callee);

/**
 * What the runtime prints of @p pc, a return address that it keeps (@p call: at the call before it). The function is
 * the physical one or, with @p innermost, what is inlined there; `shown` is of the physical one. Not found: function
 * NULL.
 */
GSD_MUST_CHECK struct gsd_error *gsd_traceback_function(struct gsd_traceback *traceback, uint64_t pc, bool call,
							bool innermost, struct gsd_traceback_frame *frame_ret,
							uint64_t *entry_ret);

#endif
