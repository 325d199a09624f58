/* cmd_send.h - penstock send FILE|-: pushes NDJSON to the daemon. */
#pragma once
int cmd_send(int argc, char **argv); /* argv[0] is "send"; the exit code */
