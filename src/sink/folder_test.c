/* folder_test.c - what only a local storage account does: layout, positions, links, foreign hands,
 * full disks. */
#include "sink/layout.h"
#include "sink/peer.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define DEVICE_NAME "insights-logs-advancedhunting-deviceinfo/" PEER_PATH "PT1H.json"
#define DEVICE_NAME_1 "insights-logs-advancedhunting-deviceinfo/" PEER_PATH "PT1H_1.json"

static char top[256];

static void *
folder_at(const char *path)
{
    struct sink_value value = {"path", path};
    struct err err = {""};
    void *state = NULL;

    if (sink_folder.open(&value, 1, NULL, &state, &err) != ST_OK) {
        printf("open %s: %s\n", path, err.text);
        exit(2);
    }
    return state;
}

static struct parcel
send_at(void *state, const struct lane *lane, const char *name, uint64_t offset, const char *text)
{
    struct parcel p = peer_parcel(lane, text, 1);

    snprintf(p.name, sizeof p.name, "%s", name);
    p.offset = offset;
    sink_folder.send(state, &p, 1);
    return p;
}

static bool
file_is(const char *name, const char *expected)
{
    size_t size;
    char *text = peer_read(top, name, &size);
    bool is_same = size == strlen(expected) && memcmp(text, expected, size) == 0;

    if (!is_same)
        printf("%s: '%.*s'\n", name, (int)size, text);
    free(text);
    return is_same;
}

static void
names(void)
{
    static const struct {
        const char *what, *tenant, *category;
        int64_t hour;
        enum layout_rules rules;
        unsigned index;
        const char *name; /* NULL: ST_INVALID */
    } cases[] = {
        {"the contract's example",          PEER_TENANT,                            "AdvancedHunting-DeviceInfo", PEER_HOUR,
         LAYOUT_FOLDER,                                                                                                                                          0,  DEVICE_NAME},
        {"a second object",                 PEER_TENANT,                            "AdvancedHunting-DeviceInfo", PEER_HOUR,                      LAYOUT_AZURE,  1,
         DEVICE_NAME_1                                                                                                                                                          },
        {"an underscore stays in a folder", PEER_TENANT,                            "My_Table_CL",                PEER_HOUR,                      LAYOUT_FOLDER, 0,
         "insights-logs-my_table_cl/" PEER_PATH "PT1H.json"                                                                                                                     },
        {"and becomes a hyphen in Azure",   PEER_TENANT,                            "My__Table_",                 PEER_HOUR,                      LAYOUT_AZURE,  12,
         "insights-logs-my-table/" PEER_PATH "PT1H_12.json"                                                                                                                     },
        {"Azure's 63 characters",           PEER_TENANT,
         "AdvancedHunting-DeviceTvmSoftwareVulnerabilitiesKnowledge",                                             PEER_HOUR,                      LAYOUT_AZURE,  0,
         NULL                                                                                                                                                                   },
        {"a way out by category",           PEER_TENANT,                            "../../escape",               PEER_HOUR,                      LAYOUT_FOLDER, 0,  NULL       },
        {"a way out by tenant",             "../../../../../../../../../../../etc", "X",                          PEER_HOUR,
         LAYOUT_FOLDER,                                                                                                                                          0,  NULL       },
        {"an upper-case tenant",            "7B1E0C1A-5D2F-4C60-9A44-0C0FFEE0BEEF", "X",                          PEER_HOUR,
         LAYOUT_FOLDER,                                                                                                                                          0,  NULL       },
        {"no category",                     PEER_TENANT,                            "",                           PEER_HOUR,                      LAYOUT_FOLDER, 0,  NULL       },
        {"no hour",                         PEER_TENANT,                            "X",                          0,                              LAYOUT_FOLDER, 0,  NULL       },
        {"half an hour",                    PEER_TENANT,                            "X",                          PEER_HOUR + TICKS_PER_HOUR / 2, LAYOUT_FOLDER, 0,  NULL       },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct lane lane = {.hour = cases[i].hour};
        char name[LAYOUT_NAME_MAX] = "";
        struct err err = {""};

        snprintf(lane.tenant, sizeof lane.tenant, "%s", cases[i].tenant);
        snprintf(lane.category, sizeof lane.category, "%s", cases[i].category);
        enum status st = layout_name(&lane, cases[i].rules, cases[i].index, name, &err);

        CHECK(cases[i].name != NULL ? st == ST_OK && strcmp(name, cases[i].name) == 0
                                    : st == ST_INVALID && err.text[0] != '\0',
              "%s: %d '%s' %s", cases[i].what, st, name, err.text);
        if (cases[i].name != NULL)
            CHECK(layout_check(&lane, cases[i].rules, name, &err) == ST_OK, "%s: %s", cases[i].what,
                  err.text);
    }
}

