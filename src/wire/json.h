/* json.h - JSON trees for cold paths (settings, replies); the one place that includes jansson. The
 * hot path never builds a tree: see scan.h. */
#pragma once
#include <jansson.h>
