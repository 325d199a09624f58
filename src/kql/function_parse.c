/* function_parse.c - the rows of the function table that take texts of a known form apart. */
#include "kql/function_inner.h"
#include "kql/text.h"
#include <expat.h>
#include <stdlib.h>

static void
put_text(struct kql_bag_builder *b, const char *key, struct span text)
{
    (void)kql_bag_add(b, span_of(key), kql_string(text), true);
}

static struct span
cut(struct span text, size_t from, size_t to)
{
    return (struct span){text.p + from, to - from};
}

static ptrdiff_t
find_byte(struct span text, char c)
{
    const char *at = text.n == 0 ? NULL : memchr(text.p, c, text.n);

    return at == NULL ? -1 : at - text.p;
}

static ptrdiff_t
find_last_byte(struct span text, char c)
{
    const char *at = text.n == 0 ? NULL : memrchr(text.p, c, text.n);

    return at == NULL ? -1 : at - text.p;
}

/* What stands before the first 'c', or all; *rest is what stands behind it, or nothing. */
static struct span
take_until(struct span text, char c, struct span *rest)
{
    ptrdiff_t at = find_byte(text, c);

    *rest = (struct span){"", 0};
    if (at < 0)
        return text;
    *rest = cut(text, (size_t)at + 1, text.n);
    return cut(text, 0, (size_t)at);
}

/* ---- URLs ---- */

static struct kql_value
query_parameters(struct pool *p, struct span query)
{
    struct kql_bag_builder b = {.pool = p};

    while (query.n > 0) {
        struct span value, pair = take_until(query, '&', &query);
        struct span key = take_until(pair, '=', &value);

        if (pair.n > 0)
            (void)kql_bag_add(&b, kql_url_text(p, key), kql_string(kql_url_text(p, value)), true);
    }
    return kql_bag_finish(&b);
}

static void
parse_url_query(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_bag_builder b = {.pool = call->pool};
    struct span query = kql_text(&args[0]);

    if (query.n > 0 && query.p[0] == '?')
        query = cut(query, 1, query.n);
    (void)kql_bag_add(&b, SPAN_LITERAL("Query Parameters"), query_parameters(call->pool, query),
                      true);
    *result = kql_bag_finish(&b);
}

/* user:password@host:port */
static void
put_authority(struct kql_bag_builder *b, struct span authority, struct span *user,
              struct span *password)
{
    ptrdiff_t at = find_last_byte(authority, '@'), bracket, colon;
    struct span host, port = {"", 0};

    *user = *password = (struct span){"", 0};
    if (at >= 0) {
        *user = take_until(cut(authority, 0, (size_t)at), ':', password);
        authority = cut(authority, (size_t)at + 1, authority.n);
    }
    host = authority;
    bracket = find_last_byte(authority, ']'); /* [::1]:443 */
    colon = find_last_byte(authority, ':');
    if (colon > bracket) {
        host = cut(authority, 0, (size_t)colon);
        port = cut(authority, (size_t)colon + 1, authority.n);
    }
    put_text(b, "Host", host);
    put_text(b, "Port", port);
}

static void
parse_url(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_bag_builder b = {.pool = call->pool};
    struct span text = kql_text(&args[0]), fragment, query, user, password;
    struct span rest = take_until(take_until(text, '#', &fragment), '?', &query), authority;
    ptrdiff_t scheme = kql_find(rest, SPAN_LITERAL("://"), 0), slash;

    put_text(&b, "Scheme", cut(rest, 0, scheme < 0 ? 0 : (size_t)scheme));
    authority = (struct span){"", 0};
    if (scheme >= 0) {
        rest = cut(rest, (size_t)scheme + 3, rest.n);
        slash = find_byte(rest, '/');
        authority = cut(rest, 0, slash < 0 ? rest.n : (size_t)slash);
        rest = cut(rest, authority.n, rest.n);
        if (rest.n == 1) /* the service's answer for http://host/ */
            rest.n = 0;
    }
    put_authority(&b, authority, &user, &password);
    put_text(&b, "Path", rest);
    put_text(&b, "Username", user);
    put_text(&b, "Password", password);
    (void)kql_bag_add(&b, SPAN_LITERAL("Query Parameters"), query_parameters(call->pool, query),
                      true);
    put_text(&b, "Fragment", fragment);
    *result = kql_bag_finish(&b);
}

