/* automation_fault.c - what is wrong with an automation, collected with its place. */
#include "control/automation.h"

void
automation_faults_free(struct automation_faults *f)
{
    json_decref(f->details);
    f->details = NULL;
}

static void
fault_note(struct automation_faults *f, const char *code, const char *target, const char *message)
{
    if (f->count++ == 0)
        snprintf(f->first, sizeof f->first, "%s: %s", target, message);
    if (f->details == NULL)
        f->details = json_array();
    if (json_array_size(f->details) < AUTOMATION_FAULTS_MAX)
        json_array_append_new(f->details, json_pack("{s:s, s:s, s:s}", "code", code, "message",
                                                    message, "target", target));
}

void
automation_fault(struct automation_faults *f, const char *code, const char *target,
                 const char *format, ...)
{
    char message[600];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    fault_note(f, code, target, message);
}

void
automation_fault_type(struct automation_faults *f, const char *target, const char *wanted)
{
    if (!f->has_type_fault) {
        snprintf(f->first_type, sizeof f->first_type, "%s must be %s.", target, wanted);
        snprintf(f->type_target, sizeof f->type_target, "%s", target);
    }
    f->has_type_fault = true;
    automation_fault(f, "InvalidType", target, "%s must be %s.", target, wanted);
}

void
automation_warning(struct automation_faults *f, const char *target, const char *message)
{
    size_t n = strlen(f->warnings);

    f->warning_count++;
    snprintf(f->warnings + n, sizeof f->warnings - n, "%s%s: %s", n > 0 ? " " : "", target,
             message);
}

void
automation_fault_rule(void *app, const char *code, const char *target, const char *message,
                      bool is_warning)
{
    if (is_warning)
        automation_warning(app, target, message);
    else
        fault_note(app, code, target, message);
}
