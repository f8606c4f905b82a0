/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_capture.c - capture_load() on anything.
 *
 * An input that begins as a database is the file itself. Any other is a list of edits, six bytes
 * each (four of offset, what to do, a byte), to a sound capture that is made at the start: random
 * bytes alone would hardly get past SQLite.
 */
#include "capture/capture.h"
#include "graph/verdict.h"

#include <fcntl.h>
#include <sys/stat.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In memory: each input is written. */
static char path[] = "/dev/shm/snag-fuzz-capture-XXXXXX";
static uint8_t *sound;
static size_t sound_size;

static void remove_file(void)
{
	unlink(path);
}

/* Two of everything that ids can name. */
static struct model *small_model(void)
{
	struct model *m = model_new();
	uint32_t text = strtab_add(m->strings, "text");

	for (int32_t i = 1; i <= 2; i++) {
		uint32_t actor = model_add_actor(m, i, 7), object, wait;
		uint32_t thread = model_add_thread(m, actor, i);

		object = model_add_object(m, "pipe", i == 1 ? "pipe:[1]" : "pipe:[2]");
		model_object(m, object)->detail = strtab_add(m->strings, "{\"n\":1}");
		model_add_holder(m, object, actor, 3, 1);
		wait = model_add_wait(m, thread, 0);
		model_wait(m, wait)->object = object;
		model_thread(m, thread)->wait = wait;
		model_add_term(m, wait, (struct term){ .kind = TERM_OBJECT, .id = object });
		*vec_push(&m->debts) =
			(struct debt){ .thread = thread, .by = 3 - thread, .what = text };
		model_add_finding(m, (struct finding){ .kind = text, .actor = actor });
		vec_push(&m->sides)->thread = thread;
		*vec_push(&m->sides.at[i - 1].members) = actor;
		*vec_push(&m->verdict.chain) = wait;
		*vec_push(&m->verdict.members) = actor;
	}
	model_add_missing(m, "text");
	return m;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	_cleanup_model_ struct model *m = small_model();
	struct snag_error err = SNAG_ERROR_INIT;
	struct stat st;
	int fd = mkstemp(path);

	(void)argc;
	(void)argv;
	if (fd < 0 || close(fd) < 0 || capture_write(m, path, &err) < 0)
		abort();
	atexit(remove_file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		abort();
	sound_size = (size_t)st.st_size;
	sound = xcalloc(sound_size, 1);
	if (read(fd, sound, sound_size) != (ssize_t)sound_size)
		abort();
	close(fd);
	return 0;
}

static void put(const uint8_t *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		abort();
	close(fd);
}

static void edit(uint8_t *bytes, const uint8_t *data, size_t size)
{
	for (; size >= 6; data += 6, size -= 6) {
		uint32_t offset;

		memcpy(&offset, data, sizeof(offset));
		offset %= (uint32_t)sound_size;
		switch (data[4] % 3) {
		case 0:
			bytes[offset] = data[5];
			break;
		case 1:
			bytes[offset] ^= (uint8_t)(1 << data[5] % 8);
			break;
		default:
			bytes[offset] = (uint8_t)(bytes[offset] + (int8_t)data[5]);
			break;
		}
	}
}

/*
 * Everything that an id of a loaded model leads to is there, and the verdict of a thread that the
 * file did not ask about can be given.
 */
static void walk(struct model *m)
{
	for (uint32_t i = 0; i < m->waits.count; i++)
		for (uint32_t k = 0; k < m->waits.at[i].term_count; k++)
			(void)model_str(m, m->terms.at[m->waits.at[i].first_term + k].text);
	for (uint32_t id = 1; id <= m->objects.count; id++) {
		uint32_t count;
		const uint32_t *holders = model_holders(m, id, &count);

		for (uint32_t k = 0; k < count; k++)
			(void)model_actor(m, m->holders.at[holders[k]].actor);
	}
	for (uint32_t id = 1; id <= m->actors.count; id++)
		for (uint32_t k = 0; k < model_actor(m, id)->thread_count; k++)
			(void)model_thread(m, model_actor(m, id)->first_thread + k);
	m->verdict.focus_thread = m->threads.count;
	verdict_give(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct snag_error err = SNAG_ERROR_INIT;
	struct model *m = NULL;

	if (size > 16 && !memcmp(data, "SQLite format 3", 16)) {
		put(data, size);
	} else {
		uint8_t *bytes = xcalloc(sound_size, 1);

		memcpy(bytes, sound, sound_size);
		edit(bytes, data, size);
		put(bytes, sound_size);
		free(bytes);
	}
	if (capture_load(path, &m, &err) == 0)
		walk(m);
	model_free(m);
	return 0;
}
