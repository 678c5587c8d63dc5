import { stringify } from "yaml";

/** A YAML file for Prometheus, without line breaks in queries. */
export function renderYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false, keepUndefined: false });
}
