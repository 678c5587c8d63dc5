import { isIP } from "node:net";
import { isDomainName } from "../../core/domain-name";
import { itemsOf, known, textsOf, type Place } from "../../core/problems";
import type * as consul from "../generated/config-entries";
import { notNegative } from "./common";
import { examineExtensions } from "./extensions";
import { examineGatewayTls } from "./tls";

const PROTOCOLS = ["tcp", "http", "http2", "grpc"];

export function examineServiceDefaults(place: Place, entry: consul.ServiceConfigEntry): void {
  place.required("Name", entry.Name, "Name the service.");
  if (entry.Name === "*") {
    place.refuse("Name", "*", "the name of one service", "Use proxy-defaults for all services.");
  }
  const { Protocol, BalanceInboundConnections } = entry;
  if (Protocol !== undefined && Protocol !== "" && !PROTOCOLS.includes(Protocol.toLowerCase())) {
    place.oneOf("Protocol", Protocol, PROTOCOLS);
  }
  examineBalance(place, "BalanceInboundConnections", BalanceInboundConnections);
  examineMutualTls(place, entry.MutualTLSMode);
  examineExtensions(place, entry.EnvoyExtensions);
  const [upstreams, destination] = [known(entry.UpstreamConfig), known(entry.Destination)];
  if (upstreams !== undefined && destination !== undefined) {
    place.refuse("UpstreamConfig", entry.UpstreamConfig, "cannot be set with Destination", "Omit one of the two.", {
      comparedWith: entry.Destination,
    });
  }
  if (upstreams !== undefined) {
    examineUpstreams(place.block("UpstreamConfig"), upstreams);
  }
  if (destination !== undefined) {
    examineDestination(place.block("Destination"), destination);
  }
}

function examineUpstreams(place: Place, { Overrides, Defaults }: consul.UpstreamConfiguration): void {
  itemsOf(Overrides).forEach((upstream, index) => {
    const here = place.block(`Overrides[${index}]`);
    here.required("Name", upstream.Name, "Name the upstream.");
    if (upstream.Name === "*") {
      here.refuse("Name", "*", "the name of one service", "Use Defaults for all upstreams.");
    }
    examineUpstream(here, upstream);
  });
  const defaults = known(Defaults);
  if (defaults !== undefined) {
    const here = place.block("Defaults");
    if (defaults.Name !== undefined && defaults.Name !== "") {
      here.refuse("Name", defaults.Name, "cannot be set in the defaults of all upstreams", "Use Overrides for one.");
    }
    examineUpstream(here, defaults);
  }
}

function examineUpstream(place: Place, upstream: consul.UpstreamConfig): void {
  examineBalance(place, "BalanceOutboundConnections", upstream.BalanceOutboundConnections);
  for (const [field, limit] of Object.entries(known(upstream.Limits) ?? {}) as [string, number | undefined][]) {
    place.block("Limits").atLeast(field, limit, 0, "Use a number of 0 or more; 0 allows none.");
  }
  examinePassiveCheck(place.block("PassiveHealthCheck"), known(upstream.PassiveHealthCheck) ?? {});
}

function examinePassiveCheck(place: Place, check: consul.PassiveHealthCheck): void {
  notNegative(place, "Interval", check.Interval);
  notNegative(place, "BaseEjectionTime", check.BaseEjectionTime);
  for (const field of ["EnforcingConsecutive5xx", "MaxEjectionPercent"] as const) {
    const percentage = check[field];
    if (percentage !== undefined && (percentage < 0 || percentage > 100)) {
      place.refuse(field, percentage, "0 to 100", "Use a percentage.");
    }
  }
}

function examineDestination(place: Place, destination: consul.DestinationConfig): void {
  const addresses = textsOf(destination.Addresses);
  if (addresses.length === 0) {
    place.refuse("Addresses", destination.Addresses, "at least one address", "Set an address.");
  }
  const seen = new Set<string>();
  for (const address of addresses) {
    if (seen.has(address)) {
      place.refuse("Addresses", address, "must be unique", "Keep one of the two.");
    } else if (isIP(address) === 0 && (!isDomainName(address) || address.includes("*"))) {
      place.refuse("Addresses", address, "IP addresses and names without *", "Correct the address.");
    }
    seen.add(address);
  }
  const { Port = 0 } = destination;
  if (Port < 1 || Port > 65_535) {
    place.refuse("Port", Port, "1 to 65535", "Use a valid port.");
  }
}

