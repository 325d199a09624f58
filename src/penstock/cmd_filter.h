/* cmd_filter.h - penstock filter 'KQL' [FILE...]: records in, those that the query leaves out, in
 * the shape that it gives them. Needs no daemon. */
#pragma once
int cmd_filter(int argc, char **argv); /* argv[0] is "filter"; the exit code */
