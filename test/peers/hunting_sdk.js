// hunting_sdk.js - the published query client of Azure Monitor against the daemon's workspaces, step by step; one JSON line for each:
// {"name","ok","seen"}. Where and with which tokens is in the environment (hunting_sdk_test.py).
"use strict";
const { LogsQueryClient, LogsQueryResultStatus, Durations } = require("@azure/monitor-query-logs");
const e = process.env;
const say = (name, ok, seen) => console.log(JSON.stringify({ name, ok: !!ok, seen: (typeof seen === "string" ? seen : JSON.stringify(seen) || "").slice(0, 800) }));
const scopes = new Set();
const credential = (token) => ({
  getToken: async (wanted) => { [].concat(wanted).forEach((s) => scopes.add(s)); return { token, expiresOnTimestamp: Date.now() + 3600e3 }; },
});
const make = (token, root = "/v1", retries = 0) => new LogsQueryClient(credential(token), { endpoint: e.URL + root, retryOptions: { maxRetries: retries, retryDelayInMs: 100 } });
const day = { duration: Durations.oneDay }, all = { startTime: new Date("2026-09-14"), endTime: new Date("2026-09-15") };
const { Success, PartialFailure } = LogsQueryResultStatus;
const failed = async (name, status, code, run, has = "") => {
  try {
    const got = await run();
    say(name, false, `no error: ${JSON.stringify(got)}`);
  } catch (why) {
    say(name, why.statusCode === status && why.code === code && why.message.includes(has), `${why.statusCode} ${why.code} ${why.message}`);
  }
};

async function queries() {
  const mine = make(e.A);
  for (const [name, client] of [["with /v1", mine], ["without", make(e.A, "")]]) {
    const got = await client.queryWorkspace("soc", "DeviceEvents | project ReportId | sort by ReportId asc", all);
    say(`queryWorkspace ${name}`, got.status === Success && JSON.stringify(got.tables[0].rows) === "[[1],[2],[3]]" &&
      got.tables[0].name === "PrimaryResult" && got.tables[0].columnDescriptors[0].type === "long", got);
    const resource = await client.queryResource(e.SOC, "DeviceEvents | count", all);
    say(`queryResource ${name}`, resource.status === Success && resource.tables[0].rows[0][0] === 3, resource);
    const many = await client.queryBatch([
      { workspaceId: "soc", query: "DeviceEvents | count", timespan: all },
      { workspaceId: "soc", query: "DeviceEvents | count", timespan: day },
      { workspaceId: "soc", query: "DeviceEvents | wher x", timespan: all },
      { workspaceId: "nowhere", query: "print 1", timespan: all },
      { workspaceId: "soc", query: "range i from 1 to 3000 step 1", timespan: all, includeQueryStatistics: true, includeVisualization: true },
    ]);
    say(`queryBatch ${name}`, many.length === 5 && many[0].tables[0].rows[0][0] === 3 && many[1].tables[0].rows[0][0] === 0 &&
      many[2].partialTables.length === 0 && many[2].partialError.code === "BadArgumentError" && // the client's way to tell of a 400
      many[3].partialTables.length === 0 && many[3].partialError.code === "PathNotFoundError" &&
      many[4].status === PartialFailure && many[4].partialTables[0].rows.length === 2000 && many[4].statistics.query, many);
  }
  const types = await mine.queryWorkspace("soc", `print l = 5, r = 1.5, b = true, dt = datetime(2026-09-14T08:07:45.2820995Z), ts = 5s, d = decimal(1.25),
    g = guid(74be27de-1e4e-49d9-b579-fe0b331d3642), dy = dynamic({"a":[1,"x"]}), text = dynamic("plain"), s = "h\\u00e9", n = long(null), nan = real(nan)`, all);
  const row = types.tables[0].rows[0];
  say("each type as the client reads it", row[0] === 5 && row[1] === 1.5 && row[2] === true && row[3] instanceof Date &&
    row[3].toISOString() === "2026-09-14T08:07:45.282Z" && row[4] === "00:00:05" && row[5] === "1.25" && row[6] === "74be27de-1e4e-49d9-b579-fe0b331d3642" &&
    row[7].a[1] === "x" && row[8] === "plain" && row[9] === "h\u00e9" && row[10] === null && row[11] === "NaN", row);
  const told = await mine.queryWorkspace("soc", "DeviceEvents | summarize count() by ActionType | render barchart with (title=\"T\")", all,
    { includeQueryStatistics: true, includeVisualization: true, serverTimeoutInSeconds: 30 });
  say("statistics and visualization", told.statistics.query.datasetStatistics[0].tableRowCount === 1 && told.statistics.query.executionTime >= 0 &&
    told.visualization.visualization === "barchart" && told.visualization.title === "T", told);
  const none = await mine.queryWorkspace("soc", "DeviceEvents | where false", day);
  say("no rows", none.status === Success && none.tables[0].rows.length === 0, none);
  const partial = await mine.queryWorkspace("soc", "range i from 1 to 3000 step 1", all);
  say("too many rows: a partial result", partial.status === PartialFailure && partial.partialTables[0].rows.length === 2000 &&
    partial.partialError.code === "PartialError" && partial.partialError.message, partial.partialError);
  const itself = await mine.queryWorkspace("soc", "print 1", all, { additionalWorkspaces: [e.SOC] });
  say("itself besides", itself.status === Success, itself);
  const across = await make(e.B).queryWorkspace("soc", "DeviceEvents | summarize n = count(), d = dcount(ReportId), t = dcount(TenantId)", all, { additionalWorkspaces: [e.PRIVATE, "soc"] });
  say("two workspaces as one", across.tables[0].rows[0].join() === "4,2,2", across.tables[0].rows);
  const named = await make(e.B).queryWorkspace("soc", `union DeviceEvents, workspace("private-of-b").DeviceEvents | count`, all);
  say("one named in the query", named.tables[0].rows[0].join() === "4", named.tables[0].rows);
  say("another tenant's rows", (await make(e.B).queryWorkspace("soc", "DeviceEvents | summarize make_list(ReportId)", all)).tables[0].rows[0][0].join() === "100,101", "");
  say("the scope that the client asks for", [...scopes].join() === "https://api.loganalytics.io/.default", [...scopes].join());
}

