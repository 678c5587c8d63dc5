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

/** What {@link MeshJob.addGroup} takes. */
export interface JobGroupProps extends GroupOptions, NetworkOptions {
  /** Its name in the job. @default the construct's id */
  readonly groupName?: string;
  /** What runs, by name of the task. */
  readonly tasks: Readonly<Record<string, Workload>>;
  /** Anything else of Nomad's group block. @default none */
  readonly override?: Override<nomad.TaskGroup>;
}

/** What {@link JobGroup.addCatalogService} takes. */
export interface CatalogServiceProps extends CatalogServiceOptions {
  /** Name in Consul. A DNS label. @default the construct's id */
  readonly serviceName?: string;
}

const OF_SERVICE = is.without(GROUP_SERVICE_SHAPE, "group");
const OF_CATALOG_SERVICE = { ...CATALOG_SERVICE_SHAPE, serviceName: is.name };

/** The job that a group is in. */
interface JobOfGroup {
  readonly mesh: Mesh;
  readonly job: Job;
  /** Key of its record. */
  readonly key: string;
  readonly kind?: JobKind;
}

/**
 * A group of a job: tasks that run together on one node. Its services share the ports of one network namespace, so that they reach
 * each other there without the mesh, and each upstream has a local port of its own.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/group
 */
export class JobGroup extends Construct {
  /** Its name in the job. */
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
   * Adds a service of the mesh: a member of the graph with its own Envoy, upstreams, intentions, defaults and checks. Without a
   * `port` it offers nothing, and only reaches others.
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
   * Adds a service to Consul's catalog that is outside the mesh, for an external load balancer or a scraper, say. Whatever reaches
   * its port may use it.
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
          // What a service without a task of its own finds, all of them may ask for.
          const ofTask = connected.filter(({ options: { task = name } }) => task === name);
          const env = Object.fromEntries(ofTask.flatMap(({ connections }) => Object.entries(connections.env)));
          return renderTasks({ [name]: workload }, env);
        }),
      },
      props.override,
    );
  }
}
