import type { IResolveContext } from "cdktf";
import { literalOf } from "./token";

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

/** What a resource is resolved in. */
type Context = Pick<IResolveContext, "preparing" | "registerPostProcessor">;

/**
 * What a resource becomes in Terraform's JSON, in a form that cdktf takes as it is where there is nothing to resolve. Otherwise it would
 * resolve each key and value of it three times: to find what refers to another stack, one resource after the other, and all of them
 * together.
 *
 * @param fragment what `toTerraform` or `toMetadata` returns
 */
export function resolvedOnce(fragment: unknown): unknown {
  const resolve = ({ preparing, registerPostProcessor }: Context): object => {
    const fields = { ...(fragment as object) };
    const literal = literalOf(fields);
    if (literal === undefined) {
      return fields;
    }
    if (!preparing) {
      registerPostProcessor({ postProcess: () => literal });
    }
    return {};
  };
  return Object.defineProperty(fragment, "resolve", { value: resolve });
}
