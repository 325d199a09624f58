/* function_parse_test.c - URLs, paths, versions, command lines, CSV, XML, CEF. */
#include "kql/function_play.h"

/* clang-format off */
static const struct play_case cases[] = {
    {"parse_url", {"sscheme://username:password@host:1234/this/is/a/path?k1=v1&k2=v2#fragment"},
     "d{\"Scheme\":\"scheme\",\"Host\":\"host\",\"Port\":\"1234\",\"Path\":\"/this/is/a/path\",\"Username\":\"username\",\"Password\":\"password\",\"Query Parameters\":{\"k1\":\"v1\",\"k2\":\"v2\"},\"Fragment\":\"fragment\"}"},
    {"parse_url", {"shttps://[::1]:443/"},
     "d{\"Scheme\":\"https\",\"Host\":\"[::1]\",\"Port\":\"443\",\"Path\":\"\",\"Username\":\"\",\"Password\":\"\",\"Query Parameters\":{},\"Fragment\":\"\"}"},
    {"parse_url", {"shttp://[::1]"},
     "d{\"Scheme\":\"http\",\"Host\":\"[::1]\",\"Port\":\"\",\"Path\":\"\",\"Username\":\"\",\"Password\":\"\",\"Query Parameters\":{},\"Fragment\":\"\"}"},
    {"parseurl", {"s"},
     "d{\"Scheme\":\"\",\"Host\":\"\",\"Port\":\"\",\"Path\":\"\",\"Username\":\"\",\"Password\":\"\",\"Query Parameters\":{},\"Fragment\":\"\"}"},
    {"parse_urlquery", {"sk1=v1&k2=v+2&k3=v%203&x&=y"}, "d{\"Query Parameters\":{\"k1\":\"v1\",\"k2\":\"v 2\",\"k3\":\"v 3\",\"x\":\"\",\"\":\"y\"}}"},
    {"parse_urlquery", {"s?a=1&&a=2"}, "d{\"Query Parameters\":{\"a\":\"2\"}}"},
    {"parse_path", {"sC:\\temp\\file.txt"}, "d{\"Scheme\":\"\",\"RootPath\":\"C:\",\"DirectoryPath\":\"C:\\\\temp\",\"DirectoryName\":\"temp\",\"Filename\":\"file.txt\",\"Extension\":\"txt\",\"AlternateDataStreamName\":\"\"}"},
    {"parse_path", {"stemp\\file.txt"}, "d{\"Scheme\":\"\",\"RootPath\":\"\",\"DirectoryPath\":\"temp\",\"DirectoryName\":\"temp\",\"Filename\":\"file.txt\",\"Extension\":\"txt\",\"AlternateDataStreamName\":\"\"}"},
    {"parse_path", {"sfile://C:/temp/file.txt:some.exe"}, "d{\"Scheme\":\"file\",\"RootPath\":\"C:\",\"DirectoryPath\":\"C:/temp\",\"DirectoryName\":\"temp\",\"Filename\":\"file.txt\",\"Extension\":\"txt\",\"AlternateDataStreamName\":\"some.exe\"}"},
    {"parse_path", {"s\\\\shared\\users\\temp\\file.txt.gz"}, "d{\"Scheme\":\"\",\"RootPath\":\"\",\"DirectoryPath\":\"\\\\\\\\shared\\\\users\\\\temp\",\"DirectoryName\":\"temp\",\"Filename\":\"file.txt.gz\",\"Extension\":\"gz\",\"AlternateDataStreamName\":\"\"}"},
    {"parse_path", {"s/usr/lib/temp/file.txt"}, "d{\"Scheme\":\"\",\"RootPath\":\"\",\"DirectoryPath\":\"/usr/lib/temp\",\"DirectoryName\":\"temp\",\"Filename\":\"file.txt\",\"Extension\":\"txt\",\"AlternateDataStreamName\":\"\"}"},
    {"parse_path", {"s"}, "d{\"Scheme\":\"\",\"RootPath\":\"\",\"DirectoryPath\":\"\",\"DirectoryName\":\"\",\"Filename\":\"\",\"Extension\":\"\",\"AlternateDataStreamName\":\"\"}"},
    {"parse_version", {"s0.0.0.5"}, "c5"},
    {"parse_version", {"s0.0.7.0"}, "c700000000"},
    {"parse_version", {"s0.2"}, "c20000000000000000"},
    {"parse_version", {"s1.2.3.4"}, "c1000000020000000300000004"},
    {"parse_version", {"s1"}, "c1000000000000000000000000"},
    {"parse_version", {"s99999999.99999999.99999999.99999999"}, "c99999999999999999999999999999999"},
    {"parse_version", {"s123456789"}, "nc"},
    {"parse_version", {"s1.2.3.4.5"}, "nc"},
    {"parse_version", {"s1.2.3.4."}, "nc"},
    {"parse_version", {"s1."}, "nc"},
    {"parse_version", {"s1..2"}, "nc"},
    {"parse_version", {"s"}, "nc"},
    {"parse_version", {"sv1"}, "nc"},
    {"parse_command_line", {"secho \"hello world!\"", "swindows"}, "d[\"echo\",\"hello world!\"]"},
    {"parse_command_line", {"s\"C:\\Program Files\\a.exe\" /x", "sWindows"}, "d[\"C:\\\\Program Files\\\\a.exe\",\"/x\"]"},
    {"parse_command_line", {"sx a\\\\b \"c d\\\\\" e\\\"f \"g\"\"h\" i\"j k\"l", "swindows"}, "d[\"x\",\"a\\\\\\\\b\",\"c d\\\\\",\"e\\\"f\",\"g\\\"h ij\",\"kl\"]"},
    {"parse_command_line", {"sx  \t y  ", "swindows"}, "d[\"x\",\"y\"]"},
    {"parse_command_line", {"s", "swindows"}, "nd"},
    {"parse_csv", {"saa,b,cc"}, "d[\"aa\",\"b\",\"cc\"]"},
    {"parse_csv", {"saa,\"b,b,b\",cc,\"Escaping quotes: \"\"Title\"\"\",\"line1\nline2\""}, "d[\"aa\",\"b,b,b\",\"cc\",\"Escaping quotes: \\\"Title\\\"\",\"line1\\nline2\"]"},
    {"parse_csv", {"srecord1,a,b,c\nrecord2,x,y,z"}, "d[\"record1\",\"a\",\"b\",\"c\"]"},
    {"parse_csv", {"s"}, "d[\"\"]"},
    {"parse_csv", {"sa,"}, "d[\"a\",\"\"]"},
    {"parse_csv", {"s\"open"}, "d[\"open\"]"},
    {"parse_csv", {"sa\"b,c"}, "d[\"a\\\"b\",\"c\"]"},
    {"parse_xml", {"s<e/>"}, "d{\"e\":null}"},
    {"parse_xml", {"s<e>text</e>"}, "d{\"e\":\"text\"}"},
    {"parse_xml", {"s<e name=\"value\" />"}, "d{\"e\":{\"@name\":\"value\"}}"},
    {"parse_xml", {"s<e name=\"value\">text</e>"}, "d{\"e\":{\"@name\":\"value\",\"#text\":\"text\"}}"},
    {"parse_xml", {"s<e> <a>text</a> <b>text</b> </e>"}, "d{\"e\":{\"a\":\"text\",\"b\":\"text\"}}"},
    {"parse_xml", {"s<e> <a>text</a> <a>text</a> </e>"}, "d{\"e\":{\"a\":[\"text\",\"text\"]}}"},
    {"parse_xml", {"s<e> text <a>text</a> </e>"}, "d{\"e\":{\"#text\":\"text\",\"a\":\"text\"}}"},
    {"parse_xml", {"s<?xml version=\"1.0\" encoding=\"UTF-16\"?>\n<d><!-- c -->\n<v>118.0</v><w><![CDATA[<&]]>&amp;\n&#228;</w></d>\n"}, "d{\"d\":{\"v\":\"118.0\",\"w\":\"<&&\\nä\"}}"},
    {"parse_xml", {"s<e><b/><a>1</a><b>2</b><c/><a>3</a></e>"}, "d{\"e\":{\"b\":[null,\"2\"],\"a\":[\"1\",\"3\"],\"c\":null}}"},
    {"parse_xml", {"s<e>"}, "nd"},
    {"parse_xml", {"s"}, "nd"},
    {"parse_xml", {"sno xml"}, "nd"},
    {"parse_xml", {"s<e></e><f/>"}, "nd"},
    {"parse_xml", {"s<!DOCTYPE e [<!ENTITY a \"b\">]><e>&a;</e>"}, "nd"},
    {"parse_cef_dictionary", {"sJan 1 host CEF:0|Vendor|Prod\\|uct|1.0|100|A name|10|src=10.0.0.1 msg=two words a\\=b request=http://x/?a=b&c=d dst=2.1.2.2 empty= last=x\\ny"},
     "d{\"CefVersion\":\"0\",\"DeviceVendor\":\"Vendor\",\"DeviceProduct\":\"Prod|uct\",\"DeviceVersion\":\"1.0\",\"DeviceEventClassID\":\"100\",\"Name\":\"A name\",\"Severity\":\"10\",\"Extension\":{\"src\":\"10.0.0.1\",\"msg\":\"two words a=b\",\"request\":\"http://x/?a=b&c=d\",\"dst\":\"2.1.2.2\",\"empty\":\"\",\"last\":\"x\\ny\"}}"},
    {"parse_cef_dictionary", {"sCEF:0|a|b"}, "nd"},
    {"parse_cef_dictionary", {"sno cef"}, "nd"},
};
/* clang-format on */

