// kusto_sdk.js - the published Kusto client for Node against the daemon, step by step; one JSON line for each: {"name","ok","seen"}.
// Where, and with which tokens, is in the environment (kusto_sdk_test.py).
"use strict";
const path = require("path");
const { Client, KustoConnectionStringBuilder, ClientRequestProperties } = require("azure-kusto-data");
const e = process.env;
const say = (name, ok, seen) => console.log(JSON.stringify({ name, ok: !!ok, seen: String(seen === undefined ? "" : seen).slice(0, 1500) }));
const make = (token) => new Client(KustoConnectionStringBuilder.withAccessToken(e.URL, token));
const all = (table) => JSON.parse(JSON.stringify(table)).data;
const failed = async (name, want, run) => {
  try {
    const got = await run();
    say(name, false, `no error: ${JSON.stringify(got)}`);
  } catch (why) {
    const error = why.response && why.response.data && why.response.data.error;
    const seen = error ? `${why.response.status} ${error.code} ${error["@type"]} ${error["@message"]} ${error["@permanent"]}` : `${why.message} ${JSON.stringify(why.response && why.response.data)}`;
    say(name, want.test(seen), seen);
  }
};
const properties = (options, parameters) => {
  const p = new ClientRequestProperties();
  for (const [k, v] of Object.entries(options || {})) k === "servertimeout" ? p.setTimeout(v) : p.setOption(k, v);
  for (const [k, v] of Object.entries(parameters || {})) p.setParameter(k, v);
  return p;
};

async function queries() {
  const client = make(e.READER);
  const count = await client.execute("soc", "DeviceEvents | count");
  say("rows of a workspace", all(count.primaryResults[0])[0].Count === 1000, JSON.stringify(all(count.primaryResults[0])));
  say("the version that it asks for", count.version === "2.0" && count.tableNames.join() === "@ExtendedProperties,PrimaryResult,QueryCompletionInformation", count.tableNames);
  const shown = all((await client.execute("soc", "DeviceEvents | top 1 by ReportId | project TimeGenerated, ReportId, DeviceName, Type")).primaryResults[0])[0];
  say("in the workspace's columns", shown.ReportId === 1000 && shown.Type === "DeviceEvents" && shown.TimeGenerated.startsWith("2026-09-14T08:07:45.28"), JSON.stringify(shown));
  const hunting = all((await client.execute("soc.hunting", "DeviceEvents | top 1 by ReportId | project Timestamp, ReportId")).primaryResults[0])[0];
  say("or in hunting's", hunting.ReportId === 1000 && hunting.Timestamp, JSON.stringify(hunting));
  for (const db of ["", "NetDefaultDB", e.GUID, "SOC"])
    say(`the database ${db || "that is not named"}`, all((await client.execute(db, "DeviceEvents | count")).primaryResults[0])[0].Count === 1000);
  const types = (await client.execute("soc", 'print b=true, l=9007199254740993, i=int(7), r=1.5, d=decimal(1.25), s="a\\u00e4\\"", t=datetime(2026-01-02T03:04:05.6789012Z), ts=1.5s, ' +
    'g=guid(74be27de-1e4e-49d9-b579-fe0b331d3642), dy=dynamic({"a":[1,null,"x"]}), n=int(null), nan=real(nan), inf=real(+inf)')).primaryResults[0];
  const row = types._rows[0], kinds = types.columns.map((c) => c.type).join();
  say("every type", kinds === "bool,long,int,real,decimal,string,datetime,timespan,guid,dynamic,int,real,real", kinds);
  say("and its value", JSON.stringify(row.filter((_, i) => i !== 1)) === JSON.stringify([true, 7, 1.5, "1.25", "a\u00e4\"", "2026-01-02T03:04:05.6789012Z", "00:00:01.5000000",
    "74be27de-1e4e-49d9-b579-fe0b331d3642", { a: [1, null, "x"] }, null, "NaN", "Infinity"]), JSON.stringify(row));
  say("a timespan as the client makes it", all(types)[0].ts === 1500, all(types)[0].ts);
  const fork = await client.execute("soc", "DeviceEvents | fork (count) (take 2)");
  say("several results", fork.primaryResults.length === 2 && fork.primaryResults[1]._rows.length === 2, fork.tableNames);
  const drawn = await client.execute("soc", 'DeviceEvents | summarize n=count() by DeviceId | render barchart with (title="N")');
  const properties_ = drawn.tables[0];
  say("render", JSON.parse(properties_._rows[0][2]).Visualization === "barchart" && JSON.parse(properties_._rows[0][2]).Title === "N", properties_._rows[0][2]);
  const old = await client.executeQueryV1("soc", "DeviceEvents | take 3");
  say("the first version", old.version === "1.0" && old.primaryResults.length === 1 && old.primaryResults[0]._rows.length === 3 && old.statusTable === undefined || old.tables.length === 4, old.tableNames);
  const given = properties({ servertimeout: 60000, queryconsistency: "weakconsistency", no_such_option: { a: 1 } }, { n: 7, s: "it's \"x\"\\", d: "datetime(2026-09-14)", t: "2026-09-15" });
  const parameter = await client.execute("soc", "declare query_parameters(n:long, s:string, d:datetime, t:datetime); print n + 1, s, d, t", given);
  say("parameters and options", JSON.stringify(parameter.primaryResults[0]._rows[0]) === JSON.stringify([8, "it's \"x\"\\", "2026-09-14T00:00:00.0000000Z", "2026-09-15T00:00:00.0000000Z"]),
    JSON.stringify(parameter.primaryResults[0]._rows[0]));
  const taken = await client.execute("soc", "DeviceEvents", properties({ query_take_max_records: 10 }));
  say("query_take_max_records is no error", taken.primaryResults[0]._rows.length === 10);
  const whole = await client.execute("soc", "DeviceEvents | project ReportId", properties({ truncationmaxrecords: 10, notruncation: true }));
  say("notruncation", whole.primaryResults[0]._rows.length === 1000);
  await failed("more records than may be", /80DA0003.*set limit of 10 records.*E_QUERY_RESULT_SET_TOO_LARGE/, () => client.execute("soc", "DeviceEvents", properties({ truncationmaxrecords: 10 })));
  await failed("more bytes than may be", /80DA0003.*set limit of 20000 bytes/, () => client.execute("soc", "DeviceEvents", properties({ truncationmaxsize: 20000 })));
}

