import type { EngineAnswer, EngineApi } from "../lab/cluster/engine-api";
import { placementProblems, type PlacementFailure } from "../lab/cluster/placement";
import type { AppNeeds } from "./app-needs";
import { isSeen, look, type Fact, type Look } from "./fact";
import type { AclReplication, Allocation, AuthMethod, Facts, Node, Plan, TokenState } from "./facts";

/** The longest that an engine may take to answer one request, in milliseconds. */
const ANSWER_MS = 10_000;

/** How many requests for single objects are on their way at a time. */
const AT_A_TIME = 8;

/** Consul's limit for one request is 64. */
const MOST_PERMISSIONS = 60;

/** What is checked: a Consul, and the Nomad that uses it. */
export interface CheckedCluster {
  readonly consul: EngineApi;
  readonly nomad: EngineApi;
}

/** Reads what the rules need, once. Changes nothing in the cluster: Nomad plans jobs without submitting them. */
export async function gather(
  { consul, nomad }: CheckedCluster,
  app?: AppNeeds,
  timeoutMs: number = ANSWER_MS,
): Promise<Facts> {
  const ask =
    (api: EngineApi) =>
    <T>(path: string, extra: Omit<Look<T>, "path"> = {}) =>
      look<T>(api, timeoutMs, { path, ...extra });
  const [ofConsul, ofNomad] = [ask(consul), ask(nomad)];
  const methods = ofConsul<AuthMethod[]>("/v1/acl/auth-methods", { read: unlessNoAcls }).then((list) =>
    each(list, ({ Name }) => ofConsul<AuthMethod>(`/v1/acl/auth-method/${encodeURIComponent(Name)}`)),
  );
  const nodes = ofNomad<(Node & { Status: string })[]>("/v1/nodes").then((list) =>
    each(isSeen(list) ? { value: list.value.filter(({ Status }) => Status === "ready") } : list, ({ ID }) =>
      ofNomad<Node>(`/v1/node/${ID}`),
    ),
  );
  // All at once: a cluster that cannot be reached costs one time limit, not one for each request.
  const facts = await settle({
    consulAgent: ofConsul("/v1/agent/self"),
    consulMembers: ofConsul("/v1/agent/members"),
    connect: ofConsul("/v1/connect/ca/roots", { read: readConnect }),
    consulToken: ofConsul("/v1/acl/token/self", { read: (answer) => readConsulToken(answer, consul.hasToken) }),
    wildcardIntention: ofConsul("/v1/connect/intentions/exact?source=*&destination=*", { read: readIntention }),
    authMethods: methods,
    bindingRules: ofConsul("/v1/acl/binding-rules", { read: unlessNoAcls }),
    consulDenials: denials(ofConsul, app),
    aclReplication: ofConsul("/v1/acl/replication", { read: readReplication }),
    criticalChecks: ofConsul("/v1/health/state/critical"),
    consulClock: ofConsul("/v1/status/leader", { read: readClock }),
    nomadClock: ofNomad("/v1/status/leader", { read: readClock }),
    nomadAgent: ofNomad("/v1/agent/self"),
    nomadServers: ofNomad("/v1/agent/members", {
      read: ({ status, text }) =>
        status === 200 ? ((JSON.parse(text) as { Members: never[] | null }).Members ?? []) : undefined,
    }),
    nomadToken: ofNomad("/v1/acl/token/self", { read: readNomadToken }),
    nodes,
    nodePools: ofNomad("/v1/node/pools", {
      read: ({ status, text }) =>
        status === 200 ? (JSON.parse(text) as { Name: string }[]).map(({ Name }) => Name) : undefined,
    }),
    allocations: ofNomad("/v1/allocations?namespace=*&task_states=true", { read: readAllocations }),
    plans: plans(ofNomad, app),
    app: Promise.resolve(app),
  });
  return {
    ...facts,
    consulMembers: unlessFiltered(facts.consulMembers, facts.consulToken, "Consul", "/v1/agent/members"),
    criticalChecks: unlessFiltered(facts.criticalChecks, facts.consulToken, "Consul", "/v1/health/state/critical"),
    allocations: unlessFiltered(facts.allocations, facts.nomadToken, "Nomad", "/v1/allocations"),
  };
}

/** Engines leave out of lists what a request without a token may not see, and do not say so. */
function unlessFiltered<T>(fact: Fact<T>, token: Fact<TokenState>, engine: "Consul" | "Nomad", path: string): Fact<T> {
  if (!isSeen(fact) || !isSeen(token) || !token.value.anonymous) return fact;
  return {
    engine,
    request: `GET ${path}`,
    kind: "denied",
    words: "without a token, only a part of the list is visible",
  };
}

type Ask = <T>(path: string, extra?: Omit<Look<T>, "path">) => Promise<Fact<T>>;

async function settle(facts: { readonly [Name in keyof Facts]: Promise<Facts[Name]> }): Promise<Facts> {
  const entries = Object.entries(facts).map(async ([name, fact]) => [name, await (fact as Promise<unknown>)] as const);
  return Object.fromEntries(await Promise.all(entries)) as unknown as Facts;
}

