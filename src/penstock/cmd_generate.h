/* cmd_generate.h - penstock generate: writes made-up records, one a line. */
#pragma once
int cmd_generate(int argc, char **argv); /* argv[0] is "generate"; the exit code */
