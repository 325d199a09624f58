/* settings_fuzz.c - no body crashes the reading of a setting, and what is taken is written as JSON
 * that is taken again, to the same text. */
#include "control/config.h"
#include "control/kinds_for_tests.h"
#include "control/settings.h"
#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config *config;
    struct setting x, again;
    struct err err = {""};
    char code[48];
    size_t n, m;

    if (config == NULL &&
        config_read_text(span_of("resources:\n  - {id: " STORAGE_ID ", settings: {key: k}}\n"), "t",
                         "/data", &test_kinds, &config, &err) != ST_OK)
        abort();
    struct control c = {.config = config, .catalog = &catalog_builtin, .kinds = &test_kinds};

    if (setting_read(&c, TENANT_A, "one", (struct span){(const char *)data, size}, false, &x, code,
                     &err) != ST_OK) {
        assert(code[0] != '\0' && err.text[0] != '\0');
        return 0;
    }
    char *text = setting_write(&c, &x, false, &n), *twice;

    if (setting_read(&c, TENANT_A, "one", (struct span){text, n}, true, &again, code, &err) !=
        ST_OK)
        abort();
    twice = setting_write(&c, &again, false, &m);
    assert(n == m && memcmp(text, twice, n) == 0);
    free(twice);
    free(text);
    setting_free(&again);
    setting_free(&x);
    return 0;
}
