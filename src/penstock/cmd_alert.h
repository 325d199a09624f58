/* cmd_alert.h - penstock alert: simulate, list, show, and status changes. */
#pragma once
int cmd_alert(int argc, char **argv);
