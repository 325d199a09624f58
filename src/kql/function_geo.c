/* function_geo.c - the rows of the function table for geography: what takes a point, a line or a
 * polygon to a number or a point, and geohashes. Geometry that makes new shapes (unions, buffers,
 * simplification) and the cells of S2 and H3 are known by name and type, and not built. */
#include "kql/dynamic.h"
#include "kql/function_inner.h"
#include "kql/geo.h"
#include <math.h>
#include <stdlib.h>

/* ---- Arguments and results ---- */

static bool
point_at(const struct kql_value *args, uint32_t i, struct geo_point *out)
{
    double longitude, latitude;

    return kql_number_in(&args[i], &longitude) && kql_number_in(&args[i + 1], &latitude) &&
           geo_point_of(longitude, latitude, out);
}

static void
add_text(struct kql_bag_builder *b, const char *key, const char *text)
{
    (void)kql_bag_add(b, span_of(key), kql_string(span_of(text)), true);
}

static struct kql_value
pair_value(struct pool *p, double longitude, double latitude)
{
    struct kql_array_builder b = {.pool = p};

    kql_array_add(&b, kql_real(longitude));
    kql_array_add(&b, kql_real(latitude));
    return kql_array_finish(&b);
}

static struct kql_value
geometry(struct pool *p, const char *type, const char *member, struct kql_value v)
{
    struct kql_bag_builder b = {.pool = p};

    add_text(&b, "type", type);
    (void)kql_bag_add(&b, span_of(member), v, true);
    return kql_bag_finish(&b);
}

static struct kql_value
degrees_value(struct pool *p, double longitude, double latitude)
{
    return geometry(p, "Point", "coordinates", pair_value(p, longitude, latitude));
}

static struct kql_value
point_value(struct pool *p, const struct geo_point *at)
{
    double longitude, latitude;

    if (geo_dot(at, at) == 0)
        return kql_null(KQL_DYNAMIC);
    geo_degrees(at, &longitude, &latitude);
    return degrees_value(p, longitude, latitude);
}

/* An argument that asks for the spheroid is refused when it is constant, and gives null when not. */
static bool
wants_sphere(struct kql_call *call, const struct kql_value *args, uint32_t i)
{
    double spheroid = 0;

    return call->count <= i || (kql_number_in(&args[i], &spheroid) && spheroid == 0);
}

static void *
prepare_sphere(const struct kql_value *const *constants, uint32_t count, uint32_t i,
               struct err *err)
{
    double spheroid = 0;

    if (count > i && constants[i] != NULL && kql_number_in(constants[i], &spheroid) &&
        spheroid != 0)
        (void)err_set(err, ST_INVALID, "use_spheroid is not built: distances are on a sphere");
    return NULL;
}

static void *
prepare_sphere_5(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
                 struct err *err)
{
    (void)pool;
    return prepare_sphere(constants, count, 4, err);
}

static void *
prepare_sphere_4(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
                 struct err *err)
{
    (void)pool;
    return prepare_sphere(constants, count, 3, err);
}

/* ---- Points ---- */

static void
distance_2points(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct geo_point a, b;

    *result = kql_null(KQL_REAL);
    if (point_at(args, 0, &a) && point_at(args, 2, &b) && wants_sphere(call, args, 4))
        *result = kql_real(geo_angle(&a, &b) * GEO_EARTH_RADIUS);
}

static void
in_circle(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct geo_point a, b;
    double radius;

    (void)call;
    *result = kql_null(KQL_BOOL);
    if (point_at(args, 0, &a) && point_at(args, 2, &b) && kql_number_in(&args[4], &radius) &&
        radius >= 0)
        *result = kql_bool(geo_angle(&a, &b) * GEO_EARTH_RADIUS <= radius);
}

