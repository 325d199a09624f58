/* scan.c - what stands between records: the three forms, what is consumed, what comes next; and the
 * choice of the walk for each record. The walks themselves: scan_inner.h. */
#include "wire/scan_inner.h"
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

enum state {
    STATE_START,      /* the form is not known */
    STATE_LINE,       /* lines: a record may come */
    STATE_LINE_AFTER, /* lines: white space must come first */
    STATE_LINE_SKIP,  /* lines: what comes up to the next line feed is dropped */
    STATE_FIRST,      /* array: a record or ']' */
    STATE_ITEM,       /* array: a record */
    STATE_NEXT,       /* array: ',' or ']' */
    STATE_CLOSE,      /* records: '}' */
    STATE_OVER,       /* white space only */
};

/* ---- Which instructions */

static atomic_int simd_used = -1;

enum scan_simd
scan_simd_best(void)
{
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi") ||
        !__builtin_cpu_supports("bmi2") || !__builtin_cpu_supports("pclmul") ||
        !__builtin_cpu_supports("popcnt"))
        return SCAN_PLAIN;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512vbmi") ||
        !__builtin_cpu_supports("avx512vbmi2") || !__builtin_cpu_supports("gfni"))
        return SCAN_AVX2;
    return SCAN_AVX512;
#else
    return SCAN_PLAIN;
#endif
}

const char *
scan_simd_name(enum scan_simd simd)
{
    static const char *const names[] = {"plain", "avx2", "avx512"};

    return names[simd];
}

void
scan_simd_use(enum scan_simd simd)
{
    enum scan_simd best = scan_simd_best();

    atomic_store_explicit(&simd_used, (int)(simd < best ? simd : best), memory_order_relaxed);
}

enum scan_simd
scan_simd_used(void)
{
    int used = atomic_load_explicit(&simd_used, memory_order_relaxed);
    enum scan_simd simd;
    const char *wish;

    if (used >= 0)
        return (enum scan_simd)used;
    simd = scan_simd_best();
    wish = getenv("PENSTOCK_SIMD");
    for (enum scan_simd s = SCAN_PLAIN; wish != NULL && s <= SCAN_AVX512; s++)
        if (strcmp(wish, scan_simd_name(s)) == 0)
            simd = s;
    scan_simd_use(simd);
    return simd < scan_simd_best() ? simd : scan_simd_best();
}

static scan_walk_fn
walk_chosen(void)
{
#if defined(__x86_64__)
    static const scan_walk_fn walks[] = {NULL, scan_avx2_walk, scan_avx512_walk};

    return walks[scan_simd_used()];
#else
    return NULL;
#endif
}

/* ---- Begin */

enum status
scanner_init(struct scanner *s, struct arena *a, enum scan_shape shape,
             const struct scan_limits *limits, struct err *err)
{
    struct scan_private *p;

    if (limits->record_size_max < 2 || limits->record_size_max > SCAN_RECORD_SIZE_MAX)
        return err_set(err, ST_INVALID, "record_size_max is %u; set it to 2 to %d",
                       limits->record_size_max, SCAN_RECORD_SIZE_MAX);
    if (limits->depth_max < 1 || limits->depth_max > SCAN_DEPTH_MAX)
        return err_set(err, ST_INVALID, "depth_max is %u; set it to 1 to %d", limits->depth_max,
                       SCAN_DEPTH_MAX);
    if (limits->values_max < 1 || limits->values_max > SCAN_VALUES_MAX)
        return err_set(err, ST_INVALID, "values_max is %u; set it to 1 to %d", limits->values_max,
                       SCAN_VALUES_MAX);
    if ((p = arena_take(a, sizeof *p)) == NULL)
        return err_set(err, ST_FULL, "no room for a scanner's %zu bytes", sizeof *p);
    s->p = p;
    scanner_reset(s, shape, limits);
    return ST_OK;
}

void
scanner_reset(struct scanner *s, enum scan_shape shape, const struct scan_limits *limits)
{
    struct scan_private *p = s->p;

    assert(limits->record_size_max >= 2 && limits->record_size_max <= SCAN_RECORD_SIZE_MAX);
    assert(limits->depth_max >= 1 && limits->depth_max <= SCAN_DEPTH_MAX);
    assert(limits->values_max >= 1 && limits->values_max <= SCAN_VALUES_MAX);
    *s = (struct scanner){.shape = shape, .limits = *limits, .state = STATE_START, .p = p};
    p->window.text = NULL;
}

