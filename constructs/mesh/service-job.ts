import type { Job } from "@cdktf/provider-nomad/lib/job";
import { Construct } from "constructs";
import type { Protocol } from "../consul/protocol";
import { problemOfUpstreamPolicy } from "../consul/upstream-config";
import { MeshError } from "../core/errors";
import type * as nomad from "../nomad/generated/job";
import { renderServiceJob, type ServiceJobProps } from "../nomad/service-job";
import { withoutUndefined } from "../core/without-undefined";
import { Connection, type ConnectOptions } from "./connection";
import { Intention } from "./intention";
import type { LocalBinds } from "./local-ports";
import type { MeshJob } from "./mesh-job";
import { meshOf, nameOf, peerOf, type IMeshService } from "./mesh-member";
import type { ServiceMesh } from "./service-mesh";
import { Upstream, upstreamId, type UpstreamOptions } from "./upstream";

/**
 * Instances of a service: one Nomad job, and what the Envoys beside its tasks reach. Most services have one such job; those
 * with versions have one for each.
 */
export abstract class ServiceJob extends Construct implements IMeshService {
  abstract readonly serviceName: string;
  abstract readonly protocol: Protocol;
  abstract readonly mesh: ServiceMesh;
  /** The props it was made with. */
  abstract readonly props: ServiceJobProps;
  /** Id of the job in Nomad. */
  abstract readonly jobName: string;

  /** @internal Its ways to other services that were stated for this very job. */
  readonly ownUpstreams: Upstream[] = [];

  /** Where its upstreams listen; jobs that share upstreams share it. */
  protected abstract readonly localBinds: LocalBinds;
  protected abstract readonly meshJob: MeshJob;

  /** The Terraform resource of its job, for dependencies and lifecycle. */
  get job(): Job {
    return this.meshJob.resource;
  }

  /** Its ways to other services. */
  get upstreams(): readonly Upstream[] {
    return this.ownUpstreams;
  }

  /**
   * Connects this service to another: it finds it (an upstream) and may reach it (an intention). A service of another
   * datacenter's mesh is reached through mesh gateways, and made known to this cluster.
   *
   * @param target the service, or its name in this mesh
   * @throws MeshError for options that contradict those of an earlier connection to it
   */
  connectTo(target: IMeshService | string, options: ConnectOptions = {}): Connection {
    const { permissions, description, ...upstreamOptions } = options;
    const upstream = this.addUpstream(target, upstreamOptions);
    const intention = meshOf(target, this.mesh).addIntention(
      new Intention(this, this, nameOf(target), { permissions, description }),
    );
    return new Connection(upstream, intention);
  }

  /**
   * Lets this service find another one. Grants nothing: the other's owner says `allowFrom`. To say it again is to add options
   * to the same upstream; another datacenter or peer makes it another one.
   *
   * @param target the service, or its name in this mesh
   * @throws MeshError for options that contradict those that were given before
   */
  addUpstream(target: IMeshService | string, given: UpstreamOptions = {}): Upstream {
    const destination = nameOf(target);
    const options = { ...given, peer: given.peer ?? this.peerOf(target, given) };
    const problem = problemOfUpstreamPolicy(options);
    if (problem !== undefined) {
      throw new MeshError(this, `Of its upstream ${destination}, ${problem[0]}`, problem[1]);
    }
    const upstream = this.bind(destination, options, () =>
      typeof target === "string" ? this.mesh.findService(target) : target,
    );
    this.mesh.revision++;
    const earlier = this.ownUpstreams.find(({ id }) => id === upstream.id);
    if (earlier === undefined) {
      this.ownUpstreams.push(upstream);
      return upstream;
    }
    const contradiction = earlier.contradictionWith(upstream);
    if (contradiction !== undefined) {
      throw new MeshError(
        this,
        `Its upstream ${destination} is given ${contradiction}.`,
        "Keep one of the two: it is one upstream, however often it is connected.",
      );
    }
    earlier.absorb(upstream);
    return earlier;
  }

  /** The job as Nomad's API takes it, with all that the graph adds. */
  renderJob(): nomad.Job {
    return this.meshJob.render();
  }

  /** Renders the job as the graph has it by now. */
  protected renderAnew(): nomad.Job {
    const { upstreams } = this;
    const isOnly = ({ destinationName }: Upstream) =>
      upstreams.filter((other) => other.destinationName === destinationName).length === 1;
    return renderServiceJob(this.effectiveProps, {
      serviceName: this.serviceName,
      jobName: this.jobName,
      upstreams: upstreams.filter(({ localBindPort }) => localBindPort !== undefined).map((u) => u.render()),
      env: Object.fromEntries(
        upstreams.flatMap((u) => (u.options.env === undefined ? [] : [[u.options.env, u.environmentValue(isOnly(u))]])),
      ),
    });
  }

  /** Its props and, where they say nothing, the mesh's. */
  protected get effectiveProps(): ServiceJobProps {
    return { ...this.mesh.jobDefaults, ...withoutUndefined(this.props) };
  }

  private peerOf(target: IMeshService | string, { datacenter }: UpstreamOptions): string | undefined {
    if (typeof target === "string" || target.mesh === undefined) {
      return undefined;
    }
    this.mesh.join(target.mesh);
    return datacenter === undefined ? peerOf(target.mesh, this.mesh) : undefined;
  }

  private bind(destination: string, options: UpstreamOptions, find: () => IMeshService | undefined): Upstream {
    const { transparentProxy, connectNative } = this.props;
    const { port, address } = this.localBinds.bind(
      upstreamId(destination, options),
      { port: options.localBindPort, address: options.localBindAddress },
      transparentProxy === undefined && connectNative !== true,
    );
    return new Upstream(this, destination, port, { ...options, localBindAddress: address }, find);
  }
}