/* Depth and size of XML are limited, and nothing about its shape takes long. */
static void
test_xml_limits(void)
{
    static char text[2100000];
    size_t n = 1;

    pool_init(&play_pool, 256 << 20);
    play_pool.escape = &play_escape;
    text[0] = 's';
    for (int i = 0; i < 100; i++, n += 3)
        memcpy(text + n, "<a>", 3);
    for (int i = 0; i < 100; i++, n += 4)
        memcpy(text + n, "</a>", 4);
    text[n] = '\0';
    CHECK(strcmp(play_call("parse_xml", KQL_SCALAR, (const char *const[]){text, NULL}, false),
                 "nd") == 0,
          "too deep");
    n = (size_t)sprintf(text, "s<e>");
    for (int i = 0; i < 100000; i++)
        n += (size_t)sprintf(text + n, "<a%d/>", i);
    n += (size_t)sprintf(text + n, "</e>");
    CHECK(strncmp(play_call("parse_xml", KQL_SCALAR, (const char *const[]){text, NULL}, false),
                  "d{\"e\":{\"a0\":null,\"a1\":null,", 26) == 0,
          "100000 elements");
    n = (size_t)sprintf(text, "s<e>");
    memset(text + n, 'x', 1024 * 1024);
    sprintf(text + n + 1024 * 1024, "</e>");
    CHECK(strcmp(play_call("parse_xml", KQL_SCALAR, (const char *const[]){text, NULL}, false),
                 "nd") == 0,
          "too long");
    pool_free(&play_pool);
}

int
main(void)
{
    play_all(cases, COUNT_OF(cases), KQL_SCALAR);
    test_xml_limits();
    return test_end();
}