/* ---- Between records */

/* The next byte that is no white space; false at the end of the text. */
static bool
skip_space(const char *text, size_t size, size_t *at)
{
    while (*at < size && scan_is_space(text[*at]))
        ++*at;
    return *at < size;
}

/* Nothing that could follow changes what came: a fault between records, or the end of what is
 * there. */
static enum scan_result
stop_short(struct scanner *s, const char *what, size_t at, bool is_last, struct scan_fault *fault)
{
    s->p->window.text = NULL;
    s->consumed = at;
    if (!is_last) {
        s->is_moved = true;
        return SCAN_MORE;
    }
    if (what == NULL)
        return SCAN_END;
    scan_fault_set(fault, FAULT_TRUNCATED, at, "the text ends before %s; send all of it", what);
    fault->record_at = at;
    fault->can_skip = false;
    return SCAN_FAULT;
}

PRINTF_LIKE(5, 6)
static enum scan_result
fault_between(struct scanner *s, enum scan_fault_code code, size_t at, struct scan_fault *fault,
              const char *format, ...)
{
    va_list args;

    s->p->window.text = NULL;
    s->consumed = at;
    *fault = (struct scan_fault){
        .code = code, .at = at, .record_at = at, .can_skip = s->form == FORM_LINES};
    va_start(args, format);
    vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    return SCAN_FAULT;
}

/* Whether the text, from the '{' at 'at' on, is a message: {"records":[ with white space anywhere.
 * Gives the offset behind its '['; 0: it is a record; SIZE_MAX: the text ends before that is
 * known. */
static size_t
message_head(const char *text, size_t size, size_t at)
{
    static const char *const parts[] = {"{", "\"records\"", ":", "["};

    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (!skip_space(text, size, &at))
            return SIZE_MAX;
        for (const char *c = parts[i]; *c != '\0'; c++, at++) {
            if (at == size)
                return SIZE_MAX;
            if (text[at] != *c)
                return 0;
        }
    }
    return at;
}

/* Tells the form, when there is enough to tell by. True: *at is behind what only marks the form. */
static bool
find_form(struct scanner *s, const char *text, size_t size, bool is_last, size_t *at)
{
    size_t head = 0;

    if (text[*at] == '{' && s->shape == SCAN_ENVELOPES) {
        size_t seen =
            size - *at < s->limits.record_size_max ? size : *at + s->limits.record_size_max;

        head = message_head(text, seen, *at);
        if (head == SIZE_MAX && !is_last && seen == size && size - *at < s->limits.record_size_max)
            return false;
        if (head == SIZE_MAX)
            head = 0;
    }
    s->form = head != 0 ? FORM_RECORDS : text[*at] == '[' ? FORM_ARRAY : FORM_LINES;
    s->state = s->form == FORM_LINES ? STATE_LINE : STATE_FIRST;
    if (head != 0)
        *at = head;
    else if (s->form == FORM_ARRAY)
        ++*at;
    return true;
}

static const char *
state_missing(const struct scanner *s)
{
    switch (s->state) {
    case STATE_FIRST:
    case STATE_NEXT:
        return s->form == FORM_RECORDS ? "']}'" : "']'";
    case STATE_ITEM:
        return "the next record";
    case STATE_CLOSE:
        return "'}'";
    default:
        return NULL;
    }
}

/* ---- A record */

/* In an array only a record that is well-formed but breaks a limit can be skipped. WALK_DONE: it
 * is, and ends at
 * job->end. */
static enum walk
walk_bare(struct scan_private *p, struct scan_job *job)
{
    struct scan_fault ignored;

    job->is_bare = true;
    return scan_plain_walk(p, job, &ignored);
}

