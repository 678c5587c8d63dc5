import * as is from "../../core/shape";
import { NAMED_SERVICE, serviceReference, type ExtensionListener, type NamedService } from "./target";

/** Which resources of Envoy a patch changes. */
export interface EnvoyResourceFilter {
  /** Type of the resource. */
  readonly resource: "cluster" | "cluster-load-assignment" | "listener" | "route";
  /** Whether it serves the service itself (`inbound`) or its upstreams (`outbound`). */
  readonly direction: ExtensionListener;
  /** Only the resources of these upstreams. Requires `outbound`. @default all resources of this type and direction */
  readonly services?: readonly NamedService[];
}

/** Sets or removes a field of Envoy's resources. */
export interface EnvoyPatch extends EnvoyResourceFilter {
  /** `add` replaces the value of the field, `remove` unsets the field. */
  readonly op: "add" | "remove";
  /**
   * Path of the field, such as `/outlier_detection/consecutive_5xx`. It cannot lead into lists. Consul refuses a path that the type of
   * resource does not have.
   */
  readonly path: string;
  /** Value of the field: a scalar, or a map of scalars. Consul cannot set fields that are lists. Required for `add`. @default none */
  readonly value?: EnvoyFieldValue;
}

/** A value of a field that a patch sets. */
export type EnvoyFieldValue = string | number | boolean | Readonly<Record<string, string | number | boolean>>;

/** Options of {@link EnvoyExtension.propertyOverride}. */
export interface PropertyOverrideOptions {
  /** The patches, in the order in which they are applied. */
  readonly patches: readonly EnvoyPatch[];
  /** Whether the error for an unknown path lists all fields, instead of the first ten. @default false */
  readonly debug?: boolean;
}

const PATCH_SHAPE: is.Shape<EnvoyPatch> = {
  resource: is.required(is.oneOf(["cluster", "cluster-load-assignment", "listener", "route"])),
  direction: is.required(is.oneOf(["inbound", "outbound"])),
  services: is.list(NAMED_SERVICE),
  op: is.required(is.oneOf(["add", "remove"])),
  path: is.required(is.name),
  value: is.rule("a scalar or a map of scalars", "Use one of them.", (value) =>
    isMap(value) ? Object.values(value).every(isScalar) : isScalar(value),
  ),
};

/** @internal */
export const PROPERTY_OVERRIDE_SHAPE: is.Shape<PropertyOverrideOptions> = {
  patches: is.required(is.list(is.block(PATCH_SHAPE))),
  debug: is.flag,
};

/** @internal */
export function renderPropertyOverride({ patches, debug }: PropertyOverrideOptions) {
  const rendered = patches.map(renderPatch);
  // Consul stores a list of one as its item. With the list, each plan would show a difference.
  return { ProxyType: "connect-proxy", Debug: debug, Patches: rendered.length === 1 ? rendered[0] : rendered };
}

function renderPatch({ resource, direction, services, op, path, value }: EnvoyPatch) {
  return {
    ResourceFilter: {
      ResourceType: resource,
      TrafficDirection: direction,
      Services: services?.map(serviceReference),
    },
    Op: op,
    Path: path,
    Value: value,
  };
}

function isScalar(value: unknown): boolean {
  return ["string", "number", "boolean"].includes(typeof value);
}

function isMap(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
