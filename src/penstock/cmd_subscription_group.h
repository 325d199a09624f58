/* cmd_subscription_group.h - "penstock subscription group": the management groups above subscriptions. */
#pragma once
#include "penstock/client.h"

struct group_command {
    size_t word_count; /* behind "group" */
    char **words;
    const char *name, *parent; /* --name, --parent; NULL: not given */
};
/* What is wrong with the command; NULL: nothing. */
const char *subscription_group_check(const struct group_command *g);
/* Exit code. */
int subscription_group_run(struct client *c, const struct group_command *g);
