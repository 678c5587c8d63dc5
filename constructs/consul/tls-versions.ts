import * as is from "../core/shape";

/** A version of TLS, in Consul's notation. */
export type TlsVersion = "TLS_AUTO" | "TLSv1_0" | "TLSv1_1" | "TLSv1_2" | "TLSv1_3";

/** TLS settings of an Envoy. */
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
  minVersion: is.oneOf(["TLS_AUTO", "TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3"]),
  maxVersion: is.oneOf(["TLS_AUTO", "TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3"]),
  cipherSuites: is.list(is.text),
};
