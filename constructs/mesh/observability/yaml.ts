import { stringify } from "yaml";

/** A file of Prometheus, a query on one line however long it is. */
export function renderYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false, keepUndefined: false });
}