/** The objects of a list, each asked for. One that cannot be seen makes the fact unseen, since no rule could trust the rest. */
async function each<S, T>(list: Fact<readonly S[]>, one: (item: S) => Promise<Fact<T>>): Promise<Fact<readonly T[]>> {
  if (!isSeen(list)) return list;
  const found: T[] = [];
  for (let start = 0; start < list.value.length; start += AT_A_TIME) {
    const facts = await Promise.all(list.value.slice(start, start + AT_A_TIME).map(one));
    const unseen = facts.find((fact) => !isSeen(fact));
    if (unseen !== undefined && !isSeen(unseen)) return unseen;
    found.push(...facts.filter(isSeen).map(({ value }) => value));
  }
  return { value: found };
}

/** Asks Consul whether the token may do what Terraform will do with it. Without ACLs, each token may. */
async function denials(ask: Ask, app: AppNeeds | undefined): Promise<Fact<readonly string[]>> {
  if (app === undefined) return { value: [] };
  const wanted = [
    { Resource: "mesh", Access: "write" },
    ...app.services.flatMap((Segment) => [
      { Resource: "service", Segment, Access: "write" },
      { Resource: "intention", Segment, Access: "write" },
    ]),
  ];
  const answers: string[] = [];
  for (let start = 0; start < wanted.length; start += MOST_PERMISSIONS) {
    const fact = await ask<Authorization[]>("/v1/internal/acl/authorize", {
      body: wanted.slice(start, start + MOST_PERMISSIONS),
      read: unlessNoAcls,
    });
    if (!isSeen(fact)) return fact;
    answers.push(
      ...fact.value
        .filter(({ Allow }) => !Allow)
        .map(({ Resource, Segment = "", Access }) => `${Resource}${Segment && ` "${Segment}"`} = ${Access}`),
    );
  }
  return { value: answers };
}

interface Authorization {
  readonly Resource: string;
  readonly Segment?: string;
  readonly Access: string;
  readonly Allow: boolean;
}

function plans(ask: Ask, app: AppNeeds | undefined): Promise<Fact<readonly Plan[]>> {
  const known = (app?.jobs ?? []).filter(({ job }) => job !== undefined);
  return each({ value: known }, ({ id, namespace, construct, job }) =>
    ask<Plan>(`/v1/job/${encodeURIComponent(id)}/plan?namespace=${encodeURIComponent(namespace)}`, {
      body: { Job: job, Diff: false },
      read: ({ status, text }) => {
        const base = { job: id, construct };
        if (status !== 200) return { ...base, unplaced: [], refusal: { status, words: text.trim() } };
        const { FailedTGAllocs } = JSON.parse(text) as { FailedTGAllocs: Record<string, PlacementFailure> | null };
        return { ...base, unplaced: placementProblems(FailedTGAllocs) };
      },
    }),
  );
}

/** Whether Consul answers that it has no ACLs. */
function saysNoAcls({ status, text }: EngineAnswer): boolean {
  return status === 401 && text.includes("ACL support disabled");
}

/** A list, which is empty where Consul has no ACLs. */
function unlessNoAcls(answer: EngineAnswer): never[] | undefined {
  if (saysNoAcls(answer)) return [];
  return answer.status === 200 ? ((JSON.parse(answer.text) ?? []) as never[]) : undefined;
}

function readReplication(answer: EngineAnswer): AclReplication | undefined {
  if (saysNoAcls(answer)) return NO_REPLICATION;
  return answer.status === 200 ? (JSON.parse(answer.text) as AclReplication) : undefined;
}

const NO_REPLICATION: AclReplication = {
  ...{ Enabled: false, Running: false, SourceDatacenter: "" },
  ...{ LastSuccess: "", LastError: "", LastErrorMessage: "" },
};

function readConnect({ status, text }: EngineAnswer): { enabled: boolean } | undefined {
  if (status === 200) return { enabled: true };
  return /connect must be enabled/i.test(text) ? { enabled: false } : undefined;
}

function readConsulToken(answer: EngineAnswer, hasToken: boolean): TokenState | undefined {
  const { status } = answer;
  if (saysNoAcls(answer)) return { enabled: false, valid: true, anonymous: false };
  if (status !== 200 && status !== 403) return undefined;
  return { enabled: true, valid: status === 200 || !hasToken, anonymous: !hasToken };
}

function readNomadToken({ status, text }: EngineAnswer): TokenState | undefined {
  if (status === 403 || status === 404) return { enabled: true, valid: false, anonymous: false };
  if (status !== 200) return undefined;
  const { AccessorID } = JSON.parse(text) as Accessor;
  return { enabled: AccessorID !== "acls-disabled", valid: true, anonymous: AccessorID === "anonymous" };
}

interface Accessor {
  readonly AccessorID: string;
}

function readIntention({ status, text }: EngineAnswer): "allow" | "deny" | "none" | undefined {
  if (status === 404) return "none";
  if (status !== 200) return undefined;
  return (JSON.parse(text) as { Action?: string }).Action === "allow" ? "allow" : "deny";
}

/** Whole seconds are all that the header has. */
function readClock({ headers }: EngineAnswer): number | undefined {
  return headers.date === undefined ? undefined : Date.parse(headers.date) + 500 - Date.now();
}

function readAllocations({ status, text }: EngineAnswer): Allocation[] | undefined {
  if (status !== 200) return undefined;
  const all = (JSON.parse(text) ?? []) as (Allocation & { DesiredStatus: string; NextAllocation?: string })[];
  return all.filter(({ DesiredStatus, NextAllocation }) => DesiredStatus === "run" && !NextAllocation);
}