static enum scan_result
take_fault(struct scanner *s, struct scan_job *job, bool is_last, struct scan_fault *fault)
{
    fault->record_at = job->at;
    fault->can_skip = s->form == FORM_LINES;
    if (s->form != FORM_LINES &&
        (fault->code == FAULT_DEPTH || fault->code == FAULT_VALUES ||
         (fault->code == FAULT_SIZE && fault->at < job->at + job->limits.record_size_max))) {
        enum walk walk = walk_bare(s->p, job);

        if (walk == WALK_SHORT && !is_last)
            return stop_short(s, NULL, job->at, is_last, fault);
        fault->can_skip = walk == WALK_DONE;
    }
    s->p->window.text = NULL;
    s->consumed = job->at;
    return SCAN_FAULT;
}

static enum scan_result
take_record(struct scanner *s, const char *text, size_t at, size_t size, bool is_last,
            struct scan_record *record, struct scan_fault *fault)
{
    struct scan_job job = {
        .text = text, .at = at, .size = size, .shape = s->shape, .limits = s->limits};
    scan_walk_fn fast = walk_chosen();
    enum walk walk = fast != NULL ? fast(s->p, &job) : WALK_DOUBT;

    if ((walk == WALK_DONE && job.end - at > s->limits.record_size_max) ||
        (walk == WALK_SHORT && (is_last || size - at >= s->limits.record_size_max)))
        walk = WALK_DOUBT;
    if (walk == WALK_DOUBT) {
        s->p->window.text = NULL;
        walk = scan_plain_walk(s->p, &job, fault);
        if (walk == WALK_DOUBT || (walk == WALK_SHORT && is_last))
            return take_fault(s, &job, is_last, fault);
    }
    if (walk == WALK_SHORT)
        return stop_short(s, NULL, at, is_last, fault);
    *record = (struct scan_record){
        .at = at, .size = job.end - at, .value_count = job.value_count, .values = s->p->values};
    s->consumed = job.end;
    s->record_count++;
    s->state = s->form == FORM_LINES ? STATE_LINE_AFTER : STATE_NEXT;
    return SCAN_RECORD;
}

/* Something else than a record where one must begin. */
static enum scan_result
refuse(struct scanner *s, const char *text, size_t at, size_t size, bool is_last,
       struct scan_fault *fault)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t left = size - at < 3 ? size - at : 3;
    char name[20];

    if (memcmp(text + at, mark, left) == 0) {
        if (left < 3 && !is_last)
            return stop_short(s, NULL, at, is_last, fault);
        return fault_between(
            s, FAULT_SYNTAX, at, fault,
            "a byte order mark stands in front of a record; send UTF-8 without it");
    }
    return fault_between(s, FAULT_NOT_OBJECT, at, fault,
                         "a record is a JSON object and begins with '{', found %s",
                         scan_byte_name(text[at], name));
}

static enum scan_result
refuse_between(struct scanner *s, char c, size_t at, struct scan_fault *fault)
{
    char name[20];

    switch (s->state) {
    case STATE_LINE_AFTER:
        return fault_between(s, FAULT_SYNTAX, at, fault,
                             "%s stands right behind a record; put a line feed between records",
                             scan_byte_name(c, name));
    case STATE_ITEM:
        return fault_between(s, FAULT_SYNTAX, at, fault, "a comma stands before ']'; remove it");
    case STATE_NEXT:
        return fault_between(s, FAULT_SYNTAX, at, fault,
                             "expected ',' or ']' behind a record of an array, found %s",
                             scan_byte_name(c, name));
    case STATE_CLOSE:
        return fault_between(s, FAULT_SYNTAX, at, fault,
                             "expected '}', found %s; a message has no key but \"records\"",
                             scan_byte_name(c, name));
    default:
        return fault_between(s, FAULT_SYNTAX, at, fault,
                             "%s stands behind the end of the %s; send one per text",
                             scan_byte_name(c, name), s->form == FORM_ARRAY ? "array" : "message");
    }
}

/* Takes a mark between records, which is no white space. False: it is none that may stand here. */
static bool
take_mark(struct scanner *s, char c)
{
    switch (s->state) {
    case STATE_NEXT:
        if (c == ',') {
            s->state = STATE_ITEM;
            return true;
        }
        /* fall through */
    case STATE_FIRST:
        if (c != ']')
            return false;
        s->state = s->form == FORM_RECORDS ? STATE_CLOSE : STATE_OVER;
        return true;
    case STATE_CLOSE:
        if (c != '}')
            return false;
        s->state = STATE_OVER;
        return true;
    default:
        return false;
    }
}

