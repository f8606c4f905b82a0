/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime/actor/program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/core/tools.h"

const struct grove_backend *grove_program_backend(const struct grove_program *program,
						  const char *name, struct grove_error *err)
{
	char list[200] = "";

	for (size_t i = 0; program->backends[i]; i++) {
		const struct grove_backend *backend = program->backends[i];
		size_t used = strlen(list);

		if (strcmp(backend->name, name) == 0 ||
		    (backend->alias && strcmp(backend->alias, name) == 0))
			return backend;
		snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "", backend->name);
	}
	grove_error_set(err, -EINVAL, "no spawn backend '%s'; there are: %s", name, list);
	return NULL;
}

static const struct grove_entry_point *find_entry(const struct grove_program *program,
						  const char *name)
{
	for (size_t i = 0; program->backends[i]; i++) {
		const struct grove_entry_point *entry = program->backends[i]->entries;

		for (; entry && entry->name; entry++)
			if (strcmp(entry->name, name) == 0)
				return entry;
	}
	return NULL;
}

static int run_actor(const struct grove_program *program, const char *line)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	struct grove_boot boot;

	if (grove_boot_parse(&boot, line, &err) < 0) {
		fprintf(stderr, "%s: %s\n", program->name, err.text);
		return 2;
	}
	return grove_actor_main(program, &boot, NULL);
}

bool grove_program_enter(const struct grove_program *program, int argc, char **argv, int *code)
{
	const struct grove_entry_point *entry;

	if (argc == 3 && strcmp(argv[1], GROVE_ARG_ACTOR) == 0) {
		*code = run_actor(program, argv[2]);
		return true;
	}
	if (argc < 3 || strcmp(argv[1], GROVE_ARG_ENTRY) != 0)
		return false;
	entry = find_entry(program, argv[2]);
	if (!entry)
		fprintf(stderr, "%s: no entry point '%s'\n", program->name, argv[2]);
	*code = entry ? entry->run(program, argc - 3, argv + 3) : 2;
	return true;
}

#ifdef GROVE_ASAN
#include <sanitizer/lsan_interface.h>
#include <sys/prctl.h>

/*
 * LeakSanitizer calls it before it looks at a process that ends. It looks from a clone that is no
 * thread but shares the memory (StopTheWorld() in sanitizer_common); when the process is killed
 * meanwhile, the clone is an orphan until the kernel has killed it as well (PR_SET_PDEATHSIG).
 * Tests that look for left-over processes know it by this name, which it inherits and which has
 * another number than its own.
 */
int __lsan_is_turned_off(void)
{
	char name[16];

	snprintf(name, sizeof(name), "lsan-%d", (int)getpid());
	prctl(PR_SET_NAME, name);
	return 0;
}
#endif
