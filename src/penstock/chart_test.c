/* chart_test.c - what is drawn of an answer, character by character, and what is not. Answers are made by queries. */
#include "base/test.h"
#include "penstock/chart.h"
#include <stdlib.h>

static const struct chart_look ascii = {.width = 46, .height = 14},
                               unicode = {.width = 46, .height = 14, .has_unicode = true},
                               colour = {.width = 46,
                                         .height = 14,
                                         .has_unicode = true,
                                         .has_colour = true};

/* clang-format off */
static const struct {
    const char *what, *query;
    const struct chart_look *look;
    const char *drawn; /* NULL: not; then what is said */
    const char *said;
} rows[] = {
    {"bars", "datatable(k:string, n:long)['a', 4, 'bb', 2, '', 0] | render barchart", &ascii,
     "a        ################################### 4\n"
     "bb       ################## 2\n"
     "(empty)   0\n",
     NULL},
    {"columns are bars", "datatable(k:string, n:long)['a', 4, 'bb', 1] | render columnchart with (title='How many')",
     &unicode,
     "How many\n"
     "a   ████████████████████████████████████████ 4\n"
     "bb  ██████████ 1\n",
     NULL},
    {"bars below zero", "datatable(k:string, n:long)['a', 10, 'b', -10] | render barchart", &ascii,
     "a                      #################### 10\n"
     "b  #################### -10\n",
     NULL},
    {"bars of series",
     "datatable(k:string, s:string, n:long)['a', 'x', 1, 'b', 'x', 2, 'a', 'y', 3] | render barchart", &ascii,
     "a  x  ############# 1\n"
     "   y  ###################################### 3\n"
     "b  x  ######################### 2\n",
     NULL},
    {"two columns of numbers", "datatable(k:string, m:long, n:long)['a', 1, 3] | render barchart", &ascii,
     "a  n  ###################################### 3\n"
     "   m  ############# 1\n",
     NULL},
    {"only some columns",
     "datatable(k:string, m:long, n:long)['a', 1, 3] | render barchart with (ycolumns=m)", &ascii,
     "a  ######################################### 1\n",
     NULL},
    {"controls are blanks, long names cut",
     "datatable(k:string, n:long)['one\\ntwo\\tthree four five', 1] | render barchart", &ascii,
     "one two three ~  ########################### 1\n",
     NULL},
    {"shares", "datatable(k:string, n:long)['a', 3, 'b', 1] | render piechart", &ascii,
     "a   75.0 % ############################## 3\n"
     "b   25.0 % ########## 1\n",
     NULL},
    {"a share below zero", "datatable(k:string, n:long)['a', 3, 'b', -1] | render piechart", &ascii, NULL,
     "no value below 0"},
    {"a card", "print Total = 1234567, Name = 'x' | render card", &ascii,
     "Total  1234567\n"
     "Name   x\n",
     NULL},
    {"a line of numbers", "range x from 0 to 10 step 1 | extend y = x | render linechart", &ascii,
     "10 +                                      ***\n"
     "   |                              ********\n"
     "   |                          ****\n"
     "   |                      ****\n"
     " 5 +              ********\n"
     "   |          ****\n"
     "   |  ********\n"
     " 0 +**\n"
     "   ++-------------------+-------------------+\n"
     "    0                   5                  10\n",
     NULL},
    {"a line of dots", "range x from 0 to 4 step 1 | extend y = x % 2 | render linechart", &unicode,
     "  1 ┤         ⡰⠱⡀                ⢀⠎⢆\n"
     "    │       ⢀⠜  ⠘⢄              ⢠⠊  ⠣⡀\n"
     "    │      ⢀⠎    ⠈⢆            ⡰⠁    ⠱⡀\n"
     "    │     ⡠⠃       ⠣⡀         ⡔⠁      ⠘⢄\n"
     "0.5 ┤    ⡔⠁         ⠑⡄      ⢀⠜         ⠈⢢\n"
     "    │  ⢀⠎            ⠈⢆    ⢀⠎            ⠱⡀\n"
     "    │ ⢠⠊              ⠈⢢  ⡠⠃              ⠑⡄\n"
     "  0 ┤⡰⠁                 ⠱⡰⠁                ⠈⢆\n"
     "    └┬───────────────────┬──────────────────┬\n"
     "     0                   2                  4\n",
     NULL},
    {"dots apart", "range x from 0 to 2 step 1 | extend y = x | render scatterchart", &ascii,
     "  2 +                                       *\n"
     "    |\n"
     "1.5 +\n"
     "    |\n"
     "  1 +                    *\n"
     "0.5 +\n"
     "    |\n"
     "  0 +*\n"
     "    ++-------------------+------------------+\n"
     "     0                   1                  2\n",
     NULL},
    {"times", "range t from datetime(2026-01-01) to datetime(2026-01-01 06:00) step 1h"
     " | extend n = 5 | render timechart", &ascii,
     "6 +\n"
     "  |******************************************\n"
     "4 +\n"
     "  |\n"
     "  |\n"
     "2 +\n"
     "  |\n"
     "0 +\n"
     "  ++--------------------+-------------------+\n"
     "   00:00                03:00           06:00\n",
     NULL},
    {"two series by colour",
     "datatable(t:datetime, k:string, n:long)[datetime(2026-01-01), 'a', 1, datetime(2026-01-02), 'a', 5,"
     " datetime(2026-01-01), 'b', 9, datetime(2026-01-02), 'b', 2] | render timechart", &colour,
     "10 ┤\033[36m⣀\033[0m\n"
     "   │ \033[36m⠉⠉⠒⠒⠤⢄⣀⡀\033[0m\n"
     "   │        \033[36m⠈⠉⠑⠒⠤⠤⣀⣀\033[0m\n"
     "   │                \033[36m⠉⠑⠒⠢⠤⢄⣀⡀\033[0m\n"
     " 5 ┤                       \033[36m⠈⠉⠒⠒⠤⠤⣀⣀\033[33m⣀⡠⠤⠤⠔⠒⠒⠒⠉⠉\033[0m\n"
     "   │               \033[33m⢀⣀⣀⣀⠤⠤⠤⠒⠒⠒⠊⠉⠉⠉ \033[36m⠈⠉⠑⠒⠢⠤⣀⣀\033[0m\n"
     "   │  \033[33m⣀⣀⣀⡠⠤⠤⠔⠒⠒⠒⠉⠉⠉⠁                      \033[36m⠉⠉⠒\033[0m\n"
     " 0 ┤\033[33m⠉⠉\033[0m\n"
     "   └┬───────────────────┬───────────────────┬\n"
     "    01-01 00:00         01-01 12:00\n"
     "   \033[36m ━\033[0m b\033[33m ━\033[0m a\n",
     NULL},
    {"two series by marks",
     "datatable(t:datetime, k:string, n:long)[datetime(2026-01-01), 'a', 1, datetime(2026-01-02), 'a', 5,"
     " datetime(2026-01-01), 'b', 9, datetime(2026-01-02), 'b', 2] | render timechart", &unicode,
     "10 ┤\n"
     "   │●●●●\n"
     "   │    ●●●●●●●●\n"
     "   │            ●●●●●●●●\n"
     " 5 ┤                    ●●●●●●●●  ○○○○○○○○○○○\n"
     "   │          ○○○○○○○○○○○○○○○○○○●●●●●●●●\n"
     "   │○○○○○○○○○○                          ●●●●●\n"
     " 0 ┤\n"
     "   └┬───────────────────┬───────────────────┬\n"
     "    01-01 00:00         01-01 12:00\n"
     "    ● b ○ a\n",
     NULL},
    {"a hole", "datatable(x:long, y:real)[0, 1, 1, real(null), 2, 1, 3, real(nan), 4, 1] | render linechart", &ascii,
     "  1 +*                   *                  *\n"
     "    |\n"
     "    |\n"
     "    |\n"
     "0.5 +\n"
     "    |\n"
     "    |\n"
     "  0 +\n"
     "    ++-------------------+------------------+\n"
     "     0                   2                  4\n",
     NULL},
    {"arrays", "print t = dynamic(['2026-01-01', '2026-01-02', '2026-01-03']), n = dynamic([1, 2, 3])"
     " | render timechart", &ascii,
     "3 +                                    ******\n"
     "  |                          **********\n"
     "2 +                  ********\n"
     "  |           *******\n"
     "  |    *******\n"
     "1 +****\n"
     "  |\n"
     "0 +\n"
     "  ++--------------------+-------------------+\n"
     "   01-01 00:00          01-02 00:00\n",
     NULL},
    {"texts along x", "datatable(k:string, n:long)['first', 1, 'second', 3, 'third', 2] | render linechart",
     &ascii,
     "3 +                   *******\n"
     "  |               ****       **********\n"
     "2 +           ****                     ******\n"
     "  |       ****\n"
     "  |   ****\n"
     "1 +***\n"
     "  |\n"
     "0 +\n"
     "  +------------------------------------------\n"
     "   first                                third\n",
     NULL},
    {"spans of time", "datatable(k:string, d:timespan)['a', 90s, 'b', 1d] | render barchart", &ascii,
     "a  # 00:01:30\n"
     "b  ################################ 1.00:00:00\n",
     NULL},
    {"large numbers", "datatable(k:string, n:real)['a', 1234567, 'b', 12345, 'c', 0.5] | render barchart", &ascii,
     "a  #################################### 1.235M\n"
     "b  # 12.35k\n"
     "c  # 0.5\n",
     NULL},
    {"one point", "print x = 1, y = 2 | render linechart", &ascii,
     "  2 +                    *\n"
     "    |\n"
     "1.5 +\n"
     "    |\n"
     "  1 +\n"
     "0.5 +\n"
     "    |\n"
     "  0 +\n"
     "    ++-------------------+------------------+\n"
     "     0                   1                  2\n",
     NULL},
    {"many series", "range x from 0 to 300 step 1 | extend k = strcat('s', x % 20), n = x | render linechart", &ascii,
     "300 +                                   *****\n"
     "    |                              *****+++\n"
     "200 +                        #*****@@\n"
     "    |                   x*****\n"
     "    |              o*****\n"
     "100 +        &******\n"
     "    |   %*****\n"
     "  0 +****\n"
     "    ++-------------------------+-------------\n"
     "     0                         200\n"
     "     * s0 o s19 + s18 x s17 # s16 @ s15\n"
     "     % s14 & s13\n"
     "(12 more series are not drawn)\n",
     NULL},
    {"many bars", "range x from 1 to 100 step 1 | extend k = strcat('bar', x) | project k, x | render barchart", &ascii,
     "bar1   # 1\n"
     "bar2   # 2\n"
     "bar3   ## 3\n"
     "bar4   ## 4\n"
     "bar5   ### 5\n"
     "bar6   #### 6\n"
     "bar7   #### 7\n"
     "bar8   ##### 8\n"
     "bar9   ##### 9\n"
     "bar10  ###### 10\n"
     "bar11  ####### 11\n"
     "bar12  ####### 12\n"
     "bar13  ######## 13\n"
     "bar14  ######## 14\n"
     "bar15  ######### 15\n"
     "bar16  ########## 16\n"
     "bar17  ########## 17\n"
     "bar18  ########### 18\n"
     "bar19  ########### 19\n"
     "bar20  ############ 20\n"
     "bar21  ############# 21\n"
     "bar22  ############# 22\n"
     "bar23  ############## 23\n"
     "bar24  ############## 24\n"
     "bar25  ############### 25\n"
     "bar26  ################ 26\n"
     "bar27  ################ 27\n"
     "bar28  ################# 28\n"
     "bar29  ################# 29\n"
     "bar30  ################## 30\n"
     "bar31  ################### 31\n"
     "bar32  ################### 32\n"
     "bar33  #################### 33\n"
     "bar34  #################### 34\n"
     "bar35  ##################### 35\n"
     "bar36  ###################### 36\n"
     "bar37  ###################### 37\n"
     "bar38  ####################### 38\n"
     "bar39  ####################### 39\n"
     "bar40  ######################## 40\n"
     "bar41  ######################### 41\n"
     "bar42  ######################### 42\n"
     "bar43  ########################## 43\n"
     "bar44  ########################## 44\n"
     "bar45  ########################### 45\n"
     "bar46  ############################ 46\n"
     "bar47  ############################ 47\n"
     "bar48  ############################# 48\n"
     "bar49  ############################# 49\n"
     "bar50  ############################## 50\n"
     "bar51  ############################### 51\n"
     "bar52  ############################### 52\n"
     "bar53  ################################ 53\n"
     "bar54  ################################ 54\n"
     "bar55  ################################# 55\n"
     "bar56  ################################## 56\n"
     "bar57  ################################## 57\n"
     "bar58  ################################### 58\n"
     "bar59  ################################### 59\n"
     "bar60  #################################### 60\n"
     "(the first 60 of 100 values)\n",
     NULL},
    {"negative lines", "range x from 0 to 10 step 1 | extend y = -x * 1000000.0 | render linechart", &ascii,
     "   0 +**\n"
     "     |  ********\n"
     "     |          ***\n"
     "     |             ****\n"
     " -5M +                 ********\n"
     "     |                         ****\n"
     "     |                             *******\n"
     "-10M +                                    ***\n"
     "     ++------------------+------------------+\n"
     "      0                  5                 10\n",
     NULL},
    {"no time", "print x = 1, y = 2 | render timechart", &ascii, NULL, "needs a column of times"},
    {"no number", "print x = 'a', y = 'b' | render barchart", &ascii, NULL, "needs a column of numbers"},
    {"no rows", "datatable(k:string, n:long)[] | render barchart", &ascii, NULL, "nothing to draw"},
    {"no values", "datatable(k:long, n:real)[1, real(null)] | render linechart", &ascii, NULL, "nothing to draw"},
    {"another chart", "print x = 1 | render treemap", &ascii, NULL, "a treemap is not drawn here"},
    {"a table", "print x = 1 | render table", &ascii, NULL, ""},
    {"nothing asked for", "print x = 1", &ascii, NULL, ""},
};
/* clang-format on */

