/* regex.cc - regular expressions: the documented dialect (that of Rust's regex crate) brought to
 * RE2. C++, as regex_list.cc is and no other file; nothing is thrown out of it.
 *
 * What is rewritten for RE2:
 *   \d \w \s and \D \W \S    are Unicode's: \p{Nd}; letters, marks, digits, connectors and what else
 *                            is alphabetic; white space
 *   [a-z&&[^aeiou]] -- ~~    classes in classes and operations on them are worked out here
 *   (?<name>...)             is (?P<name>...)
 *   \u{e4} \u00e4 \U000000e4 are \x{e4}
 *   \p{Letter} \p{sc=Greek}  long names of categories, and of scripts with their prefix
 * What is refused though RE2 knows it: \C, \Q...\E. What stays different:
 *   \b and \B look at ASCII letters, digits and '_' only; \b{start} and its kin, (?x), (?u), (?R)
 *   are refused; scripts cannot stand in a class that is worked out here.
 *
 * A pattern that holds a class of Unicode is compiled twice: texts that are ASCII are matched with
 * ASCII's part of those classes. That is the same on them, and its program is so small that RE2
 * finds groups several times faster.
 *
 * Most rows do not match. What RE2 finds out for sets of expressions (its prefilter: literals one of
 * which every match holds) is asked here of one: an ASCII text without any of them is passed over
 * by the search of text.h, at many times the speed of RE2's automaton. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic" /* C's compound literals in base.h */
#include "kql/regex.h"
#include "kql/regex_piece.hh"
#include "kql/text_filter.h"
#pragma GCC diagnostic pop
#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <re2/filtered_re2.h>
#include <re2/re2.h>
#include <string>
#include <utf8proc.h>
#include <utility>
#include <vector>

namespace
{

/* Unicode classes of one pattern: each costs RE2 hundreds of ranges. */
constexpr uint32_t CLASSES_MAX = 256;
constexpr int DEPTH_MAX = 32; /* of classes in classes */
constexpr int32_t LAST = 0x10ffff;

using kql::piece;

struct refused { /* thrown and caught in this file alone */
    std::string why;
};

/* ---- Sets of code points ---- */

using range = std::pair<int32_t, int32_t>; /* first and last */
using set = std::vector<range>;            /* in order, apart from each other */

set
tidy(set s)
{
    set out;

    std::sort(s.begin(), s.end());
    for (const range &r : s) {
        if (!out.empty() && r.first <= out.back().second + 1)
            out.back().second = std::max(out.back().second, r.second);
        else
            out.push_back(r);
    }
    return out;
}

set
complement(const set &s)
{
    set out;
    int32_t next = 0;

    for (const range &r : s) {
        if (r.first > next)
            out.emplace_back(next, r.first - 1);
        next = r.second + 1;
    }
    if (next <= LAST)
        out.emplace_back(next, LAST);
    return out;
}

set
both(const set &a, const set &b)
{
    set out;

    for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
        int32_t first = std::max(a[i].first, b[j].first);
        int32_t last = std::min(a[i].second, b[j].second);

        if (first <= last)
            out.emplace_back(first, last);
        if (a[i].second < b[j].second)
            i++;
        else
            j++;
    }
    return out;
}

void
add(set &to, const set &more)
{
    to.insert(to.end(), more.begin(), more.end());
}

template <class F>
set
all_that(F is_in)
{
    set out;

    for (int32_t c = 0; c <= LAST; c++) {
        if (!is_in(c))
            continue;
        if (!out.empty() && out.back().second == c - 1)
            out.back().second = c;
        else
            out.emplace_back(c, c);
    }
    return out;
}

const set &
words()
{
    static const set made = all_that([](int32_t c) {
        switch (utf8proc_category(c)) {
        case UTF8PROC_CATEGORY_LU:
        case UTF8PROC_CATEGORY_LL:
        case UTF8PROC_CATEGORY_LT:
        case UTF8PROC_CATEGORY_LM:
        case UTF8PROC_CATEGORY_LO:
        case UTF8PROC_CATEGORY_MN:
        case UTF8PROC_CATEGORY_MC:
        case UTF8PROC_CATEGORY_ME:
        case UTF8PROC_CATEGORY_ND:
        case UTF8PROC_CATEGORY_NL:
        case UTF8PROC_CATEGORY_PC:
            return true;
        default: /* what else joins words, and is alphabetic: circled and squared letters */
            return c == 0x200c || c == 0x200d || (c >= 0x24b6 && c <= 0x24e9) ||
                   (c >= 0x1f130 && c <= 0x1f149) || (c >= 0x1f150 && c <= 0x1f169) ||
                   (c >= 0x1f170 && c <= 0x1f189);
        }
    });
    return made;
}

