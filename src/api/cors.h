/* cors.h - pages of other origins (http.allowedOrigins): which of them a browser lets call, and read the answers ("HTTP CORS protocol"
 * of the Fetch standard). Private to this folder.
 *
 * Browsers ask before they send a token (a preflight: OPTIONS with Origin and Access-Control-Request-Method); that needs no token itself.
 * Tokens are bearer headers, which a page has to know, so credentials that browsers add on their own are never allowed. Without a
 * configured origin nothing here adds a header. */
#pragma once
#include "api/call.h"

/* Answers an OPTIONS request for a path whose methods 'allow' lists ("GET, POST"): 204; 403 if it is a preflight of an origin that may not. */
void cors_options(const struct call *c, const char *allow, struct http_reply *reply);
/* What every answer, whoever gave it, tells the browser: once, when it is known. */
void cors_answered(const struct call *c, struct http_reply *reply);
