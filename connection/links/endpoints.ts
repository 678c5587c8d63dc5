import { failoverFix, REFUSED_PEER, type AskedQuery } from "../../constructs/model/reach";
import { branchesIn, healthyAt, isClusterOf, isLocal, nameOfTarget, servingOf, type Branch } from "../branches";
import type { EnvoyView } from "../envoy-view";
import type { ConnectionFacts } from "../facts";
import { placeOf, requireEnvoys, seen, type Link, type LinkFinding } from "../link";
import { upstreamsTo } from "../upstreams";

/** What the source's Envoys know of each target. */
export const endpoints: Link = {
  id: "endpoints",
  title: "the source's Envoy has the destination's endpoints, and uses them",
  find: (facts) => {
    const chain = seen(facts.chain);
    const branches = branchesIn(facts);
    return requireEnvoys(facts, seen(facts.source)).flatMap(({ instance, envoy }) => {
      const at = placeOf(instance);
      const upstreams = instance.kind === "connect-proxy" ? upstreamsTo(facts, instance) : [];
      const queries = upstreams.filter(({ isQuery }) => isQuery);
      const usesChain = queries.length === 0 || queries.length < upstreams.length;
      const { Query } = chain;
      const peers = branches.flatMap((branch) => servingOf(facts, branch)?.Peer ?? []);
      return [
        ...(Query ? peers.map((peer) => refusalOf(at, peer, Query)) : []),
        ...queries.flatMap(({ name }) => findingsOfQuery(at, envoy, name)),
        ...(usesChain ? branches.flatMap((branch) => findingsOf(facts, at, envoy, branch)) : []),
      ];
    });
  },
};

function refusalOf(at: string, peer: string, { asked, service }: AskedQuery): LinkFinding {
  return {
    at,
    problem: `The prepared query ${asked} fails over to the cluster peer ${peer}: ${REFUSED_PEER}.`,
    fix: failoverFix(service),
  };
}

function findingsOfQuery(at: string, envoy: EnvoyView, query: string): LinkFinding[] {
  const clusters = envoy.clusters.filter(({ name }) => name.startsWith(`${query}.`) && name.includes(".query."));
  if (clusters.some(({ hosts }) => hosts.some(({ health }) => health === "HEALTHY"))) return [];
  return [
    {
      at,
      problem: `Its Envoy has no endpoint for the prepared query ${query}: the query finds no instance, or has not been run since there is one.`,
      fix: `See what it finds: GET /v1/query/${query}/execute?connect=true of Consul, which runs it every 30 seconds.`,
    },
  ];
}

function findingsOf(facts: ConnectionFacts, at: string, envoy: EnvoyView, branch: Branch): LinkFinding[] {
  const target = servingOf(facts, branch);
  if (target === undefined) return [];
  const name = nameOfTarget(target, facts);
  const stale = envoy.isConnected
    ? "Consul has not sent it yet, or Envoy has refused it"
    : "it is stale, since it is not connected to Consul's gRPC port";
  const fix = "Check Consul's agent on the node of the source, then restart the sidecar.";
  const cluster = envoy.clusters.find((it) => isClusterOf(it.name, branch, target));
  if (cluster === undefined) return [{ at, problem: `Its Envoy has no cluster for ${name}: ${stale}.`, fix }];
  const usable = cluster.hosts.filter(({ health }) => health === "HEALTHY" || health === "DEGRADED");
  const ejected = usable.filter(({ isEjected }) => isEjected);
  const known = new Set(usable.map(({ address, port }) => `${address}:${port}`));
  const wanted = new Set(healthyAt(facts, target.ID).map(({ address, port }) => `${address}:${port}`));
  if (isLocal(target, facts)) {
    const gone = [...known].filter((it) => !wanted.has(it));
    const missing = [...wanted].filter((it) => !known.has(it));
    if (gone.length > 0) {
      const rest = `Consul has ${listOf(wanted)}`;
      return [{ at, problem: `Its Envoy sends requests for ${name} to ${listOf(gone)}, but ${rest}: ${stale}.`, fix }];
    }
    if (missing.length === wanted.size) {
      return [
        { at, problem: `Its Envoy has no endpoint for ${name}, but Consul has ${listOf(wanted)}: ${stale}.`, fix },
      ];
    }
    if (missing.length > 0) {
      return [{ level: "remark", at, problem: `Its Envoy does not know ${listOf(missing)} of ${name} yet.` }];
    }
  } else if (usable.length === 0) {
    return [
      {
        at,
        problem: `Its Envoy has no endpoint for ${name}: no mesh gateway leads there.`,
        fix: "Check that the mesh gateways of both clusters run.",
      },
    ];
  }
  if (ejected.length === 0) return [];
  const addresses = listOf(ejected.map(({ address, port }) => `${address}:${port}`));
  return ejected.length === usable.length
    ? [
        {
          at,
          problem: `Its Envoy has ejected every endpoint of ${name} (${addresses}), since their requests failed.`,
          fix: `Fix ${target.Service}, whose answers are errors; Envoy tries it again after the ejection time.`,
        },
      ]
    : [
        {
          level: "remark",
          at,
          problem: `Its Envoy has ejected ${addresses} of ${name}, since requests failed there; others take over.`,
        },
      ];
}

function listOf(items: Iterable<string>): string {
  return [...items].join(", ");
}
