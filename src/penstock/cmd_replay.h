/* cmd_replay.h - penstock replay FILE... --to DIR: files through match, batch and the folder sink,
 * without a daemon. */
#pragma once
int cmd_replay(int argc, char **argv);
