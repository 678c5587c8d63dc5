import { Job, type JobConfig } from "@cdktf/provider-nomad/lib/job";
import { Lazy } from "cdktf";
import type { Construct } from "constructs";
import { addressByIdentity } from "../core/address";
import { dependAtSynthesis, type Needs } from "../dependencies";
import type * as nomad from "../nomad/generated/job";
import type { JobPlacement } from "../nomad/job";
import { lazyTerraformJson } from "../core/terraform-json";
import type { ServiceMesh } from "./service-mesh";

/** What tells a job from others. */
export interface JobKey extends Pick<JobPlacement, "region" | "namespace"> {
  readonly id: string;
}

/** The job of a member of the mesh: rendered at synthesis, and only once for each state of the graph. */
export class MeshJob {
  /** The Terraform resource. */
  readonly resource: Job;

  private rendered: { readonly revision: number; readonly job: nomad.Job } | undefined;

  constructor(
    scope: Construct,
    private readonly mesh: ServiceMesh,
    key: JobKey,
    private readonly renderAnew: () => nomad.Job,
    needs: () => Needs,
    config: Pick<JobConfig, "detach"> = {},
  ) {
    this.resource = new Job(scope, "Job", {
      jobspec: lazyTerraformJson(() => this.render()),
      json: true,
      // A job that somebody has stopped runs again with the next apply. One of no instances is dead at all times.
      rerunIfDead: Lazy.anyValue({ produce: () => this.hasInstances || undefined }),
      ...config,
    });
    const { region, namespace = "default", id } = key;
    addressByIdentity(this.resource, region, namespace === "default" ? undefined : namespace, id);
    // Envoy reads some of what the mesh says of it, metrics and tracing, only when it starts.
    dependAtSynthesis(this.resource, () => [...needs(), mesh.proxyDefaults]);
  }

  /** The job as Nomad's API takes it. */
  render(): nomad.Job {
    if (this.rendered?.revision !== this.mesh.revision) {
      this.rendered = { revision: this.mesh.revision, job: this.mesh.observe(this.renderAnew()) };
    }
    return this.rendered.job;
  }

  private get hasInstances(): boolean {
    return (this.render().TaskGroups ?? []).some(({ Count = 1 }) => Count !== 0);
  }
}
