import { createHash } from "node:crypto";
import { type TerraformElement } from "cdktf";
import { isToken } from "./token";

/**
 * Gives a resource a Terraform address that says what the object is, not where its construct stands: Terraform then sees that a
 * construct which was moved, renamed or wrapped into another one still owns the same object. By the construct's path it would
 * make a second one and delete the first, which in Consul and Nomad has the same name.
 *
 * @param parts what tells the object from others of its type: kind and name, say. Where one of them is known only to Terraform,
 *   the address stays that of the construct.
 */
export function addressByIdentity(element: TerraformElement, ...parts: readonly (string | undefined)[]): void {
  const known = parts.filter((part) => part !== undefined);
  if (!known.some((part) => isToken(part))) {
    element.overrideLogicalId(identifier(known));
  }
}

/** Letters, digits, dashes and underscores, as Terraform takes them. What had others, or could be read in two ways, has a hash. */
function identifier(parts: readonly string[]): string {
  const [first, ...others] = parts.map((part) => part.replace(/[^\w-]/g, "-"));
  const text = [first, ...others].join("_");
  const isExact = parts.every(
    (part, index) => /^[\w-]+$/.test(part) && (index === parts.length - 1 || !part.includes("_")),
  );
  const suffix = isExact ? "" : `_${createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 8)}`;
  return `${/^[A-Za-z_]/.test(text) ? "" : "_"}${text}${suffix}`;
}
