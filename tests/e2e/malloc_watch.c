/* SPDX-License-Identifier: Apache-2.0 */

/*
 * malloc_watch - who asks for memory: LD_PRELOADed into a node by no_malloc.test.py
 *
 * Every call of malloc and its like from the program itself (not from a library) is counted by where it returns to.
 * SIGUSR1 forgets what was counted so far; SIGUSR2 writes the rest to the file that MALLOC_WATCH names: a line for each
 * place, "OFFSET COUNT", and then "end". Counting is by atomic operations in a fixed table, so it asks for nothing.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLACE_COUNT 4096u

struct place {
    _Atomic uintptr_t offset; /* 0: free */
    _Atomic uint64_t count;
};

static struct place places[PLACE_COUNT];
static uintptr_t program_begin; /* of its code */
static uintptr_t program_end;
static uintptr_t program_base;

static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static void *(*next_aligned_alloc)(size_t, size_t);
static int (*next_posix_memalign)(void **, size_t, size_t);

/* dlsym() asks for some itself. */
static char early[4096];
static size_t early_used;

static void *
take_early(size_t bytes)
{
    void *taken = early + early_used;

    early_used += (bytes + 15) / 16 * 16;
    return early_used <= sizeof(early) ? taken : NULL;
}

static void
find_next(void)
{
    static int is_finding;

    if (is_finding) {
        return;
    }
    is_finding = 1;
    *(void **)&next_calloc = dlsym(RTLD_NEXT, "calloc");
    *(void **)&next_realloc = dlsym(RTLD_NEXT, "realloc");
    *(void **)&next_aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc");
    *(void **)&next_posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
    *(void **)&next_malloc = dlsym(RTLD_NEXT, "malloc");
}

static void
count(void *returns_to)
{
    uintptr_t at = (uintptr_t)returns_to;
    uintptr_t offset = at - program_base;

    if (at < program_begin || at >= program_end) {
        return;
    }
    for (uint32_t i = (uint32_t)(offset * 2654435761u) % PLACE_COUNT, tries = 0; tries < PLACE_COUNT;
         i = (i + 1) % PLACE_COUNT, tries++) {
        uintptr_t found = 0;

        if (atomic_compare_exchange_strong(&places[i].offset, &found, offset) || found == offset) {
            atomic_fetch_add(&places[i].count, 1);
            return;
        }
    }
}

void *
malloc(size_t bytes)
{
    if (next_malloc == NULL) {
        find_next();
        if (next_malloc == NULL) {
            return take_early(bytes);
        }
    }
    count(__builtin_return_address(0));
    return next_malloc(bytes);
}

void *
calloc(size_t number, size_t bytes)
{
    if (next_calloc == NULL) {
        find_next();
        if (next_calloc == NULL) {
            return take_early(number * bytes);
        }
    }
    count(__builtin_return_address(0));
    return next_calloc(number, bytes);
}

void *
realloc(void *memory, size_t bytes)
{
    if (next_realloc == NULL) {
        find_next();
    }
    count(__builtin_return_address(0));
    return next_realloc(memory, bytes);
}

void *
aligned_alloc(size_t alignment, size_t bytes)
{
    if (next_aligned_alloc == NULL) {
        find_next();
    }
    count(__builtin_return_address(0));
    return next_aligned_alloc(alignment, bytes);
}

int
posix_memalign(void **out_memory, size_t alignment, size_t bytes)
{
    if (next_posix_memalign == NULL) {
        find_next();
    }
    count(__builtin_return_address(0));
    return next_posix_memalign(out_memory, alignment, bytes);
}

static void
forget(int signal_number)
{
    (void)signal_number;
    for (uint32_t i = 0; i < PLACE_COUNT; i++) {
        atomic_store(&places[i].count, 0);
    }
}

static void
tell(int signal_number)
{
    int fd = open(getenv("MALLOC_WATCH"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    char line[64];

    (void)signal_number;
    for (uint32_t i = 0; i < PLACE_COUNT; i++) {
        uint64_t times = atomic_load(&places[i].count);

        if (times > 0) {
            int bytes = snprintf(line, sizeof(line), "%#lx %lu\n", (unsigned long)places[i].offset, times);
            (void)!write(fd, line, (size_t)bytes);
        }
    }
    (void)!write(fd, "end\n", 4);
    close(fd);
}

static int
note_program(struct dl_phdr_info *info, size_t bytes, void *context)
{
    (void)bytes;
    (void)context;
    program_base = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];

        if (header->p_type == PT_LOAD && (header->p_flags & PF_X) != 0) {
            program_begin = program_base + header->p_vaddr;
            program_end = program_begin + header->p_memsz;
        }
    }
    return 1; /* the program is the first */
}

__attribute__((constructor)) static void
begin(void)
{
    find_next();
    dl_iterate_phdr(note_program, NULL);
    signal(SIGUSR1, forget);
    signal(SIGUSR2, tell);
}