const set &
spaces()
{
    static const set made = {
        {'\t',   '\r'  },
        {' ',    ' '   },
        {0x85,   0x85  },
        {0xa0,   0xa0  },
        {0x1680, 0x1680},
        {0x2000, 0x200a},
        {0x2028, 0x2029},
        {0x202f, 0x202f},
        {0x205f, 0x205f},
        {0x3000, 0x3000}
    };
    return made;
}

const set &
digits()
{
    static const set made =
        all_that([](int32_t c) { return utf8proc_category(c) == UTF8PROC_CATEGORY_ND; });
    return made;
}

/* A category by its short name ("L", "Lu"). */
set
category(const std::string &name)
{
    return all_that([&name](int32_t c) {
        const char *is = utf8proc_category_string(c);

        return is[0] == name[0] && (name.size() == 1 || is[1] == name[1]);
    });
}

/* ---- Rewriting ---- */

const char *const category_names[][2] = {
    {"Letter",                "L" },
    {"Uppercase_Letter",      "Lu"},
    {"Uppercase",             "Lu"},
    {"Lowercase_Letter",      "Ll"},
    {"Lowercase",             "Ll"},
    {"Titlecase_Letter",      "Lt"},
    {"Modifier_Letter",       "Lm"},
    {"Other_Letter",          "Lo"},
    {"Mark",                  "M" },
    {"Nonspacing_Mark",       "Mn"},
    {"Spacing_Mark",          "Mc"},
    {"Enclosing_Mark",        "Me"},
    {"Number",                "N" },
    {"Decimal_Number",        "Nd"},
    {"Letter_Number",         "Nl"},
    {"Other_Number",          "No"},
    {"Punctuation",           "P" },
    {"Connector_Punctuation", "Pc"},
    {"Dash_Punctuation",      "Pd"},
    {"Open_Punctuation",      "Ps"},
    {"Close_Punctuation",     "Pe"},
    {"Initial_Punctuation",   "Pi"},
    {"Final_Punctuation",     "Pf"},
    {"Other_Punctuation",     "Po"},
    {"Symbol",                "S" },
    {"Math_Symbol",           "Sm"},
    {"Currency_Symbol",       "Sc"},
    {"Modifier_Symbol",       "Sk"},
    {"Other_Symbol",          "So"},
    {"Separator",             "Z" },
    {"Space_Separator",       "Zs"},
    {"Line_Separator",        "Zl"},
    {"Paragraph_Separator",   "Zp"},
    {"Other",                 "C" },
    {"Control",               "Cc"},
    {"Format",                "Cf"},
    {"Private_Use",           "Co"},
};

/* The rewriter: goes over the pattern once and makes the text for RE2. */
class rewriter
{
  public:
    rewriter(const char *text, size_t size, bool only_ascii)
        : at(text), end(text + size), is_ascii(only_ascii)
    {
    }

    std::string run();
    bool has_unicode = false; /* a class that is another one on ASCII texts */

  private:
    const char *at, *const end;
    const bool is_ascii;
    uint32_t class_count = 0;
    std::string out;

    bool is(const char *text) const
    {
        size_t n = strlen(text);

        return (size_t)(end - at) >= n && memcmp(at, text, n) == 0;
    }
    void count_class()
    {
        has_unicode = true;
        if (++class_count > CLASSES_MAX)
            throw refused{"more than " + std::to_string(CLASSES_MAX) + " classes"};
    }
    std::string read_property();
    int32_t read_hex(uint32_t count);
    int32_t read_braced_hex();
    int32_t read_literal();
    void escape(bool in_class);
    void class_text();
    bool is_simple_class() const;
    void simple_class();
    set class_set(int depth);
    set class_items(int depth);
    set class_item(int depth, bool *is_literal);
    set posix_class();
    void emit(const set &s);
};

