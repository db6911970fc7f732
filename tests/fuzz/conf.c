/* SPDX-License-Identifier: Apache-2.0 */
#include "core/conf.h"

#include "net/settings.h"
#include "tests/fuzz/fuzz.h"

/* A configuration file of anybody: taken, or refused with a sentence. What was taken is printed, and taken again. */
FUZZ(data, bytes)
{
    struct settings settings;
    const struct text yaml = fuzz_copy(data, bytes, 0);

    settings_open(&settings);
    if (conf_read(&settings.conf, "f", yaml) != 0 || settings_check(&settings) != 0) {
        REQUIRE(settings.conf.problem[0] != '\0');
    } else {
        char *printed = NULL;
        size_t printed_bytes = 0;
        FILE *out = open_memstream(&printed, &printed_bytes);
        struct settings again;

        REQUIRE(out != NULL);
        conf_print(&settings.conf, out);
        (void)fclose(out);
        settings_open(&again);
        REQUIRE(conf_read(&again.conf, "g",
                          (struct text){.data = printed, .bytes = (uint32_t)printed_bytes}) == 0);
        settings_close(&again);
        free(printed);
    }
    settings_close(&settings);
    fuzz_free(yaml);
    return 0;
}
