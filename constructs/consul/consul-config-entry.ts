import { ConfigEntry as ConfigEntryResource } from "@cdktf/provider-consul/lib/config-entry";
import { Construct } from "constructs";
import { addressByIdentity } from "../core/address";
import { dependAtSynthesis, type Needs } from "../dependencies";
import { lazyTerraformJson } from "../core/terraform-json";
import type * as consul from "./generated/config-entries";

/** Props of {@link ConsulConfigEntry}. */
export interface ConsulConfigEntryProps<Entry extends consul.ConfigEntry> {
  readonly kind: Entry["Kind"] & string;
  readonly name: string;
  /** The other fields. Asked at synthesis, when the graph is complete; `undefined` where nothing is to be emitted. */
  readonly entry: () => Omit<Entry, "Kind" | "Name"> | undefined;
  /** What must be there first: entries that Consul judges this one by, jobs that it sends requests to. @default nothing */
  readonly dependsOn?: Needs | (() => Needs);
}

/**
 * A config entry of Consul, typed.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry
 */
export class ConsulConfigEntry<Entry extends consul.ConfigEntry = consul.ConfigEntry> extends Construct {
  /** The Terraform resource, for dependencies and lifecycle. */
  readonly resource: ConfigEntryResource;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: ConsulConfigEntryProps<Entry>,
  ) {
    super(scope, id);
    this.resource = new OptionalConfigEntry(
      this,
      "Resource",
      {
        kind: props.kind,
        name: props.name,
        configJson: lazyTerraformJson(() => props.entry() ?? {}),
      },
      () => this.isWanted,
    );
    addressByIdentity(this.resource, props.kind, props.name);
    const { dependsOn = [] } = props;
    dependAtSynthesis(this.resource, typeof dependsOn === "function" ? dependsOn : () => dependsOn);
  }

  /** What kind of entry it is. */
  get kind(): Entry["Kind"] & string {
    return this.props.kind;
  }

  /** The entry as Consul takes it; `undefined` while there is nothing to emit. */
  get content(): Entry | undefined {
    const { kind, name, entry } = this.props;
    const fields = entry();
    return fields && ({ Kind: kind, Name: name, ...fields } as unknown as Entry);
  }

  /** The resource, unless there is nothing to emit. */
  get emitted(): ConfigEntryResource | undefined {
    return this.isWanted ? this.resource : undefined;
  }

  private get isWanted(): boolean {
    return this.props.entry() !== undefined;
  }
}

/** @internal Whether a config entry, ours or a plain one, ends up in its stack. */
export function isEmitted(entry: ConfigEntryResource): boolean {
  return !(entry instanceof OptionalConfigEntry) || entry.isWanted();
}

/** Leaves no trace in the stack while there is nothing to emit: Consul refuses intentions without a source. */
class OptionalConfigEntry extends ConfigEntryResource {
  constructor(
    scope: Construct,
    id: string,
    config: ConstructorParameters<typeof ConfigEntryResource>[2],
    readonly isWanted: () => boolean,
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
