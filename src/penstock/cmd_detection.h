/* cmd_detection.h - penstock detection: rules that make alerts of what is taken in. */
#pragma once
int cmd_detection(int argc, char **argv);
