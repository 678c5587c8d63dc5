import { withoutUndefined } from "../core/without-undefined";
import type * as consul from "./generated/config-entries";
import * as is from "../core/shape";
import { TLS_VERSION_SHAPE, type TlsVersionOptions } from "./tls-versions";

/**
 * How Envoys bring a request into its usual form before permissions decide on it. What is decided upon is what the service gets.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/mesh#http-incoming-request-normalization
 */
export interface RequestNormalization {
  /** Whether several slashes in a row become one. @default true */
  readonly mergeSlashes?: boolean;
  /**
   * What happens to a path with `%2F` or `%5C`: it becomes a path with slashes, or the request is refused with status 400. Services
   * that tell an escaped slash from a slash need `KEEP_UNCHANGED`, and are then to be asked by permissions that only allow.
   *
   * @default "UNESCAPE_AND_FORWARD"
   */
  readonly pathWithEscapedSlashes?:
    | "UNESCAPE_AND_FORWARD"
    | "UNESCAPE_AND_REDIRECT"
    | "REJECT_REQUEST"
    | "KEEP_UNCHANGED"
    | "IMPLEMENTATION_SPECIFIC_DEFAULT";
  /**
   * What happens to headers such as `x_role`, which many a program takes for `x-role`: a request that has one is refused with status
   * 400, the header is removed, or nothing happens.
   *
   * @default "REJECT_REQUEST"
   */
  readonly headersWithUnderscores?: "REJECT_REQUEST" | "DROP_HEADER" | "ALLOW";
  /**
   * Turns off what Consul does by default: to resolve `.` and `..` (RFC 3986), to read `\` as `/`, and to decode what need not be
   * encoded.
   *
   * @default false
   */
  readonly insecureDisablePathNormalization?: boolean;
}

/**
 * What holds for the mesh as a whole: Consul's config entry `mesh`, of which there is one in a cluster.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/mesh
 */
export interface MeshConfig {
  /**
   * How a request is brought into its usual form before permissions decide on it; `{}` for the defaults of that. `false` leaves just
   * Consul's default: permissions can then be bypassed, and a check warns where there are any.
   *
   * @default {} where something may make only some requests of a service of the mesh, else false
   */
  readonly requestNormalization?: RequestNormalization | false;
  /**
   * Whether services get no `x-forwarded-client-cert`, the header that tells them whose certificate a request came with. What a client
   * outside writes there never passes a gateway. Not for a mesh with cluster peers: their intentions are decided by it.
   *
   * @default false
   */
  readonly sanitizeXForwardedClientCert?: boolean;
  /** What the Envoys of services and terminating gateways take. @default Envoy's */
  readonly incomingTls?: TlsVersionOptions;
  /** What Envoys ask of each other as clients. @default Envoy's */
  readonly outgoingTls?: TlsVersionOptions;
  /** Whether services with a transparent proxy reach nothing but the mesh. @default false */
  readonly meshDestinationsOnly?: boolean;
  /** Whether a service may take plaintext beside mutual TLS, while it moves into the mesh. @default false */
  readonly allowEnablingPermissiveMutualTls?: boolean;
  /** Whether Envoy refuses a route that leads to no cluster, instead of answering 404 there. @default false */
  readonly validateClusters?: boolean;
  /**
   * Whether what Consul's servers of peered clusters tell each other goes through mesh gateways too.
   *
   * @default what a mesh gateway says, else whether the mesh has a mesh gateway and peers in this app
   */
  readonly peerThroughMeshGateways?: boolean;
  /** @default none */
  readonly meta?: Readonly<Record<string, string>>;
}

