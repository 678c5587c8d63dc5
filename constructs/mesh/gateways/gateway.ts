import type { AclBindingRule } from "@cdktf/provider-consul/lib/acl-binding-rule";
import type { Job } from "@cdktf/provider-nomad/lib/job";
import { TerraformStack, Token } from "cdktf";
import { Construct } from "constructs";
import type { GatewayAccess, GatewayWorkload } from "../../consul/gateway-access";
import { problemOfUpstreamPolicy, renderEnvoyRuntime, type PassiveHealthCheck } from "../../consul/upstream-config";
import type { Needs } from "../../dependencies";
import { MeshError } from "../../core/errors";
import type { GatewayJobProps } from "../../nomad/gateway-job";
import type * as nomad from "../../nomad/generated/job";
import { withoutUndefined } from "../../core/without-undefined";
import { MeshJob } from "../mesh-job";
import type { IMeshMember } from "../mesh-member";
import type { ServiceMesh } from "../service-mesh";

/** What every gateway takes. */
export interface GatewayBaseProps extends GatewayJobProps {
  /** Name in Consul, and of the job. A DNS label. @default the construct's id */
  readonly serviceName?: string;
  /**
   * When its Envoy stops asking an instance that fails, of whatever service. Nomad replaces the gateway for a change, except an
   * ingress gateway.
   *
   * @default ejected for 30 s after 5 failures in a row, at most half of the instances
   */
  readonly passiveHealthCheck?: PassiveHealthCheck;
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
  private readonly rules = new Map<GatewayAccess, AclBindingRule>();

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
    const problem = problemOfUpstreamPolicy({ passiveHealthCheck: props.passiveHealthCheck });
    if (problem !== undefined) {
      throw new MeshError(this, ...problem);
    }
    props.mesh.registerGateway(this);
  }

  /** What it is, for messages. */
  abstract get kind(): string;

  /**
   * Lets it log in to Consul, where access control is on: what a gateway needs is more than a service gets by itself. Where the
   * mesh knows its `gatewayAccess`, that is said already.
   *
   * @example
   * gateway.allowIn(access.workloads);
   */
  allowIn(access: GatewayAccess): void {
    if (this.rules.has(access)) {
      return;
    }
    this.rules.set(access, this.addRule(access));
    const [own, other] = [this, access].map((construct) => TerraformStack.of(construct));
    if (own !== other) {
      own.addDependency(other);
    }
  }

  /** @internal Whether anything lets it log in to Consul. */
  get isAllowedIn(): boolean {
    return this.rules.size > 0;
  }

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

  /** What its Envoy is told past Consul. */
  protected get envoyRuntime(): Readonly<Record<string, number>> | undefined {
    return renderEnvoyRuntime(this.props.passiveHealthCheck);
  }

  /** Which workload it is for Consul's access rules. */
  protected get workload(): GatewayWorkload {
    const { namespace } = this.effectiveProps;
    return { job: this.serviceName, namespace, datacenter: this.mesh.props.datacenter };
  }

  /** Adds what lets it log in to Consul. */
  protected abstract addRule(access: GatewayAccess): AclBindingRule;

  protected abstract renderAnew(): nomad.Job;

  /** Declares the job. @param needs what must be there before it */
  protected addJob(needs: () => Needs = () => []): void {
    const { gatewayAccess } = this.mesh.props;
    this.meshJob = new MeshJob(
      this,
      this.mesh,
      { ...this.effectiveProps, id: this.serviceName },
      () => this.renderAnew(),
      () => [...needs(), ...this.rules.values()],
    );
    if (gatewayAccess !== undefined) {
      this.allowIn(gatewayAccess);
    }
  }

  private get ownJob(): MeshJob {
    if (this.meshJob === undefined) {
      throw new Error(`${this.node.path} has no job yet.`);
    }
    return this.meshJob;
  }
}
