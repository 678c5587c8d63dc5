import { holdsToken } from "./token";

// What cdktf does for each resource, and what costs more than all the rest, is left out where it comes to nothing.

/**
 * Makes a resource of a provider without a stack trace of each attribute that it could be asked for: the bindings have cdktf take one of
 * each list and block, whether anybody looks at it or not, to print it where that attribute cannot be resolved.
 */
export function withoutTraces<Resource>(make: () => Resource): Resource {
  const engine: { captureStackTrace: (target: object) => void } = Error;
  const { captureStackTrace } = engine;
  // Errors themselves have their traces without this function.
  engine.captureStackTrace = () => undefined;
  try {
    return make();
  } finally {
    engine.captureStackTrace = captureStackTrace;
  }
}

/**
 * What a resource becomes in Terraform's JSON, in a form that cdktf resolves once and not twice. Before an app is written, cdktf resolves
 * all of it to find what refers to another stack; where there is no token, nothing does.
 *
 * @param fragment what `toTerraform` returns
 */
export function resolvedOnce(fragment: unknown): unknown {
  const resolve = ({ preparing }: { readonly preparing: boolean }): object => {
    const plain = { ...(fragment as object) };
    return preparing && !holdsToken(plain) ? {} : plain;
  };
  return Object.defineProperty(fragment, "resolve", { value: resolve });
}
