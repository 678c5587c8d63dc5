import { known, textsOf, type Place } from "../../core/problems";

const VERSIONS = ["TLS_AUTO", "TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3"];

const CIPHER_SUITES = [
  ...["ECDHE_ECDSA", "ECDHE_RSA"].flatMap((exchange) => [
    `TLS_${exchange}_WITH_CHACHA20_POLY1305_SHA256`,
    `TLS_${exchange}_WITH_AES_128_GCM_SHA256`,
    `TLS_${exchange}_WITH_AES_128_CBC_SHA`,
    `TLS_${exchange}_WITH_AES_256_GCM_SHA384`,
    `TLS_${exchange}_WITH_AES_256_CBC_SHA`,
  ]),
  "TLS_RSA_WITH_AES_128_GCM_SHA256",
  "TLS_RSA_WITH_AES_128_CBC_SHA",
  "TLS_RSA_WITH_AES_256_GCM_SHA384",
  "TLS_RSA_WITH_AES_256_CBC_SHA",
];

/** The settings of a TLS block, independent of the names of its fields. */
export interface TlsFields {
  readonly min?: string;
  readonly max?: string;
  readonly cipherSuites?: readonly string[];
}

/**
 * @param names of the fields for the minimum and the maximum version
 */
export function examineTls(
  place: Place,
  { min, max, cipherSuites }: TlsFields,
  names: readonly [string, string],
): void {
  const [minName, maxName] = names;
  const versions = (version: string | undefined) => (version === "" ? undefined : version);
  place.oneOf(minName, versions(min), VERSIONS);
  place.oneOf(maxName, versions(max), VERSIONS);
  // An automatically negotiated version cannot be compared.
  const [lowest, highest] = [VERSIONS.indexOf(min ?? ""), VERSIONS.indexOf(max ?? "")];
  if (lowest > 0 && highest > 0 && highest < lowest) {
    place.refuse(maxName, max, `${minName} (${min}) or later`, "Swap the two values.", { comparedWith: min });
  }
  const suites = textsOf(cipherSuites);
  if (suites.length > 0 && min === "TLSv1_3") {
    place.refuse("CipherSuites", suites, "cannot be set for TLS 1.3, which has fixed cipher suites", "Omit it.", {
      comparedWith: min,
    });
  }
  for (const suite of suites) {
    place.oneOf("CipherSuites", suite, CIPHER_SUITES);
  }
}

/** @see TlsFields Fields of gateways and of the mesh. */
export function examineGatewayTls(
  place: Place,
  given:
    | { readonly TLSMinVersion?: string; readonly TLSMaxVersion?: string; readonly CipherSuites?: readonly string[] }
    | undefined,
): void {
  const tls = known(given);
  if (tls !== undefined) {
    const { TLSMinVersion: min, TLSMaxVersion: max, CipherSuites: cipherSuites } = tls;
    examineTls(place, { min, max, cipherSuites }, ["TLSMinVersion", "TLSMaxVersion"]);
  }
}
