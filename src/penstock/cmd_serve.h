/* cmd_serve.h - penstock serve: the daemon. */
#pragma once
int cmd_serve(int argc, char **argv);
