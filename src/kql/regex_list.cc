/* regex_list.cc - many regular expressions at once. C++ for RE2 as regex.cc is; nothing is thrown
 * out of it.
 *
 * RE2's FilteredRE2 works out for each expression which literals (in lower case, of three bytes and
 * more) its matches hold, and which expressions are left once it is known which literals a text
 * holds. Finding those is ours: the first three bytes of a literal are a key; the text is gone over
 * once, in lower case, and only where its three bytes are a key's (a bit each in a small table says
 * so nearly always) the literals of that key are compared. A text holds some tens out of two
 * thousand literals, and some tens out of a thousand expressions are then tried in order.
 *
 * Expressions and texts are bytes to RE2 here, not code points: programs are smaller (a "." is one
 * instruction, not all that UTF-8 knows), and their automata with them. It is the same on ASCII;
 * elsewhere a counted "." counts bytes, and what a group has of a character cut in two is cut off. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic" /* C's compound literals in base.h */
#include "kql/regex_list.h"
#include "kql/regex_piece.hh"
#pragma GCC diagnostic pop
#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <re2/filtered_re2.h>
#include <re2/re2.h>
#include <string>
#include <vector>

namespace
{

constexpr int LITERAL_SIZE_MIN = 3;
constexpr uint32_t KEY_BITS = 15;

using kql::piece;

uint32_t
key_of(const unsigned char *p)
{
    uint32_t three = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;

    return three * 0x9e3779b1u >> (32 - KEY_BITS);
}

std::vector<unsigned char>
fold(struct span text)
{
    std::vector<unsigned char> out(text.n);

    for (size_t i = 0; i < text.n; i++) {
        auto c = (unsigned char)text.p[i];

        out[i] = c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : c;
    }
    return out;
}

/* The literals, by the key of their first bytes. */
class literals
{
  public:
    void build(std::vector<std::string> texts);
    /* Ids of those that the text holds, each once. */
    void find(struct span text, std::vector<int> &found) const;

  private:
    struct row {
        uint32_t key;
        int id;
        std::string text;
    };
    std::vector<row> rows;        /* by key */
    std::vector<uint16_t> starts; /* of key i in 'rows'; ends where the next begins */
    uint64_t is_key[(1u << KEY_BITS) / 64] = {};
};

void
literals::build(std::vector<std::string> texts)
{
    for (size_t i = 0; i < texts.size(); i++)
        rows.push_back({key_of((const unsigned char *)texts[i].data()), (int)i, texts[i]});
    std::sort(rows.begin(), rows.end(), [](const row &a, const row &b) { return a.key < b.key; });
    starts.assign((1u << KEY_BITS) + 1, 0);
    for (const row &r : rows) {
        is_key[r.key / 64] |= UINT64_C(1) << r.key % 64;
        starts[r.key + 1]++;
    }
    for (size_t i = 1; i < starts.size(); i++)
        starts[i] = (uint16_t)(starts[i] + starts[i - 1]);
}

void
literals::find(struct span text, std::vector<int> &found) const
{
    uint64_t seen[KQL_REGEX_LIST_LITERALS_MAX / 64];
    std::vector<unsigned char> folded = fold(text);

    memset(seen, 0, (rows.size() + 63) / 64 * sizeof *seen);
    for (size_t at = 0; at + LITERAL_SIZE_MIN <= folded.size(); at++) {
        uint32_t key = key_of(folded.data() + at);

        if ((is_key[key / 64] >> key % 64 & 1) == 0)
            continue;
        for (size_t i = starts[key]; i < starts[key + 1]; i++) {
            const row &r = rows[i];

            if (r.text.size() > folded.size() - at ||
                memcmp(r.text.data(), folded.data() + at, r.text.size()) != 0 ||
                (seen[(size_t)r.id / 64] >> r.id % 64 & 1) != 0)
                continue;
            seen[(size_t)r.id / 64] |= UINT64_C(1) << r.id % 64;
            found.push_back(r.id);
        }
    }
}

bool
is_ascii(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text >= 0x80)
            return false;
    return true;
}

} // namespace

struct kql_regex_list {
    re2::FilteredRE2 filtered{LITERAL_SIZE_MIN};
    literals needed;
};

