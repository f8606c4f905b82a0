/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_endpoints.c - the table of endpoints, and the reader of TOML below it.
 *
 * Input: the text of a file.
 */
#include "runtime/wire/endpoints.h"
#include "runtime/wire/toml.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_endpoints_ struct grove_endpoints *e = NULL;
	_grove_toml_ struct grove_toml *toml = grove_toml_new("t", (const char *)data, size);
	struct grove_toml_item item;
	unsigned int line = 1;
	int rc;

	while ((rc = grove_toml_next(toml, &item, &err)) > 0) {
		if (!item.depth || item.depth > GROVE_TOML_DEPTH || item.line < line)
			abort();
		line = item.line;
	}
	if (rc < 0 && (!err.text[0] || strchr(err.text, '\n')))
		abort();
	/* What is no TOML is no table either. */
	if (grove_endpoints_parse(&e, "t", (const char *)data, size, &err) == 0 && rc < 0)
		abort();
	return 0;
}
