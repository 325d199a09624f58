/* bind_foreign.c - functions that Defender and Sentinel store, over data of their own: file
 * profiles, watchlists, parsers of other products' tables. What an environment has of them (some are
 * in data/functions), a stored function or one of the query goes before. They are refused by name;
 * where the environment defers that, what they give has the columns that are known, so that the rest
 * of the query is checked, and the query ends when a row gets there. */
#include "kql/bind_inner.h"

/* What invoke FileProfile(SHA1) adds (its reference page). */
static const struct kql_column profile[] = {
    {{"SHA1", 4},                   KQL_STRING  },
    {{"SHA256", 6},                 KQL_STRING  },
    {{"MD5", 3},                    KQL_STRING  },
    {{"FileSize", 8},               KQL_INT     },
    {{"GlobalPrevalence", 16},      KQL_INT     },
    {{"GlobalFirstSeen", 15},       KQL_DATETIME},
    {{"GlobalLastSeen", 14},        KQL_DATETIME},
    {{"Signer", 6},                 KQL_STRING  },
    {{"Issuer", 6},                 KQL_STRING  },
    {{"SignerHash", 10},            KQL_STRING  },
    {{"IsCertificateValid", 18},    KQL_BOOL    },
    {{"IsRootSignerMicrosoft", 21}, KQL_BOOL    },
    {{"SignatureState", 14},        KQL_STRING  },
    {{"IsExecutable", 12},          KQL_BOOL    },
    {{"ThreatName", 10},            KQL_STRING  },
    {{"Publisher", 9},              KQL_STRING  },
    {{"SoftwareName", 12},          KQL_STRING  },
    {{"ProfileAvailability", 19},   KQL_STRING  },
};

bool
bind_is_foreign(struct span name)
{
    static const char *const names[] = {"FileProfile",         "DeviceFromIP",  "SeenBy",
                                        "AssignedIPAddresses", "_GetWatchlist", NULL};
    static const char *const prefixes[] = {"_GetWatchlist", "_Im_", "_ASim_", "ASIM", "im"};

    if (bind_is_among(name, names))
        return true;
    for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
        size_t n = strlen(prefixes[i]);

        if (name.n > n && memcmp(name.p, prefixes[i], n) == 0 && /* imDns, not image */
            (prefixes[i][n - 1] != 'm' || (name.p[n] >= 'A' && name.p[n] <= 'Z')))
            return true;
    }
    return false;
}

void
bind_foreign(struct bind *b, const struct kql_syntax *s, struct span name)
{
    kql_complain(
        b->d, b->environment->defers_not_built ? KQL_W_NOT_BUILT : KQL_E_NOT_BUILT, s->at, s->size,
        "%.*s() is a function that Defender or Sentinel stores, over data of its own, and is "
        "not built here: %s of that name is called in its place",
        (int)name.n, name.p,
        b->environment->function != NULL ? "a stored function ('penstock saved --help')"
                                         : "a function of the query (let ... = (...) {...};)");
}

/* The input's columns and those of the profile that it does not have: each is of a call that is
 * not built. */
static const struct kql_op *
bind_profile(struct bind *b, const struct kql_syntax *s, const struct kql_op *input,
             const struct kql_function *f)
{
    const struct kql_expr **arguments = pool_take(b->pool, sizeof *arguments), *call;
    const struct kql_op *outer = b->input;
    struct bind_columns columns;
    struct kql_op *op;

    b->input = input;
    arguments[0] = s->child_count > 0 ? bind_expr(b, s->children[0]) : bind_unknown(b, s);
    call = bind_call_make(b, f, arguments, 1, KQL_DYNAMIC, s);
    bind_columns_init(&columns, b, NAMING_EXTEND);
    for (size_t i = 0; i < COUNT_OF(profile); i++) {
        if (bind_find_column(&input->schema, profile[i].name) == UINT32_MAX)
            bind_columns_put(&columns, profile[i].name, profile[i].type,
                             bind_cast(b, call, profile[i].type));
    }
    b->input = outer;
    op = bind_op_new(b, KQL_OP_PROJECT, s, input);
    op->schema = bind_columns_schema(&columns);
    op->u.project.form = KQL_FORM_EXTEND;
    op->u.project.exprs = columns.exprs;
    return op;
}

const struct kql_op *
bind_foreign_table(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    const struct kql_function *f = kql_function_find(SPAN_LITERAL("FileProfile"), KQL_SCALAR);
    struct kql_op *op;

    bind_foreign(b, s, s->name);
    if (!b->environment->defers_not_built)
        return NULL;
    if (input != NULL && f != NULL && span_is(s->name, "FileProfile"))
        return bind_profile(b, s, input, f);
    op = bind_op_new(b, KQL_ROWS_EXTERNAL, s, NULL); /* which columns, only its data tells */
    op->schema.is_open = true;
    op->u.external.function = s->name;
    return op;
}
