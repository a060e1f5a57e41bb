/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Type descriptors: every Go binary, stripped or not, describes the structs of its own runtime. They answer field
 * queries without symbols and without DWARF. Formats of Go 1.18–1.27. Source: internal/abi/type.go, runtime/type.go.
 */
#ifndef GSD_IMAGE_TYPES_H
#define GSD_IMAGE_TYPES_H

#include "image/fields.h"
#include "image/module.h"

/** The type section of a module, read through @ref cache. */
struct gsd_types {
	struct gsd_block_cache *cache;
	uint64_t start; /**< moduledata.types: the base of every name and type offset */
	uint64_t end;
	uint64_t links; /**< address of the sorted type links (up to Go 1.26); 0: none */
	uint64_t links_count;
	uint64_t descriptors_length; /**< from Go 1.27 on: the sorted descriptors lie in [start+8, start+this) */
	unsigned go_minor;
};

/** The types of @p module, which is only looked at. */
struct gsd_types gsd_types_of_module(struct gsd_block_cache *cache, const struct gsd_module *module, unsigned go_minor);

/**
 * Answers @p fields for structs that have a descriptor: reached from runtime.g or runtime.moduledata, or found by name.
 * Members that are not there are left with found == false. Errors: GSD_ERROR_READ and GSD_ERROR_CORRUPT for descriptors
 * that contradict themselves.
 */
GSD_MUST_CHECK struct gsd_error *gsd_types_fields(const struct gsd_types *types, struct gsd_field *fields,
						  size_t count);

/**
 * Whether the descriptor of runtime.moduledata puts `types`, `etypes`, `gofunc`, `textsectmap` and `next` where the
 * layout of Go 1.@p minor has them: the proof that the layout is right. False too when there is no such descriptor.
 */
GSD_MUST_CHECK struct gsd_error *gsd_types_confirm_layout(const struct gsd_types *types, unsigned minor,
							  bool *confirmed_ret);

#endif
