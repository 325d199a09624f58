/* cmd_tail.h - penstock tail HUB: prints the records of a local event hub. */
#pragma once
int cmd_tail(int argc, char **argv); /* argv[0] is "tail"; the exit code */
