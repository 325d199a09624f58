/* cmd_export.h - penstock export list|show|set|enable|disable|delete|status|replay|parked: data
 * export settings of a running daemon, over its HTTP interface. */
#pragma once
int cmd_export(int argc, char **argv); /* argv[0] is "export"; the exit code */
