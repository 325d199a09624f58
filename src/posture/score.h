/* score.h - the arithmetic of secure scores (continuous-export.md section 2.5): pure, exact, any
 * thread. Points are whole hundredths and percentages whole ten-thousandths, rounded half up at the
 * places that the service rounds at; a double appears only where JSON is written. */
#pragma once
#include "base/base.h"

enum { SCORE_MAX_MAX = 10000 }; /* points of one control */

struct score {
    int64_t max;        /* points */
    int64_t current;    /* hundredths of a point */
    int64_t percentage; /* ten-thousandths, 0 to 10000: of the rounded current */
    int64_t weight;
};

/* 'max': points by definition, 0 to SCORE_MAX_MAX. Resources count once each; those that the control does
 * not apply to never count. Without any healthy or unhealthy one all four are 0. */
struct score score_of_control(int64_t healthy, int64_t unhealthy, int64_t max);

/* Adds a control to the score of a subscription or connector. 'weight' is left alone: it is the number of
 * (resource, recommendation) pairs that were assessed. */
void score_add(struct score *sum, struct score control);

/* Of several subscriptions, weighted: a percentage in ten-thousandths; 0 without weight. Weights are
 * at most 10^12 together. */
struct score_part {
    int64_t percentage, weight;
};
int64_t score_of_several(const struct score_part *parts, size_t count);

/* Whether a control that was sent with 'sent' is to be sent again. Compared with the value sent last and
 * not with the one computed last, so that slow drift adds up. 'threshold': hundredths of a point, or
 * ten-thousandths with 'by_percentage'; at least 1. 'sent' NULL: never sent. */
bool score_moved(const struct score *sent, const struct score *now, int64_t threshold,
                 bool by_percentage);

/* Hundredths as a JSON number: 3.33, 0.2, 10. */
double score_points(int64_t hundredths);
double score_share(int64_t ten_thousandths);
