import { ConfigEntry as ConfigEntryResource } from "@cdktf/provider-consul/lib/config-entry";
import { DataResource, type TerraformResource } from "cdktf";
import { Construct } from "constructs";
import { addressByIdentity } from "../core/address";
import type * as consul from "../consul/generated/config-entries";
import { Graph } from "../model/graph";
import type { Need } from "../model/needs";
import type { Snapshot } from "../model/snapshot";
import { toTerraformJson } from "../core/terraform-json";
import { resolvedOnce } from "../core/lean-resource";
import { sharedClass } from "../core/shared-class";

/** What a config entry can wait for: another one, any resource, or something of the graph. */
export type Dependency = ConsulConfigEntry | TerraformResource | Need | undefined;

/** Props of {@link ConsulConfigEntry}. */
export interface ConsulConfigEntryProps<Entry extends consul.ConfigEntry> {
  /** Kind of the entry, e.g. `service-resolver`. It is part of the Terraform address. */
  readonly kind: Entry["Kind"] & string;
  /** Name of the entry: that of a service, or `global` for proxy-defaults and `mesh` for the mesh. */
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
  /**
   * Whether Terraform removes it only after all that depended on it has changed. Never for what `renewedBy` renews: Terraform would
   * write it first, and then remove the entry of that name.
   *
   * @default false: what depends on it is changed after it is gone
   * @see https://developer.hashicorp.com/terraform/language/meta-arguments/lifecycle#create_before_destroy
   */
  readonly isRemovedLast?: boolean | ((graph: Snapshot) => boolean);
  /**
   * Values by name. Once one of them changes, the entry is removed before what it depends on changes, and written again afterwards:
   * Consul judges some entries together, and Terraform changes one at a time.
   *
   * @default none
   * @see https://developer.hashicorp.com/terraform/language/meta-arguments/lifecycle#replace_triggered_by
   */
  readonly renewedBy?: Readonly<Record<string, string>>;
}

/**
 * A config entry of Consul, typed.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry
 */
export class ConsulConfigEntry<Entry extends consul.ConfigEntry = consul.ConfigEntry> extends Construct {
  static {
    sharedClass(this, "ConsulConfigEntry");
  }

  /** The Terraform resource, for dependencies and lifecycle. */
  readonly resource: ConfigEntryResource;
  /** What kind of entry it is. */
  readonly kind: Entry["Kind"] & string;
  /** Its name in Consul. */
  readonly entryName: string;

  constructor(scope: Construct, constructId: string, props: ConsulConfigEntryProps<Entry>) {
    super(scope, constructId);
    const { kind, name, entry, dependsOn = [], isRemovedLast = false, renewedBy = {} } = props;
    this.kind = kind;
    this.entryName = name;
    const resource = new OptionalConfigEntry(this, "Resource", { kind, name, configJson: "{}" });
    addressByIdentity(resource, kind, name);
    this.resource = resource;
    const triggers = Object.entries(renewedBy).map(([id, value]) => {
      const trigger = new OptionalTrigger(this, id, { input: { value } });
      addressByIdentity(trigger, kind, name, id);
      return trigger;
    });
    const graph = Graph.of(this);
    graph.emit(this, {
      subject: { entry: { kind, name } },
      resource,
      render: entry,
      needs: (snapshot) => needsOf(typeof dependsOn === "function" ? dependsOn(snapshot) : dependsOn),
      write: (content) => {
        resource.isWanted = content !== undefined;
        resource.configJson = toTerraformJson(content ?? {});
        if (content === undefined) {
          return;
        }
        if (typeof isRemovedLast === "function" ? isRemovedLast(graph.snapshot) : isRemovedLast) {
          resource.isRemovedLast = true;
        } else if (triggers.length > 0) {
          for (const trigger of triggers) {
            trigger.isWanted = true;
          }
          const addresses = triggers.map(({ friendlyUniqueId }) => `terraform_data.${friendlyUniqueId}`);
          // The toolkit's own property renders expressions, which Terraform refuses here.
          resource.addOverride("lifecycle.replace_triggered_by", addresses);
        }
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
  isRemovedLast = false;

  /** The rest of its lifecycle is as the app, or an aspect, has set it. */
  override get terraformMetaArguments(): Record<string, unknown> {
    const given = super.terraformMetaArguments as { readonly lifecycle?: object };
    return this.isRemovedLast ? { ...given, lifecycle: { ...given.lifecycle, createBeforeDestroy: true } } : given;
  }

  override toTerraform(): unknown {
    Graph.of(this).close();
    return this.isWanted ? resolvedOnce(super.toTerraform()) : {};
  }

  override toMetadata(): unknown {
    return this.isWanted ? resolvedOnce(super.toMetadata()) : {};
  }
}

/** Has an entry renewed once its input changes. */
class OptionalTrigger extends DataResource {
  isWanted = false;

  override toTerraform(): unknown {
    Graph.of(this).close();
    return this.isWanted ? resolvedOnce(super.toTerraform()) : {};
  }

  override toMetadata(): unknown {
    return this.isWanted ? resolvedOnce(super.toMetadata()) : {};
  }
}
