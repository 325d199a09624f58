/* function_geo_test.c - the geo_* functions; numbers are the documentation's. */
#include "kql/function_play.h"

#define PARK                                                                                       \
    "d{\"type\":\"Polygon\",\"coordinates\":[[[-73.9495,40.7969],[-73.95807266235352,"             \
    "40.80068603561921],[-73.98201942443848,40.76825672305777],[-73.97317886352539,"               \
    "40.76455136505513],[-73.9495,40.7969]]]}"
#define ROAD                                                                                       \
    "d{\"type\":\"LineString\",\"coordinates\":[[-73.95796, 40.80042], [-73.97317, 40.764486]]}"
#define SQUARE(a, b)                                                                               \
    "[[" #a "," #a "],[" #b "," #a "],[" #b "," #b "],[" #a "," #b "],[" #a "," #a "]]"
#define HOLLOW "d{\"type\":\"Polygon\",\"coordinates\":[" SQUARE(0, 10) "," SQUARE(4, 6) "]}"
#define TWO "d{\"type\":\"MultiPolygon\",\"coordinates\":[[" SQUARE(0, 1) "],[" SQUARE(2, 3) "]]}"

/* Results that are numbers; within one part in 10^9. */
static const struct {
    const char *name;
    const char *arguments[8];
    double want;
} numbers[] = {
    {"geo_distance_2points",
     {"r-122.407628", "r47.578557", "r-118.275287", "r34.019056"},
     1546754.35197381                                                                                    },
    {"geo_distance_2points",          {"l1", "l1", "l1", "l1", "bFalse"},             0                  },
    {"geo_azimuth",                   {"l5", "l10", "l10", "l-40"},                   3.05459939796452   },
    {"geo_angle",                     {"l0", "l10", "l0", "l5", "l3", "l-10"},        2.94493843406      },
    {"geo_line_length",
     {"d{\"type\":\"LineString\",\"coordinates\":[[-73.95807266235352,40.800426144169315],[-73."
      "94966125488281,40.79691751000055],[-73.97317886352539,40.764486356930334]]}"},
     4922.48016992081                                                                                    },
    {"geo_line_length",
     {"d{\"type\":\"MultiLineString\",\"coordinates\":[[[-73.95798683166502,40.800556090021466],[-"
      "73.98193359375,40.76819171855746]],[[-73.94940376281738,40.79691751000055],[-73."
      "97317886352539,40.76435634049001]]]}"},
     8262.24339753741                                                                                    },
    {"geo_line_locate_point",         {ROAD, "r-73.965", "r40.792"},                  0.25560135100307552},
    {"geo_polygon_area",              {PARK},                                         3475207.28346606   },
    {"geo_polygon_perimeter",         {PARK},                                         9930.30149604938   },
    {"geo_distance_point_to_polygon", {"r-73.9839", "r40.7705", PARK},                259.940756070596   },
    {"geo_distance_point_to_polygon", {"r-73.965", "r40.7825", PARK},                 0                  },
    {"geo_distance_point_to_line",
     {"l0", "l1", "d{\"type\":\"LineString\",\"coordinates\":[[-1,0],[1,0]]}"},
     111195.10117748                                                                                     },
};

