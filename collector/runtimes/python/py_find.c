/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/py_find.h"

#include <ctype.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

enum {
	SYMBOLS_MAX = 1 << 20,
	NAME_MAX_BYTES = 16,
	SCAN_MAX = 1 << 22, /* bytes of writable data that are searched for the cookie */
};

static const char cookie[8] = "xdebugpy";

/* What one file of a process says. */
struct candidate {
	struct runtime_site *site;
	const struct map_area *area; /* its first mapping */
	const char *base;	     /* name without folders */
	struct elf_file *elf;
	uint64_t bias;
};

static const char *path_of(const struct runtime_site *site, const struct map_area *area)
{
	const char *path = area->path ? strtab_get(site->maps->strings, area->path) : NULL;

	return path ? path : "";
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool starts_with(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

/* The first mapping of the file that is most likely to hold the interpreter, or NULL. */
static const struct map_area *find_area(struct runtime_site *site)
{
	const struct maps *maps = runtime_maps(site);
	const struct map_area *best = NULL;
	uint32_t last = 0;

	for (uint32_t i = 0; maps && i < maps->count; i++) {
		const struct map_area *a = &maps->areas[i];
		const char *base;

		if (!a->ino || !a->path || a->path == last)
			continue;
		last = a->path;
		base = base_of(path_of(site, a));
		if (starts_with(base, "libpython3."))
			return a;
		if (!best && (starts_with(base, "python3") || strcmp(base, "python") == 0))
			best = a;
	}
	return best;
}

/* ---- symbols --------------------------------------------------------------------------------- */

/* The value of a data symbol in a table of `type`; 0: it is not there. */
static uint64_t symbol_in(struct elf_file *elf, uint32_t type, const char *name)
{
	const struct elf_section *table = elf_section(elf, NULL, type), *strings;
	const uint8_t *symbols, *names;
	uint64_t count, len = strlen(name) + 1;

	if (!table || table->entry_size != sizeof(Elf64_Sym) || table->link >= elf->section_count)
		return 0;
	strings = &elf->sections[table->link];
	count = table->size / sizeof(Elf64_Sym);
	count = count < SYMBOLS_MAX ? count : SYMBOLS_MAX;
	symbols = bytes_at(elf->bytes, table->offset, count * sizeof(Elf64_Sym));
	names = bytes_at(elf->bytes, strings->offset, strings->size);
	for (uint64_t i = 0; symbols && names && i < count; i++) {
		Elf64_Sym s;

		memcpy(&s, symbols + i * sizeof(s), sizeof(s));
		if (ELF64_ST_TYPE(s.st_info) == STT_OBJECT && s.st_value &&
		    s.st_name < strings->size && len <= strings->size - s.st_name &&
		    memcmp(names + s.st_name, name, len) == 0)
			return s.st_value;
	}
	return 0;
}

static uint64_t symbol(struct elf_file *elf, const char *name)
{
	uint64_t value = symbol_in(elf, SHT_DYNSYM, name);

	return value ? value : symbol_in(elf, SHT_SYMTAB, name);
}

/* The cookie of 3.13 and later in the writable memory of the file. */
static uint64_t scan(const struct candidate *c, struct py_mem *mem)
{
	uint64_t left = SCAN_MAX;

	for (uint32_t i = 0; i < c->site->maps->count; i++) {
		const struct map_area *a = &c->site->maps->areas[i];

		if (a->path != c->area->path || !a->write || !a->ino)
			continue;
		for (uint64_t at = a->start; at + 8 <= a->end && left; at += 8, left -= 8) {
			char there[sizeof(cookie)];

			if (py_mem_read(mem, at, there, sizeof(there)) &&
			    memcmp(there, cookie, sizeof(cookie)) == 0)
				return at;
		}
	}
	return 0;
}

static uint64_t find_runtime(const struct candidate *c, struct py_mem *mem)
{
	const struct elf_section *section;
	uint64_t value = c->elf ? symbol(c->elf, "_PyRuntime") : 0;

	if (value)
		return c->bias + value;
	section = c->elf ? elf_section(c->elf, ".PyRuntime", 0) : NULL;
	return section && section->addr ? c->bias + section->addr : scan(c, mem);
}

/* ---- version --------------------------------------------------------------------------------- */

/* The number behind the first "python3." of a name, 0: none. */
static uint32_t minor_in(const char *name)
{
	const char *at = strstr(name, "python3.");

	return at && isdigit((unsigned char)at[8]) ? (uint32_t)strtoul(at + 8, NULL, 10) : 0;
}

static uint32_t find_version(const struct candidate *c, struct py_mem *mem, uint64_t runtime)
{
	uint64_t at = c->elf ? symbol(c->elf, "Py_Version") : 0;
	char there[sizeof(cookie)];
	uint32_t minor, version;

	if (runtime && py_mem_read(mem, runtime, there, sizeof(there)) &&
	    memcmp(there, cookie, sizeof(cookie)) == 0)
		return py_mem_u32(mem, runtime + sizeof(cookie));
	/* a constant: a page of the file, which a forked process may never have touched */
	version = at ? py_mem_u32(mem, c->bias + at) : 0;
	if (version)
		return version;
	minor = minor_in(c->base);
	return minor && minor < 256 ? 3u << 24 | minor << 16 : 0;
}

static void open_candidate(struct candidate *c, const char **why)
{
	struct code_file *f = runtime_file(c->site, c->area);
	uint64_t addr;

	*why = f->missing;
	if (!f->elf)
		return;
	if (!elf_mapped_at(f->elf, c->area->offset, &addr)) {
		*why = "its file is not mapped as its headers say";
		return;
	}
	c->elf = f->elf;
	c->bias = c->area->start - addr;
}

/* As it was found in a process that was forked from the same one. */
static bool recall(struct runtime_site *site, struct py_found *found)
{
	struct runtime_note note;

	if (!runtime_recall(site, &note))
		return false;
	*found = (struct py_found){ .runtime = note.words[0],
				    .secret = note.words[1],
				    .version = (uint32_t)note.words[2],
				    .minor = (uint32_t)note.words[3] };
	return true;
}

bool py_find(struct runtime_site *site, struct py_mem *mem, struct py_found *found)
{
	struct candidate c = { .site = site };

	if (recall(site, found))
		return true;
	c.area = find_area(site);
	if (!c.area)
		return false;
	*found = (struct py_found){ .runtime = 0 };
	c.base = base_of(path_of(site, c.area));
	open_candidate(&c, &found->why);
	found->runtime = find_runtime(&c, mem);
	found->version = find_version(&c, mem, found->runtime);
	found->secret = c.elf ? symbol(c.elf, "_Py_HashSecret") : 0;
	found->secret += found->secret ? c.bias : 0;
	if (found->version >> 24 == 3)
		found->minor = found->version >> 16 & 0xff;
	if (!found->runtime && !found->why)
		found->why = "it has no _PyRuntime that we can find";
	if (found->runtime) {
		const struct runtime_note note = { .area = *c.area,
						   .words = { found->runtime, found->secret,
							      found->version, found->minor } };

		found->why = NULL;
		runtime_note(site, &note);
	}
	/* a program that is only called so */
	return found->runtime || found->minor;
}
