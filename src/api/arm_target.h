/* arm_target.h - the raw path of an ARM request, cut and decoded segment by segment, and held against patterns: an id may
 * hold in a name what a decoder of whole URLs would break. Pure; any thread. Private to this folder. */
#pragma once
#include "base/base.h"

enum { ARM_ID_SIZE = 2049 /* of a decoded path, with its NUL */, ARM_SEGMENTS_MAX = 64 };

struct arm_target {
    char text[ARM_ID_SIZE]; /* the segments, a NUL behind each */
    const char *segments[ARM_SEGMENTS_MAX];
    size_t count;
};
/* False: it is no ARM path (a bad escape, "." or "..", a decoded slash or control, an empty segment, too long); err says
 * which. Slashes before it, and those of a scope that a client encoded, do not count. */
MUST_CHECK bool arm_target_read(const char *raw, struct arm_target *p, struct err *err);
/* "/a/b" of the first segments. */
void arm_target_join(const struct arm_target *p, size_t count, char out[ARM_ID_SIZE]);
/* Behind the slashes, plain or encoded, that a raw path begins with. */
const char *arm_target_skip(const char *path);

/* Number of the path's segments that the pattern's {scope} stands for: 0 without it. False: the path is too short or too
 * long for the pattern. */
MUST_CHECK bool arm_target_scope(const char *pattern, const struct arm_target *p, size_t *count);
/* Literal segments match in any case. */
bool arm_target_matches(const char *pattern, const struct arm_target *p);
/* Cuts the next segment off a pattern; false at its end. */
bool arm_pattern_next(const char **pattern, struct span *segment);
