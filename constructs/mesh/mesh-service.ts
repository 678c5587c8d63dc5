import { Job } from "@cdktf/provider-nomad/lib/job";
import { TerraformStack, Token } from "cdktf";
import { Construct, type IConstruct } from "constructs";
import { ConsulConfigEntry } from "../consul/consul-config-entry";
import type * as consul from "../consul/generated/config-entries";
import { Protocol } from "../consul/protocol";
import { renderServiceIntentions } from "../consul/service-intentions";
import { MeshError } from "../errors";
import type * as nomad from "../nomad/generated/job";
import { renderServiceJob, type ServiceJobProps } from "../nomad/service-job";
import { lazyTerraformJson } from "../terraform-json";
import { Connection, type ConnectOptions } from "./connection";
import { Intention, type IntentionOptions } from "./intention";
import { allocateLocalPort } from "./local-ports";
import type { ServiceMesh } from "./service-mesh";
import { Upstream, type UpstreamOptions } from "./upstream";

/** A service of the mesh, whoever owns it. */
export interface IMeshService extends IConstruct {
  /** Name in Consul. */
  readonly serviceName: string;
  /** What it speaks. */
  readonly protocol: Protocol;
  /** The mesh that owns it; `undefined` for a service that another team owns. */
  readonly mesh: ServiceMesh | undefined;
}

/** What {@link ServiceMesh.addService} takes. */
export interface MeshServiceBaseProps extends ServiceJobProps {
  /** Name in Consul, and of the job. A DNS label. @default the construct's id */
  readonly serviceName?: string;
  /** What it speaks. @default Protocol.TCP */
  readonly protocol?: Protocol;
  /** Further fields of its service-defaults. @default none */
  readonly serviceDefaults?: Omit<consul.ServiceConfigEntry, "Kind" | "Name" | "Protocol">;
}

/** Props of {@link MeshService}. */
export interface MeshServiceProps extends MeshServiceBaseProps {
  /** The mesh that it belongs to, in this stack or another one. */
  readonly mesh: ServiceMesh;
}

/** What is known of a service that another team owns. */
export interface ImportedMeshServiceOptions {
  /** What it speaks. @default Protocol.TCP */
  readonly protocol?: Protocol;
}

/**
 * A service with its job, its Envoy, its defaults in Consul, and the one entry that says who may reach it.
 *
 * @example
 * const dashboard = mesh.addService("count-dashboard", { port: 9002, publish: 9002, workload });
 * dashboard.connectTo(api, { localBindPort: 8080, env: "COUNTING_SERVICE_URL" });
 */
export class MeshService extends Construct implements IMeshService {
  /**
   * A service that another team owns. Nothing is emitted for it: who may reach it is for its owner to say.
   *
   * @param serviceName its name in Consul
   */
  static fromServiceName(
    scope: Construct,
    id: string,
    serviceName: string,
    options: ImportedMeshServiceOptions = {},
  ): IMeshService {
    return new ImportedMeshService(scope, id, serviceName, options);
  }

  readonly serviceName: string;
  readonly protocol: Protocol;
  readonly mesh: ServiceMesh;
  /** The props it was made with. */
  readonly props: MeshServiceProps;
  /** The Terraform resource of its job, for dependencies and lifecycle. */
  readonly job: Job;

  private readonly ownUpstreams: Upstream[] = [];
  private readonly takenPorts: Set<number>;
  private renderedJob: { readonly revision: number; readonly job: nomad.Job } | undefined;

  constructor(scope: Construct, id: string, props: MeshServiceProps) {
    super(scope, id);
    this.serviceName = props.serviceName ?? id;
    this.protocol = props.protocol ?? Protocol.TCP;
    this.mesh = props.mesh;
    this.props = props;
    this.takenPorts = new Set([props.port]);
    if (Token.isUnresolved(this.serviceName)) {
      throw new MeshError(
        this,
        "The name of the service is only known to Terraform.",
        "Give it literally: the graph is built on names.",
      );
    }
    props.mesh.register(this);

    const defaults = new ConsulConfigEntry<consul.ServiceConfigEntry>(this, "Defaults", {
      kind: "service-defaults",
      name: this.serviceName,
      // Consul always answers with TransparentProxy; without it each plan would find a difference.
      entry: () => ({ TransparentProxy: {}, ...props.serviceDefaults, Protocol: this.protocol }),
    });
    const { proxyDefaults } = props.mesh;
    new ConsulConfigEntry<consul.ServiceIntentionsConfigEntry>(this, "Intentions", {
      kind: "service-intentions",
      name: this.serviceName,
      entry: () => renderServiceIntentions(this.mesh.intentionsFor(this.serviceName).map((each) => each.render())),
      // Consul judges permissions on requests by the protocol in these two.
      dependsOn: [defaults, ...(proxyDefaults && sameStack(this, proxyDefaults) ? [proxyDefaults] : [])],
    });

    this.job = new Job(this, "Job", {
      jobspec: lazyTerraformJson(() => this.renderJob()),
      json: true,
      dependsOn: [defaults.resource],
    });
  }

