import { refuseWrongValues, type Shape } from "../../core/shape";
import type { AclBindingRule } from "@cdktf/provider-consul/lib/acl-binding-rule";
import type { Job } from "@cdktf/provider-nomad/lib/job";
import { Construct } from "constructs";
import type { WorkloadAuthMethod, GatewayWorkload } from "../../access/workload-auth-method";
import { problemOfUpstreamPolicy, renderEnvoyRuntime, type PassiveHealthCheck } from "../../consul/upstream-config";
import { MeshError } from "../../core/errors";
import { Graph } from "../../model/graph";
import type { GatewayKind, GatewayRecord } from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import type { GatewayJobProps } from "../../nomad/gateway-job";
import type * as nomad from "../../nomad/generated/job";
import { withoutUndefined } from "../../core/without-undefined";
import { sharedClass } from "../../core/shared-class";
import type { Dependency } from "../config-entry";
import type { Mesh } from "../mesh";
import { refuseUnknownName, type IGateway } from "../mesh-member";
import { declareJob, renderedJob } from "../jobs/declare-job";

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
  readonly mesh: Mesh;
}

/** What a kind of gateway says of itself. */
export interface GatewayParts extends Pick<GatewayRecord, "hostPorts" | "peerThroughMeshGateways"> {
  /** @default none: it takes no connections from outside the mesh */
  readonly listeners?: GatewayRecord["listeners"];
  /** The files that its Envoy is told to read. @default none */
  readonly files?: readonly string[];
  readonly render: (graph: Snapshot) => nomad.Job;
  /** What its job waits for. @default nothing */
  readonly needs?: () => readonly Dependency[];
}

/**
 * A door of the mesh: a member of it whose job is an Envoy and nothing else. It reaches what the graph connects it to.
 *
 * @see https://developer.hashicorp.com/consul/docs/north-south
 */
export abstract class Gateway<Props extends GatewayBaseProps = GatewayBaseProps> extends Construct implements IGateway {
  static {
    sharedClass(this, "Gateway");
  }

  readonly serviceName: string;
  readonly mesh: Mesh;

  /** Its props and, where they say nothing, the mesh's. */
  protected readonly props: Props;
  private ownJob: Job | undefined;
  private readonly rules = new Map<WorkloadAuthMethod, AclBindingRule>();

  /** @internal */
  constructor(
    scope: Construct,
    id: string,
    given: Props & InMesh,
    /** What it is, for messages. */
    readonly kind: GatewayKind,
    shape: Shape<Props & InMesh>,
  ) {
    super(scope, id);
    refuseWrongValues(this, given, shape);
    const { mesh, ...props } = given;
    this.serviceName = props.serviceName ?? id;
    this.mesh = mesh;
    this.props = { ...mesh.memberDefaults, ...withoutUndefined(props) } as unknown as Props;
    refuseUnknownName(this, "gateway", this.serviceName);
    const problem = problemOfUpstreamPolicy({ passiveHealthCheck: props.passiveHealthCheck });
    if (problem !== undefined) {
      throw new MeshError(this, ...problem);
    }
  }

  /**
   * Adds the binding rule by which the gateway gets its token, where Consul has access control: a gateway needs more than a
   * service gets by default. A mesh with a `gatewayAuthMethod` does this for each of its gateways.
   *
   * @example
   * gateway.bindTo(access.workloads);
   */
  bindTo(authMethod: WorkloadAuthMethod): void {
    if (!this.rules.has(authMethod)) {
      this.rules.set(authMethod, this.addRule(authMethod));
      Graph.of(this).write(this, ({ allowed }) => allowed.add(this.node.path));
    }
  }

  /** The Terraform resource of its job, for dependencies and lifecycle. */
  get job(): Job {
    if (this.ownJob === undefined) {
      throw new Error(`${this.node.path} has no job yet.`);
    }
    return this.ownJob;
  }

  /** Its job as Nomad's API takes it, with all that the graph adds by now. */
  renderJob(): nomad.Job {
    return renderedJob(this.job);
  }

  /** What its Envoy is told past Consul. */
  protected get envoyRuntime(): Readonly<Record<string, number>> | undefined {
    return renderEnvoyRuntime(this.props.passiveHealthCheck);
  }

  /** Which workload it is for Consul's access rules. */
  protected get workload(): GatewayWorkload {
    return { job: this.serviceName, namespace: this.props.namespace, datacenter: this.mesh.datacenter };
  }

  /** Adds what lets it log in to Consul. */
  protected abstract addRule(access: WorkloadAuthMethod): AclBindingRule;

  /** Records the gateway, and declares its job. */
  protected declare(parts: GatewayParts): void {
    const { listeners = [], hostPorts, files = [], peerThroughMeshGateways, render, needs = () => [] } = parts;
    const { mesh, serviceName: id } = this;
    const { region, namespace, waitUntilHealthy, templates = [] } = this.props;
    mesh.addMember<GatewayRecord>(this, {
      ...{ kind: "gateway", gatewayKind: this.kind, name: id },
      ...{ listeners, hostPorts, files, peerThroughMeshGateways },
      renderedFiles: templates.flatMap((template) => template.rendered.DestPath ?? []),
    });
    const { gatewayAuthMethod } = mesh;
    if (gatewayAuthMethod !== undefined) {
      this.bindTo(gatewayAuthMethod);
    }
    this.ownJob = declareJob(this, {
      ...{ mesh, region, namespace, id, owner: this.node.path, waitUntilHealthy, render },
      needs: () => [...needs(), ...this.rules.values()],
    });
  }
}
