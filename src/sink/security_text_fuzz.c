/* security_text_fuzz.c - any bytes as a record: the message fits its room, CEF and LEEF are one line with
 * their headers whole, and the framing's number is the message's length. */
#include "sink/security_play.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct security_record record;
    const struct lane *lane;
    size_t message_max;
    char *row, *room;

    if (size < 2)
        return -1;
    lane = &play_lanes[data[0] % COUNT_OF(play_lanes)];
    message_max = data[1] < 128 ? 65536 : (size_t)data[1] * 4;
    row = malloc(size - 2 + 1); /* of its own: a byte read beyond it is seen */
    memcpy(row, data + 2, size - 2);
    room = malloc(message_max + SYSLOG_FRAME_SIZE_MAX);
    for (int format = SYSLOG_JSON; format <= SYSLOG_LEEF; format++) {
        struct syslog_style style = {
            .format = (enum syslog_format)format, .hostname = "h", .app_name = "a"};
        struct text out = {.p = room, .room = message_max + SYSLOG_FRAME_SIZE_MAX};

        security_record_read(&record, lane, (struct span){row, size - 2}, "id");
        if (!syslog_message_put(&style, &record, message_max, &out)) {
            assert(out.n == 0);
            continue;
        }
        size_t counted = out.n;

        style.ends_in_newline = true;
        out.n = 0;
        assert(syslog_message_put(&style, &record, message_max, &out));
        assert(out.n <= counted && memchr(room, '\n', out.n) == room + out.n - 1);
        style.ends_in_newline = false;
        out.n = 0;
        assert(syslog_message_put(&style, &record, message_max, &out) && out.n == counted);
        char *end;
        size_t n = strtoul(room, &end, 10);

        assert(*end == ' ' && out.n == n + (size_t)(end + 1 - room) && n <= message_max);
        const char *at = memmem(room, out.n, "] ", 2);

        assert(at != NULL);
        if (format == SYSLOG_JSON) {
            assert((size_t)(room + out.n - at) == size - 2 + 2 &&
                   memcmp(at + 2, row, size - 2) == 0);
            continue;
        }
        assert(memcmp(at + 2, format == SYSLOG_CEF ? "CEF:0|" : "LEEF:2.0|", 6) == 0);
        for (const char *c = room; c < room + out.n; c++)
            assert(*c != '\n' && *c != '\r' && *c != '\0');
    }
    free(room);
    free(row);
    return 0;
}
