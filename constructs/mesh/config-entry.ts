import { ConfigEntry as ConfigEntryResource } from "@cdktf/provider-consul/lib/config-entry";
import type { TerraformResource } from "cdktf";
import { Construct } from "constructs";
import { addressByIdentity } from "../core/address";
import type * as consul from "../consul/generated/config-entries";
import { Graph } from "../model/graph";
import type { Need } from "../model/needs";
import type { Snapshot } from "../model/snapshot";
import { toTerraformJson } from "../core/terraform-json";

/** What a config entry can wait for: another one, any resource, or something of the graph. */
export type Dependency = ConsulConfigEntry | TerraformResource | Need | undefined;

/** Props of {@link ConsulConfigEntry}. */
export interface ConsulConfigEntryProps<Entry extends consul.ConfigEntry> {
  readonly kind: Entry["Kind"] & string;
  readonly name: string;
  /** The other fields. Asked once, at synthesis, when the graph is complete; `undefined` where nothing is to be emitted. */
  readonly entry: (graph: Snapshot) => Omit<Entry, "Kind" | "Name"> | undefined;
  /**
   * What must be there first: entries that Consul judges this one by, jobs that it sends requests to. What is in another stack has
   * that stack applied first.
   *
   * @default nothing
   */
  readonly dependsOn?: readonly Dependency[] | ((graph: Snapshot) => readonly Dependency[]);
}

/**
 * A config entry of Consul, typed.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry
 */
export class ConsulConfigEntry<Entry extends consul.ConfigEntry = consul.ConfigEntry> extends Construct {
  /** The Terraform resource, for dependencies and lifecycle. */
  readonly resource: ConfigEntryResource;
  /** What kind of entry it is. */
  readonly kind: Entry["Kind"] & string;
  /** Its name in Consul. */
  readonly entryName: string;

  constructor(scope: Construct, id: string, props: ConsulConfigEntryProps<Entry>) {
    super(scope, id);
    const { kind, name, entry, dependsOn = [] } = props;
    this.kind = kind;
    this.entryName = name;
    const resource = new OptionalConfigEntry(this, "Resource", { kind, name, configJson: "{}" });
    addressByIdentity(resource, kind, name);
    this.resource = resource;
    Graph.of(this).emit(this, {
      subject: { entry: { kind, name } },
      resource,
      render: entry,
      needs: (graph) => needsOf(typeof dependsOn === "function" ? dependsOn(graph) : dependsOn),
      write: (content) => {
        resource.isWanted = content !== undefined;
        resource.configJson = toTerraformJson(content ?? {});
      },
    });
  }
}

/** What the graph knows dependencies by. */
export function needsOf(dependencies: readonly Dependency[]): readonly Need[] {
  return dependencies.flatMap((it): Need[] => {
    if (it === undefined) {
      return [];
    }
    if (it instanceof ConsulConfigEntry) {
      return [{ entry: { kind: it.kind, name: it.entryName } }];
    }
    return "node" in it ? [{ resource: it }] : [it];
  });
}

/** Leaves no trace in the stack where there is nothing to emit: Consul refuses intentions without a source. */
class OptionalConfigEntry extends ConfigEntryResource {
  isWanted = true;

  override toTerraform(): unknown {
    Graph.of(this).close();
    return this.isWanted ? super.toTerraform() : {};
  }

  override toMetadata(): unknown {
    return this.isWanted ? super.toMetadata() : {};
  }
}
