/* SPDX-License-Identifier: Apache-2.0 */
#include "core/env.h"

#include <errno.h>
#include <stdio.h>

#include "core/env_real.h"

static const char *
reason_in_words(int fault)
{
    switch (fault) {
    case -EPERM:
    case -EACCES:
        return "io_uring is not permitted here (seccomp or sysctl kernel.io_uring_disabled)";
    case -ENOSYS:
        return "this kernel has no io_uring";
    case -ENOMEM:
        return "io_uring may not lock enough memory here (raise RLIMIT_MEMLOCK)";
    case -EINVAL:
    case -EOPNOTSUPP:
        return "this kernel's io_uring is too old";
    case -EMFILE:
    case -ENFILE:
        return "io_uring found no free file descriptor";
    }
    return "io_uring did not pass its self-test";
}

int
env_open(enum env_backend backend, struct disk *disk, struct env **out_env, char *out_reason)
{
    int r;

    if (out_reason != NULL) {
        out_reason[0] = '\0';
    }
    switch (backend) {
    case ENV_URING:
        r = env_uring_open(disk, out_env);
        return r != 0 ? fault_up(r) : 0;
    case ENV_EPOLL:
        r = env_epoll_open(disk, out_env);
        return r != 0 ? fault_up(r) : 0;
    case ENV_AUTO:
        break;
    case ENV_SIMULATED:
        return fault_new(-EINVAL); /* env_sim_create() */
    }

    r = env_uring_open(disk, out_env);
    if (r == 0) {
        return 0;
    }
    if (out_reason != NULL) {
        (void)snprintf(out_reason, 128, "%s", reason_in_words(r));
    }
    r = env_epoll_open(disk, out_env);
    return r != 0 ? fault_up(r) : 0;
}
