import { isDuration } from "../../core/duration";
import { itemsOf, type Place } from "../../core/problems";
import { holdsToken } from "../../core/token";
import { fieldAt } from "../extensions/facts";
import type * as consul from "../generated/config-entries";

type Arguments = Readonly<Record<string, unknown>>;

const LISTENERS = ["inbound", "outbound"];
const RESOURCE_TYPES = ["cluster", "cluster-load-assignment", "listener", "route"];

/** The arguments of each built-in extension. Consul reads their names independent of upper and lower case. */
const EXAMINERS: Readonly<Record<string, (place: Place, given: Arguments) => void>> = {
  "builtin/lua": (place, given) => {
    place.required("Script", fieldOf(given, "Script"), "Set a script.");
    place.oneOf("Listener", fieldOf(given, "Listener") ?? "", LISTENERS);
  },
  "builtin/property-override": examinePatches,
  "builtin/ext-authz": (place, given) => {
    examineListenerType(place, given);
    examineAuthorization(place.block("Config"), blockOf(given, "Config"));
  },
  "builtin/otel-access-logging": (place, given) => {
    examineListenerType(place, given);
    examineService(place.block("Config"), blockOf(given, "Config"), "GrpcService");
  },
  "builtin/wasm": examineWasm,
  "builtin/aws/lambda": (place, given) => {
    place.required("ARN", fieldOf(given, "ARN"), "Set the ARN of the function.");
  },
};

/** The extensions of an entry. Only Consul can check the paths of patches, and the syntax of scripts is checked only by Envoy. */
export function examineExtensions(place: Place, extensions: readonly consul.EnvoyExtension[] | undefined): void {
  itemsOf(extensions).forEach((extension, index) => {
    const { Name = "", Arguments = {} } = extension;
    const here = place.block(`EnvoyExtensions[${index}]`);
    if (!Name.startsWith("builtin/")) {
      here.refuse("Name", Name, 'the name of a built-in extension, such as "builtin/lua"', "Correct the name.");
    } else if (Object.hasOwn(EXAMINERS, Name)) {
      EXAMINERS[Name](here.block("Arguments"), Arguments);
    }
  });
}

function examineListenerType(place: Place, given: Arguments): void {
  const type = fieldOf(given, "ListenerType");
  place.oneOf("ListenerType", type === "" ? undefined : type, LISTENERS);
}

function examinePatches(place: Place, given: Arguments): void {
  const patches = fieldOf(given, "Patches");
  // Consul takes a single patch for a list of one.
  const list = Array.isArray(patches) ? (patches as unknown[]) : patches === undefined ? [] : [patches];
  if (list.length === 0) {
    place.refuse("Patches", patches, "at least one patch", "Add a patch.");
  }
  list.forEach((patch, index) => {
    const here = place.block(`Patches[${index}]`);
    const filter = blockOf(patch, "ResourceFilter") ?? {};
    const inFilter = here.block("ResourceFilter");
    inFilter.oneOf("ResourceType", fieldOf(filter, "ResourceType") ?? "", RESOURCE_TYPES);
    const direction = fieldOf(filter, "TrafficDirection") ?? "";
    inFilter.oneOf("TrafficDirection", direction, LISTENERS);
    const services = fieldOf(filter, "Services");
    if (Array.isArray(services) && services.length > 0 && direction === "inbound") {
      inFilter.refuse("Services", services, 'cannot be set with the direction "inbound"', "Omit it.");
    }
    const op = fieldOf(patch, "Op") ?? "";
    here.oneOf("Op", op, ["add", "remove"]);
    const value = fieldOf(patch, "Value");
    if (op === "remove" && value !== undefined && value !== null) {
      here.refuse("Value", value, "cannot be set with remove", "Omit it.");
    } else if (op === "add" && (value === undefined || value === null)) {
      here.refuse("Value", value, "a value", "Set it.");
    } else if (Array.isArray(value)) {
      // Consul's decoder turns lists into a type that its patches do not know.
      here.refuse("Value", value, "a scalar or a map of scalars", "Use another field: Consul cannot set lists.");
    }
    const path = fieldOf(patch, "Path") ?? "";
    if (typeof path === "string" && !/^\/[^/]/.test(path) && !holdsToken(path)) {
      here.refuse("Path", path, "a path of field names that begins with /", "Correct it.");
    }
  });
}

