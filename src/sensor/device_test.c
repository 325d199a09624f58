/* device_test.c - where the machine's id may stand; the other facts are live's to try
 * (script/sensor-live). */
#include "base/test.h"
#include "sensor/device.h"
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"

static const struct {
    const char *name, *etc, *dbus, *file; /* NULL: there is none */
    enum status st;
    const char *same_as; /* the machine id that counts */
} cases[] = {
    {"the system's",             ID "\n",           NULL,       NULL,     ST_OK, ID   },
    {"no line end",              ID,                NULL,       NULL,     ST_OK, ID   },
    {"D-Bus's",                  NULL,              ID "\n",    NULL,     ST_OK, ID   },
    {"a file",                   NULL,              NULL,       ID "\n",  ST_OK, ID   },
    {"the system's counts more", ID "\n",           OTHER "\n", OTHER,    ST_OK, ID   },
    {"D-Bus's before the file",  "\n",              OTHER "\n", ID,       ST_OK, OTHER},
    {"not yet made",             "uninitialized\n", NULL,       OTHER,    ST_OK, OTHER},
    {"none",                     NULL,              NULL,       NULL,     ST_IO, NULL },
    {"all too short",            "a\n",             "b\n",      "0123\n", ST_IO, NULL },
};

static void
put(const char *folder, const char *name, const char *text)
{
    char path[200];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
    if (text == NULL)
        return;
    FILE *f = fopen(path, "w");

    CHECK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0, "%s", path);
}

static void
id_of(const char *root, const char *etc, struct device *d)
{
    struct err err = {""};

    put(root, "etc/machine-id", etc);
    put(root, "var/lib/dbus/machine-id", NULL);
    CHECK(device_read(root, &(struct device_given){0}, d, &err) == ST_OK, "%s", err.text);
}

int
main(void)
{
    char root[] = "/tmp/device_test.XXXXXX", path[200];
    static const char *const folders[] = {"etc", "var", "var/lib", "var/lib/dbus"};
    struct device d, expected;

    CHECK(mkdtemp(root) != NULL, "a folder");
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        snprintf(path, sizeof path, "%s/%s", root, folders[i]);
        CHECK(mkdir(path, 0700) == 0, "%s", path);
    }
    snprintf(path, sizeof path, "%s/given", root);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {""};

        if (cases[i].same_as != NULL)
            id_of(root, cases[i].same_as, &expected);
        put(root, "etc/machine-id", cases[i].etc);
        put(root, "var/lib/dbus/machine-id", cases[i].dbus);
        put(root, "given", cases[i].file);
        enum status st =
            device_read(root, &(struct device_given){"host.example", "t", path}, &d, &err);

        CHECK(st == cases[i].st, "%s: %d, %s", cases[i].name, st, err.text);
        if (cases[i].same_as == NULL) {
            CHECK(strstr(err.text, "--machine-id-file") != NULL, "%s: %s", cases[i].name, err.text);
            continue;
        }
        CHECK(strcmp(d.id, expected.id) == 0, "%s: %s", cases[i].name, d.id);
        CHECK(strlen(d.id) == 40 && strstr(d.id, cases[i].same_as) == NULL, "%s: %s", cases[i].name,
              d.id);
        CHECK(strcmp(d.name, "host.example") == 0 && strcmp(d.tag, "t") == 0, "%s", cases[i].name);
    }
    id_of(root, ID, &expected);
    id_of(root, OTHER, &d);
    CHECK(strcmp(d.id, expected.id) != 0, "two machines");
    put(root, "given", NULL);
    put(root, "etc/machine-id", NULL);
    for (size_t i = COUNT_OF(folders); i-- > 0;) {
        snprintf(path, sizeof path, "%s/%s", root, folders[i]);
        rmdir(path);
    }
    rmdir(root);
    return test_end();
}