static void
azimuth(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    static const struct geo_point north = {0, 0, 1};
    struct geo_point a, b, east, ab;

    (void)call;
    *result = kql_null(KQL_REAL);
    if (!point_at(args, 0, &a) || !point_at(args, 2, &b) || geo_angle(&a, &b) == 0)
        return;
    east = geo_cross(&north, &a); /* as long as the latitude's cosine */
    ab = geo_cross(&a, &east);
    *result = kql_real(atan2(geo_dot(&b, &east), geo_dot(&b, &ab)));
}

static void
angle_at(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct geo_point a, b, c, ab, cb;

    (void)call;
    *result = kql_null(KQL_REAL);
    if (!point_at(args, 0, &a) || !point_at(args, 2, &b) || !point_at(args, 4, &c) ||
        geo_angle(&a, &b) == 0 || geo_angle(&b, &c) == 0)
        return;
    ab = geo_cross(&a, &b);
    cb = geo_cross(&c, &b);
    *result = kql_real(geo_angle(&ab, &cb));
}

/* ---- A point and a shape ---- */

static void
in_polygon(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct geo_shape polygon;
    struct geo_point p;

    *result = kql_null(KQL_BOOL);
    if (point_at(args, 0, &p) && geo_read_polygon(call->pool, &args[2], &polygon))
        *result = kql_bool(geo_is_inside(&polygon, &p));
}

static void
distance_to_line(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct geo_shape line;
    struct geo_point p, nearest;
    uint32_t path, edge;

    *result = kql_null(KQL_REAL);
    if (point_at(args, 0, &p) && geo_read_line(call->pool, &args[2], &line))
        *result = kql_real(geo_nearest(&line, &p, &nearest, &path, &edge) * GEO_EARTH_RADIUS);
}

static void
distance_to_polygon(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct geo_shape polygon;
    struct geo_point p, nearest;
    uint32_t path, edge;

    *result = kql_null(KQL_REAL);
    if (!point_at(args, 0, &p) || !geo_read_polygon(call->pool, &args[2], &polygon))
        return;
    *result = kql_real(geo_is_inside(&polygon, &p)
                           ? 0
                           : geo_nearest(&polygon, &p, &nearest, &path, &edge) * GEO_EARTH_RADIUS);
}

static void
closest_on_line(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct geo_shape line;
    struct geo_point p, nearest;
    uint32_t path, edge;

    *result = kql_null(KQL_DYNAMIC);
    if (!point_at(args, 0, &p) || !geo_read_line(call->pool, &args[2], &line))
        return;
    (void)geo_nearest(&line, &p, &nearest, &path, &edge);
    *result = point_value(call->pool, &nearest);
}

static void
closest_on_polygon(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct geo_shape polygon;
    struct geo_point p, nearest;
    uint32_t path, edge;

    *result = kql_null(KQL_DYNAMIC);
    if (!point_at(args, 0, &p) || !geo_read_polygon(call->pool, &args[2], &polygon))
        return;
    nearest = p;
    if (!geo_is_inside(&polygon, &p))
        (void)geo_nearest(&polygon, &p, &nearest, &path, &edge);
    *result = point_value(call->pool, &nearest);
}

/* ---- Lines ---- */

/* A line whose parts do not meet: what is counted of several is counted of their union. */
static bool
line_at(struct kql_call *call, const struct kql_value *v, struct geo_shape *line)
{
    return geo_read_line(call->pool, v, line) &&
           (line->part_count == 1 || !geo_parts_meet(call->pool, line, false));
}

static void
line_length(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct geo_shape line;
    double length = 0;

    *result = kql_null(KQL_REAL);
    if (!line_at(call, &args[0], &line))
        return;
    for (uint32_t i = 0; i < line.count; i++)
        length += geo_length(&line.paths[i]);
    *result = kql_real(length * GEO_EARTH_RADIUS);
}

