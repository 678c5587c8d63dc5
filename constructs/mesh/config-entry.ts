import { ConfigEntry as ConfigEntryResource } from "@cdktf/provider-consul/lib/config-entry";
import { TerraformResource } from "cdktf";
import { Construct } from "constructs";
import { addressByIdentity } from "../core/address";
import type * as consul from "../consul/generated/config-entries";
import {
  DEFAULT_TENANCY,
  isDefaultTenancy,
  isSameTenancy,
  TENANCY_SHAPE,
  tenancyFields,
  tenancyIn,
  tenancyNames,
  tenancyOfKind,
  tenancyText,
  type Tenancy,
} from "../consul/tenancy";
import { MeshError } from "../core/errors";
import { refuseWrongValues } from "../core/shape";
import { Graph } from "../model/graph";
import { Mesh } from "./mesh";
import type { Need } from "../model/needs";
import type { Snapshot } from "../model/snapshot";
import { toTerraformJson } from "../core/terraform-json";
import { resolvedOnce } from "../core/lean-resource";
import { sharedClass } from "../core/shared-class";

/** A dependency of a config entry: another entry, any Terraform resource, or an entry or job of the graph. */
export type Dependency = ConsulConfigEntry | TerraformResource | Need | undefined;

/** Props of {@link ConsulConfigEntry}. */
export interface ConsulConfigEntryProps<Entry extends consul.ConfigEntry> {
  /** Kind of the entry, such as `service-resolver`. It is part of the Terraform address. */
  readonly kind: Entry["Kind"] & string;
  /** Name of the entry: the name of a service, `global` for proxy-defaults, or `mesh` for the entry of the mesh. */
  readonly name: string;
  /**
   * Partition and namespace of the entry, in Consul Enterprise. Kinds that belong to a partition, such as proxy-defaults, have no namespace.
   *
   * @default those of the mesh in whose scope the entry is, or otherwise the default ones
   */
  readonly tenancy?: Tenancy;
  /**
   * Returns the fields of the entry, without `Kind` and `Name`. It is called at synthesis: first to read what the entry adds to the graph,
   * then with the complete graph. If it returns `undefined`, no resource is emitted.
   */
  readonly entry: (graph: Snapshot) => Omit<Entry, "Kind" | "Name"> | undefined;
  /**
   * What Terraform applies before this entry: entries against which Consul validates this one, jobs to which it sends requests, or
   * other resources. It is a list, or a function of the complete graph that returns one. A stack that contains a dependency is
   * deployed before the stack of this entry.
   *
   * @default none
   */
  readonly dependsOn?: readonly Dependency[] | ((graph: Snapshot) => readonly Dependency[]);
  /**
   * Whether Terraform deletes the entry only after it has changed the resources that depended on it (`create_before_destroy`). If this
   * is true, `renewedBy` has no effect: to replace the entry, Terraform would write the new one and then delete the old one, which has
   * the same name.
   *
   * @default false: resources that depended on the entry are changed after it is deleted
   * @see https://developer.hashicorp.com/terraform/language/meta-arguments/lifecycle#create_before_destroy
   */
  readonly isRemovedLast?: boolean | ((graph: Snapshot) => boolean);
  /**
   * Values by name. If one of them changes, Terraform replaces the entry: it deletes the entry before it changes the resources that the
   * entry depends on, and creates it again afterwards. This is for entries that Consul validates together, since Terraform changes
   * one at a time.
   *
   * @default none
   * @see https://developer.hashicorp.com/terraform/language/meta-arguments/lifecycle#replace_triggered_by
   */
  readonly renewedBy?: Readonly<Record<string, string>>;
}

/**
 * A config entry of Consul, with typed fields.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry
 */
export class ConsulConfigEntry<Entry extends consul.ConfigEntry = consul.ConfigEntry> extends Construct {
  static {
    sharedClass(this, "ConsulConfigEntry");
  }

  /** The Terraform resource, for dependencies and lifecycle. */
  readonly resource: ConfigEntryResource;
  /** Kind of the entry. */
  readonly kind: Entry["Kind"] & string;
  /** Name of the entry in Consul. */
  readonly entryName: string;
  /** Partition and namespace of the entry; empty for the default ones. */
  readonly tenancy: Tenancy;

  /** @internal Whether it is rendered from the records of the graph. */
  protected get isDerived(): boolean {
    return false;
  }

