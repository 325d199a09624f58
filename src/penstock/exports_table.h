/* exports_table.h - how exports are doing, one line each, as status and export status show them. */
#pragma once
#include "wire/json.h"

/* 'exports': the array of that name of GET /api/status. Prints on standard output. */
void exports_table_print(const json_t *exports);
