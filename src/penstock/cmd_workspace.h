/* cmd_workspace.h - "penstock workspace": looks into a workspace's file, prints its rows, takes old ones out. */
#pragma once
int cmd_workspace(int argc, char **argv);