static void
line_centroid(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct geo_shape line;
    struct geo_point centroid;

    *result = kql_null(KQL_DYNAMIC);
    if (!line_at(call, &args[0], &line))
        return;
    centroid = geo_line_centroid(&line);
    *result = point_value(call->pool, &centroid);
}

static void
line_locate(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct geo_shape line;
    struct geo_point p, nearest;
    struct geo_path before;
    uint32_t path, edge;
    double length;

    *result = kql_null(KQL_REAL);
    if (!geo_read_line(call->pool, &args[0], &line) || line.count != 1 || !point_at(args, 1, &p) ||
        !wants_sphere(call, args, 3))
        return;
    (void)geo_nearest(&line, &p, &nearest, &path, &edge);
    before = (struct geo_path){.points = line.paths[0].points, .count = edge + 1};
    length = geo_length(&line.paths[0]);
    if (length > 0)
        *result = kql_real(
            (geo_length(&before) + geo_angle(&line.paths[0].points[edge], &nearest)) / length);
}

static void
line_interpolate(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct geo_shape line;
    const struct geo_point *a;
    double fraction, left, edge = 0;
    uint32_t i = 0;

    *result = kql_null(KQL_DYNAMIC);
    if (!geo_read_line(call->pool, &args[0], &line) || line.count != 1 ||
        !kql_number_in(&args[1], &fraction) || !(fraction >= 0 && fraction <= 1))
        return;
    a = line.paths[0].points;
    left = geo_length(&line.paths[0]) * fraction;
    for (; i + 2 < line.paths[0].count; i++) {
        edge = geo_angle(&a[i], &a[i + 1]);
        if (left <= edge)
            break;
        left -= edge;
    }
    edge = geo_angle(&a[i], &a[i + 1]);
    if (edge == 0 || left >= edge) {
        *result = point_value(call->pool, left >= edge ? &a[i + 1] : &a[i]);
        return;
    }
    double x = sin(edge - left) / sin(edge), y = sin(left) / sin(edge);
    struct geo_point at = {a[i].x * x + a[i + 1].x * y, a[i].y * x + a[i + 1].y * y,
                           a[i].z * x + a[i + 1].z * y};
    *result = point_value(call->pool, &at);
}

/* ---- Polygons ---- */

static bool
polygon_at(struct kql_call *call, const struct kql_value *v, struct geo_shape *polygon)
{
    return geo_read_polygon(call->pool, v, polygon) &&
           (polygon->part_count == 1 || !geo_parts_meet(call->pool, polygon, true));
}

static void
polygon_area(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct geo_shape polygon;

    *result = kql_null(KQL_REAL);
    if (polygon_at(call, &args[0], &polygon))
        *result = kql_real(geo_area(&polygon) * GEO_EARTH_RADIUS * GEO_EARTH_RADIUS);
}

static void
polygon_perimeter(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct geo_shape polygon;
    double length = 0;

    *result = kql_null(KQL_REAL);
    if (!polygon_at(call, &args[0], &polygon))
        return;
    for (uint32_t i = 0; i < polygon.count; i++)
        length += geo_length(&polygon.paths[i]);
    *result = kql_real(length * GEO_EARTH_RADIUS);
}

static void
polygon_centroid(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct geo_shape polygon;
    struct geo_point centroid;

    *result = kql_null(KQL_DYNAMIC);
    if (!polygon_at(call, &args[0], &polygon))
        return;
    centroid = geo_polygon_centroid(&polygon);
    *result = point_value(call->pool, &centroid);
}

/* ---- Shapes that meet ---- */

/* A point of any part of 'what' is inside: enough, where no edges meet. */
static bool
holds_a_part(const struct geo_shape *polygon, const struct geo_shape *what)
{
    for (uint32_t i = 0; i < what->count; i++)
        if (geo_is_inside(polygon, &what->paths[i].points[0]))
            return true;
    return false;
}