async function errors() {
  const mine = make(e.A);
  const ask = (query, client = mine, id = "soc", options) => () => client.queryWorkspace(id, query, all, options);
  await failed("a bad query", 400, "BadArgumentError", ask("DeviceEvents | wher x"));
  try { await ask("DeviceEvents | where Nope == 1")(); } catch (why) {
    const inner = why.details && (why.details.error || why.details).innererror || {};
    say("its place", JSON.stringify(why).includes("SEM0100") || inner.code === "SemanticError", why.details || why.message);
  }
  await failed("no such workspace", 404, "PathNotFoundError", ask("print 1", mine, "nowhere"));
  await failed("another tenant's workspace", 404, "PathNotFoundError", ask("print 1", mine, "private-of-b"));
  await failed("another tenant's, by its id", 404, "ResourceNotFoundError", () => mine.queryResource(e.PRIVATE, "print 1", all));
  await failed("another workspace besides", 400, "BadArgumentError", ask("print 1", mine, "soc", { additionalWorkspaces: ["private-of-b"] }));
  await failed("another tenant's, named in the query", 400, "BadArgumentError", ask("workspace('private-of-b').DeviceEvents"));
  await failed("no good token", 401, "InvalidAuthenticationToken", ask("print 1", make("nonsense")));
  await failed("a token to ingest", 403, "AuthorizationFailed", ask("print 1", make(e.INGEST)));
  await failed("a query that takes long", 504, "GatewayTimeout", ask(e.LONG, mine, "soc", { serverTimeoutInSeconds: 1 }));
  const began = Date.now();
  await failed("is tried again, and then told", 504, "GatewayTimeout", ask(e.LONG, make(e.A, "/v1", 1), "soc", { serverTimeoutInSeconds: 1 }));
  say("twice", Date.now() - began >= 2000, `${Date.now() - began} ms`);
}

async function busy() {
  const started = [];
  for (let i = 0; i < 4; i++) started.push(make(e.A).queryWorkspace("soc", e.LONG, all, { serverTimeoutInSeconds: 3 }).catch((why) => why));
  let refused;
  for (let i = 0; i < 100 && !refused; i++)
    await make(e.A).queryWorkspace("soc", "print 1", all, { serverTimeoutInSeconds: 1 }).catch((why) => { if (why.statusCode === 429) refused = why; });
  say("too many at once", refused && refused.code === "ThrottledError", refused && refused.message);
  const got = await make(e.A, "/v1", 5).queryWorkspace("soc", "print 7", all, { serverTimeoutInSeconds: 20 });
  say("429 is waited for", got.status === Success && got.tables[0].rows[0][0] === 7, got);
  await Promise.all(started);
}

({ queries, errors, busy })[process.argv[2]]().catch((why) => { say(`${process.argv[2]} went through`, false, why.stack); });