static void
damaged_names(void)
{
    static const char *const cases[] = {
        "",
        "PT1H.json",
        "/etc/passwd",
        "../" DEVICE_NAME,
        DEVICE_NAME "/",
        "insights-logs-advancedhunting-deviceinfo/../x/" PEER_PATH "PT1H.json",
        "insights-logs-advancedhunting-alertinfo/" PEER_PATH "PT1H.json",
        "insights-logs-advancedhunting-deviceinfo/" PEER_PATH "PT1H_0.json",
        "insights-logs-advancedhunting-deviceinfo/" PEER_PATH "PT1H_01.json",
        "insights-logs-advancedhunting-deviceinfo/" PEER_PATH "PT1H_-1.json",
        "insights-logs-advancedhunting-deviceinfo/" PEER_PATH "PT1H_99999999999999999999.json",
    };
    void *state = folder_at(top);
    struct err err;
    uint64_t length;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct parcel p = send_at(state, &peer_device, cases[i], 0, "{}\n");

        CHECK(p.sent == SENT_REFUSED && p.err.text[0] != '\0', "send '%s': %d", cases[i], p.sent);
        CHECK(sink_folder.length(state, &peer_device, cases[i], &length, &err) == ST_INVALID,
              "length '%s'", cases[i]);
        CHECK(sink_folder.cut(state, &peer_device, cases[i], 0, &err) == ST_INVALID, "cut '%s'",
              cases[i]);
    }
    sink_folder.close(state);
}

static const struct {
    const char *name;
    uint64_t offset;
    const char *bytes;
    bool same;
} held[] = {
    {DEVICE_NAME,   0,  "{1}\r\n",        true },
    {DEVICE_NAME,   5,  "{2}\r\n",        true },
    {DEVICE_NAME,   0,  "{1}\r\n{2}\r\n", true },
    {DEVICE_NAME,   5,  "{1}\r\n",        false},
    {DEVICE_NAME,   5,  "{2}\r\n{",       false},
    {DEVICE_NAME,   10, "{",              false},
    {DEVICE_NAME_1, 0,  "{",              false},
};

static void
positions(void)
{
    void *state = folder_at(top), *second;
    struct err err = {""};
    uint64_t length = 9;
    char name[512] = "";

    CHECK(sink_folder.locate(state, &peer_device, false, name, &length, &err) == ST_OK &&
              length == 0 && strcmp(name, DEVICE_NAME) == 0,
          "locate in nothing: %s %s", name, err.text);
    CHECK(access(top, F_OK) == 0, "locate: the folder");
    CHECK(send_at(state, &peer_device, name, 0, "{1}\r\n").sent == SENT_DONE, "first");
    CHECK(send_at(state, &peer_device, name, 5, "{2}\r\n").sent == SENT_DONE, "second");
    struct parcel p = send_at(state, &peer_device, name, 5, "{2}\r\n");

    CHECK(p.sent == SENT_RETRY && p.is_foreign, "the same again: %d", p.sent);
    p = send_at(state, &peer_device, name, 11, "{3}\r\n");
    CHECK(p.sent == SENT_RETRY && p.is_foreign, "behind the end: %d", p.sent);
    p = send_at(state, &peer_alert,
                "insights-logs-advancedhunting-alertinfo/" PEER_PATH "PT1H.json", 3, "{}\r\n");
    CHECK(p.sent == SENT_RETRY && p.is_foreign, "not there, but should be: %d", p.sent);
    CHECK(file_is(DEVICE_NAME, "{1}\r\n{2}\r\n"), "content");
    CHECK(sink_folder.sync(state, &err) == ST_OK, "sync: %s", err.text);

    second = folder_at(top);
    CHECK(sink_folder.locate(second, &peer_device, false, name, &length, &err) == ST_OK &&
              strcmp(name, DEVICE_NAME_1) == 0 && length == 0,
          "another export gets its own object: %s", name);
    p = send_at(second, &peer_device, DEVICE_NAME, 10, "{x}\r\n");
    CHECK(p.sent == SENT_RETRY && !p.is_foreign && p.is_full, "locked: %d %s", p.sent, p.err.text);
    CHECK(sink_folder.length(second, &peer_device, DEVICE_NAME, &length, &err) == ST_OK &&
              length == 10,
          "the length of a locked one: %llu %s", (unsigned long long)length, err.text);
    for (size_t i = 0; i < COUNT_OF(held); i++) {
        bool same = !held[i].same;

        CHECK(sink_folder.holds(second, &peer_device, held[i].name, held[i].offset,
                                span_of(held[i].bytes), &same, &err) == ST_OK &&
                  same == held[i].same,
              "'%s' at %llu of %s: %d %s", held[i].bytes, (unsigned long long)held[i].offset,
              held[i].name, same, err.text);
    }
    {
        bool same;

        CHECK(sink_folder.holds(second, &peer_device, "../x", 0, span_of("x"), &same, &err) ==
                  ST_INVALID,
              "a look outside");
    }
    sink_folder.close(second);

    sink_folder.close(state);
    state = folder_at(top);
    CHECK(sink_folder.locate(state, &peer_device, false, name, &length, &err) == ST_OK &&
              length == 10 && strcmp(name, DEVICE_NAME) == 0,
          "after a restart: %s %s", name, err.text);
    CHECK(sink_folder.cut(state, &peer_device, name, 5, &err) == ST_OK, "cut: %s", err.text);
    CHECK(sink_folder.cut(state, &peer_device, name, 6, &err) == ST_INVALID, "cut to more");
    CHECK(sink_folder.length(state, &peer_device, name, &length, &err) == ST_OK && length == 5,
          "length after cut");
    CHECK(send_at(state, &peer_device, name, 5, "{4}\r\n").sent == SENT_DONE, "after cut");
    CHECK(file_is(DEVICE_NAME, "{1}\r\n{4}\r\n"), "content after cut");
    CHECK(sink_folder.locate(state, &peer_device, true, name, &length, &err) == ST_OK &&
              length == 0 && strcmp(name, DEVICE_NAME_1) == 0,
          "full: %s", name);
    CHECK(send_at(state, &peer_device, name, 0, "{5}\r\n").sent == SENT_DONE, "in the next");
    CHECK(sink_folder.locate(state, &peer_device, false, name, &length, &err) == ST_OK &&
              length == 5 && strcmp(name, DEVICE_NAME_1) == 0,
          "the newest: %s", name);
    sink_folder.close(state);
    peer_remove(top);
}