  constructor(scope: Construct, constructId: string, props: ConsulConfigEntryProps<Entry>) {
    super(scope, constructId);
    const { kind, name, entry, dependsOn = [], isRemovedLast = false, renewedBy = {} } = props;
    this.kind = kind;
    this.entryName = name;
    const mesh = meshAround(this);
    if (props.tenancy !== undefined) {
      refuseWrongValues(this, props.tenancy, TENANCY_SHAPE, "tenancy");
    }
    const stated = tenancyOfKind(kind, props.tenancy ?? mesh?.tenancy ?? DEFAULT_TENANCY);
    // The community edition refuses even the names of the default ones.
    const tenancy = isDefaultTenancy(stated) ? DEFAULT_TENANCY : stated;
    this.tenancy = tenancy;
    const identity = [kind, name, ...tenancyNames(tenancy)];
    const home = mesh?.entryScope;
    const [place, prefix] = home === undefined ? [this, ""] : [home, `${this.node.path}/`];
    const resource = new OptionalConfigEntry(place, `${prefix}Resource`, { kind, name, ...tenancy, configJson: "{}" });
    addressByIdentity(resource, ...identity);
    this.resource = resource;
    const triggers = Object.entries(renewedBy).map(([id, value]) => {
      const trigger = new OptionalTrigger(place, `${prefix}${id}`, value);
      addressByIdentity(trigger, ...identity, id);
      return trigger;
    });
    const graph = Graph.of(this);
    graph.emit(this, {
      subject: { entry: { kind, name, tenancy } },
      mesh: mesh?.node.path,
      isDerived: this.isDerived,
      resource,
      render: (snapshot) => this.inTenancy(entry(snapshot)),
      needs: (snapshot) => needsOf(typeof dependsOn === "function" ? dependsOn(snapshot) : dependsOn),
      write: (content) => {
        resource.isWanted = content !== undefined;
        resource.configJson = toTerraformJson(withoutTenancy(content ?? {}));
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

  /** Adds the tenancy to the content, as Consul has it. */
  private inTenancy<Content extends object>(content: Content | undefined): Content | undefined {
    const { tenancy } = this;
    if (content === undefined) {
      return undefined;
    }
    const said = tenancyIn(content, tenancy);
    if (!isSameTenancy(said, tenancy)) {
      throw new MeshError(
        this,
        `Its content is for ${tenancyText(said)}, but the entry is in ${tenancyText(tenancy)}.`,
        "Set tenancy of the entry, and omit Partition and Namespace of its content.",
      );
    }
    return { ...content, ...tenancyFields(tenancy) };
  }
}

/** The mesh to which the entry belongs. */
function meshAround(entry: Construct): Mesh | undefined {
  for (const owner of entry.node.scopes.reverse()) {
    const mesh = "mesh" in owner ? owner.mesh : owner;
    if (mesh instanceof Mesh) {
      return mesh;
    }
  }
  return undefined;
}

/** The provider has attributes for these two fields, and drops them from the JSON. */
function withoutTenancy(content: object): object {
  return Object.fromEntries(Object.entries(content).filter(([key]) => key !== "Partition" && key !== "Namespace"));
}

/** @internal An entry that is rendered from the records of the graph. The graph reads the content of all other entries. */
export class DerivedConfigEntry<
  Entry extends consul.ConfigEntry = consul.ConfigEntry,
> extends ConsulConfigEntry<Entry> {
  protected override get isDerived(): boolean {
    return true;
  }
}

/** Dependencies as the graph identifies them. */
export function needsOf(dependencies: readonly Dependency[]): readonly Need[] {
  return dependencies.flatMap((it): Need[] => {
    if (it === undefined) {
      return [];
    }
    if (it instanceof ConsulConfigEntry) {
      return [{ entry: { kind: it.kind, name: it.entryName, tenancy: it.tenancy } }];
    }
    return "node" in it ? [{ resource: it }] : [it];
  });
}

/** A config entry that is omitted from the stack if it has no content: Consul refuses intentions without a source. */
class OptionalConfigEntry extends ConfigEntryResource {
  isWanted = true;
  isRemovedLast = false;

  /** Keeps the other lifecycle settings of the app or of an aspect. */
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

/**
 * Makes Terraform replace an entry when its value changes. The toolkit's own class for this resource runs `terraform version` for each
 * instance at synthesis.
 */
class OptionalTrigger extends TerraformResource {
  isWanted = false;

  constructor(
    scope: Construct,
    id: string,
    private readonly value: string,
  ) {
    super(scope, id, {
      terraformResourceType: "terraform_data",
      terraformGeneratorMetadata: { providerName: "terraform" },
    });
  }

  protected override synthesizeAttributes(): Record<string, unknown> {
    return { input: { value: this.value } };
  }

  override toTerraform(): unknown {
    Graph.of(this).close();
    return this.isWanted ? resolvedOnce(super.toTerraform()) : {};
  }

  override toMetadata(): unknown {
    return this.isWanted ? resolvedOnce(super.toMetadata()) : {};
  }
}
