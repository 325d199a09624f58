#include "kql/geo.h"
#include "kql/dynamic.h"
#include <math.h>
#include <stdlib.h>

/* ---- Vectors ---- */

static const double radians_per_degree = M_PI / 180.0;

bool
geo_point_of(double longitude, double latitude, struct geo_point *out)
{
    double a = longitude * radians_per_degree, b = latitude * radians_per_degree;

    if (!(longitude >= -180 && longitude <= 180 && latitude >= -90 && latitude <= 90))
        return false;
    *out = (struct geo_point){cos(b) * cos(a), cos(b) * sin(a), sin(b)};
    return true;
}

void
geo_degrees(const struct geo_point *p, double *longitude, double *latitude)
{
    *longitude = atan2(p->y, p->x) / radians_per_degree;
    *latitude = atan2(p->z, sqrt(p->x * p->x + p->y * p->y)) / radians_per_degree;
}

double
geo_dot(const struct geo_point *a, const struct geo_point *b)
{
    return a->x * b->x + a->y * b->y + a->z * b->z;
}

struct geo_point
geo_cross(const struct geo_point *a, const struct geo_point *b)
{
    return (struct geo_point){a->y * b->z - a->z * b->y, a->z * b->x - a->x * b->z,
                              a->x * b->y - a->y * b->x};
}

static double
norm(const struct geo_point *a)
{
    return sqrt(geo_dot(a, a));
}

static struct geo_point
scaled(const struct geo_point *a, double by)
{
    return (struct geo_point){a->x * by, a->y * by, a->z * by};
}

static struct geo_point
sum(const struct geo_point *a, const struct geo_point *b)
{
    return (struct geo_point){a->x + b->x, a->y + b->y, a->z + b->z};
}

static struct geo_point
difference(const struct geo_point *a, const struct geo_point *b)
{
    return (struct geo_point){a->x - b->x, a->y - b->y, a->z - b->z};
}

double
geo_angle(const struct geo_point *a, const struct geo_point *b)
{
    struct geo_point c = geo_cross(a, b);

    return atan2(norm(&c), geo_dot(a, b));
}

/* ---- GeoJSON ---- */

static bool
read_number(const struct kql_value *v, double *out)
{
    if (v->is_null)
        return false;
    if (v->type == KQL_INT || v->type == KQL_LONG)
        *out = (double)v->i;
    else if (v->type == KQL_REAL)
        *out = v->r;
    else
        return false;
    return true;
}

static bool
is_same(const struct geo_point *a, const struct geo_point *b)
{
    return a->x == b->x && a->y == b->y && a->z == b->z;
}

static int
compare_points(const void *x, const void *y)
{
    const struct geo_point *a = x, *b = y;

    if (a->x != b->x)
        return a->x < b->x ? -1 : 1;
    if (a->y != b->y)
        return a->y < b->y ? -1 : 1;
    return a->z < b->z ? -1 : a->z > b->z;
}

/* A ring's points, but for the last, differ. */
static bool
is_ring(struct pool *p, const struct geo_point *points, uint32_t count)
{
    struct geo_point *sorted;

    if (count < 4 || !is_same(&points[0], &points[count - 1]))
        return false;
    sorted = pool_take(p, count * sizeof *sorted);
    memcpy(sorted, points, (count - 1) * sizeof *sorted);
    qsort(sorted, count - 1, sizeof *sorted, compare_points);
    for (uint32_t i = 1; i + 1 < count; i++)
        if (is_same(&sorted[i - 1], &sorted[i]))
            return false;
    return true;
}

static bool
read_path(struct pool *p, const struct kql_value *v, bool wants_ring, struct geo_path *out)
{
    const struct kql_array *items = kql_array_in(v);
    struct geo_point *points;

    if (items == NULL || items->count < 2)
        return false;
    points = pool_take(p, items->count * sizeof *points);
    for (uint32_t i = 0; i < items->count; i++) {
        const struct kql_array *pair = kql_array_in(&items->items[i]);
        double longitude, latitude;

        if (pair == NULL || pair->count < 2 || !read_number(&pair->items[0], &longitude) ||
            !read_number(&pair->items[1], &latitude) ||
            !geo_point_of(longitude, latitude, &points[i]))
            return false;
        /* Edges of half a circle have no shorter arc. */
        if (i > 0 && geo_dot(&points[i - 1], &points[i]) < -1 + 1e-15)
            return false;
    }
    out->points = points;
    out->count = items->count;
    return !wants_ring || is_ring(p, points, items->count);
}

