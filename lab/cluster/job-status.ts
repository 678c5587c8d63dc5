/** One instance of a job. */
export interface InstanceStatus {
  readonly allocation: string;
  /** The task group that it is of. */
  readonly group: string;
  readonly node: string;
  readonly tasks: readonly TaskStatus[];
  readonly isRunning: boolean;
  /** A batch job's instance that has done its work is healthy. */
  readonly healthy: boolean;
  /** Why it is not healthy, one reason each; empty if it is. */
  readonly problems: readonly string[];
}

export interface TaskStatus {
  readonly name: string;
  readonly state: string;
  /** Whether it ended otherwise than it should, once at least. */
  readonly hasFailed: boolean;
  /** What happened to it, the latest last. */
  readonly events: readonly string[];
  /** Whether it is an Envoy beside a service; that of a gateway is the gateway itself. */
  readonly isSidecar: boolean;
  /**
   * Why no restart on its node would help, and since when, in milliseconds; and whether the reason is a process of
   * Nomad's own that did not start. @default one may
   */
  readonly fatal?: { readonly reason: string; readonly at: number; readonly isOfNomad: boolean };
}

/** One destination that a service reaches through its sidecar. */
export interface UpstreamStatus {
  /** The service beside whose sidecar it is. */
  readonly source: string;
  /** The task group of that service. */
  readonly group: string;
  readonly destination: string;
  /** Cluster peer of the destination. @default the same cluster */
  readonly peer?: string;
  /** Datacenter of the destination in a WAN federation. @default that of the source */
  readonly datacenter?: string;
  /** Whether the destination is a prepared query, which finds the instances of a service. @default false */
  readonly isQuery?: boolean;
  /** 0 if Envoy listens on a Unix socket. */
  readonly localPort: number;
  /** Path of the Unix socket, as its Envoy has it. @default it listens on a port */
  readonly socketPath?: string;
}

/** The datacenter of an upstream's destination. @param own that of the source */
export function destinationDatacenter(
  { peer, datacenter }: Pick<UpstreamStatus, "peer" | "datacenter">,
  own: string,
): string {
  return peer ?? datacenter ?? own;
}

/** A service that a job registers in Consul. Those of a gateway are none. */
export interface ServiceStatus {
  readonly name: string;
  /** The task group that registers it. */
  readonly group: string;
  /** Whether it is in the mesh, and others may want to reach it there: it has a port and an Envoy, or speaks the mesh's TLS itself. */
  readonly isDestination: boolean;
  /** Whether it reaches others through a transparent proxy, without an upstream. @default false */
  readonly isTransparent?: boolean;
}

/** One job, whatever its kind. Of a periodic or parameterized job the instances are those of its runs that go on, and of the last one. */
export interface JobStatus {
  readonly id: string;
  readonly datacenter: string;
  readonly namespace: string;
  /** `service` and `system` jobs run until they are stopped; `batch` and `sysbatch` until they are done. */
  readonly kind: "service" | "system" | "batch" | "sysbatch";
  /** What starts its runs, and the ids of the latest of them, the last one first. @default it runs itself */
  readonly trigger?: "periodic" | "dispatch";
  readonly runs?: readonly string[];
  readonly services: readonly ServiceStatus[];
  readonly upstreams: readonly UpstreamStatus[];
  /** Its static ports on the hosts. */
  readonly ports: readonly number[];
  readonly wanted: number;
  /** Of that, what each group is to have. */
  readonly groups: Readonly<Record<string, number>>;
  readonly instances: readonly InstanceStatus[];
  /** The last one of each group that has failed and was replaced, or taken back with its deployment. */
  readonly failed: readonly InstanceStatus[];
  /** Whether canaries run beside instances of the version before, until somebody promotes them. */
  readonly awaitsPromotion: boolean;
  /** Whether canaries run beside instances of the version before, and Nomad is about to promote them. */
  readonly isReplacing: boolean;
  /** Why Nomad finds no node for the rest of what is wanted, one sentence for each group. */
  readonly unplaced: readonly string[];
  /** Whether no node fits one of those groups at all, be there room or not. @default false */
  readonly isUnplaceable?: boolean;
  /** Whether it leads to other datacenters. */
  readonly isMeshGateway: boolean;
  /** Why what runs is not what was deployed last, as a sentence. @default it is */
  readonly outdated?: string;
  /** How the last deployment of what should run has failed, as a sentence. @default it has not */
  readonly failure?: string;
}

export function isHealthy(job: JobStatus): boolean {
  return (
    job.outdated === undefined &&
    !job.isReplacing &&
    healthyInstances(job) >= job.wanted &&
    job.instances.every(({ healthy }) => healthy)
  );
}

export function healthyInstances({ instances }: JobStatus): number {
  return instances.filter(({ healthy }) => healthy).length;
}
