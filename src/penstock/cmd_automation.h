/* cmd_automation.h - "penstock automation": automations of the running daemon, over ARM. */
#pragma once
int cmd_automation(int argc, char **argv);
