import type { IConstruct } from "constructs";
import type * as consul from "../../consul/generated/config-entries";
import { tenancyFields } from "../../consul/tenancy";
import { fromTerraformJson } from "../../core/terraform-json";
import type { CheckedApp } from "../check";
import { foreignEntriesIn } from "./foreign";

/** Yields the config entries of the app, and those whose content is given in JSON. */
export function* entriesOf(app: CheckedApp): Iterable<[at: IConstruct | string, entry: consul.ConfigEntry]> {
  const { graph } = app;
  for (const emission of graph.emissions) {
    const { subject, origin } = emission;
    const content = "entry" in subject ? graph.contentOf(emission) : undefined;
    if ("entry" in subject && content !== undefined) {
      const { kind, name } = subject.entry;
      yield [origin.path, { Kind: kind, Name: name, ...content }];
    }
  }
  for (const resource of foreignEntriesIn(app)) {
    const fields = fromTerraformJson(resource.configJsonInput);
    if (fields !== undefined) {
      const { kindInput: Kind, nameInput: Name, partitionInput: partition, namespaceInput: namespace } = resource;
      yield [resource, { Kind, Name, ...tenancyFields({ partition, namespace }), ...fields } as consul.ConfigEntry];
    }
  }
}
