import type { Job } from "@cdktf/provider-nomad/lib/job";
import { Token } from "cdktf";
import { Construct } from "constructs";
import type { GatewayWorkload, WorkloadIdentityAuthMethod } from "../../consul/workload-identity-auth-method";
import type { Needs } from "../../dependencies";
import { MeshError } from "../../errors";
import type { GatewayJobProps } from "../../nomad/gateway-job";
import type * as nomad from "../../nomad/generated/job";
import { withoutUndefined } from "../../without-undefined";
import { MeshJob } from "../mesh-job";
import type { IMeshMember } from "../mesh-member";
import type { ServiceMesh } from "../service-mesh";

/** What every gateway takes. */
export interface GatewayBaseProps extends GatewayJobProps {
  /** Name in Consul, and of the job. A DNS label. @default the construct's id */
  readonly serviceName?: string;
}

/** What a gateway takes where it is not the mesh that adds it. */
export interface InMesh {
  /** The mesh that it belongs to, in this stack or another one. */
  readonly mesh: ServiceMesh;
}

/**
 * A door of the mesh: a member of it whose job is an Envoy and nothing else. It reaches what the graph connects it to.
 *
 * @see https://developer.hashicorp.com/consul/docs/north-south
 */
export abstract class Gateway<Props extends GatewayBaseProps = GatewayBaseProps>
  extends Construct
  implements IMeshMember
{
  readonly serviceName: string;
  readonly mesh: ServiceMesh;
  /** The props it was made with. */
  readonly props: Props;

  private meshJob: MeshJob | undefined;

  constructor(scope: Construct, id: string, props: Props & InMesh) {
    super(scope, id);
    this.serviceName = props.serviceName ?? id;
    this.mesh = props.mesh;
    this.props = props;
    if (Token.isUnresolved(this.serviceName)) {
      throw new MeshError(
        this,
        "The name of the gateway is only known to Terraform.",
        "Give it literally: the graph is built on names.",
      );
    }
    props.mesh.registerGateway(this);
  }

  /** What it is, for messages. */
  abstract get kind(): string;

  /**
   * Lets it log in to Consul, where access control is on: what a gateway needs is more than a service gets by itself. Say it
   * last, in the stack of the access rules.
   *
   * @example
   * gateway.allowIn(access.workloads);
   */
  abstract allowIn(workloads: WorkloadIdentityAuthMethod): void;

  /** Ports of the node that it takes. */
  abstract get hostPorts(): readonly number[];

  /** The Terraform resource of its job, for dependencies and lifecycle. */
  get job(): Job {
    return this.ownJob.resource;
  }

  /** The job as Nomad's API takes it, with all that the graph adds. */
  renderJob(): nomad.Job {
    return this.ownJob.render();
  }

  /** @internal The files that its Envoy is told to read. */
  get envoyFiles(): readonly string[] {
    return [];
  }

  /** Its props and, where they say nothing, the mesh's. */
  protected get effectiveProps(): Props {
    return { ...this.mesh.jobDefaults, ...withoutUndefined(this.props) };
  }

  /** Which workload it is for Consul's access rules. */
  protected get workload(): GatewayWorkload {
    return { job: this.serviceName, namespace: this.effectiveProps.namespace };
  }

  protected abstract renderAnew(): nomad.Job;

  /** Declares the job. @param needs what must be there before it */
  protected addJob(needs: () => Needs = () => []): void {
    this.meshJob = new MeshJob(this, this.mesh, () => this.renderAnew(), needs);
  }

  private get ownJob(): MeshJob {
    if (this.meshJob === undefined) {
      throw new Error(`${this.node.path} has no job yet.`);
    }
    return this.meshJob;
  }
}