static void
intersects_2lines(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct geo_shape a, b;

    *result = kql_null(KQL_BOOL);
    if (geo_read_line(call->pool, &args[0], &a) && geo_read_line(call->pool, &args[1], &b))
        *result = kql_bool(geo_edges_meet(call->pool, &a, &b));
}

static void
intersects_line_polygon(struct kql_call *call, const struct kql_value *args,
                        struct kql_value *result)
{
    struct geo_shape a, b;

    *result = kql_null(KQL_BOOL);
    if (geo_read_line(call->pool, &args[0], &a) && geo_read_polygon(call->pool, &args[1], &b))
        *result = kql_bool(geo_edges_meet(call->pool, &a, &b) || holds_a_part(&b, &a));
}

static void
intersects_2polygons(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct geo_shape a, b;

    *result = kql_null(KQL_BOOL);
    if (geo_read_polygon(call->pool, &args[0], &a) && geo_read_polygon(call->pool, &args[1], &b))
        *result = kql_bool(geo_edges_meet(call->pool, &a, &b) || holds_a_part(&b, &a) ||
                           holds_a_part(&a, &b));
}

/* ---- Geohashes ---- */

enum { GEOHASH_MAX = 18 };

static const char geohash_digits[] = "0123456789bcdefghjkmnpqrstuvwxyz";

struct rectangle {
    double low[2], high[2]; /* longitude, latitude */
};

static void
halve(struct rectangle *r, int bit, bool is_high)
{
    double *low = &r->low[bit % 2], *high = &r->high[bit % 2];

    *(is_high ? low : high) = (*low + *high) / 2;
}

static struct span
geohash_print(struct pool *p, double longitude, double latitude, int digits)
{
    struct rectangle r = {
        {-180, -90},
        {180,  90 }
    };
    double at[2] = {longitude, latitude};
    char *out = pool_take(p, GEOHASH_MAX);

    for (int i = 0; i < digits; i++) {
        int value = 0;

        for (int bit = i * 5; bit < i * 5 + 5; bit++) {
            bool is_high = at[bit % 2] >= (r.low[bit % 2] + r.high[bit % 2]) / 2;

            halve(&r, bit, is_high);
            value = value * 2 + is_high;
        }
        out[i] = geohash_digits[value];
    }
    return (struct span){out, (size_t)digits};
}

static bool
geohash_read(struct span text, struct rectangle *r)
{
    *r = (struct rectangle){
        {-180, -90},
        {180,  90 }
    };
    if (text.n == 0 || text.n > GEOHASH_MAX)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        const char *digit =
            c == '\0' ? NULL : strchr(geohash_digits, c >= 'A' && c <= 'Z' ? c | 0x20 : c);

        if (digit == NULL)
            return false;
        for (int bit = 0; bit < 5; bit++)
            halve(r, (int)i * 5 + bit, ((digit - geohash_digits) >> (4 - bit) & 1) != 0);
    }
    return true;
}

static void
to_geohash(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    double longitude = 0, latitude = 0, digits = 5;
    struct geo_point p;

    *result = kql_null(KQL_STRING);
    if (!point_at(args, 0, &p) || (call->count > 2 && !kql_number_in(&args[2], &digits)) ||
        !(digits >= 1 && digits <= (double)GEOHASH_MAX))
        return;
    (void)kql_number_in(&args[0], &longitude);
    (void)kql_number_in(&args[1], &latitude);
    *result = kql_string(geohash_print(call->pool, longitude, latitude, (int)digits));
}

static void
geohash_center(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct rectangle r;

    *result = kql_null(KQL_DYNAMIC);
    if (geohash_read(kql_text(&args[0]), &r))
        *result = degrees_value(call->pool, (r.low[0] + r.high[0]) / 2, (r.low[1] + r.high[1]) / 2);
}