/* Behind \p or \P: the name as RE2 knows it. */
std::string
rewriter::read_property()
{
    std::string name;

    if (at == end)
        throw refused{"\\p without a name"};
    if (*at != '{')
        return std::string(1, *at++);
    const char *close = (const char *)memchr(at, '}', (size_t)(end - at));
    if (close == nullptr)
        throw refused{"\\p{ without }"};
    name.assign(at + 1, close);
    at = close + 1;
    for (const char *prefix : {"gc=", "sc=", "scx=", "General_Category=", "Script="})
        if (name.compare(0, strlen(prefix), prefix) == 0)
            name.erase(0, strlen(prefix));
    for (const auto &row : category_names)
        if (name == row[0])
            name = row[1];
    return name;
}

int32_t
rewriter::read_hex(uint32_t count)
{
    int32_t value = 0;

    for (uint32_t i = 0; i < count; i++, at++) {
        if (at == end || !isxdigit((unsigned char)*at))
            throw refused{"hexadecimal digits are missing"};
        value = value << 4 | (*at <= '9' ? *at - '0' : (*at | 0x20) - 'a' + 10);
        if (value > LAST)
            throw refused{"a code point above 10ffff"};
    }
    return value;
}

int32_t
rewriter::read_braced_hex()
{
    const char *close = (const char *)memchr(at, '}', (size_t)(end - at));
    int32_t value;

    if (close == nullptr || close == at + 1 || close - at > 9)
        throw refused{"\\x{ without a number and }"};
    at++;
    value = read_hex((uint32_t)(close - at));
    at++;
    return value;
}

std::string
hex(int32_t c)
{
    char text[16];

    snprintf(text, sizeof text, "\\x{%X}", (unsigned)c);
    return text;
}

/* What a \ stands before; the \ itself is passed. */
void
rewriter::escape(bool in_class)
{
    char c = at == end ? '\0' : *at;
    const char *in = nullptr; /* the class's items */

    if (at == end)
        throw refused{"a trailing \\"};
    at++;
    switch (c) {
    case 'd':
        in = is_ascii ? "0-9" : "\\p{Nd}";
        break;
    case 'D':
        count_class();
        out += is_ascii ? (in_class ? "\\x00-/:-\\x{10FFFF}" : "[^0-9]") : "\\P{Nd}";
        return;
    /* What a '-' may follow that is meant as such ends with a class, not with a character. */
    case 'w':
    case 'W':
        in = is_ascii ? "A-Z_a-z0-9"
                      : "\\x{200C}\\x{200D}\\x{24B6}-\\x{24E9}\\x{1F130}-\\x{1F149}\\x{1F150}-"
                        "\\x{1F169}\\x{1F170}-\\x{1F189}\\p{L}\\p{M}\\p{Nl}\\p{Pc}\\p{Nd}";
        break;
    case 's':
    case 'S':
        in = is_ascii ? "\\t-\\r " : "\\t-\\r\\x{85}\\p{Z}";
        break;
    case 'p':
    case 'P':
        count_class();
        out += std::string("\\") + c + "{" + read_property() + "}";
        return;
    case 'u':
        out += hex(at != end && *at == '{' ? read_braced_hex() : read_hex(4));
        return;
    case 'U':
        out += hex(at != end && *at == '{' ? read_braced_hex() : read_hex(8));
        return;
    case 'b':
    case 'B':
        if (at != end && *at == '{')
            throw refused{std::string("\\") + c + "{...} is not supported"};
        if (in_class)
            throw refused{"\\b in a class"};
        break;
    case 'C':
    case 'Q':
    case 'E':
        throw refused{std::string("invalid escape sequence: \\") + c};
    case '_':
        out += "_";
        return;
    default:
        break;
    }
    if (in == nullptr) {
        out += '\\';
        out += c;
        return;
    }
    count_class();
    if (in_class)
        out += in;
    else
        out += std::string(c < 'a' ? "[^" : "[") + in + "]";
}

