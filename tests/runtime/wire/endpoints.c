/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime/wire/endpoints.h"

#include "runtime/wire/buf.h"
#include "runtime/wire/toml.h"
#include "runtime/wire/uid.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

struct row {
	char name[GROVE_NAME_SIZE];
	struct grove_addrs addrs;
};

struct grove_endpoints {
	struct grove_addrs registrar;
	struct row *rows;
	size_t count;
};

void grove_endpoints_free(struct grove_endpoints *e)
{
	if (!e)
		return;
	grove_addrs_release(&e->registrar);
	for (size_t i = 0; i < e->count; i++)
		grove_addrs_release(&e->rows[i].addrs);
	free(e->rows);
	free(e);
}

static struct row *find(const struct grove_endpoints *e, const char *name)
{
	for (size_t i = 0; i < e->count; i++)
		if (!strcmp(e->rows[i].name, name))
			return &e->rows[i];
	return NULL;
}

static struct row *find_or_add(struct grove_endpoints *e, const char *name)
{
	struct row *row = find(e, name);

	if (row)
		return row;
	e->rows = grove_realloc(e->rows, e->count + 1, sizeof(*e->rows));
	row = &e->rows[e->count++];
	*row = (struct row){ .addrs = GROVE_ADDRS_INIT };
	grove_copy_name(row->name, sizeof(row->name), name);
	return row;
}

/* [actor.NAME] and [registrar] themselves, or an [actor] around the others. */
static int take_table(struct grove_endpoints *e, const struct grove_toml *toml,
		      const struct grove_toml_item *item, struct grove_error *err)
{
	bool actor = !strcmp(item->path[0], "actor");
	_grove_error_ struct grove_error why = GROVE_ERROR_INIT;

	if ((!actor && strcmp(item->path[0], "registrar") != 0) || item->depth > 1u + actor)
		return grove_toml_wrong(toml, item->line, err,
					"only [registrar] and [actor.NAME] are known");
	if (item->depth < 2)
		return 0;
	if (grove_uid_check_name(item->path[1], &why) < 0)
		return grove_toml_wrong(toml, item->line, err, "%s", why.text);
	find_or_add(e, item->path[1]);
	return 0;
}

/* Where the value of `item` belongs; NULL when it is no "bind" of somebody. */
static struct grove_addrs *place_of(struct grove_endpoints *e, const struct grove_toml_item *item)
{
	if (strcmp(item->path[item->depth - 1], "bind") != 0)
		return NULL;
	if (item->depth == 2 && !strcmp(item->path[0], "registrar"))
		return &e->registrar;
	if (item->depth == 3 && !strcmp(item->path[0], "actor"))
		return &find_or_add(e, item->path[1])->addrs;
	return NULL;
}

static int take_value(struct grove_endpoints *e, const struct grove_toml *toml,
		      const struct grove_toml_item *item, struct grove_error *err)
{
	_grove_error_ struct grove_error why = GROVE_ERROR_INIT;
	struct grove_addrs *addrs;
	size_t before;

	/* Dotted keys reach an actor without its header. */
	if (item->depth == 3 && !strcmp(item->path[0], "actor") &&
	    grove_uid_check_name(item->path[1], &why) < 0)
		return grove_toml_wrong(toml, item->line, err, "%s", why.text);
	addrs = place_of(e, item);
	if (!addrs)
		return grove_toml_wrong(toml, item->line, err,
					"'%.60s': only bind of a registrar or actor is known",
					item->path[item->depth - 1]);
	if (item->kind == GROVE_TOML_EMPTY)
		return 0;
	if (item->kind != GROVE_TOML_STR)
		return grove_toml_wrong(toml, item->line, err, "an address is a string");
	if (addrs->count == GROVE_ADDRS_MAX)
		return grove_toml_wrong(toml, item->line, err, "more than %zu addresses",
					GROVE_ADDRS_MAX);
	before = addrs->count;
	if (grove_addrs_add_text(addrs, item->text, &why) < 0)
		return grove_toml_wrong(toml, item->line, err, "%s", why.text);
	if (addrs->count == before)
		return grove_toml_wrong(toml, item->line, err, "this address is there twice");
	return 0;
}

int grove_endpoints_parse(struct grove_endpoints **ret, const char *name, const char *text,
			  size_t size, struct grove_error *err)
{
	_grove_endpoints_ struct grove_endpoints *e = grove_alloc(1, sizeof(*e));
	_grove_toml_ struct grove_toml *toml = grove_toml_new(name, text, size);
	struct grove_toml_item item;
	int rc;

	while ((rc = grove_toml_next(toml, &item, err)) > 0) {
		rc = item.kind == GROVE_TOML_TABLE ? take_table(e, toml, &item, err) :
						     take_value(e, toml, &item, err);
		if (rc < 0)
			return rc;
	}
	if (rc < 0)
		return rc;
	*ret = grove_steal(e);
	return 0;
}

int grove_endpoints_load(struct grove_endpoints **ret, const char *path, struct grove_error *err)
{
	_grove_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_grove_buf_ struct grove_buf text = GROVE_BUF_INIT;
	ssize_t n = 1;

	if (fd < 0)
		return grove_error_set(err, -errno, "%s: %m", path);
	/* One byte too many is enough for the reader to see that it is too large. */
	while (n > 0 && grove_buf_size(&text) <= GROVE_TOML_BYTES) {
		n = read(fd, grove_buf_reserve(&text, 4096), 4096);
		if (n < 0)
			return grove_error_set(err, -errno, "%s: %m", path);
		grove_buf_grow(&text, (size_t)n);
	}
	return grove_endpoints_parse(ret, path, grove_buf_data(&text), grove_buf_size(&text), err);
}

const struct grove_addrs *grove_endpoints_find(const struct grove_endpoints *e, const char *name)
{
	const struct row *row = find(e, name);

	return row ? &row->addrs : NULL;
}

const struct grove_addrs *grove_endpoints_registrar(const struct grove_endpoints *e)
{
	return &e->registrar;
}

const char *grove_endpoints_name(const struct grove_endpoints *e, size_t i)
{
	return i < e->count ? e->rows[i].name : NULL;
}
