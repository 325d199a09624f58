/* posture_bulk.c - lines of NDJSON to batches of items (posture_bulk.h).
 *
 * A line is looked at only as far as its id, which scanners write first; the store reads it whole, once.
 * The text of a batch stays where it was put: one buffer, whose items point into it until the batch
 * has gone to the store; then what is left of the last line moves to its front. */
#include "api/posture_bulk.h"
#include "api/arm.h"
#include "model/arm_path.h"
#include "wire/json_walk.h"
#include <stdlib.h>
#include <strings.h>

enum { BULK_ROOM = BULK_BATCH_SIZE + BULK_LINE_MAX + (64 << 10) };

struct section { /* of one producer */
    char producer[BULK_PRODUCER_SIZE];
    struct span *scopes; /* malloc'd texts; let go when the report began */
    size_t scope_count, scope_room;
    struct posture_report *report; /* NULL: not begun, or none */
    bool has_begun;
};

struct bulk {
    struct bulk_options options;
    struct bulk_result result;
    char *text; /* BULK_ROOM bytes */
    size_t used, line_at, looked_at;
    uint64_t line;    /* number of the one at line_at */
    bool is_skipping; /* the line is too long: dropped up to its end */
    bool is_unread;   /* a line could not be read: nothing is withdrawn */
    struct section *sections[BULK_PRODUCERS_MAX];
    size_t section_count;
    struct section *current; /* NULL: nobody's */
    struct posture_item items[BULK_ITEMS];
    struct posture_result results[BULK_ITEMS];
    uint64_t lines[BULK_ITEMS];
    struct span groups[BULK_ITEMS];
    char *owned[BULK_ITEMS]; /* ids that had to be decoded */
    size_t count;
    uint64_t seen[BULK_GROUPS]; /* hashes of the groups that were told; 0: free */
    size_t seen_count;
};

struct bulk *
bulk_make(const struct bulk_options *o)
{
    struct bulk *b = calloc(1, sizeof *b);

    if (b == NULL || (b->text = malloc(BULK_ROOM)) == NULL) {
        free(b);
        return NULL;
    }
    b->options = *o;
    b->line = 1;
    return b;
}

static void
scopes_free(struct section *s)
{
    for (size_t i = 0; i < s->scope_count; i++)
        free((char *)(uintptr_t)s->scopes[i].p);
    free(s->scopes);
    s->scopes = NULL;
    s->scope_count = s->scope_room = 0;
}

static void
items_drop(struct bulk *b)
{
    for (size_t i = 0; i < b->count; i++) {
        free(b->owned[i]);
        b->owned[i] = NULL;
    }
    b->count = 0;
}

void
bulk_free(struct bulk *b)
{
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->section_count; i++) {
        posture_report_give_up(b->sections[i]->report);
        scopes_free(b->sections[i]);
        free(b->sections[i]);
    }
    items_drop(b);
    free(b->text);
    free(b);
}

const struct bulk_result *
bulk_result(const struct bulk *b)
{
    return &b->result;
}

/* ---- faults ---- */

PRINTF_LIKE(5, 6)
static void
fault(struct bulk *b, uint64_t line, const char *code, const char *target, const char *format, ...)
{
    struct bulk_fault *f = &b->result.faults[b->result.fault_count];
    va_list args;

    b->result.refused++;
    if (b->result.fault_count == BULK_FAULTS_MAX)
        return;
    b->result.fault_count++;
    f->line = line;
    snprintf(f->code, sizeof f->code, "%s", code);
    snprintf(f->target, sizeof f->target, "%s", target);
    va_start(args, format);
    vsnprintf(f->message.text, sizeof f->message.text, format, args);
    va_end(args);
}

/* A line of which not even the id is known: what it named might be withdrawn by mistake. */
PRINTF_LIKE(3, 4)
static void
fault_unread(struct bulk *b, const char *target, const char *format, ...)
{
    char text[sizeof(struct err)];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    b->result.received++;
    b->is_unread = true;
    fault(b, b->line, "InvalidRequestContent", target, "%s", text);
}