/* Whether RE2 can read the class as it is, but for what escape() rewrites. */
bool
rewriter::is_simple_class() const
{
    const char *p = at + 1;

    if (p != end && *p == '^')
        p++;
    if (p != end && *p == ']')
        p++;
    for (; p != end && *p != ']'; p++) {
        if (*p == '\\' && p + 1 != end) {
            p++;
            if (*p == 'W' || *p == 'S')
                return false;
            /* On ASCII texts a class ends with a character, which a '-' would make a range of. */
            if (is_ascii && memchr("dDws", *p, 4) != nullptr)
                return false;
            if ((*p == 'p' || *p == 'P') && p + 1 != end && p[1] == '{') {
                while (p + 1 != end && *p != '}')
                    p++;
            } else if ((*p == 'p' || *p == 'P') && p + 1 != end)
                p++;
        } else if (*p == '[') {
            if (p + 1 == end || p[1] != ':')
                return false;
            const char *close = p + 2;
            while (close != end && (isalpha((unsigned char)*close) || *close == '^'))
                close++;
            if (end - close < 2 || close[0] != ':' || close[1] != ']')
                return false;
            p = close + 1;
        } else if (p + 1 != end && p[1] == *p && strchr("&-~", *p) != nullptr)
            return false;
    }
    return true;
}

void
rewriter::simple_class()
{
    out += *at++; /* [ */
    if (at != end && *at == '^')
        out += *at++;
    if (at != end && *at == ']') {
        out += "\\]";
        at++;
    }
    while (at != end && *at != ']') {
        if (is("[:")) {
            while (at != end && !is(":]"))
                out += *at++;
            if (at == end)
                throw refused{"missing :]"};
            out += ":]";
            at += 2;
        } else if (*at == '\\') {
            at++;
            escape(true);
        } else
            out += *at++;
    }
    if (at == end)
        throw refused{"missing ]"};
    out += *at++;
}

/* [:alpha:], [:^alpha:]; 'at' is behind "[:". */
set
rewriter::posix_class()
{
    static const struct {
        const char *name;
        set in;
    } rows[] = {
        {"alnum",  {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}            },
        {"alpha",  {{'A', 'Z'}, {'a', 'z'}}                        },
        {"ascii",  {{0, 0x7f}}                                     },
        {"blank",  {{'\t', '\t'}, {' ', ' '}}                      },
        {"cntrl",  {{0, 0x1f}, {0x7f, 0x7f}}                       },
        {"digit",  {{'0', '9'}}                                    },
        {"graph",  {{'!', '~'}}                                    },
        {"lower",  {{'a', 'z'}}                                    },
        {"print",  {{' ', '~'}}                                    },
        {"punct",  {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
        {"space",  {{'\t', '\r'}, {' ', ' '}}                      },
        {"upper",  {{'A', 'Z'}}                                    },
        {"word",   {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}},
        {"xdigit", {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}            },
    };
    bool is_negated = at != end && *at == '^';

    if (is_negated)
        at++;
    for (const auto &row : rows) {
        std::string whole = std::string(row.name) + ":]";

        if (is(whole.c_str())) {
            at += whole.size();
            return is_negated ? complement(row.in) : row.in;
        }
    }
    throw refused{"no such class: [:"};
}

/* One code point, not escaped. */
int32_t
rewriter::read_literal()
{
    utf8proc_int32_t c;
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)at, end - at, &c);

    if (n <= 0)
        throw refused{"invalid UTF-8"};
    at += n;
    return c;
}

set
rewriter::class_item(int depth, bool *is_literal)
{
    *is_literal = false;
    if (is("[:")) {
        at += 2;
        return posix_class();
    }
    if (*at == '[')
        return class_set(depth + 1);
    if (*at != '\\') {
        int32_t c = read_literal();

        *is_literal = true;
        return {
            {c, c}
        };
    }
    at++;
    if (at == end)
        throw refused{"a trailing \\"};
    char c = *at++;
    switch (c) {
    case 'd':
    case 'D':
        count_class();
        return c == 'd' ? digits() : complement(digits());
    case 'w':
    case 'W':
        count_class();
        return c == 'w' ? words() : complement(words());
    case 's':
    case 'S':
        count_class();
        return c == 's' ? spaces() : complement(spaces());
    case 'p':
    case 'P': {
        std::string name = read_property();

        count_class();
        if (name.empty() || name.size() > 2 || strchr("LMNPSZC", name[0]) == nullptr)
            throw refused{"\\p{" + name + "} in a class with operations is not supported"};
        return c == 'p' ? category(name) : complement(category(name));
    }
    default:
        break;
    }
    *is_literal = true;
    int32_t value = (unsigned char)c;
    if (c == 'x' && at != end)
        value = *at == '{' ? read_braced_hex() : read_hex(2);
    else if (c == 'u' && at != end)
        value = *at == '{' ? read_braced_hex() : read_hex(4);
    else if (c == 'U' && at != end)
        value = *at == '{' ? read_braced_hex() : read_hex(8);
    else if (const char *known = strchr("a\ab\bf\fn\nr\rt\tv\v", c); isalpha((unsigned char)c)) {
        if (known == nullptr || c == 'b')
            throw refused{std::string("invalid escape sequence: \\") + c};
        value = known[1];
    } else if (isdigit((unsigned char)c) || value >= 0x80)
        throw refused{std::string("invalid escape sequence: \\") + c};
    return {
        {value, value}
    };
}