/* ---- Paths ---- */

static bool
is_slash(char c)
{
    return c == '/' || c == '\\';
}

static bool
is_drive(struct span text)
{
    return text.n >= 2 && text.p[1] == ':' && (text.p[0] | 0x20) >= 'a' &&
           (text.p[0] | 0x20) <= 'z';
}

/* Behind the last slash; 0: there is none. */
static size_t
behind_slash(struct span text)
{
    size_t at = text.n;

    while (at > 0 && !is_slash(text.p[at - 1]))
        at--;
    return at;
}

static void
parse_path(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_bag_builder b = {.pool = call->pool};
    struct span path = kql_text(&args[0]), file, folder, stream, drive;
    ptrdiff_t scheme = kql_find(path, SPAN_LITERAL("://"), 0), dot;
    size_t at;

    put_text(&b, "Scheme", cut(path, 0, scheme < 0 ? 0 : (size_t)scheme));
    if (scheme >= 0)
        path = cut(path, (size_t)scheme + 3, path.n);
    if (path.n > 2 && path.p[0] == '/' && is_drive(cut(path, 1, path.n)))
        path = cut(path, 1, path.n); /* file:///C:/ */
    drive = path;
    if (drive.n > 4 && memcmp(drive.p, "\\\\?\\", 4) == 0)
        drive = cut(drive, 4, drive.n);
    put_text(&b, "RootPath", is_drive(drive) ? cut(drive, 0, 2) : SPAN_LITERAL(""));
    at = behind_slash(path);
    if (at == 0 && is_drive(path)) /* C:file */
        at = 2;
    folder = cut(path, 0, at > 0 && is_slash(path.p[at - 1]) ? at - 1 : at);
    put_text(&b, "DirectoryPath", folder);
    put_text(&b, "DirectoryName", cut(folder, behind_slash(folder), folder.n));
    file = take_until(cut(path, at, path.n), ':', &stream);
    dot = find_last_byte(file, '.');
    put_text(&b, "Filename", file);
    put_text(&b, "Extension", dot < 0 ? SPAN_LITERAL("") : cut(file, (size_t)dot + 1, file.n));
    put_text(&b, "AlternateDataStreamName", stream);
    *result = kql_bag_finish(&b);
}

__extension__ typedef unsigned __int128 uint128;

/* ---- Versions: up to four numbers of eight digits ---- */

static void
parse_version(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct span text = kql_text(&args[0]);
    uint128 whole = 0;
    struct kql_decimal *decimal;
    size_t at = 0;
    int parts = 0;

    *result = kql_null(KQL_DECIMAL);
    for (; parts < 4; parts++) {
        uint32_t number = 0, digits = 0;

        for (; at < text.n && text.p[at] >= '0' && text.p[at] <= '9' && digits < 9; at++, digits++)
            number = number * 10 + (uint32_t)(text.p[at] - '0');
        if (digits == 0 || digits == 9)
            return;
        whole = whole * 100000000 + number;
        if (at == text.n)
            break;
        if (text.p[at++] != '.')
            return;
    }
    if (parts == 4)
        return;
    for (; parts < 3; parts++)
        whole *= 100000000;
    decimal = pool_take(call->pool, sizeof *decimal);
    *decimal = (struct kql_decimal){.high = (uint64_t)(whole >> 64), .low = (uint64_t)whole};
    *result = (struct kql_value){.type = KQL_DECIMAL, .decimal = decimal};
}

/* ---- Command lines, as CommandLineToArgvW takes them apart ---- */

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The program's name: up to the next quotation mark if it begins with one, else to a blank. */
static size_t
take_program(struct pool *p, struct span line, struct kql_array_builder *b)
{
    bool is_quoted = line.p[0] == '"';
    size_t from = is_quoted ? 1 : 0, at = from;

    (void)p;
    while (at < line.n && (is_quoted ? line.p[at] != '"' : !is_blank(line.p[at])))
        at++;
    kql_array_add(b, kql_string(cut(line, from, at)));
    return at < line.n && is_quoted ? at + 1 : at;
}