/* clang-format off */
static const struct play_case cases[] = {
    {"geo_distance_2points", {"l300", "l1", "l1", "l1"}, "nr"},
    {"geo_azimuth", {"l1", "l1", "l1", "l1"}, "nr"},
    {"geo_angle", {"l0", "l10", "l0", "l10", "l3", "l-10"}, "nr"},
    {"geo_point_in_circle", {"r-122.143564", "r47.535677", "r-122.100896", "r47.527351", "l3500"}, "bTrue"},
    {"geo_point_in_circle", {"r-122.143564", "r47.535677", "r-122.100896", "r47.527351", "l3200"}, "bFalse"},
    {"geo_point_in_circle", {"l1", "l1", "l1", "l1", "l-1"}, "nb"},
    {"geo_point_in_polygon", {"r-73.9741", "r40.7700", PARK}, "bTrue"},
    {"geo_point_in_polygon", {"r-73.9741", "r40.8000", PARK}, "bFalse"},
    {"geo_point_in_polygon", {"r106.0259", "r-40.77", PARK}, "bFalse"},
    {"geo_point_in_polygon", {"l5", "l5", HOLLOW}, "bFalse"},
    {"geo_point_in_polygon", {"l3", "l3", HOLLOW}, "bTrue"},
    {"geo_point_in_polygon", {"r2.5", "r2.5", TWO}, "bTrue"},
    {"geo_point_in_polygon", {"r1.5", "r1.5", TWO}, "bFalse"},
    {"geo_point_in_polygon", {"l200", "l1", PARK}, "nb"},
    {"geo_point_in_polygon", {"l1", "l1", "d{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[10,10],[10,10],[0,0]]]}"}, "nb"},
    {"geo_point_in_polygon", {"l1", "l1", "d{\"type\":\"Polygon\",\"coordinates\":[]}"}, "nb"},
    {"geo_point_in_polygon", {"l1", "l1", "d{\"type\":\"Polygon\"}"}, "nb"},
    {"geo_line_length", {"d{\"type\":\"LineString\",\"coordinates\":[[1,1]]}"}, "nr"},
    {"geo_polygon_area", {"d{\"type\":\"MultiPolygon\",\"coordinates\":[[" SQUARE(0, 2) "],[" SQUARE(1, 3) "]]}"}, "nr"},
    {"geo_line_locate_point", {"d{\"type\":\"LineString\",\"coordinates\":[[1,1]]}", "l1", "l1"}, "nr"},
    {"geo_intersects_2lines", {"d{\"type\":\"LineString\",\"coordinates\":[[-73.978929,40.785155],[-73.980903,40.782621]]}", "d{\"type\":\"LineString\",\"coordinates\":[[-73.985195,40.788275],[-73.974552,40.779761]]}"}, "bTrue"},
    {"geo_intersects_2lines", {"d{\"type\":\"LineString\",\"coordinates\":[[1,1],[2,2]]}", "d{\"type\":\"LineString\",\"coordinates\":[[3,3],[4,4]]}"}, "bFalse"},
    {"geo_intersects_2lines", {"d{\"type\":\"LineString\",\"coordinates\":[[1,1],[2,2]]}", "d{\"type\":\"LineString\",\"coordinates\":[[2,2],[4,1]]}"}, "bTrue"},
    {"geo_intersects_line_with_polygon", {"d{\"type\":\"LineString\",\"coordinates\":[[1,1],[2,2]]}", HOLLOW}, "bTrue"},
    {"geo_intersects_line_with_polygon", {"d{\"type\":\"LineString\",\"coordinates\":[[4.5,4.5],[5,5]]}", HOLLOW}, "bFalse"},
    {"geo_intersects_line_with_polygon", {"d{\"type\":\"LineString\",\"coordinates\":[[4.5,4.5],[7,7]]}", HOLLOW}, "bTrue"},
    {"geo_intersects_2polygons", {HOLLOW, TWO}, "bTrue"},
    {"geo_intersects_2polygons", {PARK, TWO}, "bFalse"},
    {"geo_point_to_geohash", {"r-80.195829", "r25.802215", "l8"}, "sdhwfz15h"},
    {"geo_point_to_geohash", {"r-80.195829", "r25.802215"}, "sdhwfz"},
    {"geo_point_to_geohash", {"l200", "l1", "l8"}, "s"},
    {"geo_point_to_geohash", {"l20", "l1", "l19"}, "s"},
    {"geo_geohash_to_central_point", {"ssunny"}, "d{\"type\":\"Point\",\"coordinates\":[42.47314453125,23.70849609375]}"},
    {"geo_geohash_to_central_point", {"sa"}, "nd"},
    {"geo_geohash_to_central_point", {"s"}, "nd"},
    {"geo_geohash_to_polygon", {"sdr5ru"}, "d{\"type\":\"Polygon\",\"coordinates\":[[[-74.00390625,40.7373046875],[-73.9599609375,40.7373046875],[-73.9599609375,40.78125],[-74.00390625,40.78125],[-74.00390625,40.7373046875]]]}"},
    {"geo_geohash_neighbors", {"ssunny"}, "d[\"sunnt\",\"sunpj\",\"sunnx\",\"sunpn\",\"sunnv\",\"sunpp\",\"sunnz\",\"sunnw\"]"},
    {"geo_from_wkt", {"sPOLYGON ((0 0, 2 0, 2 2, 0 0))"}, "d{\"type\":\"Polygon\",\"coordinates\":[[[0.0,0.0],[2.0,0.0],[2.0,2.0],[0.0,0.0]]]}"},
    {"geo_from_wkt", {"smultipoint(1 1,(2 -2.5))"}, "d{\"type\":\"MultiPoint\",\"coordinates\":[[1.0,1.0],[2.0,-2.5]]}"},
    {"geo_from_wkt", {"sGEOMETRYCOLLECTION (POINT (1 1),LINESTRING (2 2, 3 3))"}, "d{\"type\":\"GeometryCollection\",\"geometries\":[{\"type\":\"Point\",\"coordinates\":[1.0,1.0]},{\"type\":\"LineString\",\"coordinates\":[[2.0,2.0],[3.0,3.0]]}]}"},
    {"geo_from_wkt", {"sPOINT (1)"}, "nd"},
    {"geo_from_wkt", {"sPOINT (1 1) x"}, "nd"},
    {"geo_from_wkt", {"d[\"POINT (1 1)\",5]"}, "d[{\"type\":\"Point\",\"coordinates\":[1.0,1.0]},null]"},
};
/* clang-format on */

int
main(void)
{
    pool_init(&play_pool, 1 << 20);
    play_pool.escape = &play_escape;
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        const char *got = play_call(numbers[i].name, KQL_SCALAR, numbers[i].arguments, true);
        double value = got[0] == 'r' ? atof(got + 1) : -1;
        double off = value - numbers[i].want;

        CHECK((off < 0 ? -off : off) <= 1e-9 * numbers[i].want, "%s: %s, not %.15g",
              numbers[i].name, got, numbers[i].want);
        pool_reset(&play_pool);
    }
    pool_free(&play_pool);
    play_all(cases, COUNT_OF(cases), KQL_SCALAR);
    return test_end();
}
