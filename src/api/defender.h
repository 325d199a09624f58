/* defender.h - advanced hunting as Defender and Microsoft Graph offer it; for the table of routes. Private to this folder. */
#pragma once
#include "api/hunting.h"

void defender_run(struct call *c, struct http_reply *reply);
void defender_run_graph(struct call *c, struct http_reply *reply);
