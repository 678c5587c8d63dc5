import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";

/** An issuer of JSON Web Tokens, with a key pair of its own. */
export interface TokenIssuer {
  /** The public key, as a JSON Web Key Set. */
  readonly jwks: { readonly keys: readonly object[] };
  /** Signs a token that is valid for an hour, unless the claims say otherwise. */
  readonly token: (claims: Readonly<Record<string, unknown>>) => string;
}

export function tokenIssuer(issuer: string): TokenIssuer {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const now = () => Math.floor(Date.now() / 1000);
  return {
    jwks: { keys: [{ ...publicKey.export({ format: "jwk" }), kid: issuer, alg: "ES256", use: "sig" }] },
    token: (claims) => signed(privateKey, { alg: "ES256", kid: issuer }, { iss: issuer, exp: now() + 3600, ...claims }),
  };
}

function signed(key: KeyObject, header: object, claims: object): string {
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  const signature = sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" });
  return `${text}.${signature.toString("base64url")}`;
}
