/* cmd_status.h - penstock status: how a running daemon is doing. */
#pragma once
int cmd_status(int argc, char **argv); /* argv[0] is "status"; the exit code */
