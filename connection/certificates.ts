import { X509Certificate } from "node:crypto";

/** The leaf of a chain in PEM. */
export function leafOf(chain: readonly string[]): X509Certificate | undefined {
  const leaf = chain.at(0);
  return leaf === undefined ? undefined : new X509Certificate(leaf);
}

/** The SPIFFE URI of a certificate, by which intentions know a service. */
export function identityIn(certificate: X509Certificate | undefined): string | undefined {
  return /URI:(spiffe:[^,\s]+)/.exec(certificate?.subjectAltName ?? "")?.[1];
}

/** Whether a chain leads from its leaf to one of the roots. */
export function isTrusted(chain: readonly string[], roots: readonly string[]): boolean {
  const [leaf, ...intermediates] = chain.map((pem) => new X509Certificate(pem));
  const authorities = roots.map((pem) => new X509Certificate(pem));
  const isSignedBy = (one: X509Certificate, other: X509Certificate) =>
    one.checkIssued(other) && one.verify(other.publicKey);
  let current = leaf as X509Certificate | undefined;
  // A chain is no longer than its certificates.
  for (let step = 0; current !== undefined && step <= intermediates.length; step++) {
    const one = current;
    if (authorities.some((root) => isSignedBy(one, root) || one.fingerprint256 === root.fingerprint256)) return true;
    current = intermediates.find((it) => it !== one && isSignedBy(one, it));
  }
  return false;
}
