import { itemsOf, known, type Place, Shown, textsOf } from "../../core/problems";
import type * as consul from "../generated/config-entries";
import { RETRY_CONDITIONS } from "../service-router";
import { atMostOne, examineMethods, examinePath } from "./common";

export function examineSplitter(place: Place, entry: consul.ServiceSplitterConfigEntry): void {
  place.required("Name", entry.Name, "Name the service.");
  const splits = itemsOf(entry.Splits);
  if (splits.length === 0) {
    place.refuse("Splits", entry.Splits, "at least one split", "Add a split.", { saidBy: "split-weights" });
    return;
  }
  const seen = new Set<string>();
  splits.forEach((split, index) => {
    const here = place.block(`Splits[${index}]`);
    examineWeight(here, split.Weight ?? 0);
    const { Service, ServiceSubset = "", Namespace = "", Partition = "", RequestHeaders, ResponseHeaders } = split;
    // Consul never treats two splits that change headers as equal.
    const changes = RequestHeaders !== undefined || ResponseHeaders !== undefined ? index : "";
    const key = JSON.stringify([Service || entry.Name, ServiceSubset, Namespace, Partition, changes]);
    if (seen.has(key)) {
      here.refuse("Service", Service, "cannot be used twice with the same subset", "Merge the two.", {
        comparedWith: [entry.Name, ServiceSubset, Namespace, Partition],
        saidBy: "duplicate-split",
      });
    }
    seen.add(key);
  });
  const weights = splits.map(({ Weight = 0 }) => Weight);
  const total = weights.reduce((sum, weight) => sum + hundredths(weight), 0);
  if (total !== 10_000) {
    place.refuse("Splits", new Shown(`weights of ${total / 100} in total`), "100 in total", "Change the weights.", {
      comparedWith: weights,
      saidBy: "split-weights",
    });
  }
}

/** Consul rounds weights with more digits, so every plan would show a difference, and accepts values outside of 0 to 100. */
function examineWeight(place: Place, weight: number): void {
  if (weight < 0 || weight > 100 || Math.abs(weight * 100 - hundredths(weight)) > 1e-3) {
    place.refuse("Weight", weight, "0 to 100, with two decimals at most", "Round it.", { saidBy: "split-weights" });
  }
}

/** Computed like in Consul. */
function hundredths(weight: number): number {
  const scaled = Math.fround(Math.fround(weight) * 100);
  return Math.sign(scaled) * Math.round(Math.abs(scaled));
}

export function examineRouter(place: Place, entry: consul.ServiceRouterConfigEntry): void {
  place.required("Name", entry.Name, "Name the service.");
  itemsOf(entry.Routes).forEach((route, index) => {
    const here = place.block(`Routes[${index}]`);
    const http = known(known(route.Match)?.HTTP) ?? {};
    examineMatch(here.block("Match").block("HTTP"), http);
    const destination = known(route.Destination) ?? {};
    const at = here.block("Destination");
    const { PrefixRewrite = "" } = destination;
    if (PrefixRewrite !== "" && !http.PathExact && !http.PathPrefix) {
      at.refuse(
        "PrefixRewrite",
        PrefixRewrite,
        "cannot be set for a route without PathExact or PathPrefix",
        "Omit it.",
        {
          comparedWith: route.Match,
        },
      );
    }
    for (const condition of textsOf(destination.RetryOn)) {
      at.oneOf("RetryOn", condition, RETRY_CONDITIONS);
    }
  });
}

function examineMatch(place: Place, http: consul.ServiceRouteHTTPMatch): void {
  const { PathExact, PathPrefix, PathRegex } = http;
  examinePath(place, "PathExact", PathExact);
  examinePath(place, "PathPrefix", PathPrefix);
  atMostOne(place, { PathExact, PathPrefix, PathRegex });
  itemsOf(http.Header).forEach((header, index) => {
    const { Name, Present, Exact, Prefix, Suffix, Regex } = header;
    examineForms(place.block(`Header[${index}]`), Name, { Present, Exact, Prefix, Suffix, Regex });
  });
  itemsOf(http.QueryParam).forEach((parameter, index) => {
    const { Name, Present, Exact, Regex } = parameter;
    examineForms(place.block(`QueryParam[${index}]`), Name, { Present, Exact, Regex });
  });
  examineMethods(place, textsOf(http.Methods));
}

function examineForms(place: Place, name: string | undefined, forms: Readonly<Record<string, unknown>>): void {
  place.required("Name", name, "Set the name.");
  if (atMostOne(place, forms) === 0) {
    const others = Object.keys(forms).slice(1).join(", ");
    place.refuse("Present", forms.Present, `true, or one of ${others}`, "Set one of them.", { comparedWith: forms });
  }
}
