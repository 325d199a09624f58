/* management_groups_test.c - the tree above the subscriptions: the root, moves, what is refused, and that
 * tenants do not see each other's. */
#include "base/test.h"
#include "control/management_groups.h"
#include "control/store.h"
#include <unistd.h>

#define A "aaaaaaaa-1111-4222-8333-444444444444"
#define B "bbbbbbbb-1111-4222-8333-444444444444"
#define S "cccccccc-1111-4222-8333-444444444444"
#define T "dddddddd-1111-4222-8333-444444444444"

static struct store *store;
static char folder[] = "/tmp/penstock-groups-XXXXXX";
static char seen[4000];
static struct err err;

static enum status
put(const char *tenant, const char *name, const char *parent, const char *display)
{
    struct management_group x = {
        .name = name, .parent = parent, .display_name = display, .modified = 7};

    err = (struct err){""};
    return management_group_put(store, tenant, &x, NULL, &err);
}

static bool
group_note(void *app, const struct management_group *x)
{
    size_t n = strlen(seen);

    (void)app;
    snprintf(seen + n, sizeof seen - n, "%s(%s)<%s(%s) ", x->name, x->display_name, x->parent,
             x->parent_display_name);
    return true;
}

static const char *
show(const char *tenant, const char *name)
{
    seen[0] = '\0';
    return management_group_find(store, tenant, name, group_note, NULL, NULL) == ST_OK ? seen : "-";
}

static const char *
children(const char *tenant, const char *name)
{
    seen[0] = '\0';
    CHECK(management_group_children(store, tenant, name, group_note, NULL, NULL) == ST_OK, "list");
    return seen;
}

static bool
subscription_note(void *app, const struct subscription *x)
{
    size_t n = strlen(seen);

    (void)app;
    snprintf(seen + n, sizeof seen - n, "%.4s ", x->id);
    return true;
}

static const char *
members(const char *tenant, const char *name, bool below)
{
    seen[0] = '\0';
    CHECK(management_group_subscriptions(store, tenant, name, below, "", subscription_note, NULL,
                                         NULL) == ST_OK,
          "subscriptions");
    return seen;
}

static enum status
join(const char *tenant, const char *name, const char *subscription)
{
    bool has_group;

    return management_group_join(store, tenant, name, subscription, &has_group, NULL);
}

#define IS(GOT, WANT)                                                                              \
    do {                                                                                           \
        const char *got_ = GOT;                                                                    \
        CHECK(strcmp(got_, WANT) == 0, "'%s' and not '%s'", got_, WANT);                           \
    } while (0)

static void
set_up(void)
{
    static const char *const owners[][2] = {
        {A, A},
        {S, A},
        {T, A},
        {B, B}
    };

    for (int i = 0; i < 2; i++) {
        struct store_tenant t = {.id = i ? B : A, .name = "t", .is_active = true};

        CHECK(store_tenant_set(store, &t, NULL, NULL) == ST_OK, "tenant");
    }
    for (size_t i = 0; i < COUNT_OF(owners); i++) {
        struct subscription x = {.id = owners[i][0],
                                 .tenant = owners[i][1],
                                 .name = "n",
                                 .origin = SUBSCRIPTION_REGISTERED};

        CHECK(subscription_set(store, &x, NULL, NULL) == ST_OK, "subscription");
    }
}

static void
check_names(void)
{
    static const struct {
        const char *name;
        bool is_one;
    } names[] = {
        {"mg-1_(x).y", true },
        {A,            true },
        {"0",          true },
        {"",           false},
        {"-a",         false},
        {".a",         false},
        {"(a",         false},
        {"a.",         false},
        {"a b",        false},
        {"a'b",        false},
        {"\xc3\xa4",   false},
    };
    char name[92];

    for (size_t i = 0; i < COUNT_OF(names); i++)
        CHECK(management_group_name_is(names[i].name) == names[i].is_one, "'%s'", names[i].name);
    memset(name, 'x', 91);
    name[91] = '\0';
    CHECK(!management_group_name_is(name) && put(A, name, NULL, NULL) == ST_INVALID, "91 bytes");
    name[90] = '\0';
    CHECK(management_group_name_is(name), "90 bytes");
}

