/* template_fuzz.c - a template, a NUL, a row: whatever is read is rendered, for each variant; and of
 * a row that is JSON it makes JSON. */
#include "sink/template.h"
#include "wire/json.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FLAGS = JSON_DECODE_ANY | JSON_ALLOW_NUL, DEEP = 1500 };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const categories[] = {"Alerts", "Assessments", "SecureScores"};
    static const struct template_value values[] = {
        {"key", "v\"\n"}
    };
    const uint8_t *end = size == 0 ? NULL : memchr(data, '\0', size);
    size_t n = end == NULL ? size : (size_t)(end - data);
    struct span row = end == NULL ? SPAN_LITERAL("{\"a\":{\"b\":[1,\"x\"]},\"Severity\":\"High\"}")
                                  : (struct span){(const char *)end + 1, size - n - 1};
    json_t *tree = json_loadb(row.p, row.n, FLAGS, NULL);
    struct template_work work = {0};
    struct buffer out = {0};
    struct template *t;
    struct err err = {""};
    enum status st =
        template_read((struct span){(const char *)data, n}, "fuzz", values, 1, &t, &err);

    if (st == ST_FULL || (st != ST_OK && err.text[0] == '\0'))
        abort();
    for (size_t i = 0; st == ST_OK && i < COUNT_OF(categories); i++) {
        struct template_event e = {row, "id", categories[i], "tenant"};

        out.n = 0;
        if (template_render(t, &e, &work, &out, &err) != ST_OK)
            continue;
        json_t *made = json_loadb(out.p, out.n, FLAGS, NULL);

        if (made == NULL && tree != NULL && size < DEEP)
            abort();
        json_decref(made);
    }
    if (st == ST_OK)
        template_free(t);
    free(out.p);
    template_work_free(&work);
    json_decref(tree);
    return 0;
}
