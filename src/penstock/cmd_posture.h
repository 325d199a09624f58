/* cmd_posture.h - penstock posture: load, list, status. */
#pragma once
int cmd_posture(int argc, char **argv);
/* cmd_posture_load.c: argv[0] is "load". */
int cmd_posture_load(int argc, char **argv);