/* ---- batches ---- */

/* Whether the group was told before; remembers it. A full table starts anew: telling again is allowed. */
static bool
group_is_new(struct bulk *b, struct span group)
{
    uint64_t hash = 14695981039346656037U;

    for (size_t i = 0; i < group.n; i++) {
        unsigned char c = (unsigned char)group.p[i];

        hash = (hash ^ (c >= 'A' && c <= 'Z' ? c | 0x20U : c)) * 1099511628211U;
    }
    hash |= 1;
    if (b->seen_count > BULK_GROUPS / 2) {
        memset(b->seen, 0, sizeof b->seen);
        b->seen_count = 0;
    }
    for (size_t at = hash >> 20 & (BULK_GROUPS - 1);; at = (at + 1) & (BULK_GROUPS - 1)) {
        if (b->seen[at] == hash)
            return false;
        if (b->seen[at] == 0) {
            b->seen[at] = hash;
            b->seen_count++;
            return true;
        }
    }
}

static void
results_count(struct bulk *b)
{
    struct bulk_result *r = &b->result;

    r->received += b->count;
    for (size_t i = 0; i < b->count; i++) {
        const struct posture_result *of = &b->results[i];

        r->created += of->outcome == POSTURE_CREATED;
        r->changed += of->outcome == POSTURE_CHANGED;
        r->unchanged += of->outcome == POSTURE_UNCHANGED;
        r->deleted += of->outcome == POSTURE_DELETED;
        r->absent += of->outcome == POSTURE_ABSENT;
        if (of->outcome == POSTURE_REFUSED)
            fault(b, b->lines[i], of->code, of->target, "%s", of->message.text);
        else if (!b->items[i].is_delete && b->groups[i].n > 0 && group_is_new(b, b->groups[i]))
            b->options.group_seen(b->options.app, b->groups[i]);
    }
}

static enum status
section_begin(struct bulk *b, struct section *s, struct err *err)
{
    enum status st;

    if (s->has_begun || (s->producer[0] == '\0' && s->scope_count == 0))
        return ST_OK;
    st = posture_report_begin(b->options.posture, b->options.tenant,
                              s->producer[0] == '\0' ? NULL : s->producer, s->scopes,
                              s->scope_count, &s->report, err);
    if (st != ST_OK)
        return st;
    s->has_begun = true;
    scopes_free(s);
    return ST_OK;
}

static enum status
flush(struct bulk *b, struct err *err)
{
    enum status st = ST_OK;

    if (b->count == 0)
        return ST_OK;
    if (b->current != NULL)
        st = section_begin(b, b->current, err);
    if (st == ST_OK && b->current != NULL && b->current->report != NULL)
        st = posture_report_apply(b->current->report, b->items, b->count, b->results, err);
    else if (st == ST_OK)
        st = posture_apply(b->options.posture, b->options.tenant, b->options.actor, b->items,
                           b->count, b->results, err);
    if (st == ST_OK)
        results_count(b);
    items_drop(b);
    return st;
}

/* ---- sections ---- */

static bool
is_in_subscription(const struct bulk *b, struct span id)
{
    static const char head[] = "/subscriptions/";
    size_t n = sizeof head - 1, end = n + 36;

    return id.n >= end && strncasecmp(id.p, head, n) == 0 &&
           strncasecmp(id.p + n, b->options.subscription, 36) == 0 &&
           (id.n == end || id.p[end] == '/');
}

