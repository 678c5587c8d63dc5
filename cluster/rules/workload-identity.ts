import type { AppNeeds } from "../app-needs";
import type { AuthMethod, BindingRule } from "../facts";
import { rule, type Finding } from "../rule";
import { nameOf } from "./agent-name";

const SETUP = "Run `nomad setup consul`, or deploy an AccessStack.";

/** What gives the jobs their Consul tokens, in a cluster with ACLs. */
export const workloadIdentity = rule({
  id: "workload-identity",
  reason: "With ACLs, Nomad registers services with tokens that Consul issues for the identities of the workloads.",
  needs: ["consulAgent", "nomadAgent", "authMethods", "bindingRules"],
  find: ({ consulAgent, nomadAgent, authMethods, bindingRules, app }) => {
    if (!consulAgent.DebugConfig.ACLsEnabled) return [];
    const block = nomadAgent.config.Consuls?.find(({ Name }) => Name === "default");
    const name = block?.ServiceIdentityAuthMethod || "nomad-workloads";
    const audience = block?.ServiceIdentity?.Audience;
    const ofNomad: Finding[] =
      nomadAgent.config.Server.Enabled && !audience?.length
        ? [
            {
              at: nameOf(nomadAgent),
              problem: "Its `consul` block has no service_identity, so services get no token from Consul.",
              fix: 'Set `service_identity { aud = ["consul.io"], ttl = "1h" }` and `task_identity` in the `consul` block of Nomad\'s servers.',
            },
          ]
        : [];
    return [...ofNomad, ...problemsOfMethod(name, audience ?? [], authMethods, bindingRules, app)];
  },
});

function problemsOfMethod(
  name: string,
  audience: readonly string[],
  methods: readonly AuthMethod[],
  rules: readonly BindingRule[],
  app: AppNeeds | undefined,
): Finding[] {
  const at = `Consul's auth method ${name}`;
  const method = methods.find(({ Name }) => Name === name);
  if (method === undefined) {
    // The first deployment of the app creates it.
    if (app?.ownAuthMethods.includes(name)) return [];
    return [{ at, problem: `It does not exist; Consul has ${listOf(methods.map(({ Name }) => Name))}.`, fix: SETUP }];
  }
  const bound = method.Config?.BoundAudiences ?? [];
  const accepted = bound.length === 0 || audience.length === 0 || audience.some((it) => bound.includes(it));
  const binds = (type: string) => rules.some((it) => it.AuthMethod === name && it.BindType === type);
  return [
    ...(method.Type === "jwt" ? [] : [{ at, problem: `Its type is ${method.Type}, not jwt.`, fix: SETUP }]),
    ...(accepted
      ? []
      : [
          {
            at,
            problem: `It accepts the audience ${bound.join(", ")}, but Nomad's identities have ${audience.join(", ")}.`,
            fix: "Set the same `aud` in service_identity of Nomad's `consul` block and in BoundAudiences of the auth method.",
          },
        ]),
    ...(binds("service") || binds("templated-policy") || binds("role") || binds("policy")
      ? []
      : [{ at, problem: "It has no binding rule, so logins get no permission.", fix: SETUP }]),
    ...(/[1-9]/.test(method.MaxTokenTTL ?? "")
      ? [
          {
            at,
            problem: `Its tokens expire after ${method.MaxTokenTTL ?? ""} (MaxTokenTTL), and Nomad does not get new ones.`,
            fix: "Remove MaxTokenTTL: Nomad deletes a token when its workload stops.",
          },
        ]
      : []),
  ];
}

function listOf(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.join(", ");
}
