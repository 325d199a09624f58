/* procfs_fuzz.c - whatever stands in /proc, the readers stay within it and yield valid JSON
 * strings. */
#include "sensor/procfs.h"
#include "sensor/text.h"
#include "wire/json.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};
    struct procfs_stat stat;
    struct procfs_status status;
    struct socket s;
    uint64_t number;
    char line[512], json[512 * 6 + 2];

    if (size == 0)
        return 0;
    if (procfs_stat_read(text, &stat) &&
        (stat.name.p < text.p || stat.name.p + stat.name.n > text.p + text.n || stat.pid <= 0))
        abort();
    (void)!procfs_status_read(text, &status);
    for (int i = 0; i < 4; i++)
        if (procfs_socket_read(text, i & 1, i & 2, &s)) {
            char address[SOCKET_ADDRESS_TEXT_SIZE];

            socket_address_write(s.key.local, s.key.is_ipv6, address);
            (void)socket_address_type(s.key.remote, s.key.is_ipv6);
        }
    (void)!procfs_number(text, "btime", &number);
    (void)procfs_os_release(text, "ID");

    struct text t = {json, 0, sizeof json, false};
    size_t n = procfs_command_line(text, sizeof line, line);

    text_add_string(&t, (struct span){line, n});
    json_t *tree = json_loadb(t.p, t.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

    if (t.is_cut || tree == NULL)
        abort();
    json_decref(tree);
    return 0;
}