/* Items up to an operation or the end of the class. */
set
rewriter::class_items(int depth)
{
    set items;
    bool is_literal, ends_literal;

    while (at != end && *at != ']' && !is("&&") && !is("--") && !is("~~")) {
        set item = class_item(depth, &is_literal);

        if (is_literal && is("-") && !is("--") && at + 1 != end && at[1] != ']') {
            at++;
            set last = class_item(depth, &ends_literal);

            if (!ends_literal || last[0].first < item[0].first)
                throw refused{"invalid character class range"};
            item[0].second = last[0].first;
        }
        add(items, item);
        if (items.size() > 100000)
            items = tidy(items);
    }
    return tidy(items);
}

/* A class in full, from its '['. Operations have one rank and go from left to right. */
set
rewriter::class_set(int depth)
{
    bool is_negated = false;
    set all, first;

    if (depth > DEPTH_MAX)
        throw refused{"classes in classes deeper than " + std::to_string(DEPTH_MAX)};
    at++;
    if (at != end && *at == '^') {
        is_negated = true;
        at++;
    }
    if (at != end && *at == ']') {
        first = {
            {']', ']'}
        };
        at++;
    }
    all = class_items(depth);
    add(all, first);
    all = tidy(all);
    while (at != end && *at != ']') {
        char operation = *at;

        at += 2;
        set right = class_items(depth);
        if (operation == '&')
            all = both(all, right);
        else if (operation == '-')
            all = both(all, complement(right));
        else {
            set neither = both(complement(all), complement(right)), shared = both(all, right);

            add(neither, shared);
            all = complement(tidy(neither));
        }
    }
    if (at == end)
        throw refused{"missing ]"};
    at++;
    return is_negated ? complement(all) : all;
}

void
rewriter::emit(const set &s)
{
    set in = is_ascii ? both(s,
                             {
                                 {0, 0x7f}
    })
                      : s;

    if (in.empty()) {
        out += "[^\\x00-\\x{10FFFF}]";
        return;
    }
    out += '[';
    for (const range &r : in) {
        out += hex(r.first);
        if (r.second > r.first)
            out += "-" + hex(r.second);
    }
    out += ']';
}

std::string
rewriter::run()
{
    while (at != end) {
        if (*at == '\\') {
            at++;
            escape(false);
        } else if (*at == '[') {
            if (is_simple_class())
                simple_class();
            else {
                count_class();
                emit(class_set(1));
            }
        } else if (is("(?<") && end - at > 3 && at[3] != '=' && at[3] != '!') {
            out += "(?P<";
            at += 3;
        } else
            out += *at++;
    }
    return std::move(out);
}

std::unique_ptr<RE2>
compile(const std::string &text)
{
    RE2::Options options;

    options.set_log_errors(false);
    options.set_max_mem(KQL_REGEX_MEMORY_MAX);
    auto regex = std::make_unique<RE2>(text, options);
    if (!regex->ok())
        throw refused{regex->error()};
    if (regex->NumberOfCapturingGroups() > KQL_REGEX_GROUPS_MAX)
        throw refused{"more than " + std::to_string(KQL_REGEX_GROUPS_MAX) + " groups"};
    return regex;
}

bool
is_ascii_text(struct span text)
{
    const char *p = text.p, *end = text.p + text.n;
    uint64_t high = 0, word;

    for (; end - p >= 32; p += 32) {
        uint64_t words[4];

        memcpy(words, p, sizeof words);
        high |= words[0] | words[1] | words[2] | words[3];
    }
    for (; end - p >= 8; p += 8) {
        memcpy(&word, p, sizeof word);
        high |= word;
    }
    for (; p != end; p++)
        high |= (unsigned char)*p;
    return (high & UINT64_C(0x8080808080808080)) == 0;
}

