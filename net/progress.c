/* SPDX-License-Identifier: Apache-2.0 */
#include "net/progress.h"

#include <inttypes.h>

#include <unistd.h>

#define BAR_COUNT 24u
#define EVERY_TERMINAL_NS (100 * NS_PER_MS)
#define EVERY_NS (5 * NS_PER_S)
#define LEFT_AFTER_NS NS_PER_S /* before that it would be a guess */

void
progress_begin(struct progress *progress, FILE *out, bool is_quiet, struct mono_ns now, double part_began)
{
    *progress = (struct progress){
        .out = out,
        .is_terminal = isatty(fileno(out)) == 1,
        .is_quiet = is_quiet,
        .began = now,
        .said_at = now,
        .part_began = part_began,
    };
}

bool
progress_is_due(const struct progress *progress, struct mono_ns now)
{
    uint64_t every = progress->is_terminal ? EVERY_TERMINAL_NS : EVERY_NS;

    return !progress->is_quiet && now.ns >= progress->said_at.ns + every;
}

/* "3 h 12 min", "12 s" */
static void
duration_text(double seconds, char *to, size_t bytes)
{
    uint64_t whole = seconds < 1e9 ? (uint64_t)seconds : 1000000000u;

    if (whole >= 3600) {
        snprintf(to, bytes, "%" PRIu64 " h %" PRIu64 " min", whole / 3600, whole / 60 % 60);
    } else if (whole >= 60) {
        snprintf(to, bytes, "%" PRIu64 " min %" PRIu64 " s", whole / 60, whole % 60);
    } else {
        snprintf(to, bytes, "%" PRIu64 " s", whole);
    }
}

void
progress_text(const struct progress *progress, struct mono_ns now, double part, const char *what, char *to)
{
    char bar[BAR_COUNT + 1];
    char left[64] = "";
    uint64_t passed_ns = now.ns > progress->began.ns ? now.ns - progress->began.ns : 0;
    double gained = part - progress->part_began;

    if (part < 0) {
        snprintf(to, PROGRESS_TEXT_BYTES, "%s", what);
        return;
    }
    part = part > 1 ? 1 : part;
    for (uint32_t i = 0; i < BAR_COUNT; i++) {
        bar[i] = i < (uint32_t)(part * BAR_COUNT) ? '#' : '.';
    }
    bar[BAR_COUNT] = '\0';
    if (gained > 0 && part < 1 && passed_ns >= LEFT_AFTER_NS) {
        char duration[48];

        duration_text((double)passed_ns / 1e9 * (1 - part) / gained + 0.5, duration, sizeof(duration));
        snprintf(left, sizeof(left), "  %s left", duration);
    }
    snprintf(to, PROGRESS_TEXT_BYTES, "[%s] %3u %%  %s%s", bar, (uint32_t)(part * 100), what, left);
}

void
progress_say(struct progress *progress, struct mono_ns now, double part, const char *what)
{
    char text[PROGRESS_TEXT_BYTES];

    if (!progress_is_due(progress, now)) {
        return;
    }
    progress->said_at = now;
    progress_text(progress, now, part, what, text);
    if (progress->is_terminal) {
        fprintf(progress->out, "\r\x1b[K%s", text);
    } else {
        fprintf(progress->out, "%s\n", text);
    }
    fflush(progress->out);
    progress->has_line = progress->is_terminal;
}

void
progress_break(struct progress *progress)
{
    if (progress->has_line) {
        fputc('\n', progress->out);
        progress->has_line = false;
    }
}

const char *
progress_number(uint64_t number, char to[PROGRESS_NUMBER_BYTES])
{
    char digits[24];
    int count = snprintf(digits, sizeof(digits), "%" PRIu64, number);
    char *at = to;

    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0) {
            *at++ = ',';
        }
        *at++ = digits[i];
    }
    *at = '\0';
    return to;
}
