/* detection_fuzz.c - no body crashes the reading of a rule; every fault says where and what; and what is taken is shown as a
 * body that is taken again, to the same tree. */
#include "control/detection.h"
#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct control c = {.catalog = &catalog_builtin};
    json_t *body = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    struct detection_faults faults = {.details = NULL}, none = {.details = NULL};
    struct detection x, again;
    struct err err = {""};
    enum status st;

    if (body == NULL)
        return 0;
    st = detection_read(&c, body, false, NULL, &x, &faults, &err);
    assert((st == ST_OK) == (faults.count == 0));
    assert(json_array_size(faults.details) ==
           (faults.count < DETECTION_FAULTS_MAX ? faults.count : DETECTION_FAULTS_MAX));
    if (st == ST_OK) {
        if (detection_read(&c, x.shown, true, NULL, &again, &none, &err) != ST_OK)
            abort();
        assert(json_equal(x.shown, again.shown) && x.period == again.period);
        detection_free(&again);
        json_decref(detection_merge(x.shown, body));
    }
    detection_free(&x);
    detection_faults_free(&faults);
    detection_faults_free(&none);
    json_decref(body);
    return 0;
}