struct filter_free {
    void operator()(struct text_filter *filter) const
    {
        text_filter_free(filter);
    }
};
using filters = std::vector<std::unique_ptr<struct text_filter, filter_free>>;

void
add_filter(filters &to, const std::vector<span> &literals)
{
    struct text_filter *filter = text_filter_new(literals.data(), (uint32_t)literals.size());

    if (filter == nullptr)
        throw std::bad_alloc();
    to.emplace_back(filter);
}

/* What must be in every ASCII text that matches: of each filter one literal. Those that a match cannot do without are filters of
 * their own, the longest first; else it is one filter of all literals. */
filters
filters_of(const std::string &text)
{
    constexpr size_t FILTERED_TEXT_MAX = 2000, LITERALS_MAX = 64, FILTERS_MAX = 4;
    constexpr int LITERAL_SIZE_MIN = 3;
    re2::FilteredRE2 filtered(LITERAL_SIZE_MIN);
    RE2::Options options;
    std::vector<std::string> literals;
    std::vector<int> potentials;
    std::vector<span> all, needed;
    filters out;
    int id;

    options.set_log_errors(false);
    options.set_max_mem(KQL_REGEX_MEMORY_MAX);
    if (text.size() > FILTERED_TEXT_MAX || filtered.Add(text, options, &id) != RE2::NoError)
        return out;
    filtered.Compile(&literals);
    if (literals.empty() || literals.size() > LITERALS_MAX)
        return out;
    filtered.AllPotentials({}, &potentials);
    if (!potentials.empty()) /* it may match without any of them */
        return out;
    for (size_t i = 0; i < literals.size(); i++) {
        const std::string &literal = literals[i];
        std::vector<int> others;

        if (!is_ascii_text(span{literal.data(), literal.size()}))
            return filters();
        all.push_back(span{literal.data(), literal.size()});
        for (size_t k = 0; k < literals.size(); k++)
            if (k != i)
                others.push_back((int)k);
        filtered.AllPotentials(others, &potentials);
        if (potentials.empty())
            needed.push_back(all.back());
    }
    std::stable_sort(needed.begin(), needed.end(),
                     [](const span &a, const span &b) { return a.n > b.n; });
    for (size_t i = 0; i < needed.size() && i < FILTERS_MAX; i++)
        add_filter(out, {needed[i]});
    if (needed.empty())
        add_filter(out, all);
    return out;
}

} // namespace

struct kql_regex {
    std::unique_ptr<RE2> ascii;   /* for all texts, if 'unicode' is not there */
    std::unique_ptr<RE2> unicode; /* for texts that are not ASCII */
    filters needed;

    /* Whether the text, ASCII alone, has what a match needs. */
    bool passes(struct span text) const
    {
        for (const auto &filter : needed)
            if (!text_filter_passes(filter.get(), text))
                return false;
        return true;
    }
    /* The one for the text; NULL: no match is possible. */
    const RE2 *fit(struct span text, bool is_filtered) const
    {
        is_filtered = is_filtered && !needed.empty();
        if ((unicode == nullptr && !is_filtered) || !is_ascii_text(text))
            return unicode != nullptr ? unicode.get() : ascii.get();
        return is_filtered && !passes(text) ? nullptr : ascii.get();
    }
};

