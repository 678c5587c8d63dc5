import { refuseWrongValues, type Shape } from "../../core/shape";
import type { AclBindingRule } from "@cdktf/provider-consul/lib/acl-binding-rule";
import type { Job } from "@cdktf/provider-nomad/lib/job";
import { Construct } from "constructs";
import type { WorkloadAuthMethod, GatewayWorkload } from "../../access/workload-auth-method";
import { problemOfUpstreamPolicy, renderEnvoyRuntime, type PassiveHealthCheck } from "../../consul/upstream-config";
import { isDefaultTenancy, tenancyText } from "../../consul/tenancy";
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

/** Props of all gateways. */
export interface GatewayBaseProps extends GatewayJobProps {
  /** Name of the gateway in Consul and of the job in Nomad. A DNS label. @default the construct's id */
  readonly serviceName?: string;
  /**
   * When Envoy of the gateway ejects a failing instance of a service (outlier detection). If this changes, Nomad replaces the allocations
   * of the gateway, except those of an ingress gateway.
   *
   * @default an instance is ejected for 30 s after 5 failures in a row; at most half of the instances are ejected
   */
  readonly passiveHealthCheck?: PassiveHealthCheck;
}

/** Additional props of constructors. Methods of the mesh, such as `addApiGateway`, set them. */
export interface InMesh {
  /** The mesh of the construct, in this stack or another one. */
  readonly mesh: Mesh;
}

/** The parts of a gateway that depend on its kind. */
export interface GatewayParts extends Pick<GatewayRecord, "hostPorts" | "peerThroughMeshGateways"> {
  /** Listeners for clients outside the mesh. @default none */
  readonly listeners?: GatewayRecord["listeners"];
  /** Files that Envoy reads. @default none */
  readonly files?: readonly string[];
  readonly render: (graph: Snapshot) => nomad.Job;
  /** Returns the dependencies of the job. @default none */
  readonly needs?: () => readonly Dependency[];
}

/**
 * A gateway of the mesh. Its job contains only an Envoy.
 *
 * @see https://developer.hashicorp.com/consul/docs/north-south
 */
export abstract class Gateway<Props extends GatewayBaseProps = GatewayBaseProps> extends Construct implements IGateway {
  static {
    sharedClass(this, "Gateway");
  }

  readonly serviceName: string;
  readonly mesh: Mesh;

  /** Props of the gateway, with defaults of the mesh for those that are omitted. */
  protected readonly props: Props;
  private ownJob: Job | undefined;
  private readonly rules = new Map<WorkloadAuthMethod, AclBindingRule>();

  /** @internal */
  constructor(
    scope: Construct,
    id: string,
    given: Props & InMesh,
    /** Kind of the gateway, as messages name it. */
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
   * Adds the binding rule with which the gateway gets its token, in a cluster with ACLs. Gateways need more permissions than services
   * have by default. A mesh with a `gatewayAuthMethod` does this for each of its gateways.
   *
   * @example
   * gateway.bindTo(access.workloads);
   */
  bindTo(authMethod: WorkloadAuthMethod): void {
    const { tenancy = {} } = this.mesh;
    if (!isDefaultTenancy(tenancy)) {
      throw new MeshError(
        this,
        `It is in ${tenancyText(tenancy)}, and Meshform adds binding rules only to the default namespace of the default partition.`,
        "Omit gatewayAuthMethod of its mesh, and add its AclBindingRule and policy with the provider's resources, in its partition and namespace.",
      );
    }
    if (!this.rules.has(authMethod)) {
      this.rules.set(authMethod, this.addRule(authMethod));
      Graph.of(this).write(this, ({ allowed }) => allowed.add(this.node.path));
    }
  }

  /** The Terraform resource of the job, for dependencies and lifecycle. */
  get job(): Job {
    if (this.ownJob === undefined) {
      throw new Error(`${this.node.path} has no job yet.`);
    }
    return this.ownJob;
  }

  /** The job in the format of Nomad's API, with everything that the graph adds so far. */
  renderJob(): nomad.Job {
    return renderedJob(this.job);
  }

  /** Runtime values in the bootstrap of Envoy: settings that Consul cannot configure for this kind of gateway. */
  protected get envoyRuntime(): Readonly<Record<string, number>> | undefined {
    return renderEnvoyRuntime(this.props.passiveHealthCheck);
  }

  /** Job, namespace and datacenter of the gateway, for Consul's binding rules. */
  protected get workload(): GatewayWorkload {
    return {
      ...{ job: this.serviceName, namespace: this.props.namespace, datacenter: this.mesh.datacenter },
      primary: this.mesh.entryScope?.gatewayAuthMethod,
    };
  }

  /** Adds the binding rule with which the gateway logs in to Consul. */
  protected abstract addRule(access: WorkloadAuthMethod): AclBindingRule;

  /** Records the gateway in the graph, and declares its job. */
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
