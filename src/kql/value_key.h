/* value_key.h - texts that are the same exactly when values are: for engines that can group and compare texts only. Pure. */
#pragma once
#include "kql/value.h"

/* Of values that kql_value_same tells apart, different texts; of those that it does not, the same. "" of null alone; UTF-8 if the
 * strings inside are. 'type': the static one of all that are compared; of DECIMAL the texts are in the order of the values, as
 * bytes. Lives in the pool. */
struct span kql_value_key(struct pool *p, enum kql_type type, const struct kql_value *v);