/* The coordinates of a bag of type 'one', or of 'many' (then *is_many). */
static const struct kql_array *
coordinates_of(const struct kql_value *v, const char *one, const char *many, bool *is_many)
{
    struct kql_value type = kql_member(v, SPAN_LITERAL("type"));
    struct kql_value coordinates = kql_member(v, SPAN_LITERAL("coordinates"));

    if (type.is_null || type.type != KQL_STRING)
        return NULL;
    *is_many = span_is(kql_text(&type), many);
    if (!*is_many && !span_is(kql_text(&type), one))
        return NULL;
    return kql_array_in(&coordinates);
}

bool
geo_read_line(struct pool *p, const struct kql_value *v, struct geo_shape *out)
{
    bool is_many;
    const struct kql_array *items = coordinates_of(v, "LineString", "MultiLineString", &is_many);
    struct geo_path *paths;
    struct kql_value whole = {.type = KQL_ARRAY, .array = items};

    if (items == NULL || items->count == 0)
        return false;
    out->count = out->part_count = is_many ? items->count : 1;
    out->paths = paths = pool_zeroed(p, out->count, sizeof *paths);
    for (uint32_t i = 0; i < out->count; i++) {
        paths[i].part = i;
        if (!read_path(p, is_many ? &items->items[i] : &whole, false, &paths[i]))
            return false;
    }
    return true;
}

bool
geo_read_polygon(struct pool *p, const struct kql_value *v, struct geo_shape *out)
{
    bool is_many;
    const struct kql_array *items = coordinates_of(v, "Polygon", "MultiPolygon", &is_many);
    struct kql_value whole = {.type = KQL_ARRAY, .array = items};
    struct geo_path *paths = NULL;
    size_t room = 0;

    if (items == NULL || items->count == 0)
        return false;
    *out = (struct geo_shape){.part_count = is_many ? items->count : 1};
    for (uint32_t part = 0; part < out->part_count; part++) {
        const struct kql_array *rings = kql_array_in(is_many ? &items->items[part] : &whole);

        if (rings == NULL || rings->count == 0)
            return false;
        for (uint32_t i = 0; i < rings->count; i++) {
            struct geo_path path = {.part = part, .is_hole = i > 0};

            if (!read_path(p, &rings->items[i], true, &path))
                return false;
            paths = pool_grow(p, paths, &room, (size_t)out->count + 1, sizeof *paths);
            paths[out->count++] = path;
        }
    }
    out->paths = paths;
    return true;
}

/* ---- Edges ---- */

/* The nearest point of an edge. */
static struct geo_point
nearest_of_edge(const struct geo_point *p, const struct geo_point *a, const struct geo_point *b)
{
    struct geo_point normal = geo_cross(a, b), to_a = geo_cross(&normal, a);
    struct geo_point to_b = geo_cross(b, &normal), nearest, away;
    double n2 = geo_dot(&normal, &normal);

    if (n2 > 0 && geo_dot(&to_a, p) > 0 && geo_dot(&to_b, p) > 0) {
        away = scaled(&normal, geo_dot(p, &normal) / n2);
        nearest = difference(p, &away);
        return scaled(&nearest, 1 / norm(&nearest));
    }
    return geo_angle(p, a) <= geo_angle(p, b) ? *a : *b;
}

double
geo_nearest(const struct geo_shape *s, const struct geo_point *p, struct geo_point *nearest,
            uint32_t *path, uint32_t *edge)
{
    double best = 4;

    for (uint32_t i = 0; i < s->count; i++)
        for (uint32_t k = 0; k + 1 < s->paths[i].count; k++) {
            struct geo_point q =
                nearest_of_edge(p, &s->paths[i].points[k], &s->paths[i].points[k + 1]);
            double distance = geo_angle(p, &q);

            if (distance < best) {
                best = distance;
                *nearest = q;
                *path = i;
                *edge = k;
            }
        }
    return best;
}

