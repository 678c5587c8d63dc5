import { entriesOf, itemsOf, known, textsOf, type Place } from "../../core/problems";
import type * as consul from "../generated/config-entries";
import { isSet, notNegative } from "./common";
import { examineFailoverPolicy } from "./defaults";
import { problemOfFilter } from "./filter";

const POLICIES = ["random", "round_robin", "least_request", "ring_hash", "maglev"];

export function examineResolver(place: Place, entry: consul.ServiceResolverConfigEntry): void {
  place.required("Name", entry.Name, "Name the service.");
  const subsets = new Set(entriesOf(entry.Subsets).map(([name]) => name));
  for (const [name, subset] of entriesOf(entry.Subsets)) {
    examineSubset(place.block(`Subsets[${JSON.stringify(name)}]`), name, known(subset) ?? {});
  }
  const own = new OwnSubsets(entry, subsets);
  own.require(place, "DefaultSubset", entry.DefaultSubset);
  notNegative(place, "ConnectTimeout", entry.ConnectTimeout);
  notNegative(place, "RequestTimeout", entry.RequestTimeout);
  if (known(entry.Redirect) !== undefined) {
    examineRedirect(place, entry, own);
  }
  for (const [subset, failover] of entriesOf(entry.Failover)) {
    const here = place.block(`Failover[${JSON.stringify(subset)}]`);
    if (subset !== "*") {
      own.require(here, "subset", subset);
    }
    examineFailover(here, known(failover) ?? {}, own);
  }
  if (known(entry.LoadBalancer) !== undefined) {
    examineLoadBalancer(place.block("LoadBalancer"), entry.LoadBalancer ?? {});
  }
}

/** The subsets that the entry declares. */
class OwnSubsets {
  constructor(
    private readonly entry: consul.ServiceResolverConfigEntry,
    private readonly names: ReadonlySet<string>,
  ) {}

  /** Rejects a subset of the entry's own service that the entry does not declare. */
  require(place: Place, field: string, subset: string | undefined, service?: string): void {
    const isOwn = !service || service === this.entry.Name;
    if (subset && isOwn && !this.names.has(subset)) {
      const known = this.names.size === 0 ? "a subset of the entry, which has none" : [...this.names].join(", ");
      place.refuse(field, subset, known, "Declare the subset, or correct the name.", {
        comparedWith: [this.entry.Subsets, service],
        saidBy: "unknown-subset",
      });
    }
  }
}

function examineSubset(place: Place, name: string, { Filter = "" }: consul.ServiceResolverSubset): void {
  if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name) || name.length > 63) {
    const allowed = "lower-case letters, digits and dashes, at most 63 characters, no dash at either end";
    place.refuse("name", name, allowed, "Correct the name.");
  }
  const problem = Filter === "" ? undefined : problemOfFilter(Filter);
  if (problem !== undefined) {
    place.refuse("Filter", Filter, `a filter expression (${problem})`, "Correct the expression.");
  }
}

function examineRedirect(place: Place, entry: consul.ServiceResolverConfigEntry, own: OwnSubsets): void {
  const redirect = entry.Redirect ?? {};
  const here = place.block("Redirect");
  const { Service, ServiceSubset, Namespace, Partition, Datacenter, Peer, SamenessGroup } = redirect;
  if (entriesOf(entry.Failover).length > 0) {
    place.refuse("Redirect", redirect, "cannot be set with Failover", "Omit one of the two.", {
      saidBy: "redirect-beside-rules",
    });
  }
  if (!Object.values(redirect).some(isSet)) {
    place.refuse("Redirect", redirect, "a block with a destination", "Set Service, Datacenter or Peer.");
  }
  excludes(here, { SamenessGroup }, { ServiceSubset, Partition, Datacenter });
  excludes(here, { Peer }, { ServiceSubset, Partition, Datacenter });
  if (!Service) {
    for (const [field, value] of Object.entries({ ServiceSubset, Namespace, Partition, Peer })) {
      if (isSet(value)) {
        here.refuse(field, value, "cannot be set without Service", "Set Service.", { comparedWith: Service });
      }
    }
  }
  if (Service) {
    own.require(here, "ServiceSubset", ServiceSubset, Service);
  }
}

