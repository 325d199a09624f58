/* tokens_fuzz.c - no header value crashes the check, and only what has a token's exact form
 * passes. */
#include "control/tokens.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};
    char id[TOKEN_ID_SIZE];

    if (token_text_is(text, id))
        assert(size == TOKEN_TEXT_SIZE - 1 && strlen(id) == TOKEN_ID_SIZE - 1);
    (void)role_read(text);
    return 0;
}
