// logs_sdk.js - the published Logs Ingestion client against the daemon, step by step; one JSON line for each: {"name","ok","seen"}.
// Where, with which tokens and which rule is in the environment (logs_sdk_test.py).
"use strict";
const { LogsIngestionClient, isAggregateLogsUploadError } = require("@azure/monitor-ingestion");
const e = process.env;
const say = (name, ok, seen) => console.log(JSON.stringify({ name, ok: !!ok, seen: String(seen === undefined ? "" : seen).slice(0, 800) }));
const scopes = new Set();
const credential = (token) => ({
  getToken: async (wanted) => { [].concat(wanted).forEach((s) => scopes.add(s)); return { token, expiresOnTimestamp: Date.now() + 3600e3 }; },
});
// 'sent' counts what went out, each with its inflated size
const make = (token, retries = 0) => {
  const client = new LogsIngestionClient(e.URL, credential(token), { retryOptions: { maxRetries: retries, retryDelayInMs: 10 } });
  client.sent = [];
  client.pipeline.addPolicy({ name: "count", sendRequest: (request, next) => { client.sent.push(request); return next(request); } }, { afterPhase: "Retry" });
  return client;
};
const pad = "the quick brown fox \u00e4\u{1f600} \"quoted\" \\ ".repeat(18);
const rows = (from, count) => Array.from({ length: count }, (_, i) => ({
  Time: new Date(Date.UTC(2026, 8, 14, 8, 0, 0) + (from + i)).toISOString(), Number: from + i, Message: pad, Extra: { deep: [1.5, null, true] },
}));
const failed = async (name, want, run) => {
  try {
    await run();
    say(name, false, "no error");
  } catch (why) {
    const all = isAggregateLogsUploadError(why) ? why.errors : [];
    const got = all.map((x) => `${x.cause.statusCode} ${x.cause.code} ${x.cause.message} (${x.failedLogs.length} rows)`).join(" | ");
    say(name, all.length > 0 && want.test(got), got || String(why.stack));
  }
};

async function upload() {
  const client = make(e.INGEST);
  await client.upload(e.RULE, "Custom-Events", rows(1, 3000));
  say("3,000 rows go in several chunks", client.sent.length >= 3, client.sent.length);
  say("and the scope that the client asks for", [...scopes].join() === "https://monitor.azure.com/.default", [...scopes].join());
  await client.upload("default", "Microsoft-DeviceInfo", [
    { TimeGenerated: "2026-09-14T09:00:00Z", DeviceId: "d1", DeviceName: "one", LoggedOnUsers: [{ UserName: "u" }] }, { DeviceId: "d2", DeviceName: "two" }]);
  await client.upload(e.DEFAULT, "Custom-Anything", [{ A: 1 }]);
  await client.upload(e.RULE, "Custom-Twice", [{ Number: 1 }, { Number: 2 }]);
  await client.upload(e.RULE, "Custom-Events", [{ Time: "2026-09-14T08:00:00Z", Number: -1, Message: "dropped by transformKql" }]);
  say("the built-in rule, two flows, and a row that is dropped", true);
  // the rows over 1 MB that the client sends alone
  await client.upload("default", "Custom-Large_CL", [{ TimeGenerated: "2026-09-14T08:00:00Z", A: "x".repeat(1500000) }, { TimeGenerated: "2026-09-14T08:00:01Z", A: "y" }]);
  say("a row over 1 MB, alone", true);
}

async function errors() {
  const client = make(e.INGEST), one = [{ Number: 1 }];
  await failed("no such rule", /^404 NotFound Data collection rule with immutable Id 'dcr-0000' not found\. \(1 rows\)$/, () => client.upload("dcr-0000", "Custom-Events", one));
  await failed("no such stream", /^404 StreamNotFound .*'Custom-Other'.*Custom-Events/, () => client.upload(e.RULE, "Custom-Other", one));
  await failed("no such table", /^404 StreamNotFound .*did you mean DeviceInfo/, () => client.upload("default", "Microsoft-DeviceInf", one));
  await failed("another tenant's rule", /^404 NotFound /, () => make(e.STRANGER).upload(e.RULE, "Custom-Events", one));
  await failed("another tenant's built-in rule", /^404 NotFound /, () => make(e.STRANGER).upload(e.DEFAULT, "Microsoft-DeviceInfo", one));
  await failed("a token that may only read", /^403 AuthorizationFailed /, () => make(e.READER).upload(e.RULE, "Custom-Events", one));
  await failed("a token that is none", /^401 InvalidAuthenticationToken /, () => make("nonsense").upload(e.RULE, "Custom-Events", one));
  await failed("a row that is no object", /^400 InvalidPayload Row 2, .* \(3 rows\)$/, () => client.upload(e.RULE, "Custom-Events", [{ Number: 1 }, 7, { Number: 3 }]));
  await failed("a row that is larger than any may be", /^413 ContentLengthLimitExceeded .* \(1 rows\)$/, () => client.upload(e.RULE, "Custom-Events", [{ Message: "x".repeat(5000000) }]));
  const part = make(e.INGEST), mixed = rows(10001, 2500);
  mixed[1500] = "no object";
  try {
    await part.upload(e.RULE, "Custom-Events", mixed);
    say("one chunk of three is refused", false, "no error");
  } catch (why) {
    const failed = why.errors[0].failedLogs;
    say("one chunk of three is refused, and the client knows which rows", why.errors.length === 1 && failed.includes("no object") && failed.length < 1500,
      `${why.errors.length} ${failed.length}`);
    console.error(JSON.stringify({ kept: mixed.filter((r) => !failed.includes(r)).map((r) => r.Number) }));
  }
}

({ upload, errors })[process.argv[2]]().catch((why) => {
  say(`${process.argv[2]} went through`, false, `${why.stack} ${(why.errors || []).map((x) => `${x.cause.statusCode} ${x.cause.code} ${x.cause.message}`)}`);
});
