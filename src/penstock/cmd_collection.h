/* cmd_collection.h - "penstock collection": data collection rules of the running daemon. */
#pragma once

int cmd_collection(int argc, char **argv);
