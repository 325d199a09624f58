/* detection_form.c - the small texts in a rule: durations, periods, placeholders. */
#include "control/detection.h"
#include <ctype.h>

bool
detection_duration_read(struct span text, int64_t *ticks)
{
    static const struct {
        char letter;
        bool is_time;
        int64_t unit;
    } units[] = {
        {'D', false, 24 * 60 * DETECTION_MINUTE},
        {'H', true,  60 * DETECTION_MINUTE     },
        {'M', true,  DETECTION_MINUTE          },
        {'S', true,  DETECTION_MINUTE / 60     },
    };
    size_t at = 1, next = 0;
    bool is_time = false, has_any = false;
    int64_t sum = 0;

    if (text.n < 3 || text.n > 32 || toupper((unsigned char)text.p[0]) != 'P')
        return false;
    while (at < text.n) {
        int64_t number = 0;
        size_t digits = 0;

        if (!is_time && toupper((unsigned char)text.p[at]) == 'T') {
            is_time = true;
            at++;
        }
        for (; at < text.n && isdigit((unsigned char)text.p[at]) && digits < 9; digits++)
            number = number * 10 + (text.p[at++] - '0');
        if (digits == 0 || at == text.n)
            return false;
        for (; next < COUNT_OF(units); next++)
            if (toupper((unsigned char)text.p[at]) == units[next].letter &&
                units[next].is_time == is_time)
                break;
        if (next == COUNT_OF(units) || number > INT64_C(1000000000))
            return false;
        sum += number * units[next++].unit;
        has_any = true;
        at++;
    }
    *ticks = sum;
    return has_any;
}

void
detection_duration_write(int64_t ticks, char out[40])
{
    int64_t seconds = ticks / (DETECTION_MINUTE / 60), days = seconds / 86400;
    int64_t hours = seconds / 3600 % 24, minutes = seconds / 60 % 60;
    size_t n = (size_t)snprintf(out, 40, "P");

    seconds %= 60;
    if (days > 0)
        n += (size_t)snprintf(out + n, 40 - n, "%lldD", (long long)days);
    if (hours + minutes + seconds > 0 || days == 0)
        n += (size_t)snprintf(out + n, 40 - n, "T");
    if (hours > 0)
        n += (size_t)snprintf(out + n, 40 - n, "%lldH", (long long)hours);
    if (minutes > 0)
        n += (size_t)snprintf(out + n, 40 - n, "%lldM", (long long)minutes);
    if (seconds > 0 || days + hours + minutes == 0)
        snprintf(out + n, 40 - n, "%lldS", (long long)seconds);
}

void
detection_period_write(int64_t ticks, char out[16])
{
    int64_t minutes = ticks / DETECTION_MINUTE;

    if (minutes == 0)
        snprintf(out, 16, "0");
    else if (minutes % 60 == 0)
        snprintf(out, 16, "%dH", (int)(minutes / 60 % 1000));
    else
        snprintf(out, 16, "%dM", (int)(minutes % 100000));
}

bool
detection_placeholder(struct span text, size_t *at, size_t *size, struct span *column)
{
    for (size_t i = *at; i + 4 < text.n; i++) {
        const char *end;
        size_t first, last;

        if (text.p[i] != '{' || text.p[i + 1] != '{')
            continue;
        end = memmem(text.p + i + 2, text.n - i - 2, "}}", 2);
        if (end == NULL)
            return false;
        first = i + 2;
        last = (size_t)(end - text.p);
        while (first < last && text.p[first] == ' ')
            first++;
        while (last > first && text.p[last - 1] == ' ')
            last--;
        if (first == last || last - first > DETECTION_COLUMN_MAX ||
            memchr(text.p + first, '{', last - first) != NULL)
            continue;
        *at = i;
        *size = (size_t)(end - text.p) + 2 - i;
        *column = (struct span){text.p + first, last - first};
        return true;
    }
    return false;
}
