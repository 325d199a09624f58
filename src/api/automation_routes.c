/* automation_routes.c - Microsoft.Security/automations over HTTP. */
#include "api/arm.h"

const struct arm_route arm_automation_routes[] = {
    {0},
};
