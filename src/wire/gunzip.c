/* gunzip.c - see gunzip.h. ISA-L inflates and checks the trailer; the header (RFC 1952 section 2.3)
 * is read here, since ISA-L 2.30 refuses the right checksum of a header with an extra field. */
#include "wire/gunzip.h"
#include <assert.h>
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

enum phase {                /* in the order of the bytes */
             PHASE_BETWEEN, /* at the start or behind a member */
             PHASE_FIXED,
             PHASE_EXTRA_SIZE,
             PHASE_EXTRA,
             PHASE_NAME,
             PHASE_COMMENT,
             PHASE_CHECK,
             PHASE_BODY, /* blocks and trailer */
};

enum { FLAG_CHECK = 2, FLAG_EXTRA = 4, FLAG_NAME = 8, FLAG_COMMENT = 16, FLAGS_UNKNOWN = 0xe0 };

static const char *
fault_text(int result)
{
    switch (result) {
    case ISAL_INCORRECT_CHECKSUM:
        return "its checksum or size does not match; it was damaged on its way, send it again";
    case ISAL_INVALID_LOOKBACK:
        return "it refers to bytes before its start; it was damaged on its way, send it again";
    default:
        return "its blocks are damaged; send it again";
    }
}

static enum status
refuse(struct gunzip *g, struct err *err, const char *what)
{
    g->is_broken = true;
    return err_set(err, ST_INVALID, "gzip member %llu, near byte %llu: %s",
                   (unsigned long long)g->member, (unsigned long long)g->in_size, what);
}

enum status
gunzip_init(struct gunzip *g, struct arena *a, struct err *err)
{
    struct inflate_state *state = arena_take(a, sizeof *state);

    if (state == NULL)
        return err_set(err, ST_FULL, "no room for gunzip's %zu bytes", sizeof *state);
    g->state = state;
    gunzip_reset(g);
    return ST_OK;
}

void
gunzip_reset(struct gunzip *g)
{
    *g = (struct gunzip){.state = g->state, .phase = PHASE_BETWEEN};
}

/* From a phase that is over to the next that this header has. */
static void
next_phase(struct gunzip *g)
{
    static const struct {
        uint8_t flag, left;
    } phases[] = {
        [PHASE_FIXED] = {0,            10},
        [PHASE_EXTRA_SIZE] = {FLAG_EXTRA,   2 },
        [PHASE_EXTRA] = {FLAG_EXTRA,   0 },
        [PHASE_NAME] = {FLAG_NAME,    0 },
        [PHASE_COMMENT] = {FLAG_COMMENT, 0 },
        [PHASE_CHECK] = {FLAG_CHECK,   2 }
    };

    do
        g->phase++;
    while (g->phase < PHASE_BODY && phases[g->phase].flag != 0 &&
           !(g->flags & phases[g->phase].flag));
    if (g->phase == PHASE_BODY) {
        isal_inflate_init(g->state);
        g->state->crc_flag = ISAL_GZIP_NO_HDR_VER;
        return;
    }
    g->left = g->phase == PHASE_EXTRA ? g->number : phases[g->phase].left;
    if (g->phase == PHASE_EXTRA && g->left == 0)
        next_phase(g);
}

/* One byte of the ten that every header begins with. NULL: fine. */
static const char *
take_fixed(struct gunzip *g, uint8_t byte)
{
    static const uint8_t begin[] = {0x1f, 0x8b, 8};
    unsigned at = 10 - g->left;

    if (at < 2 && byte != begin[at])
        return at == 0 && g->member > 1
                   ? "it is something else than gzip behind gzip; send only gzip"
                   : "its header is not gzip's; compress with gzip, or drop Content-Encoding";
    if (at == 2 && byte != begin[at])
        return "it is compressed with an unknown method; use deflate";
    if (at == 3 && (byte & FLAGS_UNKNOWN))
        return "its header has unknown flags; compress with gzip";
    if (at == 3)
        g->flags = byte;
    return NULL;
}

/* One byte of a header. NULL: fine. */
static const char *
take_header(struct gunzip *g, uint8_t byte)
{
    const char *fault = NULL;
    uint16_t crc = (uint16_t)g->crc;

    g->crc = crc32_gzip_refl(g->crc, &byte, 1);
    g->number = (uint16_t)(g->number >> 8 | byte << 8);
    switch (g->phase) {
    case PHASE_FIXED:
        fault = take_fixed(g, byte);
        break;
    case PHASE_NAME:
    case PHASE_COMMENT:
        g->left = byte != 0 ? 2 : 1;
        break;
    case PHASE_CHECK:
        if (g->left == 2)
            g->check = crc;
        else if (g->number != g->check)
            fault =
                "its header's checksum does not match; it was damaged on its way, send it again";
        break;
    default:
        break;
    }
    if (--g->left == 0 && fault == NULL)
        next_phase(g);
    return fault;
}

/* One call of ISA-L, which counts in 32 bits. Gives its result. */
static int
inflate_some(struct gunzip *g, struct span *input, char *out, size_t out_max, size_t *out_size)
{
    const size_t most = 1u << 30;
    struct inflate_state *state = g->state;
    size_t in = input->n < most ? input->n : most, room = out_max < most ? out_max : most;
    int result;

    state->next_in = (uint8_t *)(uintptr_t)input->p;
    state->avail_in = (uint32_t)in;
    state->next_out = (uint8_t *)out;
    state->avail_out = (uint32_t)room;
    result = isal_inflate(state);
    if (result < 0) /* its counts may then be off by what it had looked ahead */
        state->avail_in = (uint32_t)in;
    in -= state->avail_in;
    *out_size = state->avail_out <= room ? room - state->avail_out : 0;
    input->p += in;
    input->n -= in;
    g->in_size += in;
    g->out_size += *out_size;
    return result;
}

enum status
gunzip_feed(struct gunzip *g, struct span *input, bool is_last, char *out, size_t out_max,
            size_t *out_size, struct err *err)
{
    const char *fault;
    size_t before, n;
    int result;

    assert(out_max > 0);
    *out_size = 0;
    if (g->is_broken)
        return refuse(g, err, "an earlier fault stands");
    while (*out_size < out_max) {
        if (g->phase != PHASE_BODY) {
            if (input->n == 0)
                break;
            if (g->phase == PHASE_BETWEEN) {
                g->flags = 0;
                g->crc = 0;
                g->member++;
                next_phase(g);
            }
            if ((fault = take_header(g, (uint8_t)input->p[0])) != NULL)
                return refuse(g, err, fault);
            input->p++;
            input->n--;
            g->in_size++;
            continue;
        }
        before = input->n;
        result = inflate_some(g, input, out + *out_size, out_max - *out_size, &n);
        *out_size += n;
        if (result < 0)
            return refuse(g, err, fault_text(result));
        if (g->state->block_state == ISAL_BLOCK_FINISH) {
            g->phase = PHASE_BETWEEN;
        } else if (input->n == before && n == 0) {
            if (before > 0) /* never seen; must not become an endless loop */
                return refuse(g, err, fault_text(ISAL_INVALID_BLOCK));
            break;
        }
    }
    if (*out_size == out_max || !is_last || input->n > 0)
        return ST_OK;
    if (g->member == 0)
        return refuse(g, err, "it is empty; send at least an empty gzip member");
    if (g->phase != PHASE_BETWEEN)
        return refuse(g, err, "it ends before its end; send all of it");
    return ST_END;
}
