import type { Job } from "@cdktf/provider-nomad/lib/job";
import { Construct } from "constructs";
import { withoutUndefined } from "../../core/without-undefined";
import type * as nomad from "../../nomad/generated/job";
import type { JobKind } from "../../nomad/job-kind";
import { renderJob, type JobSpec } from "../../nomad/job";
import type { Mesh } from "../mesh";
import { refuseUnknownName } from "../mesh-member";
import { declareJob, renderedJob } from "./declare-job";
import { JobGroup, type JobGroupProps } from "./job-group";
import { refuseWrongValues } from "../../core/shape";
import { MESH_JOB_SHAPE } from "../shapes";

/** Props of {@link ServiceMesh.addJob}. */
export interface MeshJobBaseProps extends JobSpec {
  /** ID and name of the job in Nomad. To take over an existing job, use its ID. @default the construct's id */
  readonly jobName?: string;
}

/** Props of {@link MeshJob}. */
export interface MeshJobProps extends MeshJobBaseProps {
  /** The mesh of the job, in this stack or another one. */
  readonly mesh: Mesh;
}

/**
 * A job with any number of groups, each with any number of services, tasks and ports. For a job with a single service, use
 * {@link ServiceMesh.addService}.
 *
 * @example
 * const shop = mesh.addJob("shop");
 * const web = shop.addGroup("web", { count: 2, ports: { metrics: Port.dynamic() }, tasks: { server: Workload.docker({ image }) } });
 * const page = web.addService("shop-page", { port: 8080, protocol: Protocol.HTTP });
 * const admin = web.addService("shop-admin", { port: 8081, protocol: Protocol.GRPC });
 * web.addCatalogService("shop-metrics", { port: "metrics", tags: ["prometheus"] });
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification
 */
export class MeshJob extends Construct {
  /** The mesh of the services in this job. */
  readonly mesh: Mesh;
  /** ID of the job in Nomad. */
  readonly jobName: string;
  /** The Terraform resource, for dependencies and lifecycle. */
  readonly job: Job;

  private readonly kind: JobKind | undefined;
  private readonly groups: JobGroup[] = [];

  constructor(scope: Construct, id: string, props: MeshJobProps) {
    super(scope, id);
    refuseWrongValues(this, props, MESH_JOB_SHAPE);
    const { mesh, jobName = id, ...given } = props;
    refuseUnknownName(this, "job", jobName);
    this.mesh = mesh;
    this.jobName = jobName;
    this.kind = props.kind;
    const spec: JobSpec = { ...mesh.memberDefaults, ...withoutUndefined(given) };
    const { region, namespace, waitUntilHealthy } = spec;
    this.job = declareJob(this, {
      ...{ mesh, region, namespace, id: jobName, waitUntilHealthy },
      render: (graph) =>
        renderJob(
          jobName,
          spec,
          this.groups.map((group) => group.render(graph)),
        ),
      needs: () => this.groups.flatMap((group) => group.needs),
    });
  }

  /**
   * Adds a group: tasks that run together on one node, in one network namespace.
   *
   * @param id id of the construct, and name of the group unless `groupName` is set
   */
  addGroup(id: string, props: JobGroupProps): JobGroup {
    const { mesh, job, kind } = this;
    const group = new JobGroup(this, id, props, { mesh, job, key: this.node.path, kind });
    this.groups.push(group);
    return group;
  }

  /** The job in the format of Nomad's API, with everything that the graph adds so far. */
  renderJob(): nomad.Job {
    return renderedJob(this.job);
  }
}