static enum status
scope_add(struct bulk *b, struct section *s, struct span scope, struct err *err)
{
    struct arm_path path;
    struct err why;

    if (s->has_begun)
        return err_set(err, ST_INVALID, "the scopes of a producer come before its first resource");
    if (arm_path_parse(scope, &path, &why) != ST_OK)
        return err_set(err, ST_INVALID, "complete: %s", why.text);
    if (!is_in_subscription(b, scope))
        return err_set(err, ST_INVALID, "complete: '%.*s' is not of subscription %s",
                       scope.n > 120 ? 120 : (int)scope.n, scope.p, b->options.subscription);
    if (s->scope_count == POSTURE_REPORT_SCOPES_MAX)
        return err_set(err, ST_INVALID, "complete: more than %d scopes", POSTURE_REPORT_SCOPES_MAX);
    if (s->scope_count == s->scope_room) {
        size_t room = s->scope_room * 2 + 8;
        struct span *larger = realloc(s->scopes, room * sizeof *larger);

        if (larger == NULL)
            return err_set(err, ST_FULL, "no memory for a report");
        s->scopes = larger;
        s->scope_room = room;
    }
    char *copy = strndup(scope.p, scope.n);

    if (copy == NULL)
        return err_set(err, ST_FULL, "no memory for a report");
    s->scopes[s->scope_count++] = (struct span){copy, scope.n};
    b->result.has_scopes = true;
    return ST_OK;
}

/* What follows is this producer's. */
static enum status
section_choose(struct bulk *b, struct span producer, struct err *err)
{
    struct section *s = NULL;
    enum status st = flush(b, err);

    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < b->section_count && s == NULL; i++)
        if (span_is(producer, b->sections[i]->producer))
            s = b->sections[i];
    if (s == NULL) {
        if (producer.n >= BULK_PRODUCER_SIZE || memchr(producer.p, '\0', producer.n) != NULL)
            return err_set(err, ST_INVALID, "producer: a name of 1 to %d bytes",
                           BULK_PRODUCER_SIZE - 1);
        if (b->section_count == BULK_PRODUCERS_MAX)
            return err_set(err, ST_INVALID, "producer: more than %d in one body",
                           BULK_PRODUCERS_MAX);
        s = calloc(1, sizeof *s);
        if (s == NULL)
            return err_set(err, ST_FULL, "no memory for a report");
        memcpy(s->producer, producer.p, producer.n);
        b->sections[b->section_count++] = s;
    }
    b->current = s;
    return ST_OK;
}

enum status
bulk_section(struct bulk *b, struct span producer, struct span scope, struct err *err)
{
    enum status st = section_choose(b, producer, err);

    if (st == ST_OK && scope.n > 0)
        st = scope_add(b, b->current, scope, err);
    return st;
}

static enum status
section_read(struct bulk *b, const json_t *line, struct err *err)
{
    json_t *producer = json_object_get(line, "producer"),
           *complete = json_object_get(line, "complete"), *scope;
    const char *name;
    enum status st;
    size_t i;

    json_object_foreach(
        (json_t *)(uintptr_t)line, name,
        scope) if (strcmp(name, "producer") != 0 &&
                   strcmp(name, "complete") !=
                       0) return err_set(err, ST_INVALID,
                                         "'%.60s' is not known beside producer and complete", name);
    if (producer != NULL && (!json_is_string(producer) || json_string_length(producer) == 0))
        return err_set(err, ST_INVALID, "producer: a name of 1 to %d bytes",
                       BULK_PRODUCER_SIZE - 1);
    st = section_choose(
        b, producer == NULL ? SPAN_LITERAL("") : span_of(json_string_value(producer)), err);
    if (json_is_string(complete))
        return st == ST_OK ? scope_add(b, b->current, span_of(json_string_value(complete)), err)
                           : st;
    if (complete != NULL && !json_is_array(complete))
        return err_set(err, ST_INVALID, "complete: an array of scopes");
    json_array_foreach(complete, i, scope)
    {
        if (st == ST_OK && !json_is_string(scope))
            st = err_set(err, ST_INVALID, "complete[%zu]: a scope is a text", i);
        if (st == ST_OK)
            st = scope_add(b, b->current, span_of(json_string_value(scope)), err);
    }
    return st;
}

/* A line without id that names a producer or scopes. A mistake in it would make the whole report mean
 * something else. */
