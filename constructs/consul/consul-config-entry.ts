import { ConfigEntry as ConfigEntryResource } from "@cdktf/provider-consul/lib/config-entry";
import type { ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import { lazyTerraformJson } from "../terraform-json";
import type * as consul from "./generated/config-entries";

/** Props of {@link ConsulConfigEntry}. */
export interface ConsulConfigEntryProps<Entry extends consul.ConfigEntry> {
  readonly kind: Entry["Kind"] & string;
  readonly name: string;
  /** The other fields. Asked at synthesis, when the graph is complete; `undefined` where nothing is to be emitted. */
  readonly entry: () => Omit<Entry, "Kind" | "Name"> | undefined;
  /** Entries that Consul must know first. @default none */
  readonly dependsOn?: readonly ConsulConfigEntry[];
}

/**
 * A config entry of Consul, typed.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry
 */
export class ConsulConfigEntry<Entry extends consul.ConfigEntry = consul.ConfigEntry> extends Construct {
  /** The Terraform resource, for dependencies and lifecycle. */
  readonly resource: ConfigEntryResource;

  constructor(scope: Construct, id: string, props: ConsulConfigEntryProps<Entry>) {
    super(scope, id);
    this.resource = new OptionalConfigEntry(
      this,
      "Resource",
      {
        kind: props.kind,
        name: props.name,
        dependsOn: props.dependsOn?.map((entry): ITerraformDependable => entry.resource),
        configJson: lazyTerraformJson(() => props.entry() ?? {}),
      },
      () => props.entry() !== undefined,
    );
  }
}

/** Leaves no trace in the stack while there is nothing to emit: Consul refuses intentions without a source. */
class OptionalConfigEntry extends ConfigEntryResource {
  constructor(
    scope: Construct,
    id: string,
    config: ConstructorParameters<typeof ConfigEntryResource>[2],
    private readonly isWanted: () => boolean,
  ) {
    super(scope, id, config);
  }

  override toTerraform(): unknown {
    return this.isWanted() ? super.toTerraform() : {};
  }

  override toMetadata(): unknown {
    return this.isWanted() ? super.toMetadata() : {};
  }
}
