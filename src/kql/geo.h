/* geo.h - points, lines and polygons on a sphere of the Earth's mean radius: what the geo_*
 * functions compute with. Points are unit vectors; edges are the shorter arcs of great circles. A
 * polygon is the smaller of the two parts into which its shell divides the sphere. Pure; any
 * thread. */
#pragma once
#include "kql/value.h"

#define GEO_EARTH_RADIUS 6371010.0 /* metres; that of the service */

struct geo_point {
    double x, y, z;
};
struct geo_path { /* a line; or a ring, whose last point is its first */
    const struct geo_point *points;
    uint32_t count;
    uint32_t part; /* of a MultiPolygon or MultiLineString: which one it belongs to */
    bool is_hole;
};
struct geo_shape {
    const struct geo_path *paths;
    uint32_t count, part_count;
};

/* Degrees; false: out of range. */
bool geo_point_of(double longitude, double latitude, struct geo_point *out);
void geo_degrees(const struct geo_point *p, double *longitude, double *latitude);
double geo_dot(const struct geo_point *a, const struct geo_point *b);
struct geo_point geo_cross(const struct geo_point *a, const struct geo_point *b);
double geo_angle(const struct geo_point *a,
                 const struct geo_point *b); /* of any vectors; radians */

/* GeoJSON: LineString and MultiLineString, or Polygon and MultiPolygon. False: it is none, or not a
 * valid one (points out of range, lines of one point, rings that are open or touch themselves). */
bool geo_read_line(struct pool *p, const struct kql_value *v, struct geo_shape *out);
bool geo_read_polygon(struct pool *p, const struct kql_value *v, struct geo_shape *out);

bool geo_is_inside(const struct geo_shape *polygon, const struct geo_point *p);
/* The nearest point of the lines or rings, and its distance in radians. Where it lies: *path, and
 * *edge in that. */
double geo_nearest(const struct geo_shape *s, const struct geo_point *p, struct geo_point *nearest,
                   uint32_t *path, uint32_t *edge);
double geo_length(const struct geo_path *path);   /* radians */
double geo_area(const struct geo_shape *polygon); /* steradians */
/* Not of unit length; zero if there is none. */
struct geo_point geo_line_centroid(const struct geo_shape *line);
struct geo_point geo_polygon_centroid(const struct geo_shape *polygon);
/* Whether an edge of one meets an edge of the other. */
bool geo_edges_meet(struct pool *p, const struct geo_shape *a, const struct geo_shape *b);
/* Whether two parts of it have something in common. */
bool geo_parts_meet(struct pool *p, const struct geo_shape *s, bool is_polygon);
