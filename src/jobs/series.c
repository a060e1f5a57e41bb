/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs/series.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/capture_name.h"
#include "jobs/snapshot_file.h"

#define PARTS_MAX 8U /* of a series: in how many did a group grow? */

/* ---- points ----------------------------------------------------------------------------------------------------- */

/* Adds a snapshot, which becomes the last one. Takes it over in any case. */
static bool add_point(struct series *series, const char *path, struct snapshot *snapshot)
{
	bool grown = series->point_count < series->capacity;
	if (!grown) {
		size_t capacity = series->capacity == 0 ? 16 : 2 * series->capacity;
		struct series_point *points = reallocarray(series->points, capacity, sizeof *points);
		grown = points != NULL;
		series->points = grown ? points : series->points;
		series->capacity = grown ? capacity : series->capacity;
	}
	char *copy = strdup(path);
	if (!grown || copy == NULL) {
		free(copy);
		snapshot_free(snapshot);
		return false;
	}
	series->points[series->point_count++] = (struct series_point){.path = copy,
								      .time_ns = snapshot->time_ns,
								      .goroutine_count = snapshot->goroutine_count,
								      .groups = snapshot->groups,
								      .group_count = snapshot->group_count};
	snapshot->groups = NULL;
	snapshot->group_count = 0;
	if (series->point_count == 1) {
		series->first = *snapshot;
		return true;
	}
	snapshot_free(&series->last);
	series->last = *snapshot;
	return true;
}

static struct snapshot_group *find_group(const struct series_point *point, uint32_t stack)
{
	const struct snapshot view = {.groups = point->groups, .group_count = point->group_count};
	return snapshot_group_of(&view, stack);
}

uint64_t series_count(const struct series *series, uint32_t stack, size_t point)
{
	const struct snapshot_group *group = find_group(&series->points[point], stack);
	return group != NULL ? group->count : 0;
}

uint64_t series_duration(const struct series *series)
{
	uint64_t first = series->points[0].time_ns, last = series->points[series->point_count - 1].time_ns;
	return first != 0 && last > first ? last - first : 0;
}