/* One argument from 'at' on. Backslashes count only before a quotation mark: two are one, an odd
 * one keeps the mark. Three marks in a row within quotation are one mark. */
static size_t
take_argument(struct pool *p, struct span line, size_t at, struct kql_array_builder *b)
{
    char *out = pool_take(p, line.n - at + 1);
    size_t n = 0, slashes = 0;
    int marks = 0;

    while (at < line.n && !(is_blank(line.p[at]) && marks == 0)) {
        char c = line.p[at++];

        if (c == '\\') {
            out[n++] = c;
            slashes++;
            continue;
        }
        if (c != '"') {
            out[n++] = c;
            slashes = 0;
            continue;
        }
        n -= (slashes + 1) / 2;
        if (slashes % 2 == 1)
            out[n++] = '"';
        else
            marks++;
        slashes = 0;
        for (; at < line.n && line.p[at] == '"'; at++)
            if (++marks == 3) {
                out[n++] = '"';
                marks = 0;
            }
        if (marks == 2)
            marks = 0;
    }
    kql_array_add(b, kql_string((struct span){out, n}));
    return at;
}

static void
parse_command_line(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct span line = arg_text(call, args, 0), parser = arg_text(call, args, 1);
    struct kql_array_builder b = {.pool = call->pool};
    size_t at;

    *result = kql_null(KQL_DYNAMIC);
    if (kql_compare_ci(parser, SPAN_LITERAL("windows")) != 0 || line.n == 0)
        return;
    at = take_program(call->pool, line, &b);
    for (;;) {
        while (at < line.n && is_blank(line.p[at]))
            at++;
        if (at == line.n)
            break;
        at = take_argument(call->pool, line, at, &b);
    }
    *result = kql_array_finish(&b);
}

static void *
prepare_command_line(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
                     struct err *err)
{
    (void)pool, (void)count;
    if (constants[1] != NULL &&
        kql_compare_ci(kql_text(constants[1]), SPAN_LITERAL("windows")) != 0)
        (void)err_set(err, ST_INVALID, "parse_command_line: the parser is \"windows\"");
    return NULL;
}

/* ---- CSV: the first record ---- */

static void
parse_csv(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct span text = arg_text(call, args, 0);
    struct kql_array_builder b = {.pool = call->pool};
    char *out = pool_take(call->pool, text.n + 1);
    size_t at = 0;

    for (;;) {
        char *begin = out;
        bool is_quoted = at < text.n && text.p[at] == '"';

        at += is_quoted;
        for (; at < text.n; at++) {
            char c = text.p[at];

            if (is_quoted && c == '"') {
                if (at + 1 == text.n || text.p[at + 1] != '"') {
                    is_quoted = false; /* what follows up to the comma is taken as it is */
                    continue;
                }
                at++;
            } else if (!is_quoted && (c == ',' || c == '\n' || c == '\r'))
                break;
            *out++ = c;
        }
        kql_array_add(&b, kql_string((struct span){begin, (size_t)(out - begin)}));
        if (at == text.n || text.p[at] != ',')
            break;
        at++;
    }
    *result = kql_array_finish(&b);
}

/* ---- XML ----
 *
 * Expat's calls come with its own memory held, so nothing may be taken from the pool in them: they
 * write records into a room taken before, and the tree is made of these afterwards. A record is a
 * letter, the size of its text, and the text. Document type declarations are refused: so there are
 * no entities, and what is written is never longer than the XML by more than the records' heads. */

enum { XML_SIZE_MAX = 1024 * 1024, XML_HEAD = 1 + sizeof(uint32_t) };

struct xml_writer {
    XML_Parser parser;
    char *room;
    size_t size, room_size,
        last_text; /* last_text: where the record is that more text joins, or 0 */
    int depth;
};

static void
xml_write(struct xml_writer *w, char kind, const char *text, size_t n)
{
    uint32_t size = (uint32_t)n;

    if (n + XML_HEAD > w->room_size - w->size) {
        XML_StopParser(w->parser, XML_FALSE);
        return;
    }
    w->room[w->size] = kind;
    memcpy(w->room + w->size + 1, &size, sizeof size);
    memcpy(w->room + w->size + XML_HEAD, text, n);
    w->size += XML_HEAD + n;
}

