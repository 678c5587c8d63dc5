import type * as consul from "../../consul/generated/config-entries";
import { hostAndPort, renderStaticCluster } from "../../consul/static-cluster";
import * as is from "../../core/shape";
import { isToken } from "../../core/token";

/** A certificate that Envoy gets from a server of the secret discovery service (SDS). */
export interface SdsCertificate {
  /**
   * Name of the server in `sdsServers` of the gateway, or of a static cluster that `envoy_extra_static_clusters_json` of the sidecar's
   * `config` adds.
   */
  readonly clusterName: string;
  /** Name of the certificate on that server. */
  readonly certResource: string;
}

/**
 * A server of the secret discovery service (SDS), from which Envoy gets certificates and their keys over gRPC. Either `tls` or `plaintext`
 * is required.
 *
 * @see https://www.envoyproxy.io/docs/envoy/latest/configuration/security/secret
 */
export interface SdsServer {
  /** `host:port` of the server, which the nodes of the gateway must reach. */
  readonly address: string;
  /** TLS between Envoy and the server. @default none: the connection is plaintext */
  readonly tls?: SdsServerTls;
  /**
   * The reason why private keys may pass through the network in plaintext: a sentence for other readers of the code.
   *
   * @default none
   */
  readonly plaintext?: string;
}

/** TLS between Envoy and a server of certificates. Each file is the destination of one of the gateway's templates, or an absolute path. */
export interface SdsServerTls {
  /** File with the CA certificates that verify the certificate of the server. */
  readonly caFile: string;
  /** Name that the certificate of the server must contain. @default the host of `address` */
  readonly sni?: string;
  /** File with the client certificate of the gateway, if the server requires one. Set `keyFile` too. @default none */
  readonly certFile?: string;
  /** File with the key of `certFile`. @default none */
  readonly keyFile?: string;
}

/** @internal */
export const SDS_SHAPE: is.Shape<SdsCertificate> = {
  clusterName: is.required(is.literal(is.name, "Use a literal name: it is compared with the servers of the gateway.")),
  certResource: is.required(is.name),
};

const SDS_SERVER_TLS_SHAPE: is.Shape<SdsServerTls> = {
  caFile: is.required(is.name),
  sni: is.name,
  certFile: is.text,
  keyFile: is.text,
};

/** @internal */
export const SDS_SERVER_SHAPE: is.Shape<SdsServer> = {
  address: is.required(is.literal(is.text, "Use a literal address: Envoy needs host and port separately.")),
  tls: is.block(SDS_SERVER_TLS_SHAPE),
  plaintext: is.text,
};

/** Returns why Envoy could not use a server: a sentence, and the fix. */
export function problemOfSdsServer(name: string, { address, tls, plaintext }: SdsServer): [string, string] | undefined {
  if (hostAndPort(address) === undefined) {
    return [
      `The address of its SDS server ${name} is ${JSON.stringify(address)}.`,
      'Use host:port, such as "10.0.0.7:8234".',
    ];
  }
  if (tls === undefined && (plaintext ?? "").trim() === "") {
    return [
      `It would get private keys from its SDS server ${name} in plaintext: the server has neither tls nor a reason for plaintext.`,
      "Set tls with a caFile. If plaintext is intended, state the reason in `plaintext`.",
    ];
  }
  if (tls !== undefined && plaintext !== undefined) {
    return [`Its SDS server ${name} has both tls and a reason for plaintext.`, "Remove one of them."];
  }
  if (tls !== undefined && (tls.certFile === undefined) !== (tls.keyFile === undefined)) {
    return [
      `Its SDS server ${name} has ${tls.certFile === undefined ? "a keyFile but no certFile" : "a certFile but no keyFile"}.`,
      "Set both, or none of them.",
    ];
  }
  return undefined;
}

/** @internal Files that Envoy reads. */
export function filesOfSdsServer({ tls }: SdsServer): readonly string[] {
  return [tls?.caFile, tls?.certFile, tls?.keyFile].filter((file) => file !== undefined);
}

/** @internal */
export function renderSds({ clusterName, certResource }: SdsCertificate): consul.GatewayTLSSDSConfig {
  return { ClusterName: clusterName, CertResource: certResource };
}

/** Renders the static cluster of a server. @param pathOf returns the path of a file for Envoy */
export function renderSdsServer(name: string, { address, tls }: SdsServer, pathOf: (file: string) => string): string {
  const { host = "", port = 0 } = hostAndPort(address) ?? {};
  return JSON.stringify(
    renderStaticCluster({ name, host, port, isHttp2: true, transportSocket: tls && renderTls(host, tls, pathOf) }),
  );
}

function renderTls(host: string, tls: SdsServerTls, pathOf: (file: string) => string): object {
  const { caFile, certFile, keyFile, sni = host } = tls;
  const file = (name: string) => ({ filename: pathOf(name) });
  const own =
    certFile === undefined || keyFile === undefined
      ? undefined
      : [{ certificate_chain: file(certFile), private_key: file(keyFile) }];
  const san_type = /^[\d.]+$|:/.test(sni) ? "IP_ADDRESS" : "DNS";
  return {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
      sni: san_type === "DNS" ? sni : undefined,
      common_tls_context: {
        tls_certificates: own,
        validation_context: {
          trusted_ca: file(caFile),
          match_typed_subject_alt_names: [{ san_type, matcher: { exact: sni } }],
        },
      },
    },
  };
}

/** Whether clusters in Envoy's format, as text, have one of this name. Text that only Terraform knows may have it. */
export function hasStaticCluster(clusters: unknown, name: string): boolean {
  return isToken(clusters) || (typeof clusters === "string" && new RegExp(`"name"\\s*:\\s*"${name}"`).test(clusters));
}
