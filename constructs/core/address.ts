import { createHash } from "node:crypto";
import { type TerraformElement } from "cdktf";
import { isToken } from "./token";

/**
 * Gives a resource a Terraform address that follows from the identity of its object instead of the path of its construct. If a construct is
 * moved, renamed or wrapped, the address stays the same, and Terraform keeps the object. Otherwise Terraform would create a second object
 * and delete the first one, although both have the same name in Consul or Nomad.
 *
 * @param parts what identifies the object among others of its type, such as kind and name. If one of them is known only to Terraform,
 *   the address follows from the path of the construct.
 */
export function addressByIdentity(element: TerraformElement, ...parts: readonly (string | undefined)[]): void {
  const known = parts.filter((part) => part !== undefined);
  if (!known.some((part) => isToken(part))) {
    element.overrideLogicalId(identityAddress(known));
  }
}

/** The name in the Terraform address of an object: an identifier of letters, digits, dashes and underscores. If parts contain other characters, or are ambiguous, a hash is appended. */
export function identityAddress(parts: readonly string[]): string {
  const [first, ...others] = parts.map((part) => part.replace(/[^\w-]/g, "-"));
  const text = [first, ...others].join("_");
  const isExact = parts.every(
    (part, index) => /^[\w-]+$/.test(part) && (index === parts.length - 1 || !part.includes("_")),
  );
  const suffix = isExact ? "" : `_${createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 8)}`;
  return `${/^[A-Za-z_]/.test(text) ? "" : "_"}${text}${suffix}`;
}