extern "C" {

struct kql_regex *
kql_regex_new(struct span pattern, struct span flags, struct err *err)
{
    try {
        std::string prefix;

        if (pattern.n > KQL_REGEX_TEXT_MAX)
            throw refused{"longer than " + std::to_string(KQL_REGEX_TEXT_MAX) + " bytes"};
        for (size_t i = 0; i < flags.n; i++)
            if (memchr("imsU", flags.p[i], 4) == nullptr)
                throw refused{"the flags are i, m, s and U"};
        if (flags.n > 0)
            prefix = "(?" + std::string(flags.p, flags.n) + ")";
        rewriter small(pattern.p, pattern.n, true);
        auto regex = std::make_unique<kql_regex>();
        std::string text = prefix + small.run();
        if (small.has_unicode) {
            rewriter full(pattern.p, pattern.n, false);

            regex->unicode = compile(prefix + full.run());
        }
        regex->ascii = compile(text);
        regex->needed = filters_of(text);
        return regex.release();
    } catch (const refused &r) {
        int size = pattern.n > 100 ? 100 : (int)pattern.n;

        (void)err_set(err, ST_INVALID, "the regular expression '%.*s%s' is refused: %.150s", size,
                      pattern.p, pattern.n > 100 ? "..." : "", r.why.c_str());
    } catch (const std::bad_alloc &) {
        (void)err_set(err, ST_FULL, "no memory for a regular expression");
    } catch (...) {
        (void)err_set(err, ST_INVALID, "a regular expression cannot be compiled");
    }
    return nullptr;
}

void
kql_regex_free(struct kql_regex *regex)
{
    delete regex;
}

uint32_t
kql_regex_group_count(const struct kql_regex *regex)
{
    return (uint32_t)regex->ascii->NumberOfCapturingGroups();
}

int
kql_regex_group(const struct kql_regex *regex, struct span name)
{
    for (const auto &row : regex->ascii->NamedCapturingGroups())
        if (row.first.size() == name.n && memcmp(row.first.data(), name.p, name.n) == 0)
            return row.second;
    return -1;
}

bool
kql_regex_match(const struct kql_regex *regex, struct span text, size_t from, struct span *groups,
                uint32_t count)
{
    if (from > text.n)
        return false;
    try {
        piece found[KQL_REGEX_GROUPS_MAX + 1];
        uint32_t asked = std::min(count, (uint32_t)(KQL_REGEX_GROUPS_MAX + 1));
        const RE2 *fit = regex->fit(text, from == 0);

        if (fit == nullptr ||
            !fit->Match(piece(text.p, text.n), from, text.n, RE2::UNANCHORED, found, (int)asked))
            return false;
        for (uint32_t i = 0; i < count; i++)
            groups[i] = i < asked && found[i].data() != nullptr
                            ? span{found[i].data(), found[i].size()}
                            : span{nullptr, 0};
        return true;
    } catch (
        ...) { /* no memory for a state: RE2's own budget is kept, so this is the system's end */
        return false;
    }
}

/* Looking for what is in nearly every text is time lost: a few texts of many tell. */
bool
kql_regex_test(const struct kql_regex *regex, struct span text)
{
    constexpr uint32_t WINDOW = 4096, SAMPLE = 64, TOO_MANY = 48;
    thread_local struct {
        const struct kql_regex *regex;
        uint32_t left, seen, passed;
    } habit;

    if (habit.regex != regex || habit.left == 0)
        habit = {regex, WINDOW, 0, 0};
    habit.left--;
    try {
        const RE2 *fit = regex->fit(text, habit.seen < SAMPLE || habit.passed < TOO_MANY);

        if (habit.seen < SAMPLE) {
            habit.seen++;
            habit.passed += fit != nullptr;
        }
        return fit != nullptr &&
               fit->Match(piece(text.p, text.n), 0, text.n, RE2::UNANCHORED, nullptr, 0);
    } catch (...) {
        return false;
    }
}

bool
kql_regex_test_plain(const struct kql_regex *regex, struct span text)
{
    try {
        return regex->fit(text, false)
            ->Match(piece(text.p, text.n), 0, text.n, RE2::UNANCHORED, nullptr, 0);
    } catch (...) {
        return false;
    }
}

const struct kql_regex *
kql_regex_cached(struct span pattern)
{
    struct entry {
        std::string pattern;
        std::unique_ptr<kql_regex> regex; /* none: it does not compile */
        uint64_t used = 0;
    };
    thread_local entry entries[16];
    thread_local uint64_t now;

    try {
        entry *oldest = entries;

        now++;
        for (entry &e : entries) {
            if (e.used != 0 && e.pattern.size() == pattern.n &&
                memcmp(e.pattern.data(), pattern.p, pattern.n) == 0) {
                e.used = now;
                return e.regex.get();
            }
            if (e.used < oldest->used)
                oldest = &e;
        }
        oldest->used = 0;
        oldest->regex.reset(kql_regex_new(pattern, span{"", 0}, nullptr));
        oldest->pattern.assign(pattern.p, pattern.n);
        oldest->used = now;
        return oldest->regex.get();
    } catch (...) {
        return nullptr;
    }
}
}