/* Draws; malloc'd text. */
static char *
drawn(const struct kql_answer *a, const struct chart_look *look, bool *is_drawn, struct err *err)
{
    struct chart_spec spec = chart_spec_of(a->render);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    struct pool pool;
    jmp_buf here;

    pool_init(&pool, 64 << 20);
    pool.escape = &here;
    if (out == NULL || setjmp(here) != 0)
        abort();
    *is_drawn = chart_print(out, &pool, &spec, a, look, err);
    fclose(out);
    pool_free(&pool);
    return text;
}

static bool
fits(const char *text, size_t width)
{
    size_t n = 0;

    for (; *text != '\0'; text++) {
        n = *text == '\n' ? 0 : n + (((unsigned char)*text & 0xc0) != 0x80);
        if (n > width)
            return false;
    }
    return true;
}

/* No line is wider than the screen, whatever its size. */
static void
check_widths(const char *what, const struct kql_answer *a)
{
    for (unsigned width = 40; width <= 200; width += 13)
        for (int has_unicode = 0; has_unicode < 2; has_unicode++) {
            const struct chart_look look = {
                .width = width, .height = width / 4, .has_unicode = has_unicode != 0};
            struct err err;
            bool is_drawn;
            char *text = drawn(a, &look, &is_drawn, &err);

            CHECK(fits(text, width), "%s: too wide for %u\n%s", what, width, text);
            free(text);
        }
}

