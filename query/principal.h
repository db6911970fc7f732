/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * principal - who asks, and what they may do
 *
 * Made by net from the credentials of a request, and carried by everything that is done for it. On an open
 * node everybody is the principal of principal_open(), who may do everything.
 *
 * Threads  A value; texts are borrowed for the life of the request.
 */

#include "core/base.h"

struct principal {
    bool may_write;      /* ingest, for `tenant_id` or any */
    bool may_read;       /* the tenants below, or any */
    bool may_administer; /* mutations */
    bool is_any_tenant;
    struct text tenant_id;      /* of a write key */
    const struct text *tenants; /* of a read token */
    uint32_t tenant_count;
};

static inline struct principal
principal_open(void)
{
    return (struct principal){
        .may_write = true, .may_read = true, .may_administer = true, .is_any_tenant = true};
}

static inline bool
principal_may_read(const struct principal *principal, struct text tenant_id)
{
    if (!principal->may_read || principal->is_any_tenant) {
        return principal->may_read;
    }
    for (uint32_t i = 0; i < principal->tenant_count; i++) {
        if (text_equal(principal->tenants[i], tenant_id)) {
            return true;
        }
    }
    return false;
}