/* Ends a skip that began in this buffer or in one before. False: no line feed is here, all is
 * dropped. */
static bool
end_skip(struct scanner *s, const char *text, size_t size, size_t *at)
{
    const char *line_feed = memchr(text + *at, '\n', size - *at);

    if (line_feed != NULL)
        s->state = STATE_LINE;
    *at = line_feed != NULL ? (size_t)(line_feed - text) + 1 : size;
    return line_feed != NULL;
}

static size_t
begin(struct scanner *s)
{
    if (s->is_moved)
        s->consumed = 0;
    s->is_moved = false;
    return s->consumed;
}

enum scan_result
scan_next(struct scanner *s, const char *text, size_t size, bool is_last,
          struct scan_record *record, struct scan_fault *fault)
{
    size_t at = begin(s), first;

    assert(at <= size);
    if (s->state == STATE_LINE_SKIP && !end_skip(s, text, size, &at))
        return stop_short(s, NULL, at, is_last, fault);
    for (;;) {
        first = at;
        if (!skip_space(text, size, &at)) {
            if (s->state == STATE_LINE_AFTER && at > first)
                s->state = STATE_LINE;
            return stop_short(s, state_missing(s), at, is_last, fault);
        }
        if (s->state == STATE_LINE_AFTER && at > first)
            s->state = STATE_LINE;
        if (s->state == STATE_START) {
            if (!find_form(s, text, size, is_last, &at))
                return stop_short(s, NULL, at, is_last, fault);
        } else if (take_mark(s, text[at])) {
            at++;
        } else if (s->state == STATE_LINE || s->state == STATE_FIRST ||
                   (s->state == STATE_ITEM && text[at] != ']')) {
            if (text[at] == '{')
                return take_record(s, text, at, size, is_last, record, fault);
            return refuse(s, text, at, size, is_last, fault);
        } else {
            return refuse_between(s, text[at], at, fault);
        }
    }
}

/* ---- Skip */

/* A writer that died in the middle of a line leaves a torn one, and the next record, whole, is
 * taken for its inside: so a line that begins with '{' up to the fault is where to go on. 0: there
 * is none. */
static size_t
find_torn(const char *text, size_t size, const struct scan_fault *fault)
{
    size_t at = fault->record_at;

    while (at < fault->at) {
        const char *line_feed = memchr(text + at, '\n', fault->at - at);

        if (line_feed == NULL)
            return 0;
        at = (size_t)(line_feed - text) + 1;
        /* A record that is too long is told before the byte at the fault must be there: whether it
         * is must not matter. */
        if (at == fault->at && fault->code == FAULT_SIZE)
            return 0;
        if (at < size && text[at] == '{')
            return at;
    }
    return 0;
}

enum scan_result
scan_skip(struct scanner *s, const char *text, size_t size, bool is_last,
          const struct scan_fault *fault, size_t *bad_at, size_t *bad_size)
{
    size_t first = begin(s), at = first, torn;

    s->p->window.text = NULL;
    *bad_at = first;
    *bad_size = 0;
    if (s->state != STATE_LINE_SKIP && !fault->can_skip)
        return SCAN_FAULT;
    if (s->form != FORM_LINES) {
        struct scan_job job = {
            .text = text, .at = at, .size = size, .shape = s->shape, .limits = s->limits};

        if (walk_bare(s->p, &job) != WALK_DONE)
            return SCAN_FAULT;
        s->state = STATE_NEXT;
        at = job.end;
    } else if (s->state != STATE_LINE_SKIP && (torn = find_torn(text, size, fault)) != 0) {
        s->state = STATE_LINE;
        at = torn;
    } else {
        /* What is too long may end in a line feed, and whether '{' follows may not be known yet. */
        if (s->state != STATE_LINE_SKIP)
            at = fault->at - (fault->code == FAULT_SIZE);
        s->state = STATE_LINE_SKIP;
        if (!end_skip(s, text, size, &at) && is_last)
            s->state = STATE_LINE;
    }
    s->consumed = at;
    *bad_size = at - first;
    if (s->state != STATE_LINE_SKIP)
        return SCAN_RECORD;
    s->is_moved = true;
    return SCAN_MORE;
}