static enum status
section_line(struct bulk *b, struct span line, struct err *err)
{
    char where[120];
    struct err why;
    json_t *tree = arm_json_read(line, where);
    enum status st;

    if (!json_is_object(tree))
        st = err_set(&why, ST_INVALID, "it is not JSON: %s", tree == NULL ? where : "no object");
    else
        st = section_read(b, tree, &why);
    json_decref(tree);
    return st == ST_OK ? ST_OK
                       : err_set(err, st, "line %llu: %s", (unsigned long long)b->line, why.text);
}

/* ---- lines ---- */

/* Text between quotes, decoded into memory of its own. NULL: no memory. */
static char *
decoded(struct span text, size_t *size)
{
    char *out = malloc(text.n + 8), room[4];
    struct span piece;
    bool is_raw;

    *size = 0;
    while (out != NULL && json_walk_piece(&text, &piece, room, &is_raw)) {
        memcpy(out + *size, piece.p, piece.n);
        *size += piece.n;
    }
    return out;
}

/* "deleted":true. The line is walked only if the word is in it. */
static bool
is_deleted(struct span line)
{
    static const char word[] = "\"deleted\"";

    return memmem(line.p, line.n, word, sizeof word - 1) != NULL &&
           span_is(json_walk_member(line, SPAN_LITERAL("deleted")), "true");
}

/* What only people may do, told apart from what scanners and detections report. */
static bool
is_for_administrators(const struct arm_path *path, bool is_delete)
{
    static const char *const reported[] = {"assessmentMetadata", "assessments", "attackPaths"};
    struct span type = path->pair_count > 0 ? path->pairs[0].type : (struct span){"", 0};

    for (size_t i = 0; i < COUNT_OF(reported); i++)
        if (arm_path_equal(type, span_of(reported[i])))
            return false;
    if (arm_path_equal(type, SPAN_LITERAL("alerts")) ||
        arm_path_equal(type, SPAN_LITERAL("locations")))
        return is_delete;
    return true;
}

static enum status
item_add(struct bulk *b, struct span line, struct span id, char *own, struct err *err)
{
    struct arm_path path = {0};
    struct err why;
    bool is_delete = is_deleted(line);
    size_t i = b->count;
    const char *code = NULL;

    if (!is_in_subscription(b, id)) {
        code = "InvalidResourceId";
        (void)err_set(&why, ST_INVALID,
                      "the id is not of subscription %s, which this report is for",
                      b->options.subscription);
    } else if (arm_path_parse(id, &path, &why) != ST_OK) {
        code = "InvalidResourceId";
    } else if (!b->options.is_administrator && is_for_administrators(&path, is_delete)) {
        code = "AuthorizationFailed";
        (void)err_set(&why, ST_INVALID, "the caller may not %s this type of resource",
                      is_delete ? "delete" : "write");
    }
    if (code != NULL) {
        b->result.received++;
        fault(b, b->line, code, "id", "%s", why.text);
        free(own);
        return ST_OK;
    }
    b->items[i] = (struct posture_item){
        id, is_delete ? (struct span){"", 0}
            : line, is_delete
    };
    b->lines[i] = b->line;
    b->groups[i] = path.resource_group;
    b->owned[i] = own;
    b->count++;
    return b->count == BULK_ITEMS ? flush(b, err) : ST_OK;
}

