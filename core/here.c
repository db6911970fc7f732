/* SPDX-License-Identifier: Apache-2.0 */
#include "core/here.h"

_Thread_local struct shard_id here = {.n = UINT16_MAX};
