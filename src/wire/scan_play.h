/* scan_play.h - for scan_test.c and scan_fuzz.c only: plays a text to a scanner as a caller would,
 * in buffers of chosen sizes that end where readable memory ends, and writes all that comes back as
 * text, so that runs can be compared. */
#pragma once
#include "wire/scan.h"
#include <stdlib.h>

struct play {
    struct span text;
    enum scan_shape shape;
    struct scan_limits limits;
    size_t first, step; /* bytes in the first buffer; bytes added to each further one; 0: all */
    unsigned shift;     /* alignment of the buffer */
    char padding;       /* what stands behind the text */
    bool skip;          /* go on behind faults that can be skipped */
    bool brief;         /* records and faults only, without values and texts */
};

struct play_log {
    char *text;
    size_t size, capacity;
};

static struct play_log *play_stream;

PRINTF_LIKE(1, 2)
static inline void
play_print(const char *format, ...)
{
    struct play_log *log = play_stream;
    va_list args;
    int n;

    if (log->capacity - log->size < 400) {
        log->capacity = log->capacity * 2 + 4096;
        log->text = realloc(log->text, log->capacity);
    }
    va_start(args, format);
    n = vsnprintf(log->text + log->size, log->capacity - log->size, format, args);
    va_end(args);
    log->size += (size_t)n < log->capacity - log->size ? (size_t)n : log->capacity - log->size - 1;
}

static inline const char *
play_fault_name(enum scan_fault_code code)
{
    static const char *const names[] = {"SYNTAX", "UTF8",   "STRING",     "NUMBER",   "DEPTH",
                                        "SIZE",   "VALUES", "NOT_OBJECT", "TRUNCATED"};

    return names[code];
}

/* kind letter, depth dots, key^ if escaped, = value~ if escaped. 20 bytes of key and value. */
static inline void
play_value(const char *record, const struct scan_value *v)
{
    play_print(" %c%.*s%.*s%s=", "sno[tf0"[v->kind], v -> depth - 1, ".",
               v->key_size < 20 ? v->key_size : 20, record + v->key_at, v->key_escaped ? "^" : "");
    play_print("%.*s%s", v->value_size < 20 ? (int)v->value_size : 20, record + v->value_at,
               v->value_escaped ? "~" : "");
    if (v->key_size > 20 || v->value_size > 20)
        play_print("(%u %u)", v->key_size, v->value_size);
}

/* The buffer is 'size' bytes of the text from 'at' on, and SCAN_PADDING more. */
static inline char *
play_buffer(const struct play *play, size_t at, size_t size, char **memory)
{
    *memory = malloc(play->shift + size + SCAN_PADDING);
    memcpy(*memory + play->shift, play->text.p + at, size);
    memset(*memory + play->shift + size, play->padding, SCAN_PADDING);
    return *memory + play->shift;
}

/* Gives a malloc'd text. 's' has been through scanner_init. */
static inline char *
play_run(const struct play *play, struct scanner *s)
{
    struct play_log log = {calloc(1, 1), 0, 1};
    size_t base = 0,
           end = play->first != 0 && play->first < play->text.n ? play->first : play->text.n;
    size_t skipped_at, skipped, bad_at, bad_size; /* skips that buffers cut count as one */
    char *memory, *buffer;

    play_stream = &log;
    scanner_reset(s, play->shape, &play->limits);
    buffer = play_buffer(play, 0, end, &memory);
    for (;;) {
        struct scan_record record;
        struct scan_fault fault;
        bool is_last = end == play->text.n;
        enum scan_result result = scan_next(s, buffer, end - base, is_last, &record, &fault);

        if (result == SCAN_RECORD) {
            play_print("R%zu+%zu", base + record.at, record.size);
            for (uint32_t i = 0; !play->brief && i < record.value_count; i++)
                play_value(buffer + record.at, &record.values[i]);
            play_print("\n");
            if (s->consumed != record.at + record.size)
                play_print("consumed %zu\n", base + s->consumed);
        } else if (result == SCAN_MORE) {
            size_t consumed = s->consumed;

            if (is_last || consumed > end - base) {
                play_print("MORE at the end\n");
                break;
            }
            base += consumed;
            end = play->step == 0 || play->text.n - end < play->step ? play->text.n
                                                                     : end + play->step;
            free(memory);
            buffer = play_buffer(play, base, end - base, &memory);
        } else if (result == SCAN_END) {
            play_print("E%zu", base + s->consumed);
            break;
        } else {
            play_print("F%s@%zu", play_fault_name(fault.code), base + fault.at);
            if (!play->brief)
                play_print(" of %zu %d '%s' %s", base + fault.record_at, fault.can_skip,
                           fault.column, fault.text);
            if (!play->skip || !fault.can_skip)
                break;
            play_print("\n");
            skipped_at = base + fault.record_at;
            skipped = 0;
            for (;;) {
                result = scan_skip(s, buffer, end - base, is_last, &fault, &bad_at, &bad_size);
                if (base + bad_at != skipped_at + skipped)
                    play_print("skip at %zu\n", base + bad_at);
                skipped += bad_size;
                if (result != SCAN_MORE || is_last)
                    break;
                base += s->consumed;
                end = play->step == 0 || play->text.n - end < play->step ? play->text.n
                                                                         : end + play->step;
                is_last = end == play->text.n;
                free(memory);
                buffer = play_buffer(play, base, end - base, &memory);
            }
            play_print("S%zu+%zu\n", skipped_at, skipped);
            if (result != SCAN_RECORD) {
                play_print("skip says %d", result);
                break;
            }
        }
    }
    free(memory);
    return log.text;
}
