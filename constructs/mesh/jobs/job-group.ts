import type { Job } from "@cdktf/provider-nomad/lib/job";
import { Construct } from "constructs";
import { MeshError } from "../../core/errors";
import type { Override } from "../../core/override";
import { Graph } from "../../model/graph";
import { AllocationPorts } from "../../model/local-ports";
import { originOf } from "../../model/origin";
import type { Snapshot } from "../../model/snapshot";
import { SHUTDOWN_DELAY } from "../../nomad/deployment";
import type * as nomad from "../../nomad/generated/job";
import { renderGroup, type GroupOptions } from "../../nomad/group";
import type { JobKind } from "../../nomad/job-kind";
import { renderNetwork, type NetworkOptions } from "../../nomad/network";
import {
  CATALOG_SERVICE_SHAPE,
  exposedPorts,
  renderCatalogService,
  renderConnectService,
  type CatalogServiceOptions,
} from "../../nomad/service";
import { renderTasks, type Workload } from "../../nomad/workload";
import type { Dependency } from "../config-entry";
import type { Mesh } from "../mesh";
import { MeshService, type GroupServiceProps } from "../mesh-service";
import { connectionsOf } from "../render-upstream";
import * as is from "../../core/shape";
import { GROUP_SERVICE_SHAPE, JOB_GROUP_SHAPE } from "../shapes";

/** Props of {@link MeshJob.addGroup}. */
export interface JobGroupProps extends GroupOptions, NetworkOptions {
  /** Name of the group in the job. @default the construct's id */
  readonly groupName?: string;
  /** The tasks of the group. The keys are the names of the tasks. */
  readonly tasks: Readonly<Record<string, Workload>>;
  /** Other fields of Nomad's group block. @default none */
  readonly override?: Override<nomad.TaskGroup>;
}

/** Props of {@link JobGroup.addCatalogService}. */
export interface CatalogServiceProps extends CatalogServiceOptions {
  /** Name of the service in the catalog. A DNS label. @default the construct's id */
  readonly serviceName?: string;
}

const OF_SERVICE = is.without(GROUP_SERVICE_SHAPE, "group");
const OF_CATALOG_SERVICE = { ...CATALOG_SERVICE_SHAPE, serviceName: is.name };

/** The job of a group. */
interface JobOfGroup {
  readonly mesh: Mesh;
  readonly job: Job;
  /** Key of the record of the job. */
  readonly key: string;
  readonly kind?: JobKind;
}

/**
 * A group of a job: tasks that run together on one node. The services of the group share one network namespace: they can reach each
 * other there without the mesh, and each upstream has a separate local port.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/group
 */
export class JobGroup extends Construct {
  /** Name of the group in the job. */
  readonly groupName: string;

  private readonly ports = new AllocationPorts();
  private readonly services: { readonly service: MeshService; readonly options: GroupServiceProps }[] = [];
  private readonly catalogServices: nomad.Service[] = [];

  /** @internal Made by {@link MeshJob.addGroup}. */
  constructor(
    scope: Construct,
    id: string,
    private readonly props: JobGroupProps,
    private readonly parent: JobOfGroup,
  ) {
    super(scope, id);
    is.refuseWrongValues(this, props, JOB_GROUP_SHAPE);
    this.groupName = props.groupName ?? id;
    for (const port of Object.values(props.ports ?? {})) {
      if (port.to !== undefined) {
        this.ports.take(port.to);
      }
    }
  }

  /**
   * Adds a service to the group and to the mesh, with its own Envoy, upstreams, intentions, `service-defaults` and checks. A service
   * without a `port` only connects to others.
   *
   * @example
   * group.addService("shop-page", { port: 8080, protocol: Protocol.HTTP }).connectTo(api);
   */
  addService(id: string, props: GroupServiceProps = {}): MeshService {
    is.refuseWrongValues(this, props, OF_SERVICE, "service", id);
    const { mesh, job, key } = this.parent;
    const { tasks } = this.props;
    if (props.task !== undefined && !Object.hasOwn(tasks, props.task)) {
      throw new MeshError(
        this,
        `Its service ${id} belongs to the task "${props.task}", which the group does not have.`,
        `Known names: ${Object.keys(tasks).join(", ")}.`,
      );
    }
    const options = { sidecar: mesh.memberDefaults.sidecar, ...props };
    const service = new MeshService(this, id, {
      ...options,
      group: { mesh, job, key, name: this.groupName, tasks: Object.keys(tasks), ports: this.ports },
    });
    this.services.push({ service, options });
    return service;
  }

  /**
   * Adds a service outside the mesh to the catalog, for example for an external load balancer or a scraper. Every client that can reach
   * the port can use the service.
   */
  addCatalogService(id: string, props: CatalogServiceProps = {}): void {
    is.refuseWrongValues(this, props, OF_CATALOG_SERVICE, "service", id);
    const { serviceName = id, ...options } = props;
    Graph.of(this).write(this, ({ catalogServices }) =>
      catalogServices.push({ origin: originOf(this), name: serviceName, mesh: this.parent.mesh.node.path }),
    );
    this.catalogServices.push(renderCatalogService(serviceName, options));
  }

  /** @internal */
  get needs(): readonly Dependency[] {
    return this.services.flatMap(({ service: { serviceName: name } }): Dependency[] => [
      { entry: { kind: "service-defaults", name } },
      { entry: { kind: "service-resolver", name } },
    ]);
  }

  /** @internal */
  render(graph: Snapshot): nomad.TaskGroup {
    const { props, services } = this;
    const connected = services.map(({ service, options }) => ({
      ...{ service, options },
      connections: connectionsOf(graph, service.node.path),
    }));
    const delay = services.length > 0 ? SHUTDOWN_DELAY : undefined;
    return renderGroup(
      this.groupName,
      { ...props, kind: this.parent.kind, shutdownDelay: props.shutdownDelay ?? delay },
      {
        Networks: [
          renderNetwork(props, { DynamicPorts: exposedPorts(services.flatMap(({ options }) => options.expose ?? [])) }),
        ],
        Services: [
          ...connected.map(({ service: { serviceName }, options, connections: { upstreams } }) =>
            renderConnectService(options, {
              ...{ serviceName, port: options.port, ports: props.ports, task: options.task, upstreams },
              override: options.override,
            }),
          ),
          ...this.catalogServices,
        ],
        Tasks: Object.entries(props.tasks).flatMap(([name, workload]) => {
          // The variables of a service without a `task` are set in all tasks.
          const ofTask = connected.filter(({ options: { task = name } }) => task === name);
          const env = Object.fromEntries(ofTask.flatMap(({ connections }) => Object.entries(connections.env)));
          return renderTasks({ [name]: workload }, env);
        }),
      },
      props.override,
    );
  }
}