function examineFailover(place: Place, failover: consul.ServiceResolverFailover, own: OwnSubsets): void {
  const { Service, ServiceSubset, Namespace, SamenessGroup } = failover;
  const [targets, datacenters] = [itemsOf(failover.Targets), textsOf(failover.Datacenters)];
  const lists = [failover.Targets, failover.Datacenters].some((list) => (list ?? []).length > 0);
  if (![Service, ServiceSubset, Namespace, SamenessGroup].some(isSet) && !lists) {
    place.refuse("Targets", failover.Targets, "a list, or Service, ServiceSubset or Datacenters", "Set one of them.", {
      comparedWith: failover,
    });
  }
  examineFailoverPolicy(place.block("Policy"), known(failover.Policy));
  own.require(place, "ServiceSubset", ServiceSubset, Service);
  const Targets = targets.length > 0 ? failover.Targets : undefined;
  const Datacenters = datacenters.length > 0 ? failover.Datacenters : undefined;
  excludes(place, { SamenessGroup }, { Datacenters, ServiceSubset, Targets });
  excludes(place, { Targets }, { Datacenters, ServiceSubset, Service });
  if (datacenters.includes("")) {
    place.refuse("Datacenters", datacenters, "non-empty names", "Omit the empty one.");
  }
  targets.forEach((target, index) => {
    const here = place.block(`Targets[${index}]`);
    const { Peer, Partition, Datacenter } = target;
    excludes(here, { Peer }, { ServiceSubset: target.ServiceSubset, Partition, Datacenter });
    excludes(here, { Partition }, { Datacenter });
    if (!Peer) {
      own.require(here, "ServiceSubset", target.ServiceSubset, target.Service);
    }
  });
}

/** Rejects fields that another field excludes. */
function excludes(
  place: Place,
  ruling: Readonly<Record<string, unknown>>,
  others: Readonly<Record<string, unknown>>,
): void {
  const [[name, value]] = Object.entries(ruling);
  for (const [field, other] of isSet(value) ? Object.entries(others) : []) {
    if (isSet(other)) {
      place.refuse(field, other, `cannot be set with ${name}`, "Omit one of the two.", {
        comparedWith: value,
        saidBy: "peer-with-subset",
      });
    }
  }
}

function examineLoadBalancer(place: Place, balancer: consul.LoadBalancer): void {
  const { Policy = "", RingHashConfig, LeastRequestConfig } = balancer;
  const refuse = (field: string, given: unknown, policies: string) =>
    place.refuse(field, given, `cannot be set without the policy ${policies}`, "Omit it.", { comparedWith: Policy });
  place.oneOf("Policy", Policy === "" ? undefined : Policy, POLICIES);
  if (Policy !== "ring_hash" && known(RingHashConfig) !== undefined) {
    refuse("RingHashConfig", RingHashConfig, '"ring_hash"');
  }
  if (Policy !== "least_request" && known(LeastRequestConfig) !== undefined) {
    refuse("LeastRequestConfig", LeastRequestConfig, '"least_request"');
  }
  const policies = itemsOf(balancer.HashPolicies);
  if (Policy !== "ring_hash" && Policy !== "maglev" && policies.length > 0) {
    refuse("HashPolicies", policies, '"ring_hash" or "maglev"');
  }
  policies.forEach((policy, index) => {
    examineHashPolicy(place.block(`HashPolicies[${index}]`), policy);
  });
}

function examineHashPolicy(place: Place, policy: consul.HashPolicy): void {
  const { Field = "", FieldValue = "", SourceIP, CookieConfig } = policy;
  place.oneOf("Field", Field === "" ? undefined : Field, ["header", "cookie", "query_parameter"]);
  if (SourceIP === true && (Field !== "" || FieldValue !== "")) {
    place.refuse("SourceIP", true, "cannot be true with Field and FieldValue", "Use a separate hash policy for each.", {
      comparedWith: [Field, FieldValue],
    });
  } else if ((Field === "") !== (FieldValue === "")) {
    const [missing, given] = Field === "" ? ["Field", "FieldValue"] : ["FieldValue", "Field"];
    place.refuse(missing, undefined, `must be set with ${given}`, `Set ${missing}, or omit ${given}.`, {
      comparedWith: [Field, FieldValue],
    });
  }
  const cookie = known(CookieConfig);
  if (cookie !== undefined && Field !== "cookie") {
    place.refuse("CookieConfig", cookie, 'cannot be set without the field "cookie"', "Omit it.", {
      comparedWith: Field,
    });
  }
  if (cookie?.Session === true && cookie.TTL !== undefined && !/^[-+]?[0.]*[a-zµ]*$/.test(String(cookie.TTL))) {
    place.block("CookieConfig").refuse("TTL", cookie.TTL, "cannot be set for a session cookie", "Omit one of the two.");
  }
}
