import * as is from "../core/shape";
const TLS_VERSIONS = ["TLS_AUTO", "TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3"] as const;

/** A version of TLS, as Consul writes it. */
export type TlsVersion = (typeof TLS_VERSIONS)[number];

/** Which TLS an Envoy agrees to. */
export interface TlsVersionOptions {
  /** @default "TLSv1_2" */
  readonly minVersion?: TlsVersion;
  /** @default Envoy's newest */
  readonly maxVersion?: TlsVersion;
  /** For TLS 1.2 and older only, e.g. `["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]`. @default Envoy's */
  readonly cipherSuites?: readonly string[];
}

/** @internal */
export const TLS_VERSION_SHAPE: is.Shape<TlsVersionOptions> = {
  minVersion: is.oneOf(TLS_VERSIONS),
  maxVersion: is.oneOf(TLS_VERSIONS),
  cipherSuites: is.list(is.text),
};