static void
xml_start(void *data, const char *name, const char **attributes)
{
    struct xml_writer *w = data;

    if (++w->depth > KQL_DEPTH_MAX - 4) {
        XML_StopParser(w->parser, XML_FALSE);
        return;
    }
    w->last_text = 0;
    xml_write(w, '<', name, strlen(name));
    for (; attributes[0] != NULL; attributes += 2) {
        xml_write(w, '@', attributes[0], strlen(attributes[0]));
        xml_write(w, '=', attributes[1], strlen(attributes[1]));
    }
}

static void
xml_end(void *data, const char *name)
{
    struct xml_writer *w = data;

    (void)name;
    w->depth--;
    w->last_text = 0;
    xml_write(w, '>', "", 0);
}

static void
xml_text(void *data, const char *text, int n)
{
    struct xml_writer *w = data;
    uint32_t size;

    if (w->last_text == 0) {
        w->last_text = w->size + 1;
        xml_write(w, '#', text, (size_t)n);
        return;
    }
    if ((size_t)n > w->room_size - w->size) {
        XML_StopParser(w->parser, XML_FALSE);
        return;
    }
    memcpy(&size, w->room + w->last_text, sizeof size);
    size += (uint32_t)n;
    memcpy(w->room + w->last_text, &size, sizeof size);
    memcpy(w->room + w->size, text, (size_t)n);
    w->size += (size_t)n;
}

static void
xml_doctype(void *data, const char *name, const char *system, const char *public, int has_subset)
{
    struct xml_writer *w = data;

    (void)name, (void)system, (void)public, (void)has_subset;
    XML_StopParser(w->parser, XML_FALSE);
}

static bool
xml_read(struct xml_writer *w, struct span text)
{
    bool is_good;

    w->parser = XML_ParserCreate("UTF-8");
    if (w->parser == NULL)
        return false;
    XML_SetUserData(w->parser, w);
    XML_SetElementHandler(w->parser, xml_start, xml_end);
    XML_SetCharacterDataHandler(w->parser, xml_text);
    XML_SetStartDoctypeDeclHandler(w->parser, xml_doctype);
    is_good = XML_Parse(w->parser, text.p, (int)text.n, 1) == XML_STATUS_OK;
    XML_ParserFree(w->parser);
    return is_good;
}

struct xml_reader {
    struct pool *pool;
    const char *at, *end;
};

static char
xml_next(struct xml_reader *r, struct span *text)
{
    char kind = *r->at;
    uint32_t size;

    memcpy(&size, r->at + 1, sizeof size);
    *text = (struct span){r->at + XML_HEAD, size};
    r->at += XML_HEAD + size;
    return kind;
}

static struct span
trimmed(struct span text)
{
    while (text.n > 0 && strchr(" \t\r\n", text.p[0]) != NULL)
        text = cut(text, 1, text.n);
    while (text.n > 0 && strchr(" \t\r\n", text.p[text.n - 1]) != NULL)
        text.n--;
    return text;
}

struct xml_child {
    struct span name;
    struct kql_value value;
    uint32_t order;
};

static int
compare_names(const void *x, const void *y)
{
    const struct xml_child *a = x, *b = y;
    size_t shared = a->name.n < b->name.n ? a->name.n : b->name.n;
    int order = shared == 0 ? 0 : memcmp(a->name.p, b->name.p, shared);

    if (order == 0)
        order = a->name.n < b->name.n ? -1 : a->name.n > b->name.n;
    return order != 0 ? order : a->order < b->order ? -1 : a->order > b->order;
}

static int
compare_orders(const void *x, const void *y)
{
    const struct xml_child *a = x, *b = y;

    return a->order < b->order ? -1 : a->order > b->order;
}

