import type { IResolveContext } from "cdktf";
import { literalOf } from "./token";

// These functions skip work of cdktf for each resource that has no effect, and that takes more time than the rest of the synthesis.

/**
 * Creates a resource of a provider without stack traces for its attributes. The bindings otherwise make cdktf capture one for each list and
 * block, used or not, to print it if that attribute cannot be resolved.
 */
export function withoutTraces<Resource>(make: () => Resource): Resource {
  const engine: { captureStackTrace: (target: object) => void } = Error;
  const { captureStackTrace } = engine;
  // Errors have stack traces even without this function.
  engine.captureStackTrace = () => undefined;
  try {
    return make();
  } finally {
    engine.captureStackTrace = captureStackTrace;
  }
}

/** The context in which a resource is resolved. */
type Context = Pick<IResolveContext, "preparing" | "registerPostProcessor">;

/**
 * The Terraform JSON of a resource, in a form that cdktf uses unchanged if there is nothing to resolve. Otherwise cdktf would resolve each
 * key and value three times: to find references to other stacks, for the single resource, and for all resources together.
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
