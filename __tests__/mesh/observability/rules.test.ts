import { meshRules, renderRules, type AlertingRule, type MeshRulesOptions } from "../../../constructs";

function alert(name: string, options?: MeshRulesOptions): AlertingRule {
  const rules = meshRules(options).flatMap((group) => group.rules);
  const found = rules.find((rule) => "alert" in rule && rule.alert === name);
  if (found === undefined || !("alert" in found)) {
    throw new Error(`There is no alert ${name}.`);
  }
  return found;
}

test("rates are over five minutes, or another window", () => {
  const windows = (options?: MeshRulesOptions) =>
    new Set(renderRules(meshRules(options)).match(/(?<=\[)\d+[smh](?=\])/g));
  expect(windows()).toEqual(new Set(["5m"]));
  expect(windows({ window: "30s" })).toEqual(new Set(["30s"]));
});

test.each([
  ["MeshErrorRateHigh", { errorRatio: 0.2 }, "mesh:edge_errors:ratio > 0.2 "],
  ["MeshErrorRateHigh", { minimumRequestRate: 3 }, "mesh:edge_requests:rate >= 3"],
  ["MeshLatencyHigh", { latencyMs: 250 }, "> 250 and"],
  ["MeshLatencyHigh", { minimumRequestRate: 3 }, "mesh:edge_requests:rate >= 3"],
  ["ServiceCertificateExpires", { leafCertificateHours: 1 }, "< 3600"],
  ["MeshRootExpires", { authorityCertificateDays: 2 }, "< 172800"],
  ["MeshSigningAuthorityExpires", { authorityCertificateDays: 2 }, "< 172800"],
  ["AgentCertificateExpires", { authorityCertificateDays: 2 }, "< 172800"],
] as const)("%s takes its threshold from %j", (name, options, part) => {
  expect(alert(name, options).expr).toContain(part);
  expect(alert(name).expr).not.toContain(part);
});

test.each(["MeshErrorRateHigh", "MeshLatencyHigh", "MeshConnectionsFail", "EnvoyDisconnected", "AgentUnobserved"])(
  "%s waits for five minutes, or as long as is said",
  (name) => {
    expect(alert(name).for).toBe("5m");
    expect(alert(name, { for: "30s" }).for).toBe("30s");
  },
);

test("every alert has a severity and a sentence for people", () => {
  const alerts = meshRules()
    .flatMap((group) => group.rules)
    .filter((rule) => "alert" in rule);
  expect(alerts.length).toBeGreaterThan(10);
  for (const { labels, annotations } of alerts) {
    expect(["critical", "warning"]).toContain(labels?.severity);
    expect(annotations?.summary).toMatch(/^.{20,}/);
  }
});
