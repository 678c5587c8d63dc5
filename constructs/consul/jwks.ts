/** Parameters of JSON Web Keys that are secret: those of private keys, and of symmetric keys. */
const SECRET_PARAMETERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/**
 * Returns what is wrong with a JSON Web Key Set for verification, in words that complete "it …", or `undefined`. The words never contain
 * the keys.
 *
 * @param jwks the set, as JSON
 * @see https://www.rfc-editor.org/rfc/rfc7517
 */
export function problemOfJwks(jwks: string): string | undefined {
  const keys = keysIn(jwks);
  if (keys === undefined || keys.length === 0) {
    return 'must be JSON with a list of keys: { "keys": [ … ] }';
  }
  if (!keys.every((key) => typeof (key as { readonly kty?: unknown } | null)?.kty === "string")) {
    return "must contain only JSON Web Keys, each with kty";
  }
  return hasSecretKeys(jwks) ? "must contain only public keys, because it is part of the Terraform state" : undefined;
}

/** Whether a JSON Web Key Set contains private or symmetric keys. @param jwks the set, as JSON */
export function hasSecretKeys(jwks: string): boolean {
  return (keysIn(jwks) ?? []).some(
    (key) => typeof key === "object" && key !== null && SECRET_PARAMETERS.some((parameter) => parameter in key),
  );
}

function keysIn(jwks: string): readonly unknown[] | undefined {
  try {
    const { keys } = Object(JSON.parse(jwks)) as { readonly keys?: unknown };
    return Array.isArray(keys) ? keys : undefined;
  } catch {
    return undefined;
  }
}
