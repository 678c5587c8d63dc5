import { itemsOf } from "../../core/problems";
import type * as consul from "../generated/config-entries";

/** What an extension needs in order to work, read from its rendered or hand-written form. */
export interface ExtensionFacts {
  /** Name of the extension, such as `builtin/lua`. */
  readonly name: string;
  readonly isRequired: boolean;
  /** Which listeners of the sidecar it changes. @default none in particular */
  readonly listener?: string;
  /** The service that it calls, and the protocol that it speaks with it. @default none */
  readonly calls?: { readonly service: string; readonly protocol: "http" | "grpc" };
  /** Protocol that the service with the extension must have: `http` stands for any L7 protocol. @default any */
  readonly needs?: "http" | "HTTP/1.1" | "tcp";
  /** The Wasm runtime that Envoy must contain. @default none */
  readonly runtime?: string;
}

/** The extensions of a config entry. */
export function extensionsOf(extensions: readonly consul.EnvoyExtension[] | undefined): readonly ExtensionFacts[] {
  return itemsOf(extensions).map(({ Name: name = "", Required = false, Arguments = {} }) => ({
    ...{ name, isRequired: Required },
    ...factsOf(name, Arguments),
  }));
}

function factsOf(name: string, given: Readonly<Record<string, unknown>>): Omit<ExtensionFacts, "name" | "isRequired"> {
  const text = (...path: readonly string[]) => {
    const value = fieldAt(given, path);
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  switch (name) {
    case "builtin/lua": {
      const listener = text("Listener");
      return { listener, needs: listener === "inbound" ? "http" : undefined };
    }
    case "builtin/ext-authz": {
      const isHttp = fieldAt(given, ["Config", "HttpService"]) !== undefined;
      const service = text("Config", isHttp ? "HttpService" : "GrpcService", "Target", "Service", "Name");
      return {
        listener: text("ListenerType") ?? "inbound",
        calls: service === undefined ? undefined : { service, protocol: isHttp ? "http" : "grpc" },
        needs: isHttp ? "http" : undefined,
      };
    }
    case "builtin/otel-access-logging": {
      const service = text("Config", "GrpcService", "Target", "Service", "Name");
      const listener = text("ListenerType") ?? "inbound";
      return {
        listener,
        calls: service === undefined ? undefined : { service, protocol: "grpc" },
        needs: listener === "inbound" ? "http" : undefined,
      };
    }
    case "builtin/wasm": {
      const service = text("PluginConfig", "VmConfig", "Code", "Remote", "HttpURI", "Service", "Name");
      return {
        listener: text("ListenerType"),
        calls: service === undefined ? undefined : { service, protocol: "http" },
        needs: text("Protocol") === "tcp" ? "tcp" : "HTTP/1.1",
        runtime: text("PluginConfig", "VmConfig", "Runtime") ?? "v8",
      };
    }
    case "builtin/aws/lambda":
      return { needs: "http" };
    default:
      return {};
  }
}

/** A field at a path, or `undefined`. Consul reads names of arguments independent of upper and lower case. */
export function fieldAt(block: unknown, [name, ...others]: readonly string[]): unknown {
  if (typeof block !== "object" || block === null) {
    return undefined;
  }
  const key = Object.keys(block).find((each) => each.toLowerCase() === name.toLowerCase());
  const value = key === undefined ? undefined : (block as Readonly<Record<string, unknown>>)[key];
  return others.length === 0 ? value : fieldAt(value, others);
}