  /** Its ways to other services. */
  get upstreams(): readonly Upstream[] {
    return this.ownUpstreams;
  }

  /**
   * Connects this service to another: it finds it (an upstream) and may reach it (an intention).
   *
   * @param target the service, or its name in this mesh
   */
  connectTo(target: IMeshService | string, options: ConnectOptions = {}): Connection {
    const { permissions, description, ...upstreamOptions } = options;
    const upstream = this.addUpstream(target, upstreamOptions);
    const intention = this.meshOf(target).addIntention(
      new Intention(this, this, nameOf(target), { permissions, description }),
    );
    return new Connection(upstream, intention);
  }

  /**
   * Lets this service find another one. Grants nothing: the other's owner says `allowFrom`.
   *
   * @param target the service, or its name in this mesh
   */
  addUpstream(target: IMeshService | string, options: UpstreamOptions = {}): Upstream {
    const destination = nameOf(target);
    const key = [destination, options.datacenter, options.peer].filter(Boolean).join("/");
    const upstream = new Upstream(this, destination, this.localBindPort(key, options), options, () =>
      typeof target === "string" ? this.mesh.findService(target) : target,
    );
    this.ownUpstreams.push(upstream);
    if (upstream.localBindPort !== undefined) {
      this.takenPorts.add(upstream.localBindPort);
    }
    this.mesh.revision++;
    return upstream;
  }

  /**
   * Lets another service reach this one. Adds no upstream: the other one says `addUpstream`.
   *
   * @param source the service, its name in this mesh, or `"*"` for any
   */
  allowFrom(source: IMeshService | string, options: IntentionOptions = {}): Intention {
    return this.mesh.addIntention(new Intention(this, source, this.serviceName, options));
  }

  /** The job as Nomad's API takes it, with all that the graph adds. */
  renderJob(): nomad.Job {
    if (this.renderedJob?.revision !== this.mesh.revision) {
      const job = renderServiceJob(
        { ...this.mesh.jobDefaults, ...withoutUndefined(this.props) },
        {
          serviceName: this.serviceName,
          upstreams: this.ownUpstreams
            .filter(({ localBindPort }) => localBindPort !== undefined)
            .map((u) => u.render()),
          env: Object.fromEntries(
            this.ownUpstreams.flatMap((u) =>
              u.options.env === undefined ? [] : [[u.options.env, u.environmentValue]],
            ),
          ),
        },
      );
      this.renderedJob = { revision: this.mesh.revision, job };
    }
    return this.renderedJob.job;
  }

  private localBindPort(key: string, options: UpstreamOptions): number | undefined {
    if (options.localBindPort !== undefined) {
      return options.localBindPort;
    }
    if (this.props.transparentProxy !== undefined || this.props.connectNative === true) {
      return undefined;
    }
    return allocateLocalPort(key, this.takenPorts);
  }

  private meshOf(target: IMeshService | string): ServiceMesh {
    return (typeof target === "string" ? undefined : target.mesh) ?? this.mesh;
  }
}

class ImportedMeshService extends Construct implements IMeshService {
  readonly protocol: Protocol;
  readonly mesh = undefined;

  constructor(
    scope: Construct,
    id: string,
    readonly serviceName: string,
    options: ImportedMeshServiceOptions,
  ) {
    super(scope, id);
    this.protocol = options.protocol ?? Protocol.TCP;
  }
}

function sameStack(left: IConstruct, right: IConstruct): boolean {
  return TerraformStack.of(left) === TerraformStack.of(right);
}

function nameOf(service: IMeshService | string): string {
  return typeof service === "string" ? service : service.serviceName;
}

function withoutUndefined<T extends object>(props: T): T {
  return Object.fromEntries(Object.entries(props).filter(([, value]) => value !== undefined)) as T;
}