size_t series_point_at(const struct series *series, size_t column, size_t columns)
{
	uint64_t duration = series_duration(series);
	size_t last = series->point_count - 1;
	if (columns < 2 || column >= columns - 1)
		return last;
	if (duration == 0)
		return column * last / (columns - 1);
	double until = (double)duration * (double)column / (double)(columns - 1);
	size_t low = 0, high = last;
	while (low < high) {
		size_t middle = low + (high - low + 1) / 2;
		if ((double)(series->points[middle].time_ns - series->points[0].time_ns) <= until)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

/* ---- suspects --------------------------------------------------------------------------------------------------- */

/*
 * A leak grows, grows all the time, and does not fall. So growth counts as far as it was not a fluctuation (growth
 * divided by all ups and downs together), and as far as it is spread over the series: what was started once is none.
 */
static void judge(const struct series *series, struct series_suspect *suspect)
{
	uint64_t risen = 0, before = suspect->first;
	size_t last = series->point_count - 1;
	size_t parts = last < PARTS_MAX ? last : PARTS_MAX, part = 1, grown = 0;
	uint64_t part_start = suspect->first;
	suspect->fallen = 0;
	for (size_t i = 1; i <= last; i++) {
		uint64_t count = series_count(series, suspect->stack, i);
		if (count > before)
			risen += count - before;
		else
			suspect->fallen += before - count;
		before = count;
		if (i == part * last / parts) {
			grown += count > part_start ? 1 : 0;
			part_start = count;
			part++;
		}
	}
	double growth = (double)(suspect->last - suspect->first);
	suspect->growth_share = (double)grown / (double)parts;
	suspect->score = growth * growth / ((double)risen + (double)suspect->fallen) * suspect->growth_share;
}

static int by_score(const void *left, const void *right, void *context)
{
	const struct series_suspect *a = left, *b = right;
	if (a->score > b->score || a->score < b->score)
		return a->score > b->score ? -1 : 1;
	return stack_names_compare(context, a->stack, b->stack);
}

static bool rank_suspects(const struct stack_names *names, struct series *series)
{
	const struct series_point *last = &series->points[series->point_count - 1];
	series->suspects = calloc(last->group_count + 1, sizeof *series->suspects);
	if (series->suspects == NULL)
		return false;
	for (size_t i = 0; i < last->group_count; i++) {
		const struct snapshot_group *group = &last->groups[i];
		struct series_suspect suspect = {.stack = group->stack,
						 .state = group->state,
						 .creator = group->creator,
						 .longest_wait_ns = group->longest_wait_ns,
						 .first = series_count(series, group->stack, 0),
						 .last = group->count};
		if (suspect.last <= suspect.first)
			continue;
		judge(series, &suspect);
		if (suspect.score > 0)
			series->suspects[series->suspect_count++] = suspect;
	}
	if (series->suspect_count > 1)
		qsort_r(series->suspects, series->suspect_count, sizeof *series->suspects, by_score,
			(void *)(uintptr_t)names);
	if (series->suspect_count > SERIES_SUSPECTS_MAX)
		series->suspect_count = SERIES_SUSPECTS_MAX;
	return true;
}

/* All points are there. */
static bool finish_series(const struct stack_names *names, struct series *series)
{
	series->longest_wait_ns = SNAPSHOT_NO_WAIT;
	if (series->point_count < 2)
		return true;
	const struct series_point *points[] = {&series->points[0], &series->points[series->point_count - 1]};
	struct snapshot views[] = {series->first, series->last};
	for (size_t i = 0; i < 2; i++) {
		views[i].groups = points[i]->groups;
		views[i].group_count = points[i]->group_count;
		views[i].time_ns = points[i]->time_ns;
	}
	series->longest_wait_ns = snapshot_longest_wait(&series->last);
	if (!diff_make(names, &views[0], &views[1], &series->diff) || !rank_suspects(names, series))
		return false;
	snapshot_forget_goroutines(&series->first);
	snapshot_forget_goroutines(&series->last);
	return true;
}

static void free_series(struct series *series)
{
	for (size_t i = 0; i < series->point_count; i++) {
		free(series->points[i].path);
		free(series->points[i].groups);
	}
	free(series->points);
	free(series->comm);
	free(series->suspects);
	snapshot_free(&series->first);
	snapshot_free(&series->last);
	diff_free(&series->diff);
}

void series_set_free(struct series_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		free_series(&set->items[i]);
	free(set->items);
	stack_names_free(&set->names);
	*set = (struct series_set){0};
}

/* ---- two files -------------------------------------------------------------------------------------------------- */

static bool read_pair(const char *const *paths, const struct gsd_capture_options *options, struct series_set *set,
		      struct problem *problem)
{
	set->items = calloc(1, sizeof *set->items);
	if (set->items == NULL)
		return problem_set(problem, "no memory for two captures");
	set->count = 1;
	for (size_t i = 0; i < 2; i++) {
		struct snapshot snapshot;
		if (!snapshot_read(paths[i], options, &set->names, &snapshot, problem))
			return false;
		if (!add_point(&set->items[0], paths[i], &snapshot))
			return problem_set(problem, "no memory for two captures");
	}
	set->items[0].pid = set->items[0].last.pid;
	return finish_series(&set->names, &set->items[0]) || problem_set(problem, "no memory to compare");
}

bool series_read_pair(const char *old, const char *new, const struct gsd_capture_options *options,
		      struct series_set *set_ret, struct problem *problem)
{
	const char *const paths[] = {old, new};
	struct series_set set = {0};
	if (!read_pair(paths, options, &set, problem)) {
		series_set_free(&set);
		return false;
	}
	*set_ret = set;
	return true;
}

/* ---- a directory ------------------------------------------------------------------------------------------------ */

/* Formats that can be compared, the one that says most first: raw needs the program's own file. */
static const char *const endings[] = {".jsonl", ".goroutines.pb.gz", ".gsd", ".pb.gz", ".pprof"};
enum { ENDING_COUNT = sizeof endings / sizeof endings[0] };

struct found_file {
	char *name;
	struct capture_name parts;
	size_t ending;
};

struct found {
	struct found_file *files;
	size_t count;
	size_t capacity;
};

static void free_found(struct found *found)
{
	for (size_t i = 0; i < found->count; i++)
		free(found->files[i].name);
	free(found->files);
}

static bool add_found(struct found *found, const char *name)
{
	struct found_file file = {0};
	if (!capture_name_parse(name, &file.parts))
		return true;
	while (file.ending < ENDING_COUNT && strcmp(name + file.parts.key, endings[file.ending]) != 0)
		file.ending++;
	if (file.ending == ENDING_COUNT)
		return true;
	if (found->count == found->capacity) {
		size_t capacity = found->capacity == 0 ? 64 : 2 * found->capacity;
		struct found_file *grown = reallocarray(found->files, capacity, sizeof *grown);
		if (grown == NULL)
			return false;
		found->files = grown;
		found->capacity = capacity;
	}
	file.name = strdup(name);
	if (file.name != NULL)
		found->files[found->count++] = file;
	return file.name != NULL;
}

static int compare_processes(const struct found_file *a, const struct found_file *b)
{
	size_t least = a->parts.comm_length < b->parts.comm_length ? a->parts.comm_length : b->parts.comm_length;
	int order = memcmp(a->name + a->parts.comm, b->name + b->parts.comm, least);
	if (order == 0)
		order = (a->parts.comm_length > b->parts.comm_length) - (a->parts.comm_length < b->parts.comm_length);
	return order != 0 ? order : (a->parts.pid > b->parts.pid) - (a->parts.pid < b->parts.pid);
}

/* By process, then by moment, then by how much a format says. */
static int by_process(const void *left, const void *right)
{
	const struct found_file *a = left, *b = right;
	int order = compare_processes(a, b);
	if (order == 0)
		order = strncmp(a->name, b->name, a->parts.key > b->parts.key ? a->parts.key : b->parts.key);
	bool same = a->parts.key == b->parts.key && strncmp(a->name, b->name, a->parts.key) == 0;
	return order != 0 && !same ? order : (a->ending > b->ending) - (a->ending < b->ending);
}

static bool same_capture(const struct found_file *a, const struct found_file *b)
{
	return a->parts.key == b->parts.key && memcmp(a->name, b->name, a->parts.key) == 0;
}

static bool find_files(const char *directory, struct found *found, struct problem *problem)
{
	DIR *stream = opendir(directory);
	if (stream == NULL)
		return problem_set(problem, "cannot read the directory %s: %s", directory, strerror(errno));
	bool good = true;
	for (struct dirent *entry; good && (errno = 0, entry = readdir(stream)) != NULL;)
		good = add_found(found, entry->d_name);
	int errnum = errno;
	closedir(stream);
	if (!good)
		return problem_set(problem, "no memory for the names in %s", directory);
	if (errnum != 0)
		return problem_set(problem, "cannot read the directory %s: %s", directory, strerror(errnum));
	if (found->count > 1)
		qsort(found->files, found->count, sizeof *found->files, by_process);
	return true;
}

struct walk {
	const char *directory;
	const struct gsd_capture_options *options;
	series_complain *complain;
	struct series_set *set;
	struct problem *problem;
};

/* Reads the first of @p count files of one capture that can be read. A problem is that of the first. */
static bool read_capture(const struct walk *walk, const struct found_file *files, size_t count, char **path_ret,
			 struct snapshot *snapshot_ret)
{
	for (size_t i = 0; i < count; i++) {
		struct problem problem;
		char *path;
		if (asprintf(&path, "%s/%s", walk->directory, files[i].name) < 0)
			return problem_set(walk->problem, "no memory for a path");
		if (snapshot_read(path, walk->options, &walk->set->names, snapshot_ret, &problem)) {
			*path_ret = path;
			return true;
		}
		free(path);
		if (i == 0)
			*walk->problem = problem;
	}
	return false;
}

/* A capture with the walk's problem. */
static void leave_out(const struct walk *walk, struct series *series)
{
	if (walk->problem->without_go) {
		walk->set->without_go++;
		return;
	}
	walk->complain(walk->problem);
	series->unread++;
}

/* Reads the captures of one process. False without memory. */
static bool read_series(const struct walk *walk, const struct found_file *files, size_t count, struct series *series)
{
	series->pid = files->parts.pid;
	series->comm = strndup(files->name + files->parts.comm, files->parts.comm_length);
	if (series->comm == NULL)
		return false;
	for (size_t first = 0, next; first < count; first = next) {
		struct snapshot snapshot;
		char *path = NULL;
		for (next = first + 1; next < count && same_capture(&files[first], &files[next]);)
			next++;
		if (!read_capture(walk, files + first, next - first, &path, &snapshot)) {
			leave_out(walk, series);
			continue;
		}
		if (files[first].parts.time_ns != 0)
			snapshot.time_ns = files[first].parts.time_ns;
		if (snapshot.pid == 0)
			snapshot.pid = series->pid;
		bool added = add_point(series, path, &snapshot);
		free(path);
		if (!added)
			return false;
		if (next < count && series->point_count > 1)
			snapshot_forget_goroutines(&series->last);
	}
	return finish_series(&walk->set->names, series);
}

static int by_start(const void *left, const void *right)
{
	const struct series *a = left, *b = right;
	int order = strcmp(a->comm, b->comm);
	if (order != 0 || a->point_count == 0 || b->point_count == 0)
		return order != 0 ? order : (a->point_count == 0) - (b->point_count == 0);
	return (a->points[0].time_ns > b->points[0].time_ns) - (a->points[0].time_ns < b->points[0].time_ns);
}

static bool read_all(const struct walk *walk, const struct found *found)
{
	bool any = false, unread = false;
	walk->set->items = calloc(found->count + 1, sizeof *walk->set->items);
	if (walk->set->items == NULL)
		return problem_set(walk->problem, "no memory for %zu captures", found->count);
	for (size_t first = 0, next; first < found->count; first = next) {
		for (next = first + 1;
		     next < found->count && compare_processes(&found->files[first], &found->files[next]) == 0;)
			next++;
		struct series *series = &walk->set->items[walk->set->count++];
		if (!read_series(walk, found->files + first, next - first, series))
			return problem_set(walk->problem, "no memory for the captures of %s", walk->directory);
		any = any || series->point_count > 0;
		unread = unread || series->unread > 0;
		if (series->point_count == 0 && series->unread == 0) {
			free_series(series);
			*series = (struct series){0};
			walk->set->count--;
		}
	}
	if (found->count == 0)
		problem_set(walk->problem, "no captures to compare are in %s", walk->directory);
	else if (!any && !unread)
		problem_set(walk->problem, "all captures in %s are of programs without Go, and goroutines are compared",
			    walk->directory);
	else if (!any)
		problem_set(walk->problem, "none of the captures in %s could be read", walk->directory);
	if (found->count == 0)
		problem_hint(walk->problem,
			     "they are called as watch calls them, STAMP.COMM.PID, with one of the endings "
			     ".jsonl, .goroutines.pb.gz, .gsd, .pb.gz, .pprof");
	if (walk->set->count > 1)
		qsort(walk->set->items, walk->set->count, sizeof *walk->set->items, by_start);
	return any;
}

bool series_read_directory(const char *directory, const struct gsd_capture_options *options, series_complain *complain,
			   struct series_set *set_ret, struct problem *problem)
{
	struct series_set set = {0};
	struct found found = {0};
	const struct walk walk = {directory, options, complain, &set, problem};
	bool good = find_files(directory, &found, problem) && read_all(&walk, &found);
	free_found(&found);
	if (good)
		*set_ret = set;
	else
		series_set_free(&set);
	return good;
}