static void
foreign_hands(void)
{
    void *state = folder_at(top);
    char path[1024], name[512];
    struct parcel p;
    struct err err;
    uint64_t length;
    FILE *f;

    CHECK(send_at(state, &peer_device, DEVICE_NAME, 0, "{1}\n").sent == SENT_DONE, "first");
    snprintf(path, sizeof path, "%s/%s", top, DEVICE_NAME);
    f = fopen(path, "a");
    fputs("foreign\n", f);
    fclose(f);
    p = send_at(state, &peer_device, DEVICE_NAME, 4, "{2}\n");
    CHECK(p.sent == SENT_RETRY && p.is_foreign, "appended by another: %d", p.sent);
    CHECK(file_is(DEVICE_NAME, "{1}\nforeign\n"), "untouched");

    unlink(path);
    p = send_at(state, &peer_device, DEVICE_NAME, 4, "{2}\n");
    CHECK(p.sent == SENT_RETRY && p.is_foreign && access(path, F_OK) != 0, "removed: %d", p.sent);
    CHECK(sink_folder.locate(state, &peer_device, true, name, &length, &err) == ST_OK &&
              strcmp(name, DEVICE_NAME) == 0 && length == 0,
          "goes on: %s", name);
    CHECK(send_at(state, &peer_device, name, 0, "{2}\n").sent == SENT_DONE, "anew");
    CHECK(file_is(DEVICE_NAME, "{2}\n"), "content anew");
    peer_remove(top);
    p = send_at(state, &peer_device, DEVICE_NAME, 0, "{3}\n");
    CHECK(p.sent == SENT_DONE && file_is(DEVICE_NAME, "{3}\n"), "the whole folder removed: %s",
          p.err.text);
    sink_folder.close(state);
    peer_remove(top);
}

static void
links(void)
{
    static const struct {
        const char *what, *folder, *link;
    } cases[] = {
        {"a container that is a link", ".",                                                   "insights-logs-advancedhunting-deviceinfo"},
        {"a tenant that is a link",    "insights-logs-advancedhunting-deviceinfo",
         "tenantId=" PEER_TENANT                                                                                                        },
        {"an object that is a link",   "insights-logs-advancedhunting-deviceinfo/" PEER_PATH,
         "PT1H.json"                                                                                                                    },
    };
    char outside[256], path[1024];
    struct err err;

    peer_folder(outside);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        snprintf(path, sizeof path, "%s/%s", top, cases[i].folder);
        CHECK(folder_make(path, &err) == ST_OK, "%s", err.text);
        snprintf(path, sizeof path, "%s/%s/%s", top, cases[i].folder, cases[i].link);
        CHECK(symlink(outside, path) == 0, "symlink %s", path);
        void *state = folder_at(top);
        struct parcel p = send_at(state, &peer_device, DEVICE_NAME, 0, "{}\n");

        CHECK(p.sent == SENT_RETRY && !p.is_foreign && strstr(p.err.text, "remove it") != NULL,
              "%s: %d %s", cases[i].what, p.sent, p.err.text);
        CHECK(rmdir(outside) == 0 && mkdir(outside, 0700) == 0, "%s: nothing outside",
              cases[i].what);
        sink_folder.close(state);
        peer_remove(top);
    }
    rmdir(outside);
}

