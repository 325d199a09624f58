// arm_sdk.js - the published ARM client of Microsoft.Security against the daemon's ARM, step by step; one JSON line for each:
// {"name","ok","seen"}. Where and with which tokens is in the environment (arm_sdk_test.py).
"use strict";
const { SecurityCenter } = require("@azure/arm-security");
const e = process.env;
const say = (name, ok, seen) => console.log(JSON.stringify({ name, ok: !!ok, seen: String(seen === undefined ? "" : seen).slice(0, 800) }));
const scopes = new Set();
const credential = (token) => ({
  getToken: async (wanted) => { [].concat(wanted).forEach((s) => scopes.add(s)); return { token, expiresOnTimestamp: Date.now() + 3600e3 }; },
});
const make = (token, subscription = e.SUB, retries = 0, rewrite) => {
  const client = new SecurityCenter(credential(token), subscription, { endpoint: e.URL, retryOptions: { maxRetries: retries } });
  if (rewrite)
    client.pipeline.addPolicy({ name: "rewrite", sendRequest: (request, next) => { rewrite(request); return next(request); } }, { afterPhase: "Retry" });
  return client;
};
const body = (more = {}) => ({
  location: "westeurope", tags: { owner: "secops" }, description: "d", isEnabled: true,
  scopes: [{ description: "s", scopePath: `/subscriptions/${e.SUB}` }],
  sources: [{ eventSource: "Alerts", ruleSets: [{ rules: [{ propertyJPath: "Severity", propertyType: "String", expectedValue: "High", operator: "Equals" }] }] }],
  actions: [{ actionType: "EventHub", eventHubResourceId: e.HUB, connectionString: e.CONNECTION }], ...more,
});
const failed = async (name, status, code, run) => {
  try {
    const got = await run();
    say(name, false, `no error: ${JSON.stringify(got)}`);
  } catch (why) {
    say(name, why.statusCode === status && why.code === code && why.message, `${why.statusCode} ${why.code} ${why.message}`);
  }
};

async function cycle() {
  const client = make(e.ADMIN), a = client.automations;
  const all = async (list) => { const found = []; for await (const x of list) found.push(x); return found; };
  say("list of none", (await all(a.list())).length === 0);
  const made = await a.createOrUpdate(e.GROUP, "ExportToEventHub", body());
  say("create", made.type === "Microsoft.Security/automations" && made.etag && made.actions[0].sasPolicyName === "export-send" &&
    made.actions[0].connectionString == null && made.sources[0].ruleSets[0].rules[0].operator === "Equals", JSON.stringify(made));
  const got = await a.get(e.GROUP, "ExportToEventHub");
  say("get", JSON.stringify(got) === JSON.stringify(made), JSON.stringify(got));
  const bare = body({ description: "changed", actions: [{ actionType: "EventHub", eventHubResourceId: e.HUB }] });
  const replaced = await a.createOrUpdate(e.GROUP, "ExportToEventHub", bare);
  say("replace without the secret", replaced.description === "changed" && replaced.actions[0].sasPolicyName === "export-send", JSON.stringify(replaced));
  const again = await a.createOrUpdate(e.GROUP, "ExportToEventHub", replaced);
  say("read, modify, write", again.etag === replaced.etag, `${again.etag} ${replaced.etag}`);
  for (const [name, hub] of [["trusted", true]]) {
    let raw;
    const other = make(e.ADMIN, e.SUB, 0, (request) => { if (request.body) { const b = JSON.parse(request.body);
      b.properties.actions[0].isTrustedServiceEnabled = hub; delete b.properties.actions[0].connectionString; request.body = JSON.stringify(b); } });
    await other.automations.createOrUpdate(e.GROUP, name, body());
    const kept = await a.createOrUpdate(e.GROUP, name, bare, { onResponse: (r) => { raw = r; } }); // the client drops the flag
    say("a trusted export outlives the client that drops its flag", JSON.parse(raw.bodyAsText).properties.actions[0].isTrustedServiceEnabled === true &&
      kept.name === name, raw.bodyAsText);
  }
  const unknown = await a.createOrUpdate(e.GROUP, "paths", body({ sources: [{ eventSource: "AttackPaths" }],
    actions: [{ actionType: "Workspace", workspaceResourceId: e.WORKSPACE }] }));
  say("a source newer than the client", unknown.sources[0].eventSource === "AttackPaths", JSON.stringify(unknown));
  const names = [];
  for (let i = 0; i < 103; i++) {
    names.push(`many-${i}`);
    await a.createOrUpdate(e.GROUP, names[i], bare.actions ? body() : bare);
  }
  let pages = 0, count = 0;
  for await (const page of a.list().byPage()) { pages++; count += page.length; }
  say("list over pages", pages === 2 && count === 106, `${pages} ${count}`);
  pages = count = 0;
  for await (const page of a.listByResourceGroup(e.GROUP).byPage()) { pages++; count += page.length; }
  say("list of a group over pages", pages === 2 && count === 106, `${pages} ${count}`);
  const fine = await a.validate(e.GROUP, "never", body());
  say("validate: fine", fine.isValid === true && fine.message === "Validation Successful", JSON.stringify(fine));
  const wrong = body();
  wrong.sources[0].ruleSets[0].rules[0].operator = "GreaterThan";
  const not = await a.validate(e.GROUP, "never", wrong);
  say("validate: not", not.isValid === false && not.message.includes("operator GreaterThan does not apply to propertyType String"), JSON.stringify(not));
  let status = 0;
  await a.delete(e.GROUP, "many-0", { onResponse: (r) => { status = r.status; } });
  say("delete", status === 204, status);
  await a.delete(e.GROUP, "many-0");
  say("delete once more", (await all(a.list())).length === 105);
  say("the scope that the client asks for", [...scopes].join() === "https://management.azure.com/.default", [...scopes].join());
}