function examineAuthorization(place: Place, config: Arguments | undefined): void {
  const [http, grpc] = ["HttpService", "GrpcService"].map((name) => blockOf(config, name));
  if ((http === undefined) === (grpc === undefined)) {
    const received = http === undefined ? undefined : grpc;
    place.refuse("GrpcService", received, "set if HttpService is not, and only then", "Set exactly one of the two.");
  } else {
    examineService(place, config, http === undefined ? "GrpcService" : "HttpService");
  }
  const parts = { AuthorizationRequest: ["AllowedHeaders"], AuthorizationResponse: RESPONSE_HEADERS };
  for (const [part, names] of Object.entries(parts)) {
    const here = place.block("HttpService").block(part);
    for (const name of names) {
      listOf(fieldOf(blockOf(http, part), name)).forEach((matcher, index) => {
        const set = MATCHERS.filter((it) => Boolean(fieldOf(matcher, it)));
        if (set.length !== 1) {
          const allowed = "one of Contains, Exact, Prefix, SafeRegex and Suffix";
          here.refuse(`${name}[${index}]`, matcher, allowed, "Set exactly one of them.");
        }
      });
    }
  }
}

const MATCHERS = ["Contains", "Exact", "Prefix", "SafeRegex", "Suffix"];
const RESPONSE_HEADERS = [
  "AllowedUpstreamHeaders",
  "AllowedUpstreamHeadersToAppend",
  "AllowedClientHeaders",
  "AllowedClientHeadersOnSuccess",
  "DynamicMetadataFromHeaders",
];

/** A service that an extension calls. */
function examineService(place: Place, config: Arguments | undefined, name: string): void {
  const service = blockOf(config, name);
  const target = blockOf(service, "Target");
  if (target === undefined) {
    if (!holdsToken(config)) {
      place.block(name).refuse("Target", undefined, "a service or a URI", "Set the target.");
    }
    return;
  }
  const here = place.block(name).block("Target");
  const uri = fieldOf(target, "URI") ?? "";
  const named = fieldOf(blockOf(target, "Service"), "Name") ?? "";
  if ((uri === "") === (named === "")) {
    here.refuse("URI", uri, "set if Service is not, and only then", "Set exactly one of the two.", {
      comparedWith: named,
    });
  } else if (typeof uri === "string" && uri !== "") {
    const [, host = "localhost"] = /^(?:[^/]*:\/\/)?(.+)?:\d+$/.exec(uri) ?? [undefined, ""];
    if (!["localhost", "127.0.0.1", "::1"].includes(host)) {
      here.refuse("URI", uri, "localhost, 127.0.0.1 or ::1, with a port", "For another host, add a service.");
    }
  }
  const timeout = fieldOf(target, "Timeout");
  if (timeout !== undefined && timeout !== "" && !isDuration(timeout)) {
    here.refuse("Timeout", timeout, "a duration", "Correct it.");
  }
}

function examineWasm(place: Place, given: Arguments): void {
  place.oneOf("Protocol", fieldOf(given, "Protocol") ?? "", ["tcp", "http"]);
  place.oneOf("ListenerType", fieldOf(given, "ListenerType") ?? "", LISTENERS);
  const vm = blockOf(blockOf(given, "PluginConfig"), "VmConfig");
  const here = place.block("PluginConfig").block("VmConfig");
  const runtime = fieldOf(vm, "Runtime");
  here.oneOf("Runtime", runtime === "" ? undefined : runtime, ["v8", "wamr", "wavm", "wasmtime"]);
  const code = blockOf(vm, "Code");
  const remote = blockOf(code, "Remote");
  const source = blockOf(remote, "HttpURI");
  const service = fieldOf(blockOf(source, "Service"), "Name") ?? "";
  const uri = fieldOf(source, "URI") ?? "";
  const isLocal = (fieldOf(blockOf(code, "Local"), "Filename") ?? "") !== "";
  const isRemote = service !== "" || uri !== "";
  if (isLocal === isRemote) {
    here.refuse("Code", isLocal ? "a file and a download" : undefined, "a file or a download", "Set exactly one.", {
      comparedWith: code,
    });
  } else if (isRemote) {
    const inRemote = here.block("Code").block("Remote");
    inRemote.block("HttpURI").required("Service", service, "Name the service.");
    inRemote.block("HttpURI").required("URI", uri, "Set the URL.");
    inRemote.required("SHA256", fieldOf(remote, "SHA256"), "Set the checksum of the module.");
  }
}

function fieldOf(block: unknown, name: string): unknown {
  return fieldAt(block, [name]);
}

function blockOf(block: unknown, name: string): Arguments | undefined {
  const value = fieldOf(block, name);
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Arguments) : undefined;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
