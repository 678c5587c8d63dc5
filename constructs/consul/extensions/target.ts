import { optionalConsulDuration, type DurationLike } from "../../core/duration";
import * as is from "../../core/shape";

/** A service, or its name in Consul. */
export type NamedService = string | HasServiceName;

/** A service of the mesh, such as a `MeshService`. */
export interface HasServiceName {
  /** Name of the service in Consul. */
  readonly serviceName: string;
}

/** The program that an extension of Envoy calls. Exactly one of `service` and `uri` is required. */
export interface ExtensionTarget {
  /**
   * A service of the mesh, or its name. The service with the extension must be connected to it (`connectTo`), and reaches it as any
   * other upstream: with mutual TLS, and only if its intentions allow it.
   *
   * @default none: `uri`
   */
  readonly service?: NamedService;
  /** A program in the same network namespace, without TLS: `127.0.0.1:9191`. Consul accepts no other hosts. @default none: `service` */
  readonly uri?: string;
  /** Timeout of a call. @default "1s" for ext-authz, none for access logs */
  readonly timeout?: DurationLike;
}

/** @internal */
export const NAMED_SERVICE = is.either(
  { fits: (value) => typeof value === "string", rule: is.name },
  is.rule("a service, or its name", "Pass the service.", (value) => is.has(value, "serviceName")),
);

/** @internal */
export const EXTENSION_TARGET_SHAPE: is.Shape<ExtensionTarget> = {
  service: NAMED_SERVICE,
  uri: is.name,
  timeout: is.durationText,
};

/** @internal */
export const EXTENSION_TARGET = is.required(is.block(EXTENSION_TARGET_SHAPE));

/** @internal */
export function serviceReference(service: NamedService | undefined): { readonly Name: string } | undefined {
  return service === undefined ? undefined : { Name: typeof service === "string" ? service : service.serviceName };
}

/** @internal */
export function renderTarget({ service, uri, timeout }: ExtensionTarget, byDefault?: DurationLike) {
  return { Service: serviceReference(service), URI: uri, Timeout: optionalConsulDuration(timeout ?? byDefault) };
}

/** A header, or an item of gRPC metadata, that Envoy adds to its calls. */
export interface ExtensionHeader {
  /** Name of the header. */
  readonly key: string;
  /** Value of the header. It is part of the config entry, so it must not be a secret. */
  readonly value: string;
}

/** @internal */
export const EXTENSION_HEADERS = is.list(
  is.block<ExtensionHeader>({ key: is.required(is.name), value: is.required(is.text) }),
);

/** @internal */
export function renderHeaders(headers: readonly ExtensionHeader[] | undefined) {
  return headers?.map(({ key, value }) => ({ Key: key, Value: value }));
}

/** A service with a gRPC API that an extension calls. */
export interface ExtensionGrpcService {
  /** The service. A service of the mesh needs the protocol grpc or http2. */
  readonly target: ExtensionTarget;
  /** Value of the header `:authority`. @default the name of Envoy's cluster */
  readonly authority?: string;
  /** Metadata of each call. @default none */
  readonly initialMetadata?: readonly ExtensionHeader[];
}

/** @internal */
export const EXTENSION_GRPC_SERVICE_SHAPE: is.Shape<ExtensionGrpcService> = {
  target: EXTENSION_TARGET,
  authority: is.text,
  initialMetadata: EXTENSION_HEADERS,
};

/** @internal */
export function renderGrpcService(
  { target, authority, initialMetadata }: ExtensionGrpcService,
  timeout?: DurationLike,
) {
  return {
    Target: renderTarget(target, timeout),
    Authority: authority,
    InitialMetadata: renderHeaders(initialMetadata),
  };
}

/**
 * Which listeners of a sidecar an extension changes: `inbound`, the listener with which others reach the service, or `outbound`, the
 * listeners of its upstreams.
 */
export type ExtensionListener = "inbound" | "outbound";

/** @internal */
export const EXTENSION_LISTENER = is.oneOf(["inbound", "outbound"]);
