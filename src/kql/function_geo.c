/* function_geo.c - the rows of the function table for geography: known by name and type, none of
 * them built. */
#include "kql/function.h"

#define ROW(spelled, text)                                                                         \
    {                                                                                              \
        .name = spelled, .kind = KQL_SCALAR, .flags = KQL_F_NOT_BUILT, .signature = text,          \
        .doc = "Geography.", .group = "geo"                                                        \
    }

const struct kql_function kql_functions_geo[] = {
    ROW("geo_from_wkt", "(wkt: string) -> dynamic\n(wkt: array) -> dynamic"),
    ROW("geo_angle", "(p1_longitude: number, p1_latitude: number, p2_longitude: number, "
                     "p2_latitude: number, p3_longitude: number, p3_latitude: number) -> real"),
    ROW("geo_azimuth", "(p1_longitude: number, p1_latitude: number, p2_longitude: number, "
                       "p2_latitude: number) -> real"),
    ROW("geo_closest_point_on_line",
        "(longitude: number, latitude: number, lineString: bag) -> dynamic"),
    ROW("geo_closest_point_on_polygon",
        "(longitude: number, latitude: number, polygon: bag) -> dynamic"),
    ROW("geo_distance_2points", "(p1_longitude: number, p1_latitude: number, p2_longitude: number, "
                                "p2_latitude: number, use_spheroid?: any) -> real"),
    ROW("geo_distance_point_to_line",
        "(longitude: number, latitude: number, lineString: bag) -> real"),
    ROW("geo_distance_point_to_polygon",
        "(longitude: number, latitude: number, polygon: bag) -> real"),
    ROW("geo_point_in_circle", "(p_longitude: number, p_latitude: number, pc_longitude: number, "
                               "pc_latitude: number, c_radius: number) -> bool"),
    ROW("geo_point_in_polygon", "(longitude: number, latitude: number, polygon: bag) -> bool"),
    ROW("geo_intersects_2lines", "(lineString1: bag, lineString2: bag) -> bool"),
    ROW("geo_intersects_line_with_polygon", "(lineString: bag, polygon: bag) -> bool"),
    ROW("geo_intersects_2polygons", "(polygon1: bag, polygon2: bag) -> bool"),
    ROW("geo_intersection_2lines", "(lineString1: bag, lineString2: bag) -> dynamic"),
    ROW("geo_intersection_line_with_polygon", "(lineString: bag, polygon: bag) -> dynamic"),
    ROW("geo_intersection_2polygons", "(polygon1: bag, polygon2: bag) -> dynamic"),
    ROW("geo_union_polygons_array", "(polygons: array) -> dynamic"),
    ROW("geo_simplify_polygons_array", "(polygons: array, tolerance?: number) -> dynamic"),
    ROW("geo_union_lines_array", "(lineStrings: array) -> dynamic"),
    ROW("geo_polygon_to_h3cells",
        "(polygon: bag, resolution?: number, radius?: number) -> dynamic"),
    ROW("geo_polygon_to_s2cells", "(polygon: bag, level?: number, radius?: number) -> dynamic"),
    ROW("geo_polygon_densify",
        "(polygon: bag, tolerance?: number, preserve_crossing?: any) -> dynamic"),
    ROW("geo_polygon_area", "(polygon: bag) -> real"),
    ROW("geo_polygon_buffer", "(polygon: bag, radius: number, tolerance?: number) -> dynamic"),
    ROW("geo_polygon_centroid", "(polygon: bag) -> dynamic"),
    ROW("geo_polygon_perimeter", "(polygon: bag) -> real"),
    ROW("geo_polygon_simplify", "(polygon: bag, tolerance?: number) -> dynamic"),
    ROW("geo_line_length", "(lineString: bag) -> real"),
    ROW("geo_line_buffer", "(lineString: bag, radius: number, tolerance?: number) -> dynamic"),
    ROW("geo_line_centroid", "(lineString: bag) -> dynamic"),
    ROW("geo_line_densify",
        "(lineString: bag, tolerance?: number, preserve_crossing?: any) -> dynamic"),
    ROW("geo_line_simplify", "(lineString: bag, tolerance?: number) -> dynamic"),
    ROW("geo_line_locate_point",
        "(lineString: bag, longitude: number, latitude: number, use_spheroid?: any) -> real"),
    ROW("geo_line_interpolate_point", "(lineString: bag, fraction: number) -> dynamic"),
    ROW("geo_line_to_s2cells", "(lineString: bag, level?: number, radius?: number) -> dynamic"),
    ROW("geo_point_to_geohash",
        "(longitude: number, latitude: number, accuracy?: number) -> string"),
    ROW("geo_geohash_to_central_point", "(geohash: string) -> dynamic"),
    ROW("geo_geohash_to_polygon", "(geohash: string) -> dynamic"),
    ROW("geo_geohash_neighbors", "(geohash: string) -> dynamic"),
    ROW("geo_point_buffer",
        "(longitude: number, latitude: number, radius: number, tolerance?: number) -> dynamic"),
    ROW("geo_point_to_s2cell", "(longitude: number, latitude: number, level?: number) -> string"),
    ROW("geo_s2cell_to_central_point", "(s2cell: string) -> dynamic"),
    ROW("geo_s2cell_to_polygon", "(s2cell: string) -> dynamic"),
    ROW("geo_s2cell_neighbors", "(s2cell: string) -> dynamic"),
    ROW("geo_point_to_h3cell",
        "(longitude: number, latitude: number, resolution?: number) -> string"),
    ROW("geo_h3cell_to_central_point", "(h3cell: string) -> dynamic"),
    ROW("geo_h3cell_to_polygon", "(h3cell: string) -> dynamic"),
    ROW("geo_h3cell_neighbors", "(h3cell: string) -> dynamic"),
    ROW("geo_h3cell_children", "(h3cell: string, resolution?: number) -> dynamic"),
    ROW("geo_h3cell_parent", "(h3cell: string, resolution?: number) -> string"),
    ROW("geo_h3cell_rings", "(h3cell: string, distance: number) -> dynamic"),
    ROW("geo_h3cell_level", "(h3cell: string) -> int"),
    {.name = NULL},
};
