/* parse_match.h - what parse, parse-where and parse-kv do with one text: used by the row engine and
 * by streams, so that both find the same. Compiled once per operator; any thread matches.
 *
 * parse, kind=simple and relaxed: literals are looked for as they are, each at its first place
 * behind the one before ('*' or a column stands between them) or right there (nothing stands
 * between). The first literal without '*' before it must begin the text; what follows the last
 * literal is not looked at. A string column takes what lies between; one at the end takes the rest.
 * A typed one before '*' takes as much as its type can be written with. Simple: a capture that does
 * not convert makes the text fail; relaxed: it alone is null.
 * kind=regex: literals are regular expressions, '*' is as little as possible, a string column as
 * much as possible (flag U turns it round), long and int are digits; the whole is anchored at the
 * start.
 * parse-kv: the first pair of a key counts; blanks around keys and unquoted values are no part of
 * them. (parse and parse-kv operator pages; measured answers of the engine.) */
#pragma once
#include "kql/plan.h"

struct kql_matcher;

/* 'op': KQL_OP_PARSE_TEXT or KQL_OP_PARSE_PAIRS; borrowed. NULL: err says why (a regex). Lives in
 * the pool; kql_matcher_free releases the regex. */
struct kql_matcher *kql_matcher_new(struct pool *pool, const struct kql_op *op, struct err *err);
void kql_matcher_free(struct kql_matcher *m); /* NULL is fine */
/* Captures are numbered from 0; each is a column of the operator's result. */
uint32_t kql_matcher_count(const struct kql_matcher *m);
uint32_t kql_matcher_column(const struct kql_matcher *m, uint32_t capture);
/* Writes every capture (null or "" where nothing was found) and says whether the text matched
 * (parse-kv: always). String captures borrow from 'text'. */
bool kql_matcher_match(const struct kql_matcher *m, struct pool *pool, struct span text,
                       struct kql_value *captures);
