/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/files.h"

#include <stdlib.h>

void model_files_free(struct model_files *x)
{
	free(x);
}