async function errors() {
  const a = make(e.ADMIN).automations, version = (v) => (request) => {
    const url = new URL(request.url);
    url.searchParams.delete("api-version");
    if (v) url.searchParams.set("api-version", v);
    request.url = url.toString();
  };
  const get = (client) => client.automations.get(e.GROUP, "ExportToEventHub");
  await failed("no version", 400, "MissingApiVersionParameter", () => get(make(e.ADMIN, e.SUB, 0, version(null))));
  await failed("another version", 400, "InvalidApiVersionParameter", () => get(make(e.ADMIN, e.SUB, 0, version("2018-01-01"))));
  await failed("not JSON", 400, "InvalidRequestContent", () => make(e.ADMIN, e.SUB, 0, (r) => { r.body = "{"; }).automations.createOrUpdate(e.GROUP, "x", body()));
  await failed("a wrong model", 400, "InvalidAutomation", () => a.createOrUpdate(e.GROUP, "x", body({ sources: [{ eventSource: "Alert" }] })));
  try { await a.createOrUpdate(e.GROUP, "x", body({ sources: [{ eventSource: "Alert" }] })); } catch (why) {
    const details = (why.details && (why.details.error || why.details).details) || [];
    say("its details", details.length === 1 && details[0].code === "UnknownEventSource" && details[0].target === "properties.sources[0].eventSource", JSON.stringify(why.details));
  }
  await failed("a token that is none", 401, "InvalidAuthenticationToken", () => get(make("nonsense")));
  await failed("a reader that writes", 403, "AuthorizationFailed", () => make(e.READER).automations.createOrUpdate(e.GROUP, "x", body()));
  await failed("another tenant's workspace", 403, "LinkedAuthorizationFailed",
    () => a.createOrUpdate(e.GROUP, "x", body({ actions: [{ actionType: "Workspace", workspaceResourceId: e.CENTRAL }] })));
  await failed("no such subscription", 404, "SubscriptionNotFound", () => get(make(e.ADMIN, "01234567-89ab-4def-8123-456789abcdef")));
  await failed("another tenant's subscription", 404, "SubscriptionNotFound", () => get(make(e.STRANGER)));
  await failed("no such group", 404, "ResourceGroupNotFound", () => a.get("rg-none", "x"));
  await failed("no such automation", 404, "ResourceNotFound", () => a.get(e.GROUP, "none"));
  await failed("another location", 409, "InvalidResourceLocation", () => a.createOrUpdate(e.GROUP, "ExportToEventHub", body({ location: "northeurope" })));
  await failed("another etag", 412, "PreconditionFailed", () => a.createOrUpdate(e.GROUP, "ExportToEventHub", body({ etag: '"0x0"' })));
  await failed("a stored automation that is damaged", 500, "InternalServerError", () => a.get(e.GROUP, "damaged"));
  const auxiliary = { requestOptions: { customHeaders: { "x-ms-authorization-auxiliary": `Bearer ${e.STRANGER}` } } };
  const granted = await a.createOrUpdate(e.GROUP, "central", body({ actions: [{ actionType: "Workspace", workspaceResourceId: e.CENTRAL }] }), auxiliary);
  say("with both tenants' tokens", granted.name === "central");
}

async function pace() {
  const slow = async (retries) => { const a = make(e.ADMIN, e.SUB, retries).automations; for (let i = 0; i < 4; i++) await a.get(e.GROUP, "ExportToEventHub"); };
  await failed("429 without patience", 429, "TooManyRequests", () => slow(0));
  const began = Date.now();
  await slow(5);
  say("429 is waited for", Date.now() - began >= 1000, `${Date.now() - began} ms`);
}

({ cycle, errors, pace })[process.argv[2]]().catch((why) => { say(`${process.argv[2]} went through`, false, why.stack); });
