/* automation_fuzz.c - no body crashes the reading of an automation; every fault says where and what; and what is taken is
 * shown as a body that is taken again, to the same text. */
#include "control/automation.h"
#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct automation_place place = {
        .tenant = "aaaaaaaa-1111-4222-8333-444444444444",
        .subscription = "aaaaaaaa-1111-4222-8333-444444444444",
        .id = "/subscriptions/aaaaaaaa-1111-4222-8333-444444444444/resourceGroups/rg/providers/"
              "Microsoft.Security/automations/one",
        .group = "rg",
        .name = "one"};
    json_t *body = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    struct automation_faults faults = {.count = 0}, none = {.count = 0};
    struct automation x, again;
    struct event_filter *filter = NULL;
    struct err err = {""};
    enum status st;

    if (!json_is_object(body)) {
        json_decref(body);
        return 0;
    }
    st = automation_read(&place, body, NULL, false, &x, &faults, &err);
    assert((st == ST_OK) == (faults.count == 0));
    assert(faults.count <= AUTOMATION_FAULTS_MAX ? json_array_size(faults.details) == faults.count
                                                 : json_array_size(faults.details) > 0);
    if (st == ST_OK) {
        char *text = json_dumps(x.shown, JSON_COMPACT), *twice;

        if (automation_read(&place, x.shown, NULL, true, &again, &none, &err) != ST_OK)
            abort();
        twice = json_dumps(again.shown, JSON_COMPACT);
        assert(strcmp(text, twice) == 0 && x.action_count == again.action_count);
        for (size_t i = 0; i < x.action_count; i++)
            assert(strcmp(x.actions[i].key, again.actions[i].key) == 0);
        if (automation_filter(&x, &filter, &err) == ST_OK)
            event_filter_free(filter);
        free(text);
        free(twice);
        automation_free(&again);
    }
    automation_free(&x);
    automation_faults_free(&faults);
    automation_faults_free(&none);
    json_decref(body);
    return 0;
}
