import { SHUTDOWN_DELAY } from "./deployment";
import type * as nomad from "./generated/job";
import { renderJobOfOneGroup, type JobProps } from "./job";
import { renderNetwork, type NetworkOptions } from "./network";
import { exposedPorts, renderConnectService, type ConnectServiceOptions } from "./service";
import { renderTasks, type Workload } from "./workload";

/** Everything about a service's job that does not come from the graph. */
export interface ServiceJobProps extends JobProps, NetworkOptions, ConnectServiceOptions {
  /** Port on which the service listens inside its allocation: always a number, since Envoy is told it literally. */
  readonly port: number;
  /** What runs. */
  readonly workload: Workload;
  /** Further tasks of the same group, by name: log shippers, migrations, caches. @default none */
  readonly tasks?: Readonly<Record<string, Workload>>;
  /**
   * Port of the node on which the service answers those outside the mesh, without Envoy and without mutual TLS.
   * A node has it once, so instances of the service need as many nodes, and a deployment of the only one pauses it unless
   * `update` has a canary, for which another node must have the port free.
   *
   * @default none: only the mesh reaches it
   */
  readonly publish?: number;
}

/** What the graph adds. */
export interface ServiceJobConnections {
  readonly serviceName: string;
  /** Name of the job and of its group. @default the service's */
  readonly jobName?: string;
  readonly upstreams: readonly nomad.ConsulUpstream[];
  /** Environment of the service's tasks. */
  readonly env: Readonly<Record<string, string>>;
}

/** Label of the port that `publish` opens. */
const PUBLISHED_PORT = "published";

/** Renders the job of one mesh service: one group, with that service alone. */
export function renderServiceJob(props: ServiceJobProps, connections: ServiceJobConnections): nomad.Job {
  const { serviceName, jobName = serviceName, upstreams, env } = connections;
  const { port, ports, publish, override = {} } = props;
  return renderJobOfOneGroup(
    jobName,
    { ...props, shutdownDelay: props.shutdownDelay ?? SHUTDOWN_DELAY },
    {
      Networks: [
        renderNetwork(props, {
          ReservedPorts: publish === undefined ? [] : [{ Label: PUBLISHED_PORT, Value: publish, To: port }],
          DynamicPorts: exposedPorts(props.expose),
        }),
      ],
      Services: [
        renderConnectService(props, {
          ...{ serviceName, port, ports, upstreams },
          task: props.connectNative === true ? serviceName : undefined,
          scriptTask: serviceName,
          override: override.service,
        }),
      ],
      Tasks: [props.workload.render(serviceName, env), ...renderTasks(props.tasks ?? {}, env)],
    },
  );
}
