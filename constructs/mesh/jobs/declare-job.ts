import { Job } from "@cdktf/provider-nomad/lib/job";
import type { Construct } from "constructs";
import { addressByIdentity } from "../../core/address";
import { tenancyFields, type Tenancy } from "../../consul/tenancy";
import { durationText } from "../../core/duration";
import { resolvedOnce, withoutTraces } from "../../core/lean-resource";
import { Graph } from "../../model/graph";
import { originOf } from "../../model/origin";
import type { JobRecord } from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import { deploymentLimits } from "../../nomad/deployment";
import type { JobPlacement } from "../../nomad/job";
import type * as nomad from "../../nomad/generated/job";
import { toTerraformJson } from "../../core/terraform-json";
import { needsOf, type Dependency } from "../config-entry";
import type { Mesh } from "../mesh";

/** The parts of a job of the mesh. */
export interface NomadJobParts
  extends Omit<JobRecord, "key" | "origin" | "mesh">, Pick<JobPlacement, "waitUntilHealthy"> {
  readonly mesh: Mesh;
  /** Returns the job without metrics and tracing, which the mesh adds to every job. */
  readonly render: (graph: Snapshot) => nomad.Job;
  readonly needs: (graph: Snapshot) => readonly Dependency[];
}

/**
 * Declares a job and its Terraform resource. The key of the record of the job is the path of the scope.
 *
 * @returns the resource
 */
export function declareJob(scope: Construct, parts: NomadJobParts): Job {
  const { mesh, render, needs, waitUntilHealthy, ...record } = parts;
  const key = scope.node.path;
  const graph = Graph.of(scope);
  graph.write(scope, (data) => data.jobs.set(key, { ...record, key, origin: originOf(scope), mesh: mesh.node.path }));
  const detach = waitUntilHealthy === true ? false : undefined;
  const resource = withoutTraces(() => new MeshJobResource(scope, "Job", { jobspec: "{}", json: true, detach }));
  const { region, namespace = "default", id } = record;
  addressByIdentity(resource, region, namespace === "default" ? undefined : namespace, id);
  graph.emit(scope, {
    subject: { job: key },
    mesh: mesh.node.path,
    resource,
    render: (snapshot) => inTenancy(mesh.observe(render(snapshot), snapshot), mesh.tenancy),
    needs: (snapshot) => [
      ...needsOf(needs(snapshot)),
      // Envoy reads some settings of proxy-defaults, those for metrics and tracing, only when it starts.
      { entry: { kind: "proxy-defaults", name: "global" }, isSoft: true },
    ],
    write: (job = {}) => {
      resource.jobspec = toTerraformJson(job);
      // Nomad decides when a deployment has taken too long. The provider's default timeout of 5 minutes is shorter than Nomad's.
      const limits = waitUntilHealthy === true ? deploymentLimits(job) : undefined;
      if (limits) {
        resource.putTimeouts({ create: durationText(limits.create), update: durationText(limits.update) });
      }
      // A job that somebody has stopped runs again after the next apply. A job without instances, or a batch job, may be dead.
      if (isToRun(job)) {
        resource.rerunIfDead = true;
      }
    },
  });
  return resource;
}

/** @internal The job of a resource that {@link declareJob} returned, in the format of Nomad's API. */
export function renderedJob(resource: Job): nomad.Job {
  const { snapshot } = Graph.of(resource);
  const emission = snapshot.emissions.find((it) => it.resource === resource);
  return (emission && snapshot.contentOf(emission)) ?? {};
}

/** Registers the services of all groups in the tenancy, unless an override of a group sets another one. */
function inTenancy(job: nomad.Job, tenancy: Tenancy | undefined): nomad.Job {
  return tenancy === undefined
    ? job
    : {
        ...job,
        TaskGroups: job.TaskGroups?.map((group) => ({
          ...group,
          Consul: { ...tenancyFields(tenancy), ...group.Consul },
        })),
      };
}

function isToRun({ Type = "service", TaskGroups = [] }: nomad.Job): boolean {
  return (Type === "service" || Type === "system") && TaskGroups.some(({ Count = 1 }) => Count !== 0);
}

class MeshJobResource extends Job {
  override toTerraform(): unknown {
    Graph.of(this).close();
    return resolvedOnce(super.toTerraform());
  }

  override toMetadata(): unknown {
    return resolvedOnce(super.toMetadata());
  }
}