/* Children of one name become an array in the place of the first. */
static struct kql_value
xml_bag(struct pool *p, struct xml_child *children, size_t count)
{
    struct kql_bag_entry *entries = pool_zeroed(p, count, sizeof *entries);
    size_t kept = 0;

    qsort(children, count, sizeof *children, compare_names);
    for (size_t i = 0, next; i < count; i = next) {
        struct kql_array_builder b = {.pool = p};

        for (next = i; next < count && span_equal(children[i].name, children[next].name); next++)
            kql_array_add(&b, children[next].value);
        children[kept] = children[i];
        if (next - i > 1)
            children[kept].value = kql_array_finish(&b);
        kept++;
    }
    qsort(children, kept, sizeof *children, compare_orders);
    for (size_t i = 0; i < kept; i++)
        entries[i] = (struct kql_bag_entry){children[i].name, children[i].value};
    return kql_bag_of(p, entries, kept);
}

/* The element whose start was read, to its end. Recursion is bounded by xml_start. */
static struct kql_value
xml_element(struct xml_reader *r)
{
    struct xml_child *children = NULL;
    size_t count = 0, room = 0, element_count = 0;
    struct span text;
    char kind;

    while ((kind = xml_next(r, &text)) != '>') {
        struct xml_child child = {.order = (uint32_t)count};

        if (kind == '#') {
            if (trimmed(text).n == 0)
                continue;
            child.name = SPAN_LITERAL("#text");
            child.value = kql_string(text);
        } else if (kind == '@') {
            child.name = pool_printf(r->pool, "@%.*s", (int)text.n, text.p);
            xml_next(r, &text);
            child.value = kql_string(text);
        } else {
            child.name = text;
            child.value = xml_element(r);
            element_count++;
        }
        children = pool_grow(r->pool, children, &room, count + 1, sizeof *children);
        children[count++] = child;
    }
    if (count == 0)
        return kql_null(KQL_DYNAMIC);
    if (count == 1 && span_is(children[0].name, "#text"))
        return children[0].value;
    for (size_t i = 0; i < count && element_count > 0; i++) /* blanks around text in between */
        if (children[i].value.type == KQL_STRING && span_is(children[i].name, "#text"))
            children[i].value = kql_string(trimmed(kql_text(&children[i].value)));
    return xml_bag(r->pool, children, count);
}

static void
parse_xml(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct span text = trimmed(arg_text(call, args, 0)), name;
    struct kql_bag_builder b = {.pool = call->pool};
    struct xml_writer w = {.room_size = text.n * (XML_HEAD + 1) + 64};
    struct xml_reader r;

    *result = kql_null(KQL_DYNAMIC);
    if (text.n == 0 || text.n > XML_SIZE_MAX)
        return;
    w.room = pool_take(call->pool, w.room_size);
    if (!xml_read(&w, text))
        return;
    r = (struct xml_reader){call->pool, w.room, w.room + w.size};
    if (xml_next(&r, &name) != '<')
        return;
    (void)kql_bag_add(&b, name, xml_element(&r), true);
    *result = kql_bag_finish(&b);
}

/* ---- CEF (transformations) ----
 *
 * "CEF:0|vendor|product|version|class|name|severity|key=value key=value": its members by the names
 * of CEF, and "Extension" as a bag. In the head \| and \\ are escapes, in the extension \=, \\, \n
 * and \r. */

static struct span
unescaped(struct pool *p, struct span text)
{
    char *out;
    size_t n = 0;

    if (find_byte(text, '\\') < 0)
        return text;
    out = pool_take(p, text.n);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\\' && i + 1 < text.n) {
            char c = text.p[++i];

            out[n++] = c == 'n' ? '\n' : c == 'r' ? '\r' : c;
        } else
            out[n++] = text.p[i];
    }
    return (struct span){out, n};
}

/* Where the next "key=" begins: at 'at' if it may, or behind a blank. text.n: nowhere. *equals is
 * the sign's place. */
static size_t
next_key(struct span text, size_t at, bool may_begin, size_t *equals)
{
    size_t begin = at;

    for (; at < text.n; at++) {
        char c = text.p[at];

        if (c == ' ') {
            begin = at + 1;
            may_begin = true;
        } else if (c == '=') {
            if (may_begin && at > begin) {
                *equals = at;
                return begin;
            }
            may_begin = false;
        } else if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                     c == '_' || c == '-' || c == '.' || c == '[' || c == ']')) {
            may_begin = false;
            if (c == '\\')
                at++;
        }
    }
    return text.n;
}

