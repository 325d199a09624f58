/* posture_routes.h - what the files of the posture routes share. Private to this folder. */
#pragma once
#include "api/arm.h"
#include "posture/posture.h"

enum {
    /* Bodies of one resource; what is longer is refused by its kind or here. */
    POSTURE_ROUTE_BODY_MAX = POSTURE_BODY_SIZE_MAX + (4 << 10),
};

/* The store; NULL: there is none, answered. */
struct posture *posture_of(struct arm_call *a, struct http_reply *reply);
/* Answers for a resource that the store refused. */
void posture_reply_refused(struct http_reply *reply, const struct posture_result *result);
/* 404 ResourceNotFound for 'id'. */
void posture_reply_absent(struct http_reply *reply, const char *id);
/* Makes the resource group known that posture data came of; 'group' may be empty. What fails is
 * logged: the data itself is kept. */
void posture_group_seen(struct arm_call *a, struct span group);

/* posture_bulk.c */
void bulk_begin(struct arm_call *a, struct http_reply *reply);
void bulk_data(struct arm_call *a, struct span bytes, struct http_reply *reply);
void bulk_answer(struct arm_call *a, struct http_reply *reply);
void bulk_gone(struct arm_call *a);
/* posture_alerts.c */
void alert_answer_activate(struct arm_call *a, struct http_reply *reply);
void alert_answer_dismiss(struct arm_call *a, struct http_reply *reply);
void alert_answer_resolve(struct arm_call *a, struct http_reply *reply);
void alert_answer_in_progress(struct arm_call *a, struct http_reply *reply);
void alert_answer_simulate(struct arm_call *a, struct http_reply *reply);
