/* cmd_journal.h - penstock journal check|cat|stats: looks at a journal, whether or not a daemon has
 * it. Writes nothing. */
#pragma once
int cmd_journal(int argc, char **argv); /* argv[0] is "journal"; the exit code */