static void
check_tree(void)
{
    IS(show(A, A), A "(Tenant Root Group)<() ");
    CHECK(put(A, "Corp", NULL, NULL) == ST_OK, "%s", err.text);
    IS(show(A, "cORP"), "Corp(Corp)<" A "(Tenant Root Group) ");
    CHECK(put(A, "l2", "CORP", "Second") == ST_OK, "%s", err.text);
    CHECK(put(A, "CORP", NULL, "All") == ST_OK, "%s", err.text);
    IS(show(A, "l2"), "l2(Second)<Corp(All) ");
    CHECK(put(A, "l2", NULL, NULL) == ST_OK, "%s", err.text);
    IS(show(A, "l2"), "l2(Second)<Corp(All) ");
    IS(show(B, "l2"), "-");
    IS(show(B, A), "-");
    CHECK(put(B, "l3", "l2", NULL) == ST_INVALID && put(B, "l3", A, NULL) == ST_INVALID,
          "a parent of another tenant");
    CHECK(put(B, "l2", NULL, "theirs") == ST_OK, "the same name there");
    CHECK(put(A, "corp", "l2", NULL) == ST_INVALID && strstr(err.text, "below itself") != NULL,
          "a cycle: %s", err.text);
    CHECK(put(A, "corp", "corp", NULL) == ST_INVALID, "its own parent");
    CHECK(put(A, A, "corp", NULL) == ST_INVALID, "the root moved");
    for (int i = 3; i <= 7; i++) {
        char name[8], parent[8];

        snprintf(name, sizeof name, "l%d", i);
        snprintf(parent, sizeof parent, "l%d", i - 1);
        CHECK((put(A, name, parent, NULL) == ST_OK) == (i < 7), "%s: %s", name, err.text);
    }
    CHECK(put(A, "other", NULL, NULL) == ST_OK && put(A, "corp", "other", NULL) == ST_INVALID &&
              strstr(err.text, "7 levels") != NULL,
          "moved with all that is below it: %s", err.text);
    CHECK(put(A, "l5", "other", NULL) == ST_OK && put(A, "corp", "other", NULL) == ST_OK, "%s",
          err.text);
    IS(children(A, A), "other(other)<" A "(Tenant Root Group) ");
    IS(children(A, "OTHER"), "Corp(All)<other(other) l5(l5)<other(other) ");
    IS(children(B, "other"), "");
    CHECK(put(A, A, NULL, "Ours") == ST_OK, "%s", err.text);
    IS(children(A, A), "other(other)<" A "(Ours) ");
    CHECK(management_group_delete(store, A, A, NULL) == ST_INVALID &&
              management_group_delete(store, A, "other", NULL) == ST_INVALID &&
              management_group_delete(store, A, "none", NULL) == ST_END &&
              management_group_delete(store, B, "l6", NULL) == ST_END,
          "not deleted");
    CHECK(management_group_delete(store, A, "L6", NULL) == ST_OK, "deleted");
    IS(show(A, "l6"), "-");
    seen[0] = '\0';
    CHECK(management_groups(store, A, "l2", group_note, NULL, NULL) == ST_OK, "page");
    IS(seen, "l3(l3)<l2(Second) l4(l4)<l3(l3) l5(l5)<other(other) other(other)<" A "(Ours) ");
}

static void
check_members(void)
{
    bool has_group = true;

    IS(members(A, A, false), "aaaa cccc dddd ");
    CHECK(join(A, "L4", "CCCCCCCC-1111-4222-8333-444444444444") == ST_OK, "join");
    CHECK(join(A, "corp", T) == ST_OK, "join");
    IS(members(A, A, false), "aaaa ");
    IS(members(A, A, true), "aaaa cccc dddd ");
    IS(members(A, "corp", false), "dddd ");
    IS(members(A, "corp", true), "cccc dddd ");
    IS(members(A, "l5", true), "");
    IS(members(B, "l2", true), "");
    CHECK(management_group_join(store, A, "none", S, &has_group, NULL) == ST_END && !has_group,
          "no such group");
    CHECK(management_group_join(store, A, "corp", B, &has_group, NULL) == ST_END && has_group,
          "another tenant's subscription");
    CHECK(join(B, "l2", S) == ST_END, "nor from there");
    CHECK(management_group_delete(store, A, "l4", NULL) == ST_INVALID, "it has a subscription");
    CHECK(subscription_remove(store, A, S, NULL) == ST_OK &&
              management_group_delete(store, A, "l4", NULL) == ST_OK,
          "a subscription that is gone is in no group");
    CHECK(join(A, A, T) == ST_OK, "out of its group");
    IS(members(A, A, false), "aaaa dddd ");
    IS(members(A, "corp", true), "");
}

int
main(void)
{
    char path[200];

    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(path, sizeof path, "%s/store.db", folder);
    CHECK(store_open(path, &store, &err) == ST_OK, "%s", err.text);
    if (store == NULL)
        return test_end();
    set_up();
    check_names();
    check_tree();
    check_members();
    store_close(store);
    unlink(path);
    rmdir(folder);
    return test_end();
}
