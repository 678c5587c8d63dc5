import { receivers, servingTargets } from "../branches";
import { envoysOf, placeOf, seen, type Link, type LinkFinding } from "../link";

/** What Envoys count since their start, in the words of a person. */
const OF_SOURCE: Readonly<Record<string, string>> = {
  upstream_cx_connect_fail: "failed connections to it",
  upstream_cx_connect_timeout: "connections to it that timed out",
  upstream_cx_none_healthy: "requests without a healthy endpoint",
  upstream_cx_protocol_error: "protocol errors",
  upstream_rq_5xx: "answers with a status of 500 or more",
  upstream_rq_timeout: "requests that timed out",
  upstream_rq_retry: "retries",
  upstream_rq_pending_overflow: "requests shed by limits",
  "ssl.connection_error": "failed TLS handshakes",
  "ssl.fail_verify_error": "refused certificates",
  "ssl.fail_verify_san": "certificates with another name",
};

const OF_DESTINATION: readonly (readonly [RegExp, string])[] = [
  [/rbac\.denied$/, "requests or connections denied by intentions"],
  [/^listener\..*ssl\.(fail_verify_[a-z_]+|connection_error)$/, "failed TLS handshakes"],
  [/^cluster\.local_app\.upstream_cx_connect_fail$/, "failed connections to its program"],
  [/^cluster\.local_app\.upstream_cx_protocol_error$/, "protocol errors of its program"],
  [/^cluster\.local_app\.upstream_rq_5xx$/, "answers of its program with a status of 500 or more"],
  [/^cluster\.local_app\.upstream_rq_timeout$/, "requests to its program that timed out"],
];

/** Failures that the Envoys of both sides have counted. They may be long past. */
export const errors: Link = {
  id: "errors",
  title: "errors that the Envoys have counted",
  find: (facts) => {
    const targets = servingTargets(facts);
    const ofSource = envoysOf(facts, seen(facts.source)).flatMap(({ instance, envoy }) => {
      const all = Object.entries(envoy.counters).filter(([name]) => targets.some(({ Name }) => name.includes(Name)));
      const counts = Object.entries(OF_SOURCE).map(
        ([suffix, words]) => [sum(all, (name) => name.endsWith(`.${suffix}`)), words] as const,
      );
      return remark(`${placeOf(instance)}, to ${facts.question.destination}`, counts);
    });
    const ofDestination = envoysOf(facts, receivers(facts)).flatMap(({ instance, envoy }) => {
      const all = Object.entries(envoy.counters);
      return remark(
        placeOf(instance),
        OF_DESTINATION.map(([pattern, words]) => [sum(all, (name) => pattern.test(name)), words] as const),
      );
    });
    return [...ofSource, ...ofDestination];
  },
};

function sum(counters: readonly (readonly [string, number])[], isMeant: (name: string) => boolean): number {
  return counters.reduce((total, [name, value]) => (isMeant(name) ? total + value : total), 0);
}

function remark(at: string, counts: readonly (readonly [number, string])[]): LinkFinding[] {
  const some = counts.filter(([count]) => count > 0);
  if (some.length === 0) return [];
  return [
    {
      level: "remark",
      at,
      problem: `Since its Envoy started, ${some.map(([count, words]) => `${words}: ${count}`).join(", ")}.`,
    },
  ];
}
