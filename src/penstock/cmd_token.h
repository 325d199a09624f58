/* cmd_token.h - penstock token create|list|revoke: works on the store's file, whether or not the
 * daemon runs. */
#pragma once
int cmd_token(int argc, char **argv); /* argv[0] is "token"; the exit code */
