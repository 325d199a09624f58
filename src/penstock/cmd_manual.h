/* cmd_manual.h - penstock manual: the reference, in Markdown, made from the tables that the program
 * itself works by. Needs no daemon. */
#pragma once
int cmd_manual(int argc, char **argv); /* argv[0] is "manual"; the exit code */