static struct kql_value
cef_extension(struct pool *p, struct span text)
{
    struct kql_bag_builder b = {.pool = p};
    size_t equals = 0, key = next_key(text, 0, true, &equals);

    while (key < text.n) {
        size_t begin = equals + 1, next;
        struct span name = cut(text, key, equals);

        next = next_key(text, begin, false, &equals);
        (void)kql_bag_add(
            &b, name, kql_string(unescaped(p, cut(text, begin, next == text.n ? next : next - 1))),
            true);
        key = next;
    }
    return kql_bag_finish(&b);
}

static void
parse_cef(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    static const char *const names[] = {"CefVersion",    "DeviceVendor",       "DeviceProduct",
                                        "DeviceVersion", "DeviceEventClassID", "Name",
                                        "Severity"};
    struct span text = kql_text(&args[0]);
    struct kql_bag_builder b = {.pool = call->pool};
    ptrdiff_t start = kql_find(text, SPAN_LITERAL("CEF:"), 0);
    size_t at;

    *result = kql_null(KQL_DYNAMIC);
    if (start < 0)
        return;
    at = (size_t)start + 4;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        size_t from = at;

        while (at < text.n && text.p[at] != '|')
            at += text.p[at] == '\\' && at + 1 < text.n ? 2 : 1;
        if (at == text.n && i + 1 < COUNT_OF(names))
            return;
        put_text(&b, names[i], unescaped(call->pool, cut(text, from, at)));
        at += at < text.n;
    }
    (void)kql_bag_add(&b, SPAN_LITERAL("Extension"),
                      cef_extension(call->pool, cut(text, at, text.n)), true);
    *result = kql_bag_finish(&b);
}

/* ---- The table ---- */

#define ROW(spelled, bits, text, hook, line)                                                       \
    {                                                                                              \
        .name = spelled, .kind = KQL_SCALAR, .flags = bits, .signature = text, .doc = line,        \
        .call = hook, .group = "parse"                                                             \
    }

const struct kql_function kql_functions_parse[] = {
    ROW("parse_url", 0, "(url: string) -> dynamic", parse_url,
        "The parts of a URL: Scheme, Host, Port, Path, Username, Password, Query Parameters, "
        "Fragment."),
    ROW("parseurl", KQL_F_LEGACY, "(url: string) -> dynamic", parse_url, "Write parse_url."),
    ROW("parse_urlquery", 0, "(query: string) -> dynamic", parse_url_query,
        "The parameters of a URL's query, in \"Query Parameters\"."),
    ROW("parseurlquery", KQL_F_LEGACY, "(query: string) -> dynamic", parse_url_query,
        "Write parse_urlquery."),
    ROW("parse_path", 0, "(path: string) -> dynamic", parse_path,
        "The parts of a path: Scheme, RootPath, DirectoryPath, DirectoryName, Filename, Extension, "
        "AlternateDataStreamName."),
    ROW("parse_version", 0, "(version: string) -> decimal", parse_version,
        "A version of up to four numbers as one that can be compared."),
    {.name = "parse_command_line",
       .kind = KQL_SCALAR,
       .flags = KQL_F_TAKES_NULLS,
       .signature = "(command: any, parser: string) -> dynamic",
       .doc = "The arguments of a \"windows\" command line.",
       .call = parse_command_line,
       .prepare = prepare_command_line,
       .group = "parse"},
    ROW("parse_csv", KQL_F_FIRST_NAME,
        "(csv_text: string) -> dynamic\n(csv_text: dynamic) -> dynamic", parse_csv,
        "The fields of the first record of a CSV text."),
    ROW("parse_xml", KQL_F_FIRST_NAME | KQL_F_TRANSFORM,
        "(xml_text: string) -> dynamic\n(xml_text: dynamic) -> dynamic", parse_xml,
        "An XML text as bags: @name attributes, #text, arrays of what is repeated; up to 1 MB."),
    ROW("parse_cef_dictionary", KQL_F_TRANSFORM | KQL_F_TRANSFORM_ONLY,
        "(cef_text: string) -> dynamic", parse_cef,
        "The members of a CEF message, Extension as a bag."),
    {.name = NULL  },
};
