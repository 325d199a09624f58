// posture_sdk.js - the published client of Microsoft.Security reads and writes posture of the daemon; one JSON line for each step:
// {"name","ok","seen"}. Where and with which token is in the environment (posture_sdk_test.py).
"use strict";
const { SecurityCenter } = require("@azure/arm-security");
const e = process.env;
const say = (name, ok, seen) => console.log(JSON.stringify({ name, ok: !!ok, seen: String(seen === undefined ? "" : seen).slice(0, 800) }));
const credential = { getToken: async () => ({ token: e.TOKEN, expiresOnTimestamp: Date.now() + 3600e3 }) };
const client = new SecurityCenter(credential, e.SUB, { endpoint: e.URL, retryOptions: { maxRetries: 0 } });
const all = async (list) => { const found = []; for await (const x of list) found.push(x); return found; };
const sub = `/subscriptions/${e.SUB}`;
const step = async (name, run) => {
  try {
    await run();
  } catch (why) {
    say(name, false, `${why.statusCode} ${why.code} ${why.message}`);
  }
};

async function main() {
  const key = "0a0a0a0a-0000-4000-8000-000000000002", vm = `${sub}/resourceGroups/rg-sdk/providers/Microsoft.Compute/virtualMachines/vm-sdk`;
  await step("metadata", async () => {
    const made = await client.assessmentsMetadata.createInSubscription(key, { displayName: "By the SDK", severity: "High", assessmentType: "CustomerManaged",
      threats: ["dataExfiltration"], categories: ["Compute"] });
    const again = await client.assessmentsMetadata.createInSubscription(key, { displayName: "By the SDK", severity: "High", assessmentType: "CustomerManaged" });
    const got = await client.assessmentsMetadata.getInSubscription(key);
    say("metadata: create, replace, get", made.displayName === "By the SDK" && again.severity === "High" && got.displayName === made.displayName, JSON.stringify(got));
    say("metadata: lists", (await all(client.assessmentsMetadata.listBySubscription())).some((x) => x.name === key) && (await all(client.assessmentsMetadata.list())).length > 0);
  });
  await step("assessments", async () => {
    const body = { resourceDetails: { source: "Azure", id: vm }, status: { code: "Unhealthy", cause: "c" }, additionalData: { a: "b" } };
    const made = await client.assessments.createOrUpdate(vm, key, body);
    const again = await client.assessments.createOrUpdate(vm, key, body);
    const got = await client.assessments.get(vm, key, { expand: "metadata" });
    say("assessment: create, replace, get", made.status.code === "Unhealthy" && again.id === made.id && got.metadata.severity === "High", JSON.stringify(got));
    const listed = await all(client.assessments.list(`subscriptions/${e.SUB}`));
    say("assessments.list, in pages", listed.length === Number(e.ASSESSMENTS) + 1 && new Set(listed.map((x) => x.id)).size === listed.length, listed.length);
    say("assessments.list of a resource", (await all(client.assessments.list(vm))).length === 1);
    await client.assessments.delete(vm, key);
    await client.assessments.delete(vm, key);
    say("assessment: delete, twice", (await all(client.assessments.list(vm))).length === 0);
  });
  await step("subAssessments", async () => {
    const found = await all(client.subAssessments.listAll(`subscriptions/${e.SUB}`));
    say("subAssessments.listAll", found.length === 1 && found[0].status.severity === "High" && found[0].displayName === "A finding", JSON.stringify(found));
    const of = await all(client.subAssessments.list(e.VM, e.KEY));
    const one = await client.subAssessments.get(e.VM, e.KEY, of[0].name);
    say("subAssessments.list and get", one.id === found[0].id, JSON.stringify(one));
  });
  await step("scores", async () => {
    const scores = await all(client.secureScores.list());
    const score = await client.secureScores.get("ascScore");
    say("secureScores.list and get", scores.length === 1 && score.max === 10 && score.percentage === scores[0].percentage && score.weight > 0, JSON.stringify(score));
    const controls = await all(client.secureScoreControls.list({ expand: "definition" }));
    say("secureScoreControls.list", controls.length === 1 && controls[0].unhealthyResourceCount === Number(e.ASSESSMENTS) && controls[0].definition.maxScore === 10, JSON.stringify(controls));
    say("secureScoreControls.listBySecureScore", (await all(client.secureScoreControls.listBySecureScore("ascScore"))).length === 1);
    say("secureScoreControlDefinitions", (await all(client.secureScoreControlDefinitions.list())).length === 1 && (await all(client.secureScoreControlDefinitions.listBySubscription())).length === 1);
  });
  await step("compliance", async () => {
    const standards = await all(client.regulatoryComplianceStandards.list());
    say("regulatoryComplianceStandards.list", standards.length === 1 && standards[0].state === "Failed" && standards[0].failedControls === 1, JSON.stringify(standards));
    const controls = await all(client.regulatoryComplianceControls.list(standards[0].name));
    const states = await all(client.regulatoryComplianceAssessments.list(standards[0].name, controls[0].name));
    say("controls and assessments of it", controls[0].failedAssessments === 1 && states[0].failedResources === Number(e.ASSESSMENTS), JSON.stringify(states));
  });
  await step("alerts", async () => {
    await client.alerts.simulate("centralus", { properties: { kind: "Bundles", bundles: ["DNS", "SqlServers"] } });
    const alerts = await all(client.alerts.list());
    say("alerts.simulate and list", alerts.length >= 2 && alerts.every((x) => x.alertDisplayName && x.severity && x.status === "Active"), JSON.stringify(alerts[0]));
    const at = await all(client.alerts.listSubscriptionLevelByRegion("centralus"));
    say("alerts by region", at.length === alerts.length && (await all(client.alerts.listSubscriptionLevelByRegion("westus"))).length === 0, at.length);
    const group = alerts[0].id.split("/")[4], name = alerts[0].name;
    say("alerts by resource group", (await all(client.alerts.listByResourceGroup(group))).length === alerts.length);
    const a = client.alerts;
    const steps = [["updateResourceGroupLevelStateToDismiss", "Dismissed"], ["updateResourceGroupLevelStateToActivate", "Active"], ["updateResourceGroupLevelStateToResolve", "Resolved"]];
    for (const [verb, status] of steps) {
      await a[verb]("centralus", name, group);
      say(`alerts.${verb}`, (await a.getResourceGroupLevel("centralus", name, group)).status === status);
    }
  });
  await step("suppression", async () => {
    const rule = { alertType: "IpAnomaly", reason: "FalsePositive", state: "Enabled", comment: "c", expirationDateUtc: new Date(Date.now() + 864e5),
      suppressionAlertsScope: { allOf: [{ field: "entities.ip.address", in: ["104.215.95.187", "52.164.206.56"] }] } };
    const made = await client.alertsSuppressionRules.update("by-sdk", rule);
    const again = await client.alertsSuppressionRules.update("by-sdk", rule);
    say("alertsSuppressionRules: update, get, list", made.alertType === "IpAnomaly" && again.name === "by-sdk" && (await client.alertsSuppressionRules.get("by-sdk")).state === "Enabled" &&
      (await all(client.alertsSuppressionRules.list())).length === 1 && (await all(client.alertsSuppressionRules.list({ alertType: "other" }))).length === 0 &&
      (await all(client.alertsSuppressionRules.list({ alertType: "ipanomaly" }))).length === 1, JSON.stringify(made));
    await client.alertsSuppressionRules.delete("by-sdk");
    await client.alertsSuppressionRules.delete("by-sdk");
    say("alertsSuppressionRules: delete, twice", (await all(client.alertsSuppressionRules.list())).length === 0);
  });
  await step("errors", async () => {
    try {
      await client.assessments.get(vm, "none");
      say("a fault is an error", false);
    } catch (why) {
      say("a fault is an error", why.statusCode === 404 && why.code === "ResourceNotFound", `${why.statusCode} ${why.code}`);
    }
  });
}
main().catch((why) => { console.error(why); process.exit(1); });
