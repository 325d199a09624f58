#include "posture/score.h"

/* a / b, rounded half up; a >= 0, b > 0 */
static int64_t
divide(int64_t a, int64_t b)
{
    return (2 * a + b) / (2 * b);
}

/* 'current' in hundredths of 'max' whole points */
static int64_t
percentage_of(int64_t current, int64_t max)
{
    return max == 0 ? 0 : divide(current * 100, max);
}

struct score
score_of_control(int64_t healthy, int64_t unhealthy, int64_t max)
{
    int64_t n = healthy + unhealthy;
    struct score s = {0};

    if (n == 0)
        return s;
    s.max = max;
    s.current = divide(max * 100 * healthy, n);
    s.percentage = percentage_of(s.current, max);
    s.weight = n;
    return s;
}

void
score_add(struct score *sum, struct score control)
{
    sum->max += control.max;
    sum->current += control.current;
    sum->percentage = percentage_of(sum->current, sum->max);
}

int64_t
score_of_several(const struct score_part *parts, size_t count)
{
    int64_t sum = 0, weight = 0;

    for (size_t i = 0; i < count; i++) {
        sum += parts[i].percentage * parts[i].weight;
        weight += parts[i].weight;
    }
    return weight == 0 ? 0 : divide(sum, weight);
}

bool
score_moved(const struct score *sent, const struct score *now, int64_t threshold,
            bool by_percentage)
{
    if (sent == NULL)
        return true;
    int64_t step =
        by_percentage ? now->percentage - sent->percentage : now->current - sent->current;

    return (step < 0 ? -step : step) >= threshold;
}

double
score_points(int64_t hundredths)
{
    return (double)hundredths / 100;
}

double
score_share(int64_t ten_thousandths)
{
    return (double)ten_thousandths / 10000;
}
