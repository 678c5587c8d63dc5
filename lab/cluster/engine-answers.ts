import type { JobStatus } from "./job-status";
import type { PlacementFailure } from "./placement";

// What is read of the answers of Consul and Nomad.

export interface JobStub {
  readonly ID: string;
  readonly ParentID: string;
  readonly Namespace: string;
  readonly Stop: boolean;
  readonly Periodic: boolean;
  readonly ParameterizedJob: boolean;
  readonly Status: string;
  readonly SubmitTime: number;
}

export interface Job {
  readonly ID: string;
  readonly ParentID: string;
  readonly Namespace: string;
  readonly Type: JobStatus["kind"];
  readonly Periodic: object | null;
  readonly ParameterizedJob: object | null;
  readonly Version: number;
  readonly TaskGroups: readonly TaskGroup[] | null;
}

export interface TaskGroup {
  readonly Name: string;
  readonly Count: number;
  readonly Networks: readonly { readonly ReservedPorts: readonly { readonly Value: number }[] | null }[] | null;
  readonly Services: readonly Service[] | null;
  readonly Tasks: readonly Task[] | null;
  readonly Update: { readonly Canary: number } | null;
}

export interface Task {
  readonly Name: string;
  readonly Kind: string | null;
  /** When it runs next to the tasks that do the work, which have none. */
  readonly Lifecycle: object | null;
  readonly Services: readonly Service[] | null;
}

export interface Service {
  readonly Name: string;
  /** "consul" where it is empty. */
  readonly Provider: string;
  readonly Checks: readonly object[] | null;
  readonly Kind?: string;
  readonly PortLabel: string;
  readonly Connect: {
    readonly Native: boolean;
    readonly Gateway: { readonly Mesh?: object | null } | null;
    readonly SidecarService: {
      readonly Proxy: {
        readonly Upstreams: readonly Upstream[] | null;
        readonly TransparentProxy?: object | null;
      } | null;
    } | null;
  } | null;
}

export interface Upstream {
  readonly DestinationName: string;
  readonly DestinationPeer: string;
  readonly DestinationType: string;
  readonly Datacenter: string;
  /** 0 if Envoy listens on a Unix socket. */
  readonly LocalBindPort: number;
  readonly LocalBindSocketPath: string;
}

export interface Allocation {
  readonly ID: string;
  readonly Name: string;
  readonly CreateIndex: number;
  readonly NodeName: string;
  readonly TaskGroup: string;
  readonly JobVersion: number;
  readonly DesiredStatus: string;
  readonly ClientStatus: string;
  readonly DeploymentStatus: { readonly Healthy: boolean | null } | null;
  readonly TaskStates: Readonly<Record<string, TaskState>> | null;
}

export interface Deployment {
  readonly CreateIndex: number;
  readonly JobVersion: number;
  readonly Status: string;
  readonly StatusDescription: string;
  readonly TaskGroups: Readonly<Record<string, DeployedGroup>>;
}

export interface DeployedGroup {
  readonly DesiredCanaries: number;
  readonly AutoPromote: boolean;
  readonly Promoted: boolean;
}

export interface Evaluation {
  readonly CreateIndex: number;
  readonly Status: string;
  readonly FailedTGAllocs: Readonly<Record<string, PlacementFailure>> | null;
}

export interface TaskState {
  readonly State: string;
  readonly Failed: boolean;
  readonly Restarts: number;
  readonly Events: readonly TaskEvent[] | null;
}

export interface TaskEvent {
  readonly Type: string;
  readonly DisplayMessage: string;
  /** In nanoseconds. */
  readonly Time: number;
}

export interface ConsulCheck {
  readonly ServiceID: string;
  readonly Name: string;
  readonly Status: string;
  readonly Output: string;
}