static void
check(struct pool *p, size_t i)
{
    static struct kql_diagnostics d;
    const struct kql_environment e = {.now = 1};
    struct kql_rows_limits limits = kql_rows_limits_default;
    struct kql_rows_source none = {0};
    struct kql_answers answers;
    struct err err = {""};
    bool is_drawn;
    char *text;

    if (!kql_rows_query(p, span_of(rows[i].query), &e, &none, &limits, &d, &answers, &err)) {
        CHECK(false, "%s: the query: %s %s", rows[i].what, err.text,
              d.count > 0 ? d.items[0].text : "");
        return;
    }
    text = drawn(&answers.items[0], rows[i].look, &is_drawn, &err);
    if (rows[i].drawn != NULL)
        CHECK(is_drawn && strcmp(text, rows[i].drawn) == 0, "%s: %s\n%s    and not\n%s",
              rows[i].what, err.text, text, rows[i].drawn);
    else
        CHECK(!is_drawn && text[0] == '\0' && strstr(err.text, rows[i].said) != NULL &&
                  (rows[i].said[0] != '\0' || err.text[0] == '\0'),
              "%s: '%s', not '%s'\n%s", rows[i].what, err.text, rows[i].said, text);
    free(text);
    if (!rows[i].look->has_colour)
        check_widths(rows[i].what, &answers.items[0]);
}

int
main(void)
{
    struct pool pool;

    pool_init(&pool, 256 << 20);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        pool_reset(&pool);
        check(&pool, i);
    }
    pool_free(&pool);
    return test_end();
}
