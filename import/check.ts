import type * as nomad from "../constructs/nomad/generated/job";
import type { HealthCheck, HealthCheckTarget } from "../constructs/nomad/health-check";
import { problemOfRequestPath } from "../constructs/nomad/request-path";
import { call, type Call, type Fields } from "./code";
import { expressing } from "./difference";
import { duration, entries, items, set } from "./values";

/** A health check of a service. */
export function checkOf(check: nomad.ServiceCheck, target: HealthCheckTarget): Call {
  // As Nomad names a check without a name.
  const named = { ...check, Name: set(check.Name) ?? `service: "${target.serviceName}" check` };
  return expressing<nomad.ServiceCheck>(
    (override) => factoryCall(named, target, override === undefined ? {} : { override }),
    (made) => (made as HealthCheck).render(target),
    named,
  );
}

function factoryCall(check: nomad.ServiceCheck, target: HealthCheckTarget, override: Fields): Call {
  const common = commonOptions(check);
  switch (check.Type) {
    case "http": {
      const options = {
        ...common,
        ...throughNetwork(check, target),
        tls: set(check.Protocol === "https"),
        tlsServerName: set(check.TLSServerName),
        tlsSkipVerify: set(check.TLSSkipVerify),
        method: set(check.Method),
        headers: entries(check.Header),
        body: set(check.Body),
      };
      // An override has the path if the library refuses it, as it does one without a slash, which Nomad completes.
      const path = problemOfRequestPath(check.Path ?? "", true) === undefined ? check.Path : "/";
      return call("HealthCheck.http", path, { ...options, ...override });
    }
    case "grpc": {
      const options = {
        ...common,
        ...throughNetwork(check, target),
        service: set(check.GRPCService),
        tls: set(check.GRPCUseTLS),
        tlsServerName: set(check.TLSServerName),
        tlsSkipVerify: set(check.TLSSkipVerify),
      };
      return call("HealthCheck.grpc", { ...options, ...override });
    }
    case "script":
      return call("HealthCheck.script", check.Command ?? "", { ...common, args: items(check.Args), ...override });
    default: {
      const { port, addressMode } = throughNetwork(check, target);
      return call("HealthCheck.tcp", { ...common, port, addressMode, ...override });
    }
  }
}

function commonOptions(check: nomad.ServiceCheck): Fields {
  return {
    name: check.Name,
    interval: duration(check.Interval),
    timeout: duration(check.Timeout),
    successBeforePassing: set(check.SuccessBeforePassing),
    failuresBeforeCritical: set(check.FailuresBeforeCritical),
    failuresBeforeWarning: set(check.FailuresBeforeWarning),
    initialStatus: set(check.InitialStatus),
    notes: set(check.Notes),
    onUpdate: set(check.OnUpdate),
    task: set(check.TaskName),
    checkRestart: check.CheckRestart && checkRestartOf(check.CheckRestart),
  };
}

/** Where the check connects to: its port, and whether through Envoy. */
function throughNetwork(check: nomad.ServiceCheck, target: HealthCheckTarget): Fields {
  const port = portOf(check.PortLabel);
  const byDefault = target.sidecar && port === undefined && typeof target.port !== "string";
  const isExposed = check.Expose === true;
  return {
    port,
    addressMode: set(check.AddressMode),
    expose: isExposed === byDefault ? undefined : isExposed,
  };
}

export function checkRestartOf({ Limit = 0, Grace, IgnoreWarnings }: nomad.CheckRestart): Fields {
  return { limit: Limit, grace: duration(Grace), ignoreWarnings: set(IgnoreWarnings) };
}

/** The port of a service or check: a number, or the label of a port of the group. */
export function portOf(label: string | undefined): number | string | undefined {
  if (label === undefined || label === "") return undefined;
  return /^\d+$/.test(label) ? Number(label) : label;
}
