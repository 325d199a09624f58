/* cmd_config.h - penstock config check|show|describe [FILE]. */
#pragma once
struct control_kinds;
/* argv[0] is "config"; 'kinds': what sinks and sources say of themselves (NULL: only the keys are
 * checked, not the kinds' settings); the exit code. */
int cmd_config(int argc, char **argv, const struct control_kinds *kinds);
