/* arm_page.c - bodies in and pages out, for all ARM tables. */
#include "api/arm.h"
#include "control/inventory.h"
#include "control/store.h"
#include <stdlib.h>
#include <strings.h>

/* ---- bodies ---- */

/* Nesting of JSON text, before a tree is made of it. */
static unsigned
depth_of(struct span text)
{
    unsigned depth = 0, deepest = 0;
    bool is_string = false;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (is_string && c == '\\')
            i++;
        else if (c == '"')
            is_string = !is_string;
        else if (!is_string && (c == '{' || c == '[')) {
            if (++depth > deepest)
                deepest = depth;
        } else if (!is_string && (c == '}' || c == ']') && depth > 0)
            depth--;
    }
    return deepest;
}

json_t *
arm_json_read(struct span text, char where[120])
{
    json_error_t error;
    json_t *tree;

    if (depth_of(text) > ARM_DEPTH_MAX) {
        snprintf(where, 120, "nested deeper than %d", ARM_DEPTH_MAX);
        return NULL;
    }
    tree = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &error);
    if (tree == NULL)
        snprintf(where, 120, "line %d, column %d: %.80s", error.line, error.column, error.text);
    return tree;
}

json_t *
arm_body(struct arm_call *a, struct http_reply *reply)
{
    char where[120] = "";
    json_t *tree = arm_json_read((struct span){a->base.body, a->base.body_size}, where);

    if (json_is_object(tree))
        return tree;
    if (tree == NULL)
        arm_error(reply, 400, "InvalidRequestContent", "body", NULL,
                  "The request body is not valid JSON.");
    else
        arm_error(reply, 400, "InvalidRequestContent", "body", NULL,
                  "The request body must be a JSON object.");
    json_decref(tree);
    return NULL;
}

/* ---- pages ---- */

bool
arm_page_size(struct arm_call *a, size_t *count, struct http_reply *reply)
{
    const char *text = http_query(a->base.request, "$top");
    size_t digits = text == NULL ? 0 : strspn(text, "0123456789");

    *count = ARM_PAGE;
    if (text == NULL)
        return true;
    if (digits > 0 && digits < 10 && text[digits] == '\0') {
        *count = strtoul(text, NULL, 10);
        if (*count > ARM_PAGE_MAX)
            *count = ARM_PAGE_MAX;
    }
    if (digits > 0 && digits < 10 && text[digits] == '\0' && *count > 0)
        return true;
    arm_error(reply, 400, "InvalidQueryParameter", "$top", NULL,
              "$top must be a number from 1 to %d.", ARM_PAGE_MAX);
    return false;
}

static int
hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

/* Tokens are opaque: "1" and the text in hex. */
bool
arm_page_after(struct arm_call *a, char *after, size_t room, struct http_reply *reply)
{
    const char *token = http_query(a->base.request, "$skiptoken");
    size_t n = token == NULL ? 0 : strlen(token);
    bool is_fine = n % 2 == 1 && token[0] == '1' && n / 2 < room;

    after[0] = '\0';
    if (token == NULL)
        return true;
    for (size_t i = 1; is_fine && i < n; i += 2) {
        int high = hex_of(token[i]), low = hex_of(token[i + 1]);

        is_fine = high >= 0 && low >= 0 && (high > 0 || low > 0);
        after[i / 2] = (char)(high * 16 + low);
    }
    if (is_fine) {
        after[n / 2] = '\0';
        return true;
    }
    after[0] = '\0';
    arm_error(reply, 400, "InvalidSkipToken", "$skiptoken", NULL,
              "The $skiptoken is none that this list gave: follow nextLink, or begin anew.");
    return false;
}

/* Whether the parameter's name, decoded, is this one. */
static bool
name_is(struct span raw, const char *name)
{
    char decoded[64];
    struct err ignored;

    return raw.n < sizeof decoded &&
           http_decode_segment(raw, decoded, sizeof decoded, &ignored) == ST_OK &&
           strcasecmp(decoded, name) == 0;
}

/* Bytes of the request's line as they may stand in a link: a client may have sent any. */
static void
link_put(FILE *out, struct span raw)
{
    for (size_t i = 0; i < raw.n; i++) {
        unsigned char c = (unsigned char)raw.p[i];

        if (c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>')
            fprintf(out, "%%%02X", c);
        else
            fputc(c, out);
    }
}

static json_t *
link_make(struct arm_call *a, const char *next)
{
    const struct http_request *r = a->base.request;
    char base[300], *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    bool is_first = true;

    if (out == NULL)
        return NULL;
    call_base(&a->base, base);
    link_put(out, span_of(base));
    link_put(out, span_of(r->path));
    for (const char *at = r->query; *at != '\0'; at += *at == '&') {
        struct span part = {at, strcspn(at, "&")}, name = {at, strcspn(at, "=&")};

        at += part.n;
        if (part.n == 0 || name_is(name, "$skiptoken"))
            continue;
        fputc(is_first ? '?' : '&', out);
        is_first = false;
        if (name_is(name, "api-version")) { /* some clients encode its hyphen */
            fputs("api-version", out);
            part = (struct span){name.p + name.n, part.n - name.n};
        }
        link_put(out, part);
    }
    fprintf(out, "%c$skiptoken=1", is_first ? '?' : '&');
    for (; *next != '\0'; next++)
        fprintf(out, "%02x", (unsigned char)*next);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    json_t *link = json_string(text);

    free(text);
    return link;
}

void
arm_reply_list(struct arm_call *a, struct http_reply *reply, json_t *value, const char *next)
{
    json_t *tree = value == NULL ? NULL : json_pack("{s:o}", "value", value);
    json_t *link = next == NULL || next[0] == '\0' ? NULL : link_make(a, next);

    if (tree != NULL && next != NULL && next[0] != '\0' &&
        (link == NULL || json_object_set_new(tree, "nextLink", link) != 0)) {
        json_decref(tree);
        tree = NULL;
    }
    arm_reply(reply, 200, tree);
}

void
arm_reply_list_text(struct arm_call *a, struct http_reply *reply, char *value, size_t size,
                    const char *next)
{
    json_t *link = next == NULL || next[0] == '\0' ? NULL : link_make(a, next);
    char *link_text = link == NULL ? NULL : json_dumps(link, JSON_ENCODE_ANY | JSON_COMPACT);
    bool is_last = next == NULL || next[0] == '\0';
    size_t room = size + (link_text == NULL ? 0 : strlen(link_text)) + 32;
    char *text = value == NULL || (!is_last && link_text == NULL) ? NULL : malloc(room);

    if (text == NULL) {
        arm_error_memory(reply);
    } else {
        size_t n = (size_t)snprintf(text, room, "{\"value\":");

        memcpy(text + n, value, size);
        n += size;
        if (!is_last)
            n += (size_t)snprintf(text + n, room - n, ",\"nextLink\":%s", link_text);
        text[n++] = '}';
        call_reply_taken(reply, 200, text, n);
    }
    free(link_text);
    json_decref(link);
    free(value);
}

bool
arm_group_is_there(struct arm_call *a, struct http_reply *reply)
{
    struct err err;
    enum status st = resource_group_find(a->base.control->store, a->subscription, a->resource_group,
                                         NULL, NULL, &err);

    if (st == ST_OK)
        return true;
    if (st == ST_END)
        arm_error(reply, 404, "ResourceGroupNotFound", NULL, NULL, "Resource group '%s' not found.",
                  a->resource_group);
    else
        arm_error_status(reply, st, &err);
    return false;
}