namespace
{

bool
is_inside(struct span text, const char *at) /* a character, behind its first byte */
{
    return at < text.p + text.n && ((unsigned char)*at & 0xc0) == 0x80;
}

span
whole_characters(struct span text, const char *p, size_t n)
{
    while (n > 0 && is_inside(text, p))
        p++, n--;
    while (n > 0 && is_inside(text, p + n))
        n--;
    return span{p, n};
}

/* The groups in order; false: no match. */
bool
match(const RE2 &regex, struct span text, struct span *groups, uint32_t count)
{
    piece found[KQL_REGEX_LIST_GROUPS_MAX + 1];
    uint32_t asked = std::min({count, (uint32_t)regex.NumberOfCapturingGroups() + 1,
                               (uint32_t)KQL_REGEX_LIST_GROUPS_MAX + 1});

    if (!regex.Match(piece(text.p, text.n), 0, text.n, RE2::UNANCHORED, found, (int)asked))
        return false;
    for (uint32_t i = 0; i < count; i++)
        groups[i] = i < asked && found[i].data() != nullptr
                        ? whole_characters(text, found[i].data(), found[i].size())
                        : span{nullptr, 0};
    return true;
}

/* Bytes for the expression's program and its automata, by the size of its program. An automaton that
 * does not fit falls back to a search that is many times slower. */
int64_t
memory_for(const std::string &pattern, const RE2::Options &options)
{
    int64_t size = RE2(pattern, options).ProgramSize();

    return std::clamp<int64_t>(size * 1024, KQL_REGEX_LIST_MEMORY_MIN, KQL_REGEX_LIST_MEMORY_MAX);
}

/* NULL, or what is wrong with the expression. */
const char *
add(re2::FilteredRE2 &filtered, const struct kql_regex_item &item)
{
    RE2::Options options;
    int id;

    options.set_log_errors(false);
    options.set_encoding(RE2::Options::EncodingLatin1);
    options.set_case_sensitive(!item.ignores_case);
    options.set_max_mem(KQL_REGEX_LIST_MEMORY_MAX);
    options.set_max_mem(memory_for(item.pattern, options));
    if (item.ignores_case && !is_ascii(item.pattern))
        return "letters that are not ASCII's, in any case"; /* their bytes would be letters of Latin */
    if (filtered.Add(item.pattern, options, &id) != RE2::NoError)
        return "RE2 does not compile it";
    if (filtered.GetRE2(id).NumberOfCapturingGroups() > KQL_REGEX_LIST_GROUPS_MAX)
        return "too many groups";
    return nullptr;
}

} // namespace

extern "C" {

struct kql_regex_list *
kql_regex_list_new(const struct kql_regex_item *items, uint32_t count, struct err *err)
{
    try {
        auto list = std::make_unique<kql_regex_list>();
        std::vector<std::string> texts;

        if (count > KQL_REGEX_LIST_MAX) {
            (void)err_set(err, ST_INVALID, "more than %d regular expressions in a list",
                          KQL_REGEX_LIST_MAX);
            return nullptr;
        }
        for (uint32_t i = 0; i < count; i++) {
            const char *wrong = add(list->filtered, items[i]);

            if (wrong != nullptr) {
                (void)err_set(err, ST_INVALID, "the regular expression '%.60s' of a list: %s",
                              items[i].pattern, wrong);
                return nullptr;
            }
        }
        list->filtered.Compile(&texts);
        if (texts.size() > KQL_REGEX_LIST_LITERALS_MAX) {
            (void)err_set(err, ST_INVALID,
                          "a list of regular expressions has more than %d literals",
                          KQL_REGEX_LIST_LITERALS_MAX);
            return nullptr;
        }
        list->needed.build(std::move(texts));
        return list.release();
    } catch (...) {
        (void)err_set(err, ST_FULL, "no memory for a list of regular expressions");
    }
    return nullptr;
}

void
kql_regex_list_free(struct kql_regex_list *list)
{
    delete list;
}

int32_t
kql_regex_list_first(const struct kql_regex_list *list, struct span text, struct span *groups,
                     uint32_t count)
{
    try {
        std::vector<int> found, potentials;

        list->needed.find(text, found);
        list->filtered.AllPotentials(found, &potentials);
        std::sort(potentials.begin(), potentials.end());
        for (int i : potentials)
            if (match(list->filtered.GetRE2(i), text, groups, count))
                return i;
    } catch (...) { /* the system's memory is at its end */
    }
    return -1;
}

int32_t
kql_regex_list_first_plain(const struct kql_regex_list *list, struct span text, struct span *groups,
                           uint32_t count)
{
    try {
        for (int i = 0; i < list->filtered.NumRegexps(); i++)
            if (match(list->filtered.GetRE2(i), text, groups, count))
                return i;
    } catch (...) {
    }
    return -1;
}
}
