/* import_trivy_place.c - what a report of Trivy is about, as an ARM resource. */
#include "posture/import_trivy_inner.h"

bool
trivy_fine(struct trivy *t, enum status st)
{
    if (st != ST_OK && t->w.st == ST_OK)
        t->w.st = st;
    return st == ST_OK;
}

/* [registry/]path[:tag][@digest], with Docker's defaults. */
static enum status
image_resource(struct trivy *t, const char *image)
{
    const char *slash = strchr(image, '/');
    size_t first = slash == NULL ? 0 : (size_t)(slash - image);
    bool has_registry =
        first > 0 && (memchr(image, '.', first) != NULL || memchr(image, ':', first) != NULL ||
                      (first == 9 && memcmp(image, "localhost", 9) == 0));
    struct span registry = has_registry ? (struct span){image, first} : span_of("docker.io");
    const char *path = has_registry ? slash + 1 : image;
    char text[1100], registry_name[NAME_SIZE], image_name[NAME_SIZE];
    bool is_tagged = strchr(path, ':') != NULL || strchr(path, '@') != NULL;

    snprintf(text, sizeof text, "%s%s%s",
             !has_registry && strchr(path, '/') == NULL ? "library/" : "", path,
             is_tagged ? "" : ":latest");
    /* an Azure registry's resource is named without its host's domain */
    if (registry.n > 11 && memcmp(registry.p + registry.n - 11, ".azurecr.io", 11) == 0)
        registry.n -= 11;
    import_name(registry, registry_name);
    import_name(span_of(text), image_name);
    t->noun = "Container images";
    t->is_image = true;
    return import_resource(t->r, &t->resource,
                           "Microsoft.ContainerRegistry/registries/%s/images/%s", registry_name,
                           image_name);
}

/* scheme://host/path or host/path */
static enum status
repository_resource(struct trivy *t, const char *url)
{
    const char *scheme = strstr(url, "://"), *host = scheme == NULL ? url : scheme + 3;
    const char *at = strchr(host, '@'), *slash = strchr(host, '/');
    char path[512], names[2][NAME_SIZE];
    char *inner;
    size_t n;

    if (at != NULL && slash != NULL &&
        at < slash) /* a token before the host is nobody's business */
        host = at + 1;
    if (slash == NULL)
        slash = host + strlen(host);
    snprintf(path, sizeof path, "%s", slash[0] == '/' ? slash + 1 : "");
    for (n = strlen(path); n > 0 && path[n - 1] == '/'; n--)
        path[n - 1] = '\0';
    if (n > 4 && strcmp(path + n - 4, ".git") == 0)
        path[n - 4] = '\0';
    t->noun = "Repositories";
    snprintf(t->resource.native, sizeof t->resource.native, "%.*s/%s", (int)(slash - host), host,
             path);
    inner = strchr(path, '/');
    if (import_word_is((struct span){host, (size_t)(slash - host)}, "github.com") &&
        inner != NULL) {
        *inner++ = '\0';
        import_name(span_of(path), names[0]);
        import_name(span_of(inner), names[1]);
        return import_resource(t->r, &t->resource,
                               "Microsoft.SecurityDevOps/gitHubConnectors/%s/repos/%s", names[0],
                               names[1]);
    }
    import_name((struct span){host, (size_t)(slash - host)}, names[0]);
    import_name(span_of(path), names[1]);
    return import_resource(t->r, &t->resource, "Microsoft.VisualStudio/account/%s/project/%s",
                           names[0], names[1]);
}

static enum status
path_resource(struct trivy *t)
{
    const struct import_options *o = t->r->options;
    bool is_vm = strcmp(t->type, "vm") == 0;

    t->noun = "Machines";
    t->path = is_vm || strcmp(t->artifact, "/") == 0 ? "" : t->artifact;
    if (o->target == NULL && o->resource_id == NULL && !is_vm)
        return err_set(
            t->r->err, ST_INVALID,
            "%s: ArtifactName: a scan of the path '%.100s' does not say on which machine: "
            "give the target (its name) or a resource id",
            t->r->in->name, t->artifact);
    return import_machine(t->r, &t->resource, span_of(t->artifact));
}

static enum status
workload_resource(struct trivy *t)
{
    char names[2][NAME_SIZE];

    t->noun = "Kubernetes workloads";
    import_name(span_of(t->r->options->target != NULL ? t->r->options->target : t->cluster),
                names[0]);
    import_name(span_of(t->owner), names[1]);
    snprintf(t->resource.native, sizeof t->resource.native, "%s", t->owner);
    return import_resource(t->r, &t->resource,
                           "Microsoft.Kubernetes/connectedClusters/%s/workloads/%s", names[0],
                           names[1]);
}

static bool
ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static enum status
artifact_resource(struct trivy *t)
{
    const char *name = t->artifact;
    bool is_path = name[0] == '/' || name[0] == '.' || strchr(name, '/') == NULL;

    if (strcmp(t->type, "container_image") == 0) {
        bool is_archive = ends_with(name, ".tar") || ends_with(name, ".tar.gz") ||
                          ends_with(name, ".tgz") || name[0] == '/' || name[0] == '.';

        snprintf(t->resource.native, sizeof t->resource.native, "%s", name);
        return image_resource(t, is_archive && t->repo_tag[0] != '\0' ? t->repo_tag : name);
    }
    if (strcmp(t->type, "repository") == 0 &&
        (strstr(name, "://") != NULL ||
         (!is_path && strchr(name, '.') < strchr(name, '/') && strchr(name, '.') != NULL)))
        return repository_resource(t, name);
    return path_resource(t);
}

bool
trivy_know_resource(struct trivy *t)
{
    enum status st;

    if (t->is_resource_known)
        return true;
    memset(&t->resource, 0, sizeof t->resource);
    t->path = "";
    if (t->cluster[0] != '\0')
        st = workload_resource(t);
    else if (t->artifact[0] == '\0')
        return import_walk_fault(
            &t->w, import_walk_place(&t->w),
            "ArtifactName does not stand before Results: a report of Trivy 0.20 or "
            "later is needed, as it writes it");
    else
        st = artifact_resource(t);
    if (st != ST_OK) {
        t->w.st = st;
        return false;
    }
    for (size_t i = 0; i < CLASSES; i++)
        import_key(t->r,
                   (struct span[]){span_of("trivy"), span_of(trivy_classes[i].name),
                                   span_of(t->noun), span_of(t->path)},
                   4, t->keys[i], NULL);
    t->is_resource_known = true;
    return true;
}
