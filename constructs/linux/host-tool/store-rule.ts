import * as is from "../../core/shape";
import { isToken } from "../../core/token";
import { factsIn } from "../instance-facts";
import type { CloudStoreKind, CloudStoreName } from "../platform";

const SETTING = { name: is.required(is.name), text: is.required(is.text), optional: is.text };

/**
 * Returns the rule for a store: a directory, or one of the kinds that the platform supports.
 *
 * @param kinds the kinds of stores of the platform, by their type
 */
export function storeRule(kinds?: Readonly<Record<string, CloudStoreKind>>): is.Rule {
  return ruleOf(kinds, { directory: is.block({ type: is.anything, path: is.required(is.name) }) });
}

/** The same for a store that only a platform has. */
export function cloudStoreRule(kinds?: Readonly<Record<string, CloudStoreKind>>): is.Rule {
  return ruleOf(kinds, {});
}

function ruleOf(kinds: Readonly<Record<string, CloudStoreKind>> = {}, own: Readonly<Record<string, is.Rule>>): is.Rule {
  const shapes: Readonly<Record<string, is.Rule>> = {
    ...own,
    ...Object.fromEntries(Object.entries(kinds).map(([type, { settings }]) => [type, is.block(shapeOf(settings))])),
  };
  return (place, property, value) => {
    const type = is.has(value, "type") ? value.type : undefined;
    const shape = typeof type === "string" && Object.hasOwn(shapes, type) ? shapes[type] : undefined;
    if (shape !== undefined || !is.has(value, "type")) {
      (shape ?? is.block({ type: is.required(is.anything) }))(place, property, value);
    } else {
      place.block(property).oneOf("type", type, Object.keys(shapes), WHOSE);
    }
  };
}

const WHOSE = "Set one of them, or set platform to the cloud whose store it is.";

function shapeOf(settings: CloudStoreKind["settings"]): Record<string, is.Rule> {
  const rules = Object.entries(settings).map(
    ([name, kind]) => [name, typeof kind === "string" ? SETTING[kind] : nameRule(kind)] as const,
  );
  return { type: is.anything, ...Object.fromEntries(rules) };
}

/** What only Terraform knows cannot be compared with the pattern. */
function nameRule({ pattern, allowed, fix }: CloudStoreName): is.Rule {
  const fits = (value: unknown) =>
    typeof value === "string" && (pattern.test(value) || isToken(value) || factsIn([value]).size > 0);
  return is.required(is.rule(allowed, fix, fits));
}
