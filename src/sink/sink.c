#include "sink/sink.h"

const struct sink_kind *const sink_kinds[] = {
    &sink_folder,  &sink_blob,       &sink_kafka,   &sink_syslog,    &sink_file, &sink_stdout,
    &sink_webhook, &sink_splunk_hec, &sink_elastic, &sink_workspace, NULL,
};

const struct sink_kind *
sink_kind_find(const char *name)
{
    for (size_t i = 0; sink_kinds[i] != NULL; i++)
        if (strcmp(sink_kinds[i]->name, name) == 0)
            return sink_kinds[i];
    return NULL;
}

static const struct sink_setting *
setting_find(const struct sink_kind *kind, const char *name)
{
    for (const struct sink_setting *s = kind->settings; s->name != NULL; s++)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

const char *
sink_value_get(const struct sink_kind *kind, const struct sink_value *values, size_t count,
               const char *name)
{
    const struct sink_setting *setting = setting_find(kind, name);

    for (size_t i = 0; i < count; i++)
        if (strcmp(values[i].name, name) == 0 && values[i].value != NULL)
            return values[i].value;
    return setting != NULL ? setting->default_value : NULL;
}

enum status
sink_check(const struct sink_kind *kind, const struct sink_value *values, size_t count,
           struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (setting_find(kind, values[i].name) == NULL)
            return err_set(err, ST_INVALID, "%s: there is no setting '%.64s'", kind->name,
                           values[i].name);
        for (size_t k = 0; k < i; k++)
            if (strcmp(values[k].name, values[i].name) == 0)
                return err_set(err, ST_INVALID, "%s: '%s' is set twice", kind->name,
                               values[i].name);
    }
    for (const struct sink_setting *s = kind->settings; s->name != NULL; s++) {
        const char *value = sink_value_get(kind, values, count, s->name);

        if (!s->is_optional && (value == NULL || value[0] == '\0'))
            return err_set(err, ST_INVALID, "%s: set '%s': %s", kind->name, s->name, s->help);
    }
    return kind->check == NULL ? ST_OK : kind->check(values, count, err);
}
