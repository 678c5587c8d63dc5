import { known, type Place } from "../../core/problems";
import type * as nomad from "../generated/job";
import { atLeast, SECOND } from "./times";

const CONSUL_TYPES = ["grpc", "tcp", "http", "script"];
const NOMAD_TYPES = ["tcp", "http"];
const UPDATES = ["require_healthy", "ignore_warnings", "ignore"];
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"];

/** Types of checks that the Consul agent runs, for which it counts successes and failures. */
const COUNTED_TYPES = ["tcp", "http", "grpc"];

/** Whether a check opens a connection. */
export function needsPort(check: nomad.ServiceCheck): boolean {
  return ["grpc", "http", "tcp"].includes(check.Type ?? "");
}

export function examineCheck(place: Place, check: nomad.ServiceCheck, service: nomad.Service): void {
  const isConsul = (service.Provider ?? "consul") !== "nomad";
  if (needsPort(check) && (check.PortLabel ?? "") === "" && (service.PortLabel ?? "") === "") {
    place.refuse("port", undefined, "a port, here or at the service", "Set port.", { comparedWith: service.PortLabel });
  }
  if (isConsul && check.Type === "tcp" && service.Connect?.SidecarService !== undefined) {
    place.refuse(
      "type",
      "tcp",
      "cannot be used behind a sidecar, because only the sidecar can connect to the service",
      "Use http or grpc with expose, or script.",
      { saidBy: "tcp-check-behind-sidecar" },
    );
  }
  const type = (check.Type ?? "").toLowerCase();
  place.oneOf("type", type, isConsul ? CONSUL_TYPES : NOMAD_TYPES);
  examineRequest(place, check, type);
  requireSeconds(place, "interval", check.Interval);
  requireSeconds(place, "timeout", check.Timeout);
  if (check.InitialStatus !== "") {
    place.oneOf("initial_status", check.InitialStatus, ["passing", "warning", "critical"]);
  }
  if (check.AddressMode !== "") {
    place.oneOf("address_mode", check.AddressMode, ["alloc", "alloc_ipv6", "driver", "host"]);
  }
  examineOutcome(place, check, service);
  if (isConsul) {
    examineConsulCheck(place, check, type);
  } else {
    examineNomadCheck(place, check, service);
  }
}

function requireSeconds(place: Place, field: string, length: nomad.Nanoseconds | undefined): void {
  if (length === undefined || length === 0) {
    place.refuse(field, undefined, "1s or more", `Set ${field}.`);
  } else {
    atLeast(place, field, length, SECOND);
  }
}

function examineRequest(place: Place, { Path = "", Command }: nomad.ServiceCheck, type: string): void {
  if (type === "http" && !isRelativeUrl(Path)) {
    place.refuse("path", Path, "a path such as /health, without scheme or host", "Correct the path.");
  }
  if (type === "script") {
    place.required("command", Command, "Name the program, which runs in the task.");
  }
}

/** Whether Go parses a path as a relative URL. @see https://pkg.go.dev/net/url#Parse */
function isRelativeUrl(path: string): boolean {
  const [beforeQuery] = path.split(/[?#]/);
  const [firstSegment] = beforeQuery.split("/");
  return (
    path !== "" &&
    // eslint-disable-next-line no-control-regex
    !/[\u0000-\u001F\u007F]/.test(path) &&
    !/%(?![0-9a-f]{2})/i.test(beforeQuery) &&
    !firstSegment.includes(":")
  );
}

/** Examines which status a deployment accepts, and whether failures restart the task. */
function examineOutcome(place: Place, check: nomad.ServiceCheck, service: nomad.Service): void {
  const onUpdate = check.OnUpdate || service.OnUpdate;
  if (onUpdate !== "") {
    place.oneOf("on_update", onUpdate, UPDATES);
  }
  const restart = restartOf(check, service);
  if (restart === undefined) {
    return;
  }
  const compared = { comparedWith: [onUpdate, restart] };
  if (onUpdate === "ignore") {
    place.refuse("on_update", onUpdate, "cannot be used with check_restart", "Omit one of the two.", compared);
  }
  if (onUpdate === "ignore_warnings" && restart.IgnoreWarnings !== true) {
    place.refuse(
      "check_restart.ignore_warnings",
      restart.IgnoreWarnings,
      'true with on_update = "ignore_warnings"',
      "Set it to true.",
      compared,
    );
  }
  const block = place.block("check_restart");
  block.atLeast("limit", restart.Limit, 0, "Set the number of failed checks.");
  atLeast(block, "grace", restart.Grace, 0);
}

/** The `check_restart` of the service, with the fields of the check's own `check_restart` taking precedence. */
function restartOf(check: nomad.ServiceCheck, service: nomad.Service): nomad.CheckRestart | undefined {
  const [outer, own] = [known(service.CheckRestart), known(check.CheckRestart)];
  if (outer === undefined || own === undefined) {
    return outer ?? own;
  }
  return {
    Limit: (own.Limit ?? 0) > 0 ? own.Limit : outer.Limit,
    Grace: own.Grace ?? outer.Grace,
    IgnoreWarnings: own.IgnoreWarnings === true || outer.IgnoreWarnings,
  };
}

function examineConsulCheck(place: Place, check: nomad.ServiceCheck, type: string): void {
  if (check.Expose === true && type !== "http" && type !== "grpc") {
    place.refuse("expose", true, "false for checks of other types than http and grpc", "Omit it.", {
      comparedWith: check.Type,
    });
  }
  const counts = {
    success_before_passing: check.SuccessBeforePassing,
    failures_before_critical: check.FailuresBeforeCritical,
    failures_before_warning: check.FailuresBeforeWarning,
  };
  for (const [field, count] of Object.entries(counts)) {
    if (count !== undefined && count > 0 && !COUNTED_TYPES.includes(check.Type ?? "")) {
      place.refuse(field, count, `0 for a check of type ${check.Type ?? "none"}`, "Omit it.", {
        comparedWith: check.Type,
      });
    }
  }
  if (check.Notes !== undefined && Buffer.byteLength(check.Notes) > 255) {
    place.refuse("notes", check.Notes, "at most 255 characters", "Shorten it.");
  }
}

/** Checks of services with the provider `nomad` have fewer fields than those in Consul. */
function examineNomadCheck(place: Place, check: nomad.ServiceCheck, service: nomad.Service): void {
  const refuse = (field: string, received: unknown) =>
    place.refuse(field, received, 'cannot be set in a check with the provider "nomad"', "Omit it.", {
      comparedWith: service.Provider,
    });
  if (check.Expose === true) {
    refuse("expose", true);
  }
  if ((check.OnUpdate || service.OnUpdate) === "ignore_warnings") {
    refuse("on_update", "ignore_warnings");
  }
  if (restartOf(check, service)?.IgnoreWarnings === true) {
    refuse("check_restart.ignore_warnings", true);
  }
  if (check.AddressMode === "driver") {
    refuse("address_mode", "driver");
  }
  if (check.Type === "http" && check.Method && !METHODS.includes(check.Method.toUpperCase())) {
    place.oneOf("method", check.Method, METHODS);
  }
  for (const [field, count] of [
    ["success_before_passing", check.SuccessBeforePassing],
    ["failures_before_critical", check.FailuresBeforeCritical],
    ["failures_before_warning", check.FailuresBeforeWarning],
  ] as const) {
    if (count !== undefined && count > 0) {
      refuse(field, count);
    }
  }
  if (check.TLSServerName) {
    refuse("tls_server_name", check.TLSServerName);
  }
}
