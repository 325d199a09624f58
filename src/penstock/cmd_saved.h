/* cmd_saved.h - penstock saved: queries and functions that the daemon keeps for workspaces. */
#pragma once
int cmd_saved(int argc, char **argv);