static void
geohash_polygon(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_array_builder ring = {.pool = call->pool}, rings = {.pool = call->pool};
    struct rectangle r;

    *result = kql_null(KQL_DYNAMIC);
    if (!geohash_read(kql_text(&args[0]), &r))
        return;
    kql_array_add(&ring, pair_value(call->pool, r.low[0], r.low[1]));
    kql_array_add(&ring, pair_value(call->pool, r.high[0], r.low[1]));
    kql_array_add(&ring, pair_value(call->pool, r.high[0], r.high[1]));
    kql_array_add(&ring, pair_value(call->pool, r.low[0], r.high[1]));
    kql_array_add(&ring, pair_value(call->pool, r.low[0], r.low[1]));
    kql_array_add(&rings, kql_array_finish(&ring));
    *result = geometry(call->pool, "Polygon", "coordinates", kql_array_finish(&rings));
}

static void
geohash_neighbors(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    /* In the documented order. */
    static const int8_t steps[8][2] = {
        {-1, -1},
        {-1, 1 },
        {1,  -1},
        {0,  1 },
        {-1, 0 },
        {1,  1 },
        {1,  0 },
        {0,  -1}
    };
    struct kql_array_builder b = {.pool = call->pool};
    struct span text = kql_text(&args[0]);
    struct rectangle r;

    *result = kql_null(KQL_DYNAMIC);
    if (!geohash_read(text, &r))
        return;
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        double longitude = (r.low[0] + r.high[0]) / 2 + steps[i][0] * (r.high[0] - r.low[0]);
        double latitude = (r.low[1] + r.high[1]) / 2 + steps[i][1] * (r.high[1] - r.low[1]);

        if (latitude < -90 || latitude > 90) /* beyond a pole */
            continue;
        longitude = remainder(longitude, 360);
        kql_array_add(&b, kql_string(geohash_print(call->pool, longitude, latitude, (int)text.n)));
    }
    *result = kql_array_finish(&b);
}

/* ---- Well-known text ---- */

struct wkt {
    struct pool *pool;
    const char *at, *end;
};

static void
skip_blanks(struct wkt *w)
{
    while (w->at < w->end && strchr(" \t\r\n", *w->at) != NULL && *w->at != '\0')
        w->at++;
}

static bool
take(struct wkt *w, char c)
{
    skip_blanks(w);
    if (w->at == w->end || *w->at != c)
        return false;
    w->at++;
    return true;
}

static struct span
take_word(struct wkt *w)
{
    const char *from;

    skip_blanks(w);
    from = w->at;
    while (w->at < w->end && ((*w->at | 0x20) >= 'a' && (*w->at | 0x20) <= 'z'))
        w->at++;
    return (struct span){from, (size_t)(w->at - from)};
}

static bool
take_real(struct wkt *w, double *out)
{
    const char *from;

    skip_blanks(w);
    from = w->at;
    while (w->at < w->end && *w->at != '\0' && strchr("+-.0123456789eE", *w->at) != NULL)
        w->at++;
    return w->at > from && kql_read_real((struct span){from, (size_t)(w->at - from)}, out);
}

/* "lng lat", also in parentheses if 'may_wrap' (points of a MULTIPOINT). */
static bool
read_pair(struct wkt *w, bool may_wrap, struct kql_value *out)
{
    bool is_wrapped = may_wrap && take(w, '(');
    double x, y;

    if (!take_real(w, &x) || !take_real(w, &y) || (is_wrapped && !take(w, ')')))
        return false;
    *out = pair_value(w->pool, x, y);
    return true;
}

/* "( item, item )", so many levels deep; at level 1 items are pairs. */
static bool
read_list(struct wkt *w, int levels, bool may_wrap, struct kql_value *out)
{
    struct kql_array_builder b = {.pool = w->pool};
    struct kql_value item;

    if (!take(w, '('))
        return false;
    do {
        if (!(levels == 1 ? read_pair(w, may_wrap, &item) : read_list(w, levels - 1, false, &item)))
            return false;
        kql_array_add(&b, item);
    } while (take(w, ','));
    *out = kql_array_finish(&b);
    return take(w, ')');
}