/* A file size limit behaves as a full disk does: a part is taken, then an error. */
static void
full_disk(void)
{
    void *state = folder_at(top);
    struct rlimit before, limit;

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    CHECK(send_at(state, &peer_device, DEVICE_NAME, 0, "{1}\n").sent == SENT_DONE, "first");
    limit = (struct rlimit){6, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    struct parcel p = send_at(state, &peer_device, DEVICE_NAME, 4, "{22222222}\n");

    setrlimit(RLIMIT_FSIZE, &before);
    CHECK(p.sent == SENT_RETRY && !p.is_foreign, "a part fitted: %d", p.sent);
    CHECK(file_is(DEVICE_NAME, "{1}\n"), "cut back");
    CHECK(send_at(state, &peer_device, DEVICE_NAME, 4, "{22222222}\n").sent == SENT_DONE,
          "room again");
    CHECK(file_is(DEVICE_NAME, "{1}\n{22222222}\n"), "content");
    sink_folder.close(state);
    peer_remove(top);
}

static void
roll_over(void)
{
    void *state = folder_at(top);
    struct parcel p = {.sent = SENT_DONE};
    uint64_t offset = 0, length;
    char name[512];
    struct err err;

    for (; offset < LAYOUT_APPENDS_MAX && p.sent == SENT_DONE; offset++)
        p = send_at(state, &peer_device, DEVICE_NAME, offset, "\n");
    CHECK(offset == LAYOUT_APPENDS_MAX && p.sent == SENT_DONE, "%llu appends",
          (unsigned long long)offset);
    p = send_at(state, &peer_device, DEVICE_NAME, offset, "\n");
    CHECK(p.sent == SENT_RETRY && p.is_full && !p.is_foreign, "one more: %d", p.sent);
    CHECK(sink_folder.locate(state, &peer_device, true, name, &length, &err) == ST_OK &&
              strcmp(name, DEVICE_NAME_1) == 0,
          "the next: %s", name);
    CHECK(send_at(state, &peer_device, name, 0, "\n").sent == SENT_DONE, "goes on");
    sink_folder.close(state);
    peer_remove(top);
}

/* More lanes than files kept open: each keeps its place. */
static void
many_lanes(void)
{
    enum { LANES = 600, ROUNDS = 3 };
    void *state = folder_at(top);
    struct err err = {""};
    int bad = 0;

    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < LANES; i++) {
            struct lane lane = peer_device;
            char name[512];
            uint64_t length;

            lane.hour += i * TICKS_PER_HOUR;
            if (sink_folder.locate(state, &lane, false, name, &length, &err) != ST_OK ||
                length != (uint64_t)round * 3 ||
                send_at(state, &lane, name, length, "{}\n").sent != SENT_DONE)
                bad++;
        }
    }
    CHECK(bad == 0, "%d of %d lanes: %s", bad, LANES, err.text);
    CHECK(sink_folder.sync(state, &err) == ST_OK, "sync: %s", err.text);
    sink_folder.close(state);
    peer_remove(top);
}

static void
order_in_a_lane(void)
{
    void *state = folder_at(top);
    struct parcel p[4];

    for (int i = 0; i < 4; i++)
        p[i] = peer_parcel(i == 2 ? &peer_alert : &peer_device, "{}\n", (uint64_t)i);
    for (int i = 0; i < 4; i++)
        snprintf(p[i].name, sizeof p[i].name, "%s",
                 i == 2 ? "insights-logs-advancedhunting-alertinfo/" PEER_PATH "PT1H.json"
                        : DEVICE_NAME);
    p[1].offset = 7; /* wrong */
    p[3].offset = 3; /* would be right, but its turn is after p[1] */
    sink_folder.send(state, p, 4);
    CHECK(p[0].sent == SENT_DONE && p[1].sent == SENT_RETRY && p[2].sent == SENT_DONE &&
              p[3].sent == SENT_RETRY,
          "%d %d %d %d", p[0].sent, p[1].sent, p[2].sent, p[3].sent);
    CHECK(file_is(DEVICE_NAME, "{}\n"), "content");
    sink_folder.close(state);
    peer_remove(top);
}

int
main(void)
{
    peer_folder(top);
    peer_remove(top); /* the sink makes it */
    names();
    damaged_names();
    positions();
    foreign_hands();
    links();
    full_disk();
    roll_over();
    many_lanes();
    order_in_a_lane();
    peer_remove(top);
    return test_end();
}
