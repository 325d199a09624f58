/* number_text.h - what the readers of numbers share. Pure. */
#pragma once
#include "base/base.h"

__extension__ typedef unsigned __int128 uint128;

struct number_text { /* whole.fraction * 10^exponent */
    struct span whole, fraction;
    int64_t exponent;
    bool is_negative;
};

/* Without white space at both ends. */
struct span number_text_trim(struct span text);
/* [+-]digits[.digits][e[+-]digits], nothing around it; false: it is not one. */
bool number_text_split(struct span text, struct number_text *out);