static const struct {
    const char *word, *type;
    int levels; /* of lists; 0: a point; -1: geometries */
    bool may_wrap;
} wkt_kinds[] = {
    {"POINT",              "Point",              0,  false},
    {"LINESTRING",         "LineString",         1,  false},
    {"POLYGON",            "Polygon",            2,  false},
    {"MULTIPOINT",         "MultiPoint",         1,  true },
    {"MULTILINESTRING",    "MultiLineString",    2,  false},
    {"MULTIPOLYGON",       "MultiPolygon",       3,  false},
    {"GEOMETRYCOLLECTION", "GeometryCollection", -1, false},
};

static bool
read_wkt(struct wkt *w, int depth, struct kql_value *out)
{
    struct span word = take_word(w);
    struct kql_array_builder b = {.pool = w->pool};
    struct kql_value v;
    size_t i = 0;

    while (i < COUNT_OF(wkt_kinds) && (word.n != strlen(wkt_kinds[i].word) ||
                                       strncasecmp(word.p, wkt_kinds[i].word, word.n) != 0))
        i++;
    if (i == COUNT_OF(wkt_kinds) || depth > 16)
        return false;
    if (wkt_kinds[i].levels > 0) {
        if (!read_list(w, wkt_kinds[i].levels, wkt_kinds[i].may_wrap, &v))
            return false;
    } else if (wkt_kinds[i].levels == 0) {
        if (!take(w, '(') || !read_pair(w, false, &v) || !take(w, ')'))
            return false;
    } else {
        if (!take(w, '('))
            return false;
        do {
            if (!read_wkt(w, depth + 1, &v))
                return false;
            kql_array_add(&b, v);
        } while (take(w, ','));
        if (!take(w, ')'))
            return false;
        *out = geometry(w->pool, wkt_kinds[i].type, "geometries", kql_array_finish(&b));
        return true;
    }
    *out = geometry(w->pool, wkt_kinds[i].type, "coordinates", v);
    return true;
}

static struct kql_value
wkt_value(struct pool *p, const struct kql_value *v)
{
    struct kql_value out;
    struct wkt w;

    if (v->is_null || v->type != KQL_STRING)
        return kql_null(KQL_DYNAMIC);
    w = (struct wkt){p, v->text, v->text + v->size};
    if (!read_wkt(&w, 0, &out))
        return kql_null(KQL_DYNAMIC);
    skip_blanks(&w);
    return w.at == w.end ? out : kql_null(KQL_DYNAMIC);
}

static void /* of a text, or of each of an array */
from_wkt(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_array_builder b = {.pool = call->pool};

    if (args[0].is_null || args[0].type != KQL_ARRAY) {
        *result = wkt_value(call->pool, &args[0]);
        return;
    }
    for (uint32_t i = 0; i < args[0].array->count; i++)
        kql_array_add(&b, wkt_value(call->pool, &args[0].array->items[i]));
    *result = kql_array_finish(&b);
}

/* ---- The table ---- */

#define ROW(spelled, text, hook, prepared, line)                                                   \
    {                                                                                              \
        .name = spelled, .kind = KQL_SCALAR, .signature = text, .doc = line, .call = hook,         \
        .prepare = prepared, .group = "geo"                                                        \
    }
#define NOT_BUILT(spelled, text)                                                                   \
    {                                                                                              \
        .name = spelled, .kind = KQL_SCALAR, .flags = KQL_F_NOT_BUILT, .signature = text,          \
        .doc = "Geography that is not built.", .group = "geo"                                      \
    }