async function commands() {
  const client = make(e.READER);
  const show = async (text, db = "soc") => (await client.execute(db, text)).primaryResults[0];
  const databases = all(await show(".show databases"));
  say("databases", JSON.stringify(databases.map((d) => [d.DatabaseName, d.IsCurrent])) === JSON.stringify([["soc", true], ["soc.hunting", false]]), JSON.stringify(databases));
  const tables = all(await show(".show tables"));
  say("tables", tables.some((t) => t.TableName === "DeviceEvents" && t.DatabaseName === "soc") && tables.length > 100, tables.length);
  const schema = JSON.parse((await show(".show database schema as json"))._rows[0][0]).Databases.soc;
  const time = schema.Tables.DeviceEvents.OrderedColumns.find((c) => c.Name === "TimeGenerated");
  say("a database's schema", time.CslType === "datetime" && time.Type === "System.DateTime" && schema.Functions.Odd.InputParameters[0].CslType === "long", JSON.stringify(schema.Functions));
  const hunting = JSON.parse((await show(".show database ['soc.hunting'] schema as json"))._rows[0][0]).Databases["soc.hunting"];
  say("and hunting's", hunting.Tables.DeviceEvents.OrderedColumns[0].Name === "Timestamp" && !hunting.Tables.DeviceEvents.OrderedColumns.some((c) => c.Name === "TimeGenerated"));
  say("all schemas", Object.keys(JSON.parse((await show(".show databases schema as json", ""))._rows[0][0]).Databases).join() === "soc,soc.hunting");
  const one = (await show(".show table DeviceEvents schema as json"))._rows[0];
  say("a table's schema", one[0] === "DeviceEvents" && JSON.parse(one[1]).Name === "DeviceEvents", one);
  say("as csl", (await show(".show table ['DeviceEvents'] cslschema"))._rows[0][1].split(",").includes("TimeGenerated:datetime"));
  say("functions", JSON.stringify(all(await show(".show functions")).pop()) === JSON.stringify({ Name: "Odd", Parameters: "(n:long)", Body: "{DeviceEvents | where ReportId % 2 == n}", Folder: "", DocString: "" }),
    JSON.stringify(all(await show(".show functions"))));
  say("a stored function in a query", all((await client.execute("soc", "Odd(1) | count")).primaryResults[0])[0].Count === 500);
  say("version", all(await show(".show version"))[0].ServiceType === "Engine");
  say("cluster", all(await show(".show cluster"))[0].NodeId === "penstock");
  const piped = all(await show(".show databases schema | where ColumnName == 'TimeGenerated' and DatabaseName == 'soc' and TableName startswith 'Device'\n| summarize n=count() by DatabaseName, ColumnType", ""));
  say("a command piped into a query", piped.length === 1 && piped[0].DatabaseName === "soc" && piped[0].ColumnType === "System.DateTime" && piped[0].n > 5, JSON.stringify(piped));
  const entities = all(await show(".show databases entities with (showObfuscatedStrings=true) | where DatabaseName == 'soc' | summarize count() by EntityType", ""));
  say("entities", entities.length === 2 && entities.some((x) => x.EntityType === "Function" && x.count_ === 5), JSON.stringify(entities));
  await failed("a command that is not known", /400 General_BadRequest .*'\.drop table DeviceEvents' is not known/, () => show(".drop table DeviceEvents"));
  await failed("a table that is not there", /400 BadRequest_EntityNotFound .*'DeviceEvent' could not be found; did you mean DeviceEvents/, () => show(".show table DeviceEvent schema as json"));
  await failed("a pipe with a fault", /400 General_BadRequest .*KQL102.*\[line:position=2:9\]/, () => show(".show tables\n| where Nothing == 1"));
}