export function examineProxyDefaults(place: Place, entry: consul.ProxyConfigEntry): void {
  if (entry.Name !== undefined && entry.Name !== "" && entry.Name !== "global") {
    place.refuse("Name", entry.Name, '"global"', "Use that name: only one such entry exists.");
  }
  examineMutualTls(place, entry.MutualTLSMode);
  examineExtensions(place, entry.EnvoyExtensions);
  examineAccessLogs(place.block("AccessLogs"), known(entry.AccessLogs) ?? {});
  examineFailoverPolicy(place.block("FailoverPolicy"), known(entry.FailoverPolicy));
  const socketFolder = known(entry.Config)?.envoy_hcp_metrics_bind_socket_dir;
  if (typeof socketFolder === "string" && Buffer.byteLength(socketFolder) > 70) {
    const field = "envoy_hcp_metrics_bind_socket_dir";
    place.block("Config").refuse(field, socketFolder, "a path of at most 70 characters", "Use a shorter path.");
  }
}

function examineAccessLogs(place: Place, logs: consul.AccessLogsConfig): void {
  const { Type = "", Path = "", JSONFormat = "", TextFormat = "" } = logs;
  place.oneOf("Type", Type === "" ? undefined : Type, ["file", "stderr", "stdout"]);
  if (Type === "file") {
    place.required("Path", Path, "Set the file.");
  } else if (Path !== "") {
    place.refuse("Path", Path, 'cannot be set without the type "file"', "Omit it.", { comparedWith: Type });
  }
  if (JSONFormat !== "" && TextFormat !== "") {
    place.refuse("TextFormat", TextFormat, "cannot be set with JSONFormat", "Omit one of the two.", {
      comparedWith: JSONFormat,
    });
  }
  if (JSONFormat !== "" && !isJson(JSONFormat)) {
    place.refuse("JSONFormat", JSONFormat, "a JSON document", "Correct it.");
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

export function examineMesh(place: Place, entry: consul.MeshConfigEntry): void {
  const tls = known(entry.TLS);
  examineGatewayTls(place.block("TLS").block("Incoming"), tls?.Incoming);
  examineGatewayTls(place.block("TLS").block("Outgoing"), tls?.Outgoing);
  const normalization = known(known(known(entry.HTTP)?.Incoming)?.RequestNormalization);
  const here = place.block("HTTP").block("Incoming").block("RequestNormalization");
  const { PathWithEscapedSlashesAction = "", HeadersWithUnderscoresAction = "" } = normalization ?? {};
  if (PathWithEscapedSlashesAction !== "") {
    here.oneOf("PathWithEscapedSlashesAction", PathWithEscapedSlashesAction, [
      "IMPLEMENTATION_SPECIFIC_DEFAULT",
      "KEEP_UNCHANGED",
      "REJECT_REQUEST",
      "UNESCAPE_AND_REDIRECT",
      "UNESCAPE_AND_FORWARD",
    ]);
  }
  if (HeadersWithUnderscoresAction !== "") {
    here.oneOf("HeadersWithUnderscoresAction", HeadersWithUnderscoresAction, [
      "ALLOW",
      "REJECT_REQUEST",
      "DROP_HEADER",
    ]);
  }
}

export function examineFailoverPolicy(place: Place, policy: consul.ServiceResolverFailoverPolicy | undefined): void {
  const mode = policy?.Mode;
  place.oneOf("Mode", mode === "" ? undefined : mode, ["sequential", "order-by-locality"]);
}

function examineBalance(place: Place, field: string, balance: string | undefined): void {
  place.oneOf(field, balance === "" ? undefined : balance, ["exact_balance"]);
}

function examineMutualTls(place: Place, mode: string | undefined): void {
  place.oneOf("MutualTLSMode", mode === "" ? undefined : mode, ["strict", "permissive"]);
}