/* Whether two edges cross in their interiors (S2's simple crossing), or an end of one lies on the
 * other. */
static bool
edges_meet(const struct geo_point *a, const struct geo_point *b, const struct geo_point *c,
           const struct geo_point *d)
{
    const struct geo_point *const ends[4][3] = {
        {a, c, d},
        {b, c, d},
        {c, a, b},
        {d, a, b}
    };
    struct geo_point ab = geo_cross(a, b), cd = geo_cross(c, d);
    double acb = -geo_dot(&ab, c), bda = geo_dot(&ab, d), cbd = -geo_dot(&cd, b);
    double dac = geo_dot(&cd, a);

    if (acb * bda > 0 && acb * cbd > 0 && acb * dac > 0)
        return true;
    for (int i = 0; i < 4; i++) {
        struct geo_point q = nearest_of_edge(ends[i][0], ends[i][1], ends[i][2]);

        if (geo_angle(&q, ends[i][0]) < 1e-15)
            return true;
    }
    return false;
}

static bool
paths_meet(struct pool *p, const struct geo_path *a, const struct geo_path *b)
{
    for (uint32_t i = 0; i + 1 < a->count; i++) {
        pool_check(p);
        for (uint32_t k = 0; k + 1 < b->count; k++)
            if (edges_meet(&a->points[i], &a->points[i + 1], &b->points[k], &b->points[k + 1]))
                return true;
    }
    return false;
}

bool
geo_edges_meet(struct pool *p, const struct geo_shape *a, const struct geo_shape *b)
{
    for (uint32_t i = 0; i < a->count; i++)
        for (uint32_t k = 0; k < b->count; k++)
            if (paths_meet(p, &a->paths[i], &b->paths[k]))
                return true;
    return false;
}

bool
geo_parts_meet(struct pool *p, const struct geo_shape *s, bool is_polygon)
{
    for (uint32_t i = 0; i < s->count; i++)
        for (uint32_t k = 0; k < s->count; k++) {
            struct geo_shape one = {&s->paths[k], 1, 1};

            if (s->paths[i].part == s->paths[k].part)
                continue;
            if ((k > i && paths_meet(p, &s->paths[i], &s->paths[k])) ||
                (is_polygon && !s->paths[k].is_hole && geo_is_inside(&one, &s->paths[i].points[0])))
                return true;
        }
    return false;
}

double
geo_length(const struct geo_path *path)
{
    double length = 0;

    for (uint32_t i = 0; i + 1 < path->count; i++)
        length += geo_angle(&path->points[i], &path->points[i + 1]);
    return length;
}

/* ---- Polygons ---- */

/* The area of a triangle, signed by its direction. Of small ones the volume is taken of the edges,
 * not of the points, which would cancel each other. */
static double
signed_area(const struct geo_point *a, const struct geo_point *b, const struct geo_point *c)
{
    struct geo_point ab = difference(b, a), ac = difference(c, a), across = geo_cross(&ab, &ac);

    return 2 * atan2(geo_dot(a, &across), 1 + geo_dot(a, b) + geo_dot(b, c) + geo_dot(c, a));
}

/* Of the smaller part; *turn is the sign of the ring's direction around that. */
static double
ring_area(const struct geo_path *ring, double *turn)
{
    double area = 0;

    for (uint32_t i = 1; i + 2 < ring->count; i++)
        area += signed_area(&ring->points[0], &ring->points[i], &ring->points[i + 1]);
    area = remainder(area, 4 * M_PI);
    *turn = area < 0 ? -1 : 1;
    return fabs(area);
}

double
geo_area(const struct geo_shape *polygon)
{
    double area = 0, turn;

    for (uint32_t i = 0; i < polygon->count; i++)
        area += ring_area(&polygon->paths[i], &turn) * (polygon->paths[i].is_hole ? -1 : 1);
    return area;
}

