/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct snag_error *err, int rc, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return rc;
	errno = -rc;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return rc;
}

int error_at(struct snag_error *err, int rc, const char *fmt, ...)
{
	struct snag_error old;
	size_t len;
	va_list ap;

	if (!err)
		return rc;
	old = *err;
	errno = -rc;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	len = strlen(err->text);
	snprintf(err->text + len, sizeof(err->text) - len, ": %s", old.text);
	return rc;
}
