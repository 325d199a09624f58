/* connector_test.c - proc events as the kernel lays them out, whole, several at once, and cut. */
#include "base/test.h"
#include "sensor/connector.h"
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>

struct wanted {
    enum connector_kind kind;
    int pid, parent_pid;
    bool is_thread;
};

static const struct {
    const char *name;
    unsigned what;
    uint32_t data[6];
    unsigned type, id;
    bool is_event;
    struct wanted wanted;
} cases[] = {
    {"fork of a process",
     1,                               {10, 10, 20, 20},
     NLMSG_DONE,                                                          1,
     true,                                                                          {CONNECTOR_FORK, 20, 10, false}},
    {"fork of a thread",     1,       {10, 10, 21, 20},      NLMSG_DONE,  1, true,  {CONNECTOR_FORK, 20, 10, true} },
    {"exec",                 2,       {31, 30},              NLMSG_DONE,  1, true,  {CONNECTOR_EXEC, 30, 0, false} },
    {"exit of a process",
     0x80000000u,                     {40, 40, 0, 17, 1, 1},
     NLMSG_DONE,                                                          1,
     true,                                                                          {CONNECTOR_EXIT, 40, 0, false} },
    {"exit of a thread",
     0x80000000u,                     {41, 40, 0, 17, 1, 1},
     NLMSG_DONE,                                                          1,
     true,                                                                          {CONNECTOR_EXIT, 40, 0, true}  },
    {"the kernel's answer",  0,       {0},                   NLMSG_DONE,  1, true,  {CONNECTOR_OTHER, 0, 0, false} },
    {"a new name",           0x200,   {50, 50, 0x616161},    NLMSG_DONE,  1, true,  {CONNECTOR_OTHER, 0, 0, false} },
    {"one of the future",    0x10000, {60, 60},              NLMSG_DONE,  1, true,  {CONNECTOR_OTHER, 0, 0, false} },
    {"of another connector", 2,       {31, 30},              NLMSG_DONE,  7, false, {0}                            },
    {"a netlink error",      2,       {31, 30},              NLMSG_ERROR, 1, false, {0}                            },
};

static size_t
lay(char *to, unsigned type, unsigned id, unsigned what, const uint32_t data[6], uint32_t cpu,
    uint32_t sequence)
{
    struct proc_event body;
    struct cn_msg message = {
        .id = {id, CN_VAL_PROC},
          .seq = sequence, .len = sizeof body
    };
    struct nlmsghdr head = {
        .nlmsg_len = (uint32_t)(NLMSG_HDRLEN + sizeof message + sizeof body),
        .nlmsg_type = (uint16_t)type,
    };

    memset(&body, 0, sizeof body);
    memcpy(&body, &what, sizeof what);
    body.cpu = cpu;
    body.timestamp_ns = 123456789;
    memcpy(&body.event_data, data, sizeof body.event_data < 24 ? sizeof body.event_data : 24);
    memcpy(to, &head, sizeof head);
    memcpy(to + NLMSG_HDRLEN, &message, sizeof message);
    memcpy(to + NLMSG_HDRLEN + sizeof message, &body, sizeof body);
    return NLMSG_ALIGN(head.nlmsg_len);
}

int
main(void)
{
    static char all[4096];
    size_t all_size = 0, event_count = 0, seen = 0, at = 0;
    struct connector_event event;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char one[256];
        size_t n = lay(one, cases[i].type, cases[i].id, cases[i].what, cases[i].data, 3, 9);

        at = 0;
        bool is_event = connector_parse((struct span){one, n}, &at, &event);

        CHECK(is_event == cases[i].is_event && at == n, "%s: %d, at %zu of %zu", cases[i].name,
              is_event, at, n);
        if (is_event)
            CHECK(event.kind == cases[i].wanted.kind && event.pid == cases[i].wanted.pid &&
                      event.parent_pid == cases[i].wanted.parent_pid &&
                      event.is_thread == cases[i].wanted.is_thread && event.cpu == 3 &&
                      event.sequence == 9 && event.time_ns == 123456789 && event.has_sequence &&
                      event.is_answer == (cases[i].what == 0),
                  "%s: kind %d pid %d parent %d thread %d", cases[i].name, (int)event.kind,
                  event.pid, event.parent_pid, event.is_thread);
        for (size_t cut = 0; cut < n; cut++) {
            char *copy = malloc(cut + 1);

            memcpy(copy, one, cut);
            at = 0;
            CHECK(!connector_parse((struct span){copy, cut}, &at, &event) && at == cut,
                  "%s cut at %zu", cases[i].name, cut);
            free(copy);
        }
        all_size +=
            lay(all + all_size, cases[i].type, cases[i].id, cases[i].what, cases[i].data, 3, 9);
        event_count += cases[i].is_event;
    }
    static const uint32_t refused[6] = {1}; /* EPERM */
    char answer[256];

    for (int is_old = 0; is_old < 2; is_old++) {
        size_t n = lay(answer, NLMSG_DONE, 1, 0, refused, is_old ? UINT32_MAX : 3, 9);

        memcpy(answer + NLMSG_HDRLEN + offsetof(struct cn_msg, ack), &(uint32_t){78}, 4);
        at = 0;
        CHECK(connector_parse((struct span){answer, n}, &at, &event) && event.is_answer &&
                  event.answer_to == 77 && event.error == 1 && event.has_sequence == !is_old,
              "an answer, old %d: to %u, error %u", is_old, event.answer_to, event.error);
    }
    at = 0;
    while (connector_parse((struct span){all, all_size}, &at, &event))
        seen++;
    CHECK(seen == event_count, "%zu of %zu in one datagram", seen, event_count);

    static struct connector_loss loss;
    static const struct {
        const char *name;
        uint32_t cpu, sequence;
        bool has_sequence;
        uint64_t lost;
    } losses[] = {
        {"the first says nothing",     0,    100,        true,  0},
        {"the next",                   0,    101,        true,  0},
        {"another processor",          1,    5,          true,  0},
        {"two are missing",            0,    104,        true,  2},
        {"an answer has no number",    0,    0,          false, 2},
        {"a late one is none missing", 0,    103,        true,  2},
        {"a processor beyond all",     9999, 7,          true,  2},
        {"towards the end",            2,    UINT32_MAX, true,  2},
        {"the number wraps",           2,    0,          true,  2},
        {"one is missing behind that", 2,    2,          true,  3},
    };

    for (size_t i = 0; i < COUNT_OF(losses); i++) {
        struct connector_event e = {.cpu = losses[i].cpu,
                                    .sequence = losses[i].sequence,
                                    .has_sequence = losses[i].has_sequence};

        connector_count_loss(&loss, &e);
        CHECK(loss.lost == losses[i].lost, "%s: %llu", losses[i].name,
              (unsigned long long)loss.lost);
    }
    return test_end();
}