/* The true centroid of a triangle, times its area (S2's TrueCentroid). */
static struct geo_point
triangle_centroid(const struct geo_point *a, const struct geo_point *b, const struct geo_point *c)
{
    double angle_a = geo_angle(b, c), angle_b = geo_angle(c, a), angle_c = geo_angle(a, b);
    double ra = angle_a == 0 ? 1 : angle_a / sin(angle_a);
    double rb = angle_b == 0 ? 1 : angle_b / sin(angle_b);
    double rc = angle_c == 0 ? 1 : angle_c / sin(angle_c);
    struct geo_point x = {a->x, b->x - a->x, c->x - a->x}, y = {a->y, b->y - a->y, c->y - a->y};
    struct geo_point z = {a->z, b->z - a->z, c->z - a->z}, r = {ra, rb - ra, rc - ra};
    struct geo_point yz = geo_cross(&y, &z), zx = geo_cross(&z, &x), xy = geo_cross(&x, &y);

    return (struct geo_point){0.5 * geo_dot(&yz, &r), 0.5 * geo_dot(&zx, &r),
                              0.5 * geo_dot(&xy, &r)};
}

static struct geo_point
ring_centroid(const struct geo_path *ring)
{
    struct geo_point all = {0, 0, 0};
    double turn;

    for (uint32_t i = 1; i + 2 < ring->count; i++) {
        struct geo_point one =
            triangle_centroid(&ring->points[0], &ring->points[i], &ring->points[i + 1]);

        all = sum(&all, &one);
    }
    (void)ring_area(ring, &turn);
    return scaled(&all, turn);
}

struct geo_point
geo_polygon_centroid(const struct geo_shape *polygon)
{
    struct geo_point all = {0, 0, 0};

    for (uint32_t i = 0; i < polygon->count; i++) {
        struct geo_point one = ring_centroid(&polygon->paths[i]);

        one = scaled(&one, polygon->paths[i].is_hole ? -1 : 1);
        all = sum(&all, &one);
    }
    return all;
}

struct geo_point
geo_line_centroid(const struct geo_shape *line)
{
    struct geo_point all = {0, 0, 0};

    for (uint32_t i = 0; i < line->count; i++)
        for (uint32_t k = 0; k + 1 < line->paths[i].count; k++) {
            const struct geo_point *a = &line->paths[i].points[k], *b = a + 1;
            struct geo_point apart = difference(a, b), both = sum(a, b);
            double cosine2 = geo_dot(&both, &both);

            if (cosine2 == 0)
                continue;
            both = scaled(&both, sqrt(geo_dot(&apart, &apart) / cosine2));
            all = sum(&all, &both);
        }
    return all;
}

/* How often the ring goes round the point, seen from there. Seen so it goes round the opposite
 * point too; which of the two it is, the ring's centroid tells. */
static bool
ring_holds(const struct geo_path *ring, const struct geo_point *p)
{
    struct geo_point centroid = ring_centroid(ring);
    double turned = 0;

    if (geo_dot(&centroid, p) <= 0)
        return false;
    for (uint32_t i = 0; i + 1 < ring->count; i++) {
        const struct geo_point *a = &ring->points[i], *b = &ring->points[i + 1];
        struct geo_point ab = geo_cross(a, b);
        double u = geo_dot(a, p), w = geo_dot(b, p);

        /* The angle between the edge's ends in the plane that touches the sphere at p. */
        turned += atan2(geo_dot(&ab, p), geo_dot(a, b) - u * w);
    }
    return fabs(turned) > M_PI;
}

bool
geo_is_inside(const struct geo_shape *polygon, const struct geo_point *p)
{
    bool is_in = false;

    for (uint32_t i = 0; i < polygon->count; i++) { /* a part's shell, then its holes */
        if (!polygon->paths[i].is_hole) {
            if (is_in)
                return true;
            is_in = ring_holds(&polygon->paths[i], p);
        } else if (is_in && ring_holds(&polygon->paths[i], p))
            is_in = false;
    }
    return is_in;
}
