import { TerraformVariable } from "cdktf";
import { WorkloadIdentityAuthMethod, type WorkloadIdentityAuthMethodProps } from "../../constructs";
import { resourcesIn, rulesIn } from "../support/access";
import { asTerraformYields, TestStack } from "../support/synth";

const jwksUrl = "https://nomad.example:4646/.well-known/jwks.json";

function build(
  props: Partial<WorkloadIdentityAuthMethodProps> = {},
  more: (method: WorkloadIdentityAuthMethod) => void = () => undefined,
): TestStack {
  const stack = new TestStack();
  more(new WorkloadIdentityAuthMethod(stack, "workloads", { jwksUrl, ...props }));
  return stack;
}

function methodIn(stack: TestStack) {
  const [method, ...others] = resourcesIn(stack, "consul_acl_auth_method");
  expect(others).toEqual([]);
  return method;
}

/** The rules of the method, without their descriptions. */
function rulesOf(stack: TestStack) {
  return resourcesIn(stack, "consul_acl_binding_rule").map((rule) => {
    const { bind_type, bind_name, bind_vars, selector } = rule as Record<string, string>;
    return [bind_type, asTerraformYields(bind_name), ...(bind_vars ? [bind_vars] : []), asTerraformYields(selector)];
  });
}

describe("the auth method for workload identities", () => {
  test("trusts what Nomad signs for Consul, by tokens that are local and do not expire", () => {
    expect(methodIn(build())).toMatchObject({
      name: "nomad-workloads",
      display_name: "nomad-workloads",
      type: "jwt",
      token_locality: "local",
    });
    expect(methodIn(build())).not.toHaveProperty("max_token_ttl");
    expect(JSON.parse(methodIn(build()).config_json as string)).toEqual({
      BoundAudiences: ["consul.io"],
      ClaimMappings: {
        consul_namespace: "consul_namespace",
        nomad_job_id: "nomad_job_id",
        nomad_namespace: "nomad_namespace",
        nomad_service: "nomad_service",
        nomad_task: "nomad_task",
      },
      JWKSURL: jwksUrl,
      JWTSupportedAlgs: ["RS256"],
    });
  });

  test("writes its configuration as the provider reads it back: keys in order, Go's escapes", () => {
    const text = methodIn(build({ jwksUrl: `${jwksUrl}?a=1&b=<2>` })).config_json as string;
    expect(text).toContain(`"JWKSURL":"${jwksUrl}?a=1\\u0026b=\\u003c2\\u003e"`);
    expect([...text.matchAll(/"([A-Z]\w*)":/g)].map(([, key]) => key)).toEqual([
      "BoundAudiences",
      "ClaimMappings",
      "JWKSURL",
      "JWTSupportedAlgs",
    ]);
  });

  test("takes URL and certificate that are known only when the stack is applied", () => {
    const stack = new TestStack();
    const variable = (name: string) => new TerraformVariable(stack, name, { type: "string" }).stringValue;
    new WorkloadIdentityAuthMethod(stack, "workloads", { jwksUrl: variable("url"), jwksCaCertificate: variable("ca") });
    expect(methodIn(stack).config_json).toContain(
      '"JWKSCACert":${jsonencode(var.ca)},"JWKSURL":${jsonencode(var.url)},',
    );
  });

  test("can have another name and audience", () => {
    expect(methodIn(build({ name: "other" }))).toMatchObject({ name: "other", display_name: "other" });
    expect(methodIn(build({ audience: "consul.example" })).config_json).toContain(
      '"BoundAudiences":["consul.example"]',
    );
  });

  test("gives each service its identity, and each task the role of its namespace", () => {
    const stack = build();
    expect(rulesOf(stack)).toEqual([
      ["service", "${value.nomad_service}", '"nomad_service" in value'],
      ["role", "nomad-tasks-${value.nomad_namespace}", '"nomad_service" not in value'],
    ]);
    expect(resourcesIn(stack, "consul_acl_role")).toMatchObject([
      { name: "nomad-tasks-default", policies: [expect.stringMatching(/^\$\{consul_acl_policy\..+\.id\}$/)] },
    ]);
    expect(rulesIn(stack, "consul_acl_policy")).toEqual({
      "nomad-tasks-default":
        'node_prefix "" {\n  policy = "read"\n}\nservice_prefix "" {\n  policy = "read"\n  intentions = "deny"\n}\n',
    });
  });

  test("gives tasks keys to read, for each namespace its own", () => {
    const stack = build({ tasks: { shop: { keyPrefixes: ["shop/", "common/"] }, blog: {} } });
    const policies = rulesIn(stack, "consul_acl_policy");
    expect(Object.keys(policies).sort()).toEqual(["nomad-tasks-blog", "nomad-tasks-shop"]);
    expect(policies["nomad-tasks-shop"]).toContain(
      'key_prefix "shop/" {\n  policy = "read"\n}\nkey_prefix "common/" {\n  policy = "read"\n}\n',
    );
    expect(policies["nomad-tasks-blog"]).not.toContain("key");
  });

  test("lets one job of one namespace be an API gateway, with the proxy service that its Envoy logs in as", () => {
    const gateways = build({}, (method) => {
      method.allowApiGateway("gateway");
      method.allowApiGateway("other", { job: 'edge "${1}"', namespace: "ingress" }, "other-proxy");
    });
    expect(rulesOf(gateways)).toEqual(
      expect.arrayContaining([
        [
          "templated-policy",
          "builtin/api-gateway",
          { name: "gateway" },
          '(value.nomad_service == "gateway" or value.nomad_service == "gateway-envoy") and value.nomad_namespace == "default" and value.nomad_job_id == "gateway"',
        ],
        [
          "templated-policy",
          "builtin/api-gateway",
          { name: "other" },
          `(value.nomad_service == "other" or value.nomad_service == "other-proxy") and value.nomad_namespace == "ingress" and value.nomad_job_id == "edge \\"\${1}\\""`,
        ],
      ]),
    );
  });

  test("lets the proxy service of an ingress gateway speak for it", () => {
    const stack = build({}, (method) => {
      method.allowIngressGateway("door", { namespace: "edge" });
    });
    expect(rulesOf(stack)).toContainEqual([
      "service",
      "door",
      'value.nomad_service == "door-envoy" and value.nomad_namespace == "edge" and value.nomad_job_id == "door"',
    ]);
  });

  test("lets a terminating gateway speak for the services it is given", () => {
    const stack = build({}, (method) => {
      method.allowTerminatingGateway("exit", ["billing", "mail"], { job: "egress" });
    });
    expect(rulesIn(stack, "consul_acl_policy")["terminating-gateway-exit"]).toBe(
      'service "billing" {\n  policy = "write"\n}\nservice "mail" {\n  policy = "write"\n}\n',
    );
    expect(rulesOf(stack)).toContainEqual([
      "policy",
      expect.stringMatching(/^\$\{consul_acl_policy\..+\.name\}$/),
      'value.nomad_service == "exit" and value.nomad_namespace == "default" and value.nomad_job_id == "egress"',
    ]);
  });

  test("lets a mesh gateway speak for its datacenter", () => {
    const stack = build({}, (method) => {
      method.allowMeshGateway("mesh-gateway", { namespace: "edge" });
    });
    expect(rulesIn(stack, "consul_acl_policy")["mesh-gateway-mesh-gateway"]).toBe('mesh = "write"\npeering = "read"\n');
    expect(rulesOf(stack)).toContainEqual([
      "policy",
      expect.stringMatching(/^\$\{consul_acl_policy\..+\.name\}$/),
      'value.nomad_service == "mesh-gateway" and value.nomad_namespace == "edge" and value.nomad_job_id == "mesh-gateway"',
    ]);
  });
});
