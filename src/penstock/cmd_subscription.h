/* cmd_subscription.h - "penstock subscription": whose subscription is whose. */
#pragma once
int cmd_subscription(int argc, char **argv);
