import { Construct } from "constructs";
import { attachChecks } from "../checks/attach";
import { registerMesh } from "../checks/run";
import { ConsulConfigEntry } from "../consul/consul-config-entry";
import type * as consul from "../consul/generated/config-entries";
import type { JobPlacement } from "../nomad/service-job";
import type { Sidecar } from "../nomad/sidecar";
import type { Intention } from "./intention";
import { MeshService, type MeshServiceBaseProps } from "./mesh-service";

/** Props of {@link ServiceMesh}. */
export interface ServiceMeshProps extends JobPlacement {
  /** Consul datacenter of the mesh. @default the provider's */
  readonly datacenter?: string;
  /** The Envoy beside each service that does not bring its own. @default Sidecar.docker() */
  readonly sidecar?: Sidecar;
  /**
   * Fields of the mesh's proxy-defaults, which hold for every Envoy; `false` where another stack or team owns that entry.
   *
   * @default {}
   * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/proxy-defaults
   */
  readonly proxyDefaults?: Omit<consul.ProxyConfigEntry, "Kind" | "Name"> | false;
}

/**
 * The services of one mesh and who talks to whom. Nothing may reach anything unless a connection says so.
 *
 * @example
 * const mesh = new ServiceMesh(stack, "mesh");
 * const api = mesh.addService("count-api", { port: 9001, protocol: Protocol.HTTP, workload });
 */
export class ServiceMesh extends Construct {
  /** @internal */
  readonly props: ServiceMeshProps;
  /** What holds for every Envoy of the mesh; `undefined` where another stack or team owns it. */
  readonly proxyDefaults: ConsulConfigEntry<consul.ProxyConfigEntry> | undefined;
  /** @internal Counts the changes of the graph: what was computed from it holds until the next one. */
  revision = 0;

  private readonly byName = new Map<string, MeshService[]>();
  private readonly intentionsByDestination = new Map<string, Intention[]>();

  constructor(scope: Construct, id: string, props: ServiceMeshProps = {}) {
    super(scope, id);
    this.props = props;
    registerMesh(this);
    attachChecks(this);
    const { proxyDefaults = {} } = props;
    if (proxyDefaults !== false) {
      this.proxyDefaults = new ConsulConfigEntry<consul.ProxyConfigEntry>(this, "ProxyDefaults", {
        kind: "proxy-defaults",
        name: "global",
        // Consul always answers with these two; without them each plan would find a difference.
        entry: () => ({ TransparentProxy: {}, AccessLogs: {}, ...proxyDefaults }),
      });
    }
  }

  /** Adds a service to the mesh, in the mesh's own stack. For another stack: `new MeshService(stack, id, { mesh, … })`. */
  addService(id: string, props: MeshServiceBaseProps): MeshService {
    return new MeshService(this, id, { mesh: this, ...props });
  }

  /** The services of the mesh, in whatever stack, in the order they were added. */
  get services(): readonly MeshService[] {
    return [...this.byName.values()].flat();
  }

  /** Who may reach whom. */
  get intentions(): readonly Intention[] {
    return [...this.intentionsByDestination.values()].flat();
  }

  /** The service of this name in Consul. */
  findService(serviceName: string): MeshService | undefined {
    return this.byName.get(serviceName)?.[0];
  }

  /** Who may reach the service of this name. */
  intentionsFor(serviceName: string): readonly Intention[] {
    return this.intentionsByDestination.get(serviceName) ?? [];
  }

  /** @internal */
  get jobDefaults(): JobPlacement & { readonly sidecar?: Sidecar } {
    const { nomadDatacenters, region, namespace, nodePool, priority, sidecar } = this.props;
    return { nomadDatacenters, region, namespace, nodePool, priority, sidecar };
  }

  /** @internal */
  register(service: MeshService): void {
    attachChecks(service);
    append(this.byName, service.serviceName, service);
    this.revision++;
  }

  /** @internal */
  addIntention(intention: Intention): Intention {
    append(this.intentionsByDestination, intention.destinationName, intention);
    this.revision++;
    return intention;
  }
}

function append<V>(lists: Map<string, V[]>, key: string, value: V): void {
  const list = lists.get(key);
  if (list === undefined) {
    lists.set(key, [value]);
  } else {
    list.push(value);
  }
}