const struct kql_function kql_functions_geo[] = {
    ROW("geo_point_in_circle",
        "(p_longitude: number, p_latitude: number, pc_longitude: number, pc_latitude: number, "
        "c_radius: number) -> bool",
        in_circle, NULL, "Whether a point is within so many metres of another."),
    ROW("geo_point_in_polygon", "(longitude: number, latitude: number, polygon: bag) -> bool",
        in_polygon, NULL, "Whether a point is inside a polygon."),
    ROW("geo_distance_2points",
        "(p1_longitude: number, p1_latitude: number, p2_longitude: number, p2_latitude: number, "
        "use_spheroid?: any) -> real",
        distance_2points, prepare_sphere_5, "Metres between two points, on a sphere."),
    ROW("geo_distance_point_to_line",
        "(longitude: number, latitude: number, lineString: bag) -> real", distance_to_line, NULL,
        "Metres from a point to a line."),
    ROW("geo_distance_point_to_polygon",
        "(longitude: number, latitude: number, polygon: bag) -> real", distance_to_polygon, NULL,
        "Metres from a point to a polygon; 0 inside."),
    ROW("geo_closest_point_on_line",
        "(longitude: number, latitude: number, lineString: bag) -> dynamic", closest_on_line, NULL,
        "The point of a line that is nearest to a point."),
    ROW("geo_closest_point_on_polygon",
        "(longitude: number, latitude: number, polygon: bag) -> dynamic", closest_on_polygon, NULL,
        "The point of a polygon that is nearest to a point."),
    ROW("geo_azimuth",
        "(p1_longitude: number, p1_latitude: number, p2_longitude: number, p2_latitude: number) -> "
        "real",
        azimuth, NULL, "The direction from a point to another, in radians from north."),
    ROW("geo_angle",
        "(p1_longitude: number, p1_latitude: number, p2_longitude: number, p2_latitude: number, "
        "p3_longitude: number, p3_latitude: number) -> real",
        angle_at, NULL, "The angle at the second of three points, in radians."),
    ROW("geo_line_length", "(lineString: bag) -> real", line_length, NULL,
        "Metres along a line; parts that meet are not built."),
    ROW("geo_line_centroid", "(lineString: bag) -> dynamic", line_centroid, NULL,
        "The centre of a line; parts that meet are not built."),
    ROW("geo_line_locate_point",
        "(lineString: bag, longitude: number, latitude: number, use_spheroid?: any) -> real",
        line_locate, prepare_sphere_4, "Where on a line, from 0 to 1, it is nearest to a point."),
    ROW("geo_line_interpolate_point", "(lineString: bag, fraction: number) -> dynamic",
        line_interpolate, NULL, "The point at a fraction of a line, from 0 to 1."),
    ROW("geo_polygon_area", "(polygon: bag) -> real", polygon_area, NULL,
        "Square metres of a polygon; parts that meet are not built."),
    ROW("geo_polygon_perimeter", "(polygon: bag) -> real", polygon_perimeter, NULL,
        "Metres around a polygon; parts that meet are not built."),
    ROW("geo_polygon_centroid", "(polygon: bag) -> dynamic", polygon_centroid, NULL,
        "The centre of a polygon; parts that meet are not built."),
    ROW("geo_intersects_2lines", "(lineString1: bag, lineString2: bag) -> bool", intersects_2lines,
        NULL, "Whether two lines have a point in common."),
    ROW("geo_intersects_line_with_polygon", "(lineString: bag, polygon: bag) -> bool",
        intersects_line_polygon, NULL, "Whether a line has a point in common with a polygon."),
    ROW("geo_intersects_2polygons", "(polygon1: bag, polygon2: bag) -> bool", intersects_2polygons,
        NULL, "Whether two polygons have a point in common."),
    ROW("geo_point_to_geohash",
        "(longitude: number, latitude: number, accuracy?: number) -> string", to_geohash, NULL,
        "The geohash of a point, of 1 to 18 characters; 5 if not said."),
    ROW("geo_geohash_to_central_point", "(geohash: string) -> dynamic", geohash_center, NULL,
        "The centre of a geohash."),
    ROW("geo_geohash_to_polygon", "(geohash: string) -> dynamic", geohash_polygon, NULL,
        "The rectangle of a geohash."),
    ROW("geo_geohash_neighbors", "(geohash: string) -> dynamic", geohash_neighbors, NULL,
        "The eight geohashes around one."),
    ROW("geo_from_wkt", "(wkt: string) -> dynamic\n(wkt: array) -> dynamic", from_wkt, NULL,
        "GeoJSON of a geometry in well-known text."),
    NOT_BUILT("geo_intersection_2lines", "(lineString1: bag, lineString2: bag) -> dynamic"),
    NOT_BUILT("geo_intersection_line_with_polygon", "(lineString: bag, polygon: bag) -> dynamic"),
    NOT_BUILT("geo_intersection_2polygons", "(polygon1: bag, polygon2: bag) -> dynamic"),
    NOT_BUILT("geo_union_polygons_array", "(polygons: array) -> dynamic"),
    NOT_BUILT("geo_simplify_polygons_array", "(polygons: array, tolerance?: number) -> dynamic"),
    NOT_BUILT("geo_union_lines_array", "(lineStrings: array) -> dynamic"),
    NOT_BUILT("geo_polygon_to_h3cells",
              "(polygon: bag, resolution?: number, radius?: number) -> dynamic"),
    NOT_BUILT("geo_polygon_to_s2cells",
              "(polygon: bag, level?: number, radius?: number) -> dynamic"),
    NOT_BUILT("geo_polygon_densify",
              "(polygon: bag, tolerance?: number, preserve_crossing?: any) -> dynamic"),
    NOT_BUILT("geo_polygon_buffer",
              "(polygon: bag, radius: number, tolerance?: number) -> dynamic"),
    NOT_BUILT("geo_polygon_simplify", "(polygon: bag, tolerance?: number) -> dynamic"),
    NOT_BUILT("geo_line_buffer",
              "(lineString: bag, radius: number, tolerance?: number) -> dynamic"),
    NOT_BUILT("geo_line_densify",
              "(lineString: bag, tolerance?: number, preserve_crossing?: any) -> dynamic"),
    NOT_BUILT("geo_line_simplify", "(lineString: bag, tolerance?: number) -> dynamic"),
    NOT_BUILT("geo_line_to_s2cells",
              "(lineString: bag, level?: number, radius?: number) -> dynamic"),
    NOT_BUILT(
        "geo_point_buffer",
        "(longitude: number, latitude: number, radius: number, tolerance?: number) -> dynamic"),
    NOT_BUILT("geo_point_to_s2cell",
              "(longitude: number, latitude: number, level?: number) -> string"),
    NOT_BUILT("geo_s2cell_to_central_point", "(s2cell: string) -> dynamic"),
    NOT_BUILT("geo_s2cell_to_polygon", "(s2cell: string) -> dynamic"),
    NOT_BUILT("geo_s2cell_neighbors", "(s2cell: string) -> dynamic"),
    NOT_BUILT("geo_point_to_h3cell",
              "(longitude: number, latitude: number, resolution?: number) -> string"),
    NOT_BUILT("geo_h3cell_to_central_point", "(h3cell: string) -> dynamic"),
    NOT_BUILT("geo_h3cell_to_polygon", "(h3cell: string) -> dynamic"),
    NOT_BUILT("geo_h3cell_neighbors", "(h3cell: string) -> dynamic"),
    NOT_BUILT("geo_h3cell_children", "(h3cell: string, resolution?: number) -> dynamic"),
    NOT_BUILT("geo_h3cell_parent", "(h3cell: string, resolution?: number) -> string"),
    NOT_BUILT("geo_h3cell_rings", "(h3cell: string, distance: number) -> dynamic"),
    NOT_BUILT("geo_h3cell_level", "(h3cell: string) -> int"),
    {.name = NULL},
};
