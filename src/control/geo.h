/* geo.h - the database of places that hunting.geoDatabase names (MaxMind's format: GeoLite2-City, DB-IP and their kin), given to
 * geo_info_from_ip_address() (kql/geo_source.h). The file is mapped and never written; one that is put in its place is taken when it is
 * looked at next, and the old one goes when the last query that reads it has ended. Replace it by renaming, as geoipupdate does: a file
 * that is written over while it is mapped changes under the queries. One thread. */
#pragma once
#include "base/base.h"
#include <sys/stat.h>

struct geo {          /* zeroed: none */
    char *path;       /* that is in use */
    struct stat seen; /* the file when it was opened, or could not be; st_ino 0: not there */
};

/* Uses the file at 'path' from now on; NULL: none. The file that is in use, as it was: nothing is done. *is_new: it was opened now.
 * ST_IO, ST_INVALID: err names the file and why it is not used; the one before goes on if it had the same path. Said once until the
 * file changes: then ST_OK with *is_new false. */
MUST_CHECK enum status geo_use(struct geo *g, const char *path, bool *is_new, struct err *err);
void geo_end(struct geo *g);
