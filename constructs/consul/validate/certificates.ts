import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";
import { Shown, type Place } from "../../core/problems";
import type * as consul from "../generated/config-entries";

const LEAST_BITS = 2048;

/** The key is not part of messages, because they are written to logs. */
export function examineInlineCertificate(place: Place, entry: consul.InlineCertificateConfigEntry): void {
  const { Certificate = "", PrivateKey = "" } = entry;
  const compared = { comparedWith: [Certificate, PrivateKey] };
  const key = read(() => createPrivateKey(PrivateKey));
  const certificate = read(() => new X509Certificate(Certificate));
  if (key === undefined) {
    place.refuse(
      "PrivateKey",
      new Shown("no key"),
      "a private key in PEM",
      "Set the key itself, not the path of its file.",
      compared,
    );
  } else if (isShort(key, PrivateKey)) {
    place.refuse(
      "PrivateKey",
      new Shown("an RSA key of too few bits"),
      `${LEAST_BITS} bits or more`,
      "Create a new key.",
      compared,
    );
  }
  if (certificate === undefined) {
    place.refuse(
      "Certificate",
      new Shown("no certificate"),
      "a certificate in PEM",
      "Set the certificate itself, not the path of its file.",
      compared,
    );
  } else if (key !== undefined && !certificate.checkPrivateKey(key)) {
    place.refuse(
      "PrivateKey",
      new Shown("another certificate's"),
      "the key of the certificate",
      "Use the key of this certificate.",
      compared,
    );
  }
}

function read<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}

/** Consul checks the size of a key only in the older format. */
function isShort({ asymmetricKeyDetails }: KeyObject, pem: string): boolean {
  return pem.includes("BEGIN RSA PRIVATE KEY") && (asymmetricKeyDetails?.modulusLength ?? LEAST_BITS) < LEAST_BITS;
}
