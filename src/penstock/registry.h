/* registry.h - the device registry after a start: what its file does not know yet is learned from
 * the journal. */
#pragma once
#include "base/base.h"

struct devices;
struct journal;
/* Learns every DeviceInfo and AlertEvidence row from 'position' on. 'learned': rows looked at. */
MUST_CHECK enum status registry_learn(struct devices *devices, struct journal *journal,
                                      uint64_t position, uint64_t *learned, struct err *err);
