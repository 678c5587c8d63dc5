import { withoutUndefined } from "../core/without-undefined";
import type * as consul from "./generated/config-entries";
import * as is from "../core/shape";
import { TLS_VERSION_SHAPE, type TlsVersionOptions } from "./tls-versions";

/**
 * How Envoys normalize requests before permissions are evaluated. Services get the normalized requests.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/mesh#http-incoming-request-normalization
 */
export interface RequestNormalization {
  /** Whether consecutive slashes are merged into one. @default true */
  readonly mergeSlashes?: boolean;
  /**
   * How paths with `%2F` or `%5C` are handled: they are unescaped to slashes, or the request is rejected with status 400.
   * Services that distinguish escaped slashes from slashes need `KEEP_UNCHANGED`; protect them only with permissions that allow.
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
   * How headers such as `x_role`, which many programs treat as `x-role`, are handled: the request is rejected with status 400,
   * the header is removed, or nothing changes.
   *
   * @default "REJECT_REQUEST"
   */
  readonly headersWithUnderscores?: "REJECT_REQUEST" | "DROP_HEADER" | "ALLOW";
  /**
   * Whether Consul's default path normalization is disabled, which resolves `.` and `..` (RFC 3986), replaces `\` with `/`, and
   * decodes characters that need not be encoded.
   *
   * @default false
   */
  readonly insecureDisablePathNormalization?: boolean;
}

/**
 * Settings of the whole mesh, in Consul's config entry `mesh`. A cluster has one such entry.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/mesh
 */
export interface MeshConfig {
  /**
   * How requests are normalized before permissions are evaluated; `{}` for the defaults. With `false`, only Consul's default
   * normalization applies. Permissions can then be bypassed, and a check warns if there are any.
   *
   * @default {} if a source may send only some requests to a service of the mesh, else false
   */
  readonly requestNormalization?: RequestNormalization | false;
  /**
   * Whether `x-forwarded-client-cert` is removed from requests to services. This header contains the certificate with which a
   * request was sent. Gateways always remove the header of clients outside the mesh. Do not use this in a mesh with cluster
   * peers, because their intentions need the header.
   *
   * @default false
   */
  readonly sanitizeXForwardedClientCert?: boolean;
  /** TLS versions that Envoys of services and terminating gateways accept. @default Envoy's */
  readonly incomingTls?: TlsVersionOptions;
  /** TLS versions that Envoys use as clients of each other. @default Envoy's */
  readonly outgoingTls?: TlsVersionOptions;
  /** Whether services with a transparent proxy can reach only destinations in the mesh. @default false */
  readonly meshDestinationsOnly?: boolean;
  /** Whether services can accept plaintext in addition to mutual TLS, while they are migrated to the mesh. @default false */
  readonly allowEnablingPermissiveMutualTls?: boolean;
  /** Whether Envoy rejects a route whose cluster does not exist, instead of responding with 404. @default false */
  readonly validateClusters?: boolean;
  /**
   * Whether the traffic between Consul servers of peered clusters also uses mesh gateways.
   *
   * @default the setting of a mesh gateway, else whether the mesh has a mesh gateway and peers in this app
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

/**
 * Returns the normalization with the defaults filled in.
 *
 * @param hasPermissions whether a source may send only some requests to a service
 */
export function normalizationOf(
  { requestNormalization: asked }: MeshConfig,
  hasPermissions: boolean,
): Required<RequestNormalization> | undefined {
  return asked === false || (asked === undefined && !hasPermissions)
    ? undefined
    : { ...STRICT, ...withoutUndefined(asked ?? {}) };
}

/** @returns `undefined` if all settings are Consul's defaults */
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
    : // Consul always returns TransparentProxy. Without it, every plan would show a difference.
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