const NORMALIZATION_SHAPE: is.Shape<RequestNormalization> = {
  mergeSlashes: is.flag,
  pathWithEscapedSlashes: is.oneOf([
    "UNESCAPE_AND_FORWARD",
    "UNESCAPE_AND_REDIRECT",
    "REJECT_REQUEST",
    "KEEP_UNCHANGED",
    "IMPLEMENTATION_SPECIFIC_DEFAULT",
  ]),
  headersWithUnderscores: is.oneOf(["REJECT_REQUEST", "DROP_HEADER", "ALLOW"]),
  insecureDisablePathNormalization: is.flag,
};

/** @internal */
export const MESH_CONFIG_SHAPE: is.Shape<MeshConfig> = {
  requestNormalization: is.falseOr(is.block(NORMALIZATION_SHAPE)),
  sanitizeXForwardedClientCert: is.flag,
  incomingTls: is.block(TLS_VERSION_SHAPE),
  outgoingTls: is.block(TLS_VERSION_SHAPE),
  meshDestinationsOnly: is.flag,
  allowEnablingPermissiveMutualTls: is.flag,
  validateClusters: is.flag,
  peerThroughMeshGateways: is.flag,
  meta: is.map(is.text),
};

const STRICT: Required<RequestNormalization> = {
  mergeSlashes: true,
  pathWithEscapedSlashes: "UNESCAPE_AND_FORWARD",
  headersWithUnderscores: "REJECT_REQUEST",
  insecureDisablePathNormalization: false,
};

/** What Envoys do, with the defaults filled in. @param hasPermissions whether something may make only some requests */
export function normalizationOf(
  { requestNormalization: asked }: MeshConfig,
  hasPermissions: boolean,
): Required<RequestNormalization> | undefined {
  return asked === false || (asked === undefined && !hasPermissions)
    ? undefined
    : { ...STRICT, ...withoutUndefined(asked ?? {}) };
}

/** @returns `undefined` where there is nothing to say that is not Consul's default */
export function renderMeshConfig(
  config: MeshConfig,
  normalization: Required<RequestNormalization> | undefined,
): Omit<consul.MeshConfigEntry, "Kind"> | undefined {
  const { sanitizeXForwardedClientCert, incomingTls, outgoingTls, peerThroughMeshGateways, meta } = config;
  const hasHttp = sanitizeXForwardedClientCert !== undefined || normalization !== undefined;
  const fields = withoutUndefined({
    AllowEnablingPermissiveMutualTLS: config.allowEnablingPermissiveMutualTls,
    ValidateClusters: config.validateClusters,
    TLS:
      incomingTls || outgoingTls
        ? { Incoming: incomingTls && renderTls(incomingTls), Outgoing: outgoingTls && renderTls(outgoingTls) }
        : undefined,
    HTTP: hasHttp
      ? {
          SanitizeXForwardedClientCert: sanitizeXForwardedClientCert,
          Incoming: normalization && { RequestNormalization: renderNormalization(normalization) },
        }
      : undefined,
    Peering: peerThroughMeshGateways ? { PeerThroughMeshGateways: true } : undefined,
    Meta: meta,
  });
  const MeshDestinationsOnly = config.meshDestinationsOnly;
  return Object.keys(fields).length === 0 && MeshDestinationsOnly === undefined
    ? undefined
    : // Consul always answers with TransparentProxy; without it each plan would find a difference.
      { TransparentProxy: { MeshDestinationsOnly }, ...fields };
}

function renderNormalization(normalization: Required<RequestNormalization>): consul.RequestNormalizationMeshConfig {
  return {
    InsecureDisablePathNormalization: normalization.insecureDisablePathNormalization || undefined,
    MergeSlashes: normalization.mergeSlashes,
    PathWithEscapedSlashesAction: normalization.pathWithEscapedSlashes,
    HeadersWithUnderscoresAction: normalization.headersWithUnderscores,
  };
}

function renderTls({ minVersion, maxVersion, cipherSuites }: TlsVersionOptions): consul.MeshDirectionalTLSConfig {
  return { TLSMinVersion: minVersion, TLSMaxVersion: maxVersion, CipherSuites: cipherSuites };
}
