import * as is from "../core/shape";
import { SHUTDOWN_DELAY } from "./deployment";
import type * as nomad from "./generated/job";
import { JOB_PROPS_SHAPE, type JobProps, renderJobOfOneGroup } from "./job";
import { NETWORK_SHAPE, type NetworkOptions, renderNetwork } from "./network";
import { CONNECT_SERVICE_SHAPE, type ConnectServiceOptions, exposedPorts, renderConnectService } from "./service";
import { renderTasks, type Workload } from "./workload";

/** Props of a service's job. */
export interface ServiceJobProps extends JobProps, NetworkOptions, ConnectServiceOptions {
  /** Port on which the service listens inside its allocation. It is part of Envoy's configuration, so it must be a literal number. */
  readonly port: number;
  /** The task that runs the service. */
  readonly workload: Workload;
  /** Additional tasks of the same group, by name: log shippers, migrations, caches. @default none */
  readonly tasks?: Readonly<Record<string, Workload>>;
  /**
   * Static port of the node on which clients outside the mesh reach the service, without Envoy and without mutual TLS. It can be used only
   * once on a node, so each instance needs a separate node. During a deployment, a service with one instance is unavailable, unless
   * `update` has a canary, for which the port must be free on another node.
   *
   * @default none: the service is reachable only through the mesh
   */
  readonly publish?: number;
}

/** @internal */
export const SERVICE_JOB_SHAPE: is.Shape<ServiceJobProps> = {
  ...JOB_PROPS_SHAPE,
  ...NETWORK_SHAPE,
  ...CONNECT_SERVICE_SHAPE,
  port: is.required(is.literal(is.number, "Use a literal number: it is part of Envoy's configuration in the job.")),
  workload: is.required(is.made("a Workload, such as Workload.docker({ image })")),
  tasks: is.named(is.made("a Workload, such as Workload.docker({ image })")),
  publish: is.number,
};

/** The parts of a service's job that come from the graph. */
export interface ServiceJobConnections {
  readonly serviceName: string;
  /** Name of the job and of its group. @default the name of the service */
  readonly jobName?: string;
  readonly upstreams: readonly nomad.ConsulUpstream[];
  /** Environment of the service's tasks. */
  readonly env: Readonly<Record<string, string>>;
}

/** Label of the port that `publish` opens. */
const PUBLISHED_PORT = "published";

/** @internal Names of all tasks in the job of a service. */
export function tasksOf(serviceName: string, { tasks = {} }: Pick<ServiceJobProps, "tasks">): readonly string[] {
  return [serviceName, ...Object.keys(tasks)];
}

/** Renders the job of a service: one group, which contains only this service. */
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
