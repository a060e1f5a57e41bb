/* SPDX-License-Identifier: BSD-3-Clause */
#include "output/gzip.h"

#include "fixture.h"
#include "profile_reader.h"

#define LENGTH ((size_t)1 << 20)

/* Bytes that do not compress: more comes out than the stream's buffer holds. */
static uint8_t *make_noise(void)
{
	uint8_t *noise = malloc(LENGTH);
	assert_non_null(noise);
	uint32_t state = 1;
	for (size_t i = 0; i < LENGTH; i++) {
		state = state * 1664525U + 1013904223U;
		noise[i] = (uint8_t)(state >> 24);
	}
	return noise;
}

static void assert_comes_back(const uint8_t *bytes, size_t length, size_t part)
{
	struct gsd_memory_sink sink;
	struct gsd_gzip *gzip = NULL;
	gsd_memory_sink_init(&sink);
	assert_success(gsd_gzip_create(&sink.sink, &gzip));
	for (size_t done = 0; done < length; done += part)
		assert_success(
			gsd_sink_write(gsd_gzip_sink(gzip), bytes + done, length - done < part ? length - done : part));
	assert_success(gsd_gzip_finish(gzip));
	gsd_gzip_destroy(gzip);
	uint8_t *inflated;
	size_t inflated_length;
	inflate_all(sink.bytes, sink.length, &inflated, &inflated_length);
	assert_int_equal(inflated_length, length);
	assert_memory_equal(inflated, bytes, length);
	free(inflated);
	gsd_memory_sink_free(&sink);
}

static void what_is_written_comes_back_in_whatever_parts(void **state)
{
	(void)state;
	uint8_t *noise = make_noise();
	assert_comes_back(noise, LENGTH, LENGTH);
	assert_comes_back(noise, LENGTH, 1000);
	assert_comes_back(noise, 1, 1);
	assert_comes_back(noise, 0, 1);
	free(noise);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_comes_back_in_whatever_parts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
