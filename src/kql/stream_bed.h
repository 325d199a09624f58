/* stream_bed.h - the table that the streams of tests and the fuzzer see: a column of every type. Tests
 * only. */
#pragma once
#include "kql/stream.h"

static const struct kql_column bed_columns[] = {
    {{"Timestamp", 9},    KQL_DATETIME},
    {{"Name", 4},         KQL_STRING  },
    {{"Count", 5},        KQL_LONG    },
    {{"Small", 5},        KQL_INT     },
    {{"Ratio", 5},        KQL_REAL    },
    {{"IsOn", 4},         KQL_BOOL    },
    {{"Fields", 6},       KQL_DYNAMIC },
    {{"CommandLine", 11}, KQL_STRING  },
    {{"Took", 4},         KQL_TIMESPAN},
    {{"Id", 2},           KQL_GUID    },
    {{"Price", 5},        KQL_DECIMAL },
};