static struct span
trim(struct span s)
{
    while (s.n > 0 && (s.p[s.n - 1] == '\r' || s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = (struct span){s.p + 1, s.n - 1};
    return s;
}

static enum status
line_take(struct bulk *b, struct span line, struct err *err)
{
    struct json_walk w;
    struct span key, value, id = {NULL, 0};
    bool is_section = false;
    char *own = NULL;

    if (b->line == 1 && line.n >= 3 && memcmp(line.p, "\xef\xbb\xbf", 3) == 0)
        line = (struct span){line.p + 3, line.n - 3};
    line = trim(line);
    if (line.n == 0)
        return ST_OK;
    if (line.p[0] != '{' || !json_walk_open(&w, line)) {
        fault_unread(b, "", "a line is a JSON object");
        return ST_OK;
    }
    while (id.p == NULL && json_walk_next(&w, &key, &value)) {
        if (span_is(key, "id") && !json_walk_is_text(value, &id)) {
            fault_unread(b, "id", "the id must be a text");
            return ST_OK;
        }
        is_section |= span_is(key, "complete") || span_is(key, "producer");
    }
    if (id.p == NULL && is_section)
        return section_line(b, line, err);
    if (id.p == NULL) {
        fault_unread(b, "id", "the line has no id, or is cut");
        return ST_OK;
    }
    if (id.n > 6 * POSTURE_ID_SIZE_MAX) {
        fault_unread(b, "id", "an id has at most %d bytes", POSTURE_ID_SIZE_MAX);
        return ST_OK;
    }
    if (memchr(id.p, '\\', id.n) != NULL) {
        own = decoded(id, &id.n);
        if (own == NULL)
            return err_set(err, ST_FULL, "no memory for a report");
        id.p = own;
    }
    return item_add(b, line, id, own, err);
}

/* ---- bytes ---- */

char *
bulk_room(struct bulk *b, size_t *room)
{
    *room = BULK_ROOM - b->used;
    return b->text + b->used;
}

static void
too_long(struct bulk *b)
{
    b->result.received++;
    b->is_unread = true;
    fault(b, b->line, "ResourceTooLarge", "", "a line has at most %d bytes", BULK_LINE_MAX);
    b->is_skipping = true;
}

/* Makes room: the batch goes, and what is left of the last line moves to the front. */
static enum status
room_make(struct bulk *b, struct err *err)
{
    enum status st = flush(b, err);

    if (st != ST_OK)
        return st;
    if (b->used - b->line_at > BULK_LINE_MAX && !b->is_skipping)
        too_long(b);
    if (b->is_skipping)
        b->line_at = b->used;
    memmove(b->text, b->text + b->line_at, b->used - b->line_at);
    b->used -= b->line_at;
    b->line_at = 0;
    b->looked_at = b->used;
    return ST_OK;
}

enum status
bulk_take(struct bulk *b, size_t size, struct err *err)
{
    enum status st = ST_OK;
    char *feed;

    b->used += size;
    while (st == ST_OK &&
           (feed = memchr(b->text + b->looked_at, '\n', b->used - b->looked_at)) != NULL) {
        struct span line = {b->text + b->line_at, (size_t)(feed - b->text) - b->line_at};

        if (!b->is_skipping && line.n > BULK_LINE_MAX)
            too_long(b);
        if (!b->is_skipping)
            st = line_take(b, line, err);
        b->is_skipping = false;
        b->line++;
        b->line_at = b->looked_at = (size_t)(feed - b->text) + 1;
    }
    b->looked_at = b->used;
    if (st == ST_OK &&
        (b->line_at >= BULK_BATCH_SIZE || b->used - b->line_at > BULK_LINE_MAX || b->is_skipping))
        st = room_make(b, err);
    return st;
}

/* ---- the end ---- */

static enum status
withdraw(struct bulk *b, struct err *err)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < b->section_count && st == ST_OK; i++) {
        struct section *s = b->sections[i];
        uint64_t withdrawn = 0;

        st = section_begin(b, s, err); /* one that named nothing */
        if (st == ST_OK && s->report != NULL) {
            st = posture_report_end(s->report, &withdrawn, err);
            s->report = NULL;
            b->result.withdrawn += withdrawn;
        }
    }
    return st;
}

enum status
bulk_end(struct bulk *b, bool may_be_empty, struct err *err)
{
    enum status st = ST_OK;

    if (!b->is_skipping && b->used > b->line_at)
        st = line_take(b, (struct span){b->text + b->line_at, b->used - b->line_at}, err);
    if (st == ST_OK)
        st = flush(b, err);
    if (st != ST_OK || !b->result.has_scopes || b->is_unread)
        return st;
    if (b->result.received == 0 && !may_be_empty)
        return err_set(err, ST_INVALID,
                       "the report names nothing: to withdraw all that its scopes have, say "
                       "allowEmpty=true");
    st = withdraw(b, err);
    b->result.is_complete = st == ST_OK;
    return st;
}
