/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * version - which program this is
 *
 * core/version.c is made at build time from core/version.c.in: the commit is looked up at each build.
 */

/* "0.1.0" */
extern const char version_number[];
/* "1a2b3c4", "1a2b3c4-dirty", or "unknown" outside of git. */
extern const char version_commit[];
/* "release, gcc 12.2.0", with the sanitizers if any. */
extern const char version_build[];
