/* unit.c - each kind's units as factors of its base: degree, joule, newton, metre, kilogram, metre
 * per second, kelvin, cubic metre. A temperature has an offset too; a tilt is a sine.
 *
 * The service rounds some of them (page of convert_volume(): 1.2 cubic metres are 0.0009728568
 * acre-feet); such are rounded here too: acre-foot, cubic foot and inch, mile, US gallon. */
#include "kql/unit.h"
#include <math.h>

struct unit {
    const char *name;
    double factor, offset; /* base = value * factor + offset */
};

static const double degrees_per_radian = 180 / M_PI;
#define RADIAN (180 / M_PI)
#define EV 1.602176634e-19
#define BTU 1055.05585262
#define POUND_FORCE 4.4482216152605
#define POUND 0.45359237
#define LIGHT_YEAR 9.4607304725808e15
#define PARSEC 3.0856775814913673e16
#define FOOT 0.3048
#define SURVEY_FOOT (1200.0 / 3937)
#define CUBIC_FOOT 0.0283168
#define US_GALLON 0.00378541
#define US_OUNCE 2.95735295625e-5
#define IMPERIAL_GALLON 0.00454609

/* clang-format off */
static const struct unit angles[] = {
    {"Arcminute", 1 / 60.0, 0}, {"Arcsecond", 1 / 3600.0, 0}, {"Centiradian", RADIAN * 1e-2, 0},
    {"Deciradian", RADIAN * 1e-1, 0}, {"Degree", 1, 0}, {"Gradian", 0.9, 0},
    {"Microdegree", 1e-6, 0}, {"Microradian", RADIAN * 1e-6, 0}, {"Millidegree", 1e-3, 0},
    {"Milliradian", RADIAN * 1e-3, 0}, {"Nanodegree", 1e-9, 0}, {"Nanoradian", RADIAN * 1e-9, 0},
    {"NatoMil", 9 / 160.0, 0}, {"Radian", RADIAN, 0}, {"Revolution", 360, 0}, {"Tilt", 0, 0},
    {NULL, 0, 0},
};
static const struct unit energies[] = {
    {"BritishThermalUnit", BTU, 0}, {"Calorie", 4.184, 0}, {"DecathermEc", BTU * 1e6, 0},
    {"DecathermImperial", 1.05505585257348e9, 0}, {"DecathermUs", 1.054804e9, 0},
    {"ElectronVolt", EV, 0}, {"Erg", 1e-7, 0}, {"FootPound", 1.3558179483314004, 0},
    {"GigabritishThermalUnit", BTU * 1e9, 0}, {"GigaelectronVolt", EV * 1e9, 0},
    {"Gigajoule", 1e9, 0}, {"GigawattDay", 86400e9, 0}, {"GigawattHour", 3600e9, 0},
    {"HorsepowerHour", 2.6845195377e6, 0}, {"Joule", 1, 0}, {"KilobritishThermalUnit", BTU * 1e3, 0},
    {"Kilocalorie", 4184, 0}, {"KiloelectronVolt", EV * 1e3, 0}, {"Kilojoule", 1e3, 0},
    {"KilowattDay", 86400e3, 0}, {"KilowattHour", 3600e3, 0},
    {"MegabritishThermalUnit", BTU * 1e6, 0}, {"Megacalorie", 4.184e6, 0},
    {"MegaelectronVolt", EV * 1e6, 0}, {"Megajoule", 1e6, 0}, {"MegawattDay", 86400e6, 0},
    {"MegawattHour", 3600e6, 0}, {"Millijoule", 1e-3, 0}, {"TeraelectronVolt", EV * 1e12, 0},
    {"TerawattDay", 86400e12, 0}, {"TerawattHour", 3600e12, 0}, {"ThermEc", BTU * 1e5, 0},
    {"ThermImperial", 1.05505585257348e8, 0}, {"ThermUs", 1.054804e8, 0}, {"WattDay", 86400, 0},
    {"WattHour", 3600, 0}, {NULL, 0, 0},
};
static const struct unit forces[] = {
    {"Decanewton", 10, 0}, {"Dyn", 1e-5, 0}, {"KilogramForce", 9.80665, 0}, {"Kilonewton", 1e3, 0},
    {"KiloPond", 9.80665, 0}, {"KilopoundForce", POUND_FORCE * 1e3, 0}, {"Meganewton", 1e6, 0},
    {"Micronewton", 1e-6, 0}, {"Millinewton", 1e-3, 0}, {"Newton", 1, 0},
    {"OunceForce", POUND_FORCE / 16, 0}, {"Poundal", 0.138254954376, 0},
    {"PoundForce", POUND_FORCE, 0}, {"ShortTonForce", POUND_FORCE * 2000, 0},
    {"TonneForce", 9806.65, 0}, {NULL, 0, 0},
};
static const struct unit lengths[] = {
    {"Angstrom", 1e-10, 0}, {"AstronomicalUnit", 1.495978707e11, 0}, {"Centimeter", 1e-2, 0},
    {"Chain", 20.1168, 0}, {"DataMile", 1828.8, 0}, {"Decameter", 10, 0}, {"Decimeter", 0.1, 0},
    {"DtpPica", 0.0254 / 6, 0}, {"DtpPoint", 0.0254 / 72, 0}, {"Fathom", 1.8288, 0},
    {"Foot", FOOT, 0}, {"Hand", 0.1016, 0}, {"Hectometer", 100, 0}, {"Inch", 0.0254, 0},
    {"KilolightYear", LIGHT_YEAR * 1e3, 0}, {"Kilometer", 1e3, 0}, {"Kiloparsec", PARSEC * 1e3, 0},
    {"LightYear", LIGHT_YEAR, 0}, {"MegalightYear", LIGHT_YEAR * 1e6, 0},
    {"Megaparsec", PARSEC * 1e6, 0}, {"Meter", 1, 0}, {"Microinch", 0.0254e-6, 0},
    {"Micrometer", 1e-6, 0}, {"Mil", 0.0254e-3, 0}, {"Mile", 1609.34, 0}, {"Millimeter", 1e-3, 0},
    {"Nanometer", 1e-9, 0}, {"NauticalMile", 1852, 0}, {"Parsec", PARSEC, 0},
    {"PrinterPica", 0.0254 * 12 / 72.27, 0}, {"PrinterPoint", 0.0254 / 72.27, 0},
    {"Shackle", 27.432, 0}, {"SolarRadius", 6.9551e8, 0}, {"Twip", 0.0254 / 1440, 0},
    {"UsSurveyFoot", SURVEY_FOOT, 0}, {"Yard", 0.9144, 0}, {NULL, 0, 0},
};
static const struct unit masses[] = {
    {"Centigram", 1e-5, 0}, {"Decagram", 1e-2, 0}, {"Decigram", 1e-4, 0}, {"EarthMass", 5.9722e24, 0},
    {"Grain", POUND / 7000, 0}, {"Gram", 1e-3, 0}, {"Hectogram", 0.1, 0}, {"Kilogram", 1, 0},
    {"Kilopound", POUND * 1e3, 0}, {"Kilotonne", 1e6, 0}, {"LongHundredweight", POUND * 112, 0},
    {"LongTon", POUND * 2240, 0}, {"Megapound", POUND * 1e6, 0}, {"Megatonne", 1e9, 0},
    {"Microgram", 1e-9, 0}, {"Milligram", 1e-6, 0}, {"Nanogram", 1e-12, 0},
    {"Ounce", POUND / 16, 0}, {"Pound", POUND, 0}, {"ShortHundredweight", POUND * 100, 0},
    {"ShortTon", POUND * 2000, 0}, {"Slug", 14.593902937206, 0}, {"SolarMass", 1.98947e30, 0},
    {"Stone", POUND * 14, 0}, {"Tonne", 1e3, 0}, {NULL, 0, 0},
};
static const struct unit speeds[] = {
    {"CentimeterPerHour", 1e-2 / 3600, 0}, {"CentimeterPerMinute", 1e-2 / 60, 0},
    {"CentimeterPerSecond", 1e-2, 0}, {"DecimeterPerMinute", 0.1 / 60, 0},
    {"DecimeterPerSecond", 0.1, 0}, {"FootPerHour", FOOT / 3600, 0}, {"FootPerMinute", FOOT / 60, 0},
    {"FootPerSecond", FOOT, 0}, {"InchPerHour", 0.0254 / 3600, 0}, {"InchPerMinute", 0.0254 / 60, 0},
    {"InchPerSecond", 0.0254, 0}, {"KilometerPerHour", 1 / 3.6, 0},
    {"KilometerPerMinute", 1000 / 60.0, 0}, {"KilometerPerSecond", 1000, 0},
    {"Knot", 1852 / 3600.0, 0}, {"MeterPerHour", 1 / 3600.0, 0}, {"MeterPerMinute", 1 / 60.0, 0},
    {"MeterPerSecond", 1, 0}, {"MicrometerPerMinute", 1e-6 / 60, 0},
    {"MicrometerPerSecond", 1e-6, 0}, {"MilePerHour", 0.44704, 0},
    {"MillimeterPerHour", 1e-3 / 3600, 0}, {"MillimeterPerMinute", 1e-3 / 60, 0},
    {"MillimeterPerSecond", 1e-3, 0}, {"NanometerPerMinute", 1e-9 / 60, 0},
    {"NanometerPerSecond", 1e-9, 0}, {"UsSurveyFootPerHour", SURVEY_FOOT / 3600, 0},
    {"UsSurveyFootPerMinute", SURVEY_FOOT / 60, 0}, {"UsSurveyFootPerSecond", SURVEY_FOOT, 0},
    {"YardPerHour", 0.9144 / 3600, 0}, {"YardPerMinute", 0.9144 / 60, 0},
    {"YardPerSecond", 0.9144, 0}, {NULL, 0, 0},
};
static const struct unit temperatures[] = {
    {"DegreeCelsius", 1, 273.15}, {"DegreeDelisle", -2 / 3.0, 373.15},
    {"DegreeFahrenheit", 5 / 9.0, 459.67 * 5 / 9}, {"DegreeNewton", 100 / 33.0, 273.15},
    {"DegreeRankine", 5 / 9.0, 0}, {"DegreeReaumur", 1.25, 273.15},
    {"DegreeRoemer", 40 / 21.0, 273.15 - 7.5 * 40 / 21}, {"Kelvin", 1, 0},
    {"MillidegreeCelsius", 1e-3, 273.15}, {"SolarTemperature", 5778, 0}, {NULL, 0, 0},
};
static const struct unit volumes[] = {
    {"AcreFoot", 1 / 0.000810714, 0}, {"AuTablespoon", 20e-6, 0},
    {"BoardFoot", 2.3597372158e-3, 0}, {"Centiliter", 1e-5, 0}, {"CubicCentimeter", 1e-6, 0},
    {"CubicDecimeter", 1e-3, 0}, {"CubicFoot", CUBIC_FOOT, 0}, {"CubicHectometer", 1e6, 0},
    {"CubicInch", 1.6387e-5, 0}, {"CubicKilometer", 1e9, 0}, {"CubicMeter", 1, 0},
    {"CubicMicrometer", 1e-18, 0}, {"CubicMile", 4.168181825440579584e9, 0},
    {"CubicMillimeter", 1e-9, 0}, {"CubicYard", 0.764554858, 0}, {"Decaliter", 1e-2, 0},
    {"DecausGallon", US_GALLON * 10, 0}, {"Deciliter", 1e-4, 0}, {"DeciusGallon", US_GALLON / 10, 0},
    {"HectocubicFoot", CUBIC_FOOT * 100, 0}, {"HectocubicMeter", 100, 0}, {"Hectoliter", 0.1, 0},
    {"HectousGallon", US_GALLON * 100, 0}, {"ImperialBeerBarrel", IMPERIAL_GALLON * 36, 0},
    {"ImperialGallon", IMPERIAL_GALLON, 0}, {"ImperialOunce", IMPERIAL_GALLON / 160, 0},
    {"ImperialPint", IMPERIAL_GALLON / 8, 0}, {"KilocubicFoot", CUBIC_FOOT * 1e3, 0},
    {"KilocubicMeter", 1e3, 0}, {"KiloimperialGallon", IMPERIAL_GALLON * 1e3, 0},
    {"Kiloliter", 1, 0}, {"KilousGallon", US_GALLON * 1e3, 0}, {"Liter", 1e-3, 0},
    {"MegacubicFoot", CUBIC_FOOT * 1e6, 0}, {"MegaimperialGallon", IMPERIAL_GALLON * 1e6, 0},
    {"Megaliter", 1e3, 0}, {"MegausGallon", US_GALLON * 1e6, 0}, {"MetricCup", 250e-6, 0},
    {"MetricTeaspoon", 5e-6, 0}, {"Microliter", 1e-9, 0}, {"Milliliter", 1e-6, 0},
    {"OilBarrel", 0.158987294928, 0}, {"UkTablespoon", 15e-6, 0},
    {"UsBeerBarrel", 0.1173477658, 0}, {"UsCustomaryCup", US_OUNCE * 8, 0},
    {"UsGallon", US_GALLON, 0}, {"UsLegalCup", 240e-6, 0}, {"UsOunce", US_OUNCE, 0},
    {"UsPint", US_OUNCE * 16, 0}, {"UsQuart", US_OUNCE * 32, 0},
    {"UsTablespoon", US_OUNCE / 2, 0}, {"UsTeaspoon", US_OUNCE / 6, 0}, {NULL, 0, 0},
};
/* clang-format on */

static const struct unit *const kinds[] = {
    [UNIT_ANGLE] = angles,
    [UNIT_ENERGY] = energies,
    [UNIT_FORCE] = forces,
    [UNIT_LENGTH] = lengths,
    [UNIT_MASS] = masses,
    [UNIT_SPEED] = speeds,
    [UNIT_TEMPERATURE] = temperatures,
    [UNIT_VOLUME] = volumes,
};

static const struct unit *
find(enum unit_kind kind, struct span name)
{
    for (const struct unit *u = kinds[kind]; u->name != NULL; u++)
        if (span_is(name, u->name))
            return u;
    return NULL;
}

static bool
is_tilt(const struct unit *u)
{
    return u->factor == 0;
}

bool
unit_convert(enum unit_kind kind, double value, struct span from, struct span to, double *out)
{
    const struct unit *a = find(kind, from), *b = find(kind, to);

    if (a == NULL || b == NULL)
        return false;
    if (a == b) {
        *out = value;
        return true;
    }
    value = is_tilt(a) ? asin(value) * degrees_per_radian : value * a->factor + a->offset;
    *out = is_tilt(b) ? sin(value / degrees_per_radian) : (value - b->offset) / b->factor;
    return true;
}