// What the web editor's component does with a schema (microsoft/monaco-kusto, package/src/languageServiceManager/kustoLanguageService.ts: _normalizeSchema,
// convertToDatabaseSymbol and what they call), with the language service that it binds by.
function editorState(shown, name) {
  const service = require.resolve("@kusto/language-service-next/Kusto.Language.Bridge.js");
  require(path.join(path.dirname(service), "bridge.js"));
  require(service);
  const sym = Kusto.Language.Symbols;
  const types = { "System.SByte": "bool", "System.Boolean": "bool", "System.Int32": "int", "System.Int64": "long", "System.String": "string", "System.Double": "real",
    "System.DateTime": "datetime", "System.TimeSpan": "timespan", "System.Guid": "guid", "System.Object": "dynamic", "System.Data.SqlTypes.SqlDecimal": "decimal" };
  const list = (type, items) => { const made = new (System.Collections.Generic.List$1(type).ctor)(); items.forEach((i) => made.add(i)); return made; };
  const scalar = (type) => {
    const found = sym.ScalarTypes.GetSymbol(types[type] || type);
    if (!found) throw new Error(`no type ${type}`);
    return found;
  };
  const column = (c) => new sym.ColumnSymbol(c.Name, scalar(c.CslType), c.DocString, null, null, null);
  const parameter = (p) => {
    if (!p.Columns) {
      const standard = p.CslDefaultValue && Kusto.Language.Parsing.QueryParser.ParseLiteral$1(p.CslDefaultValue);
      return new sym.Parameter.$ctor3(p.Name, scalar(p.Type), null, null, null, false, null, 1, 1, standard, null);
    }
    if (p.Columns.length === 0) return new sym.Parameter.ctor(p.Name, sym.ParameterTypeKind.Tabular, sym.ArgumentKind.Expression, null, null, false, null, 1, 1, null, null);
    return new sym.Parameter.$ctor2(p.Name, new sym.TableSymbol.ctor(p.Columns.map((c) => column({ Name: c.Name, CslType: c.CslType || c.Type }))));
  };
  const databases = Object.values(shown.Databases).map((db) => {
    if (typeof db.MajorVersion !== "number" || typeof db.MinorVersion !== "number") throw new Error("no version");
    const tables = [db.Tables, db.MaterializedViews, db.ExternalTables].flatMap((each) => Object.values(each))
      .map((t) => new sym.TableSymbol.$ctor6(t.Name, new Bridge.ArrayEnumerable(t.OrderedColumns.map(column)), t.DocString));
    const functions = Object.values(db.Functions).map((f) => new sym.FunctionSymbol.$ctor14(f.Name, f.Body, list(sym.Parameter, f.InputParameters.map(parameter)), f.DocString));
    const groups = Object.entries(db.EntityGroups).map(([group, members]) => new sym.EntityGroupSymbol.$ctor3(group, members.join(), null));
    return new sym.DatabaseSymbol.$ctor2(db.Name, null, [...tables, ...functions, ...groups]);
  });
  return Kusto.Language.GlobalState.Default.WithCluster(new sym.ClusterSymbol.ctor("penstock", databases)).WithDatabase(databases.find((db) => db.Name === name));
}

