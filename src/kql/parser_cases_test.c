/* parser_cases_test.c - the conformance cases' queries parse, where the shared folder is present
 * (../shared, or PENSTOCK_SHARED). What must be refused is refused for its meaning, not its
 * letters, in all but few cases, so those only must not make the parser fall over. */
#include "base/test.h"
#include "kql/syntax.h"
#include "wire/json.h"
#include <dirent.h>

static struct pool pool;
static jmp_buf escape;
static char line[4 * 1024 * 1024];

static void
check_case(const json_t *item)
{
    const json_t *query = json_object_get(item, "query");
    const char *id = json_string_value(json_object_get(item, "id"));
    bool is_refused = json_object_get(item, "expect") != NULL;
    struct kql_diagnostics d;
    struct span text = {json_string_value(query), json_string_length(query)};

    pool_reset(&pool);
    kql_diagnostics_init(&d, &pool, text);
    kql_parse(&pool, text, &d);
    CHECK(is_refused || d.count == 0, "%s: %u:%u %s", id, d.items[0].line, d.items[0].column,
          d.items[0].text);
}

static void
check_file(const char *folder, const char *name)
{
    char path[4300];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "r");
    CHECK(file != NULL, "%s cannot be opened", path);
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        json_t *item = json_loads(line, 0, NULL);

        CHECK(item != NULL, "%s: a line is no JSON", path);
        if (item != NULL)
            check_case(item);
        json_decref(item);
    }
    if (file != NULL)
        fclose(file);
}

int
main(void)
{
    const char *shared = getenv("PENSTOCK_SHARED");
    char folder[4000];
    DIR *entries;

    snprintf(folder, sizeof folder, "%s/kql", shared != NULL ? shared : "../shared");
    entries = opendir(folder);
    if (entries == NULL) {
        printf("skipped: no folder %s\n", folder);
        return test_end();
    }
    pool_init(&pool, (size_t)1 << 30);
    pool.escape = &escape;
    if (setjmp(escape) != 0)
        return 1;
    for (const struct dirent *e = readdir(entries); e != NULL; e = readdir(entries))
        if (strncmp(e->d_name, "cases-", 6) == 0)
            check_file(folder, e->d_name);
    closedir(entries);
    pool_free(&pool);
    return test_end();
}
