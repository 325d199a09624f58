/* assessment.h - what assessments, their metadata and their findings share. Private to posture. */
#pragma once
#include "posture/posture_inner.h"

extern const struct posture_kind posture_kind_metadata, posture_kind_assessment,
    posture_kind_sub_assessment;

/* The metadata that holds for an assessment of this name at this id: the subscription's own, else the
 * tenant's. ST_END: there is none. */
MUST_CHECK enum status assessment_metadata_find(const struct posture_event_maker *m, struct span id,
                                                struct span name, struct posture_resource *metadata,
                                                struct err *err);
/* Its properties as an event has them: threats in PascalCase, nothing secret; adds to 'out'. */
void assessment_metadata_copy(struct span properties, struct text *out);

/* The id of what is assessed: properties.resourceDetails.id if that is of the same subscription, else
 * the part of 'id' before Microsoft.Security. Lends from either. */
struct span assessment_resource_id(struct span id, struct span document);
/* {"action":...} twice, under 'enrichment' and securityEventDataEnrichment, then tenantId and type, each
 * with its comma. */
void assessment_event_head(const struct posture_event_maker *m, const struct posture_resource *r,
                           const char *enrichment, const char *version, struct text *out);
/* The value in its exact spelling; as it is, if it is none of them. */
void assessment_enum(struct text *out, struct span value, const char *const *values);
/* properties.resourceDetails.id of an Azure resource must be of the id's own subscription. */
bool assessment_details_check(struct posture_change *c);
