import { isDomainName } from "../../core/domain-name";
import { itemsOf, known, type Place, Shown, textsOf } from "../../core/problems";
import type * as consul from "../generated/config-entries";
import { examinePath, METHODS } from "./common";

export function examineHttpRoute(place: Place, entry: consul.HTTPRouteConfigEntry): void {
  for (const host of textsOf(entry.Hostnames)) {
    if (!isDomainName(host) || host.includes("*")) {
      place.refuse("Hostnames", host, "names without *", "Name the hosts.", { saidBy: "gateway-host" });
    }
  }
  examineParents(place, entry.Parents);
  itemsOf(entry.Rules).forEach((rule, index) => {
    itemsOf(rule.Matches).forEach((match, matchIndex) => {
      examineMatch(place.block(`Rules[${index}]`).block(`Matches[${matchIndex}]`), match);
    });
  });
}

export function examineTcpRoute(place: Place, entry: consul.TCPRouteConfigEntry): void {
  const services = itemsOf(entry.Services);
  if (services.length > 1) {
    place.refuse(
      "Services",
      new Shown(`${services.length} services`),
      "one service",
      "Use a splitter of that service.",
      {
        comparedWith: entry.Services,
      },
    );
  }
  examineParents(place, entry.Parents);
}

function examineParents(place: Place, parents: readonly consul.ResourceReference[] | undefined): void {
  const seen = new Set<string>();
  itemsOf(parents).forEach((parent, index) => {
    const { Kind = "", Name = "", SectionName = "", Namespace = "", Partition = "" } = parent;
    const here = place.block(`Parents[${index}]`);
    here.oneOf("Kind", Kind === "" ? undefined : Kind, ["api-gateway"]);
    const key = JSON.stringify([Name, SectionName, Namespace, Partition]);
    if (seen.has(key)) {
      here.refuse("Name", Name, "must be unique", "Keep one of the two.", { comparedWith: parent });
    }
    seen.add(key);
  });
}

function examineMatch(place: Place, match: consul.HTTPMatch): void {
  const { Method = "" } = match;
  if (Method !== "" && !METHODS.includes(Method.toUpperCase())) {
    place.oneOf("Method", Method, METHODS);
  }
  itemsOf(match.Query).forEach(({ Name, Match = "" }, index) => {
    const here = place.block(`Query[${index}]`);
    here.required("Name", Name, "Name the parameter.");
    here.oneOf("Match", Match, ["exact", "present", "regex"]);
  });
  itemsOf(match.Headers).forEach(({ Name, Match = "" }, index) => {
    const here = place.block(`Headers[${index}]`);
    here.required("Name", Name, "Name the header.");
    here.oneOf("Match", Match, ["exact", "prefix", "present", "regex", "suffix"]);
  });
  const path = known(match.Path) ?? {};
  const here = place.block("Path");
  here.oneOf("Match", path.Match === "" ? undefined : path.Match, ["exact", "prefix", "regex"]);
  if (path.Match === "exact" || path.Match === "prefix") {
    examinePath(here, "Value", path.Value);
    here.required("Value", path.Value, "Set the path.");
  }
}