async function editor() {
  const client = make(e.READER);
  const schema = async (text, db) => JSON.parse((await client.executeMgmt(db, text)).primaryResults[0]._rows[0][0]);
  const bound = (state, query) => { // what is wrong with it, else its columns
    const code = Kusto.Language.KustoCode.ParseAndAnalyze(query, state), wrong = code.GetDiagnostics(), said = [], columns = [];
    for (let i = 0; i < wrong.Count; i++) said.push(wrong.getItem(i).Message);
    if (said.length > 0) return said.join("; ");
    for (let i = 0; i < code.ResultType.Columns.Count; i++) columns.push(`${code.ResultType.Columns.getItem(i).Name}:${code.ResultType.Columns.getItem(i).Type.Name}`);
    return columns.join();
  };
  const hunting = editorState(await schema(".show schema as json", "soc.hunting"), "soc.hunting");
  const workspace = editorState(await schema(".show database soc schema as json", ""), "soc");
  const all = editorState(await schema(".show databases schema as json", ""), "soc");
  for (const [state, query, want] of [
    [hunting, "DeviceProcessEvents | where Timestamp > ago(1d) | summarize count() by DeviceName", "DeviceName:string,count_:long"],
    [hunting, "DeviceProcessEvents | where TimeGenerated > ago(1d)", /'TimeGenerated' does not refer to any known column/],
    [workspace, "DeviceProcessEvents | where TimeGenerated > ago(1d) | summarize count() by DeviceName", "DeviceName:string,count_:long"],
    [workspace, "DeviceEvents | extend x = AdditionalFields.a | project x, ReportId, TimeGenerated, TenantId", "x:dynamic,ReportId:long,TimeGenerated:datetime,TenantId:string"],
    [workspace, "Doors_CL | project TimeGenerated, Door, Granted", "TimeGenerated:datetime,Door:string,Granted:bool"],
    [workspace, "Odd(1) | summarize n = count() by ActionType", "ActionType:string,n:long"],
    [workspace, "Odd()", /./],
    [workspace, "Between() | count", "Count:long"],
    [workspace, "Between('b') | count", "Count:long"],
    [workspace, "Lists() | count", "Count:long"],
    [workspace, "Lists('x', 8) | count", "Count:long"],
    [workspace, "Lists('x', 8, 9) | count", /./],
    [workspace, "DeviceEvents | where ReportId > 7 | invoke Marked() | project ReportId, Mark", "ReportId:long,Mark:long"],
    [workspace, "Marked((DeviceEvents | where ReportId > 7)) | project Mark", "Mark:long"],
    [workspace, "DeviceEvents | invoke Anything() | project Mark", "Mark:long"],
    [workspace, "DeviceEvents | project DeviceId | invoke Marked()", /required columns/],
    [workspace, "NoSuchTable | count", /NoSuchTable/],
    [all, "database('soc.hunting').DeviceEvents | join kind=inner (DeviceEvents) on DeviceId | summarize n = count() by Timestamp, TimeGenerated",
      "Timestamp:datetime,TimeGenerated:datetime,n:long"],
  ]) {
    const seen = bound(state, query);
    say(`an editor reads: ${query}`, typeof want === "string" ? seen === want : want.test(seen) && !/^\w+:\w+/.test(seen), seen);
  }
  const tables = Object.values((await schema(".show schema as json", "soc.hunting")).Databases["soc.hunting"].Tables).map((t) => t.Name);
  const faulty = tables.filter((t) => /[^\w:,]/.test(bound(hunting, `${t} | take 1`)));
  say("each of its tables", tables.length > 100 && faulty.length === 0, faulty.map((t) => `${t}: ${bound(hunting, t)}`));
}

async function errors() {
  const client = make(e.READER);
  await failed("a syntax error", /400 General_BadRequest Kusto\.Data\.Exceptions\.SyntaxException Syntax error: SYN0002: .*\[line:position=2:\d+\] true/, () => client.execute("soc", "DeviceEvents\n| wher a"));
  await failed("no such column", /SemanticException Semantic error: SEM0100: .*Nmber.*\[line:position=1:22\]/, () => client.execute("soc", "DeviceEvents | where Nmber == 1"));
  await failed("no such table", /SemanticException Semantic error: SEM0100: .*did you mean/, () => client.execute("soc", "DeviceEvent | count"));
  await failed("no such database", /400 BadRequest_DatabaseNotExist .*DatabaseNotFoundException/, () => client.execute("nothing", "DeviceEvents | count"));
  await failed("another tenant's database", /400 BadRequest_DatabaseNotExist /, () => client.execute("private", "DeviceEvents | count"));
  await failed("a query that takes too long", /504 Timeout .*KustoServiceTimeoutException/, () => client.execute("soc",
    "range i from 1 to 100000000000 step 1 | where hash_sha256(tostring(i)) == 'none' | count", properties({ servertimeout: 1000 })));
  await failed("a token that is none", /401/, () => make("nonsense").execute("soc", "print 1"));
  await failed("a token that may not read", /403/, () => make(e.INGEST).execute("soc", "print 1"));
  const other = make(e.STRANGER);
  say("another tenant sees its own rows alone", all((await other.execute("soc", "union * | summarize n=count(), make_set(TenantId)")).primaryResults[0])[0].n === 5,
    JSON.stringify(all((await other.execute("soc", "union * | summarize n=count(), make_set(TenantId)")).primaryResults[0])));
  say("and its own databases", all((await other.execute("", ".show databases")).primaryResults[0]).map((d) => d.DatabaseName).join() === "private,private.hunting,soc,soc.hunting");
  say("and none of the other's functions", all((await other.execute("soc", ".show functions")).primaryResults[0]).length === 0);
}

({ queries, commands, editor, errors })[process.argv[2]]().catch((why) => say(`${process.argv[2]} went through`, false, `${why.stack} ${JSON.stringify(why.response && why.response.data)}`));
