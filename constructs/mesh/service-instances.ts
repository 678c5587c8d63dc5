import type { Job } from "@cdktf/provider-nomad/lib/job";
import { Construct } from "constructs";
import type { Protocol } from "../consul/protocol";
import { problemOfUpstreamPolicy } from "../consul/upstream-config";
import { knownItems } from "../core/collections";
import { MeshError } from "../core/errors";
import { Graph } from "../model/graph";
import type { LocalBinds } from "../model/local-ports";
import { originOf } from "../model/origin";
import type { InstancesRecord, Reference, UpstreamRecord } from "../model/records";
import { contradictionOf, mergeUpstreams, problemOfUpstream, upstreamId } from "../model/upstream";
import type { UpstreamOptions } from "../model/upstream-options";
import type * as nomad from "../nomad/generated/job";
import type { ConnectServiceOptions } from "../nomad/service";
import { Connection, type ConnectOptions } from "./connection";
import { allow } from "./intention";
import type { Mesh } from "./mesh";
import { nameOf, referenceTo, type IMeshService } from "./mesh-member";
import { renderedJob } from "./jobs/declare-job";
import { Upstream } from "./upstream";
import { examineNames, examineProperties, refuseProblems, refuseWrongArgument, refuseWrongValues } from "../core/shape";
import { CONNECTION_SHAPE, INTENTION_SHAPE, MEMBER, UPSTREAM_SHAPE } from "./shapes";

/** The record of a service's instances, without the fields that follow from the construct. */
export interface InstancesParts extends Omit<InstancesRecord, "key" | "origin"> {
  /** Local addresses and ports of the upstreams. */
  readonly localBinds: LocalBinds;
}

/**
 * The instances of a service that run in one job, and their upstreams. A service has one job, and one more for each of its versions.
 */
export abstract class ServiceInstances extends Construct implements IMeshService {
  abstract readonly serviceName: string;
  abstract readonly protocol: Protocol;
  abstract readonly mesh: Mesh;
  /** The Terraform resource of the job, for dependencies and lifecycle. */
  abstract readonly job: Job;

  private binds: LocalBinds | undefined;
  private needsPort: (destination: Reference) => boolean = () => true;

  /**
   * Connects this service to another one. It adds an upstream, with which this service finds the other one, and an intention, which
   * allows the connection. A service in a mesh of another datacenter is exported to this cluster, and traffic goes through mesh
   * gateways.
   *
   * @param target the service, or its name in this mesh
   * @throws MeshError if an option contradicts an earlier connection to the same service
   */
  connectTo(target: IMeshService | string, options: ConnectOptions = {}): Connection {
    refuseWrongArgument(this, "target", target, MEMBER);
    const name = nameOf(target);
    refuseProblems(this, (root) => {
      if (examineNames(root.labelled("connection", name), options, CONNECTION_SHAPE)) {
        const { permissions, description, ...ofUpstream } = options;
        examineProperties(root.labelled("upstream", name), ofUpstream, UPSTREAM_SHAPE);
        examineProperties(root.labelled("intention", name), { permissions, description }, INTENTION_SHAPE);
      }
    });
    const { permissions, description, ...upstreamOptions } = options;
    const upstream = this.addUpstreamTo(target, upstreamOptions);
    const intention = allow(this, this.mesh, this, target, { permissions, description });
    return new Connection(upstream, intention);
  }

  /**
   * Adds an upstream, with which this service finds another one. It adds no intention: the owner of the other service calls `allowFrom`.
   * Further calls for the same service add options to the same upstream. A different `datacenter` or `peer` creates a separate upstream.
   *
   * @param target the service, or its name in this mesh
   * @throws MeshError if an option contradicts an earlier call for the same upstream
   */
  addUpstream(target: IMeshService | string, options: UpstreamOptions = {}): Upstream {
    refuseWrongArgument(this, "target", target, MEMBER);
    refuseWrongValues(this, options, UPSTREAM_SHAPE, "upstream", nameOf(target));
    return this.addUpstreamTo(target, options);
  }

  private addUpstreamTo(target: IMeshService | string, options: UpstreamOptions): Upstream {
    const reference = referenceTo(target, this.mesh);
    const datacenter = options.datacenter ?? (options.peer === undefined ? reference.datacenter : undefined);
    const peer = options.peer ?? (datacenter === undefined ? reference.peer : undefined);
    const destination: Reference = { ...reference, datacenter, peer, query: options.preparedQuery };
    const problem = problemOfUpstreamPolicy(options) ?? problemOfUpstream(options);
    if (problem !== undefined) {
      throw new MeshError(this, `In its upstream ${destination.service}, ${problem[0]}`, problem[1]);
    }
    const id = upstreamId(destination);
    Graph.of(this).write(this, ({ upstreams }) => {
      const own = upstreams.get(this.node.path) ?? new Map<string, UpstreamRecord>();
      upstreams.set(this.node.path, own);
      const added = this.bind(id, destination, options);
      const earlier = own.get(id);
      const contradiction = earlier && contradictionOf(earlier, added);
      if (contradiction !== undefined) {
        throw new MeshError(
          this,
          `Its upstream ${destination.service} has ${contradiction}.`,
          "Keep one of the two: all connections to it share one upstream.",
        );
      }
      own.set(id, earlier === undefined ? added : mergeUpstreams(earlier, added));
    });
    return new Upstream(this, id);
  }

  /** The job in the format of Nomad's API, with everything that the graph adds so far. */
  renderJob(): nomad.Job {
    return renderedJob(this.job);
  }

  /** Records the instances. The key of the record is the path of this construct. */
  protected addInstances({ localBinds, ...record }: InstancesParts): void {
    this.binds = localBinds;
    // Consul has virtual addresses for services of its own datacenter and of peers only.
    this.needsPort = ({ datacenter, query }) =>
      record.proxy === "sidecar" && (!record.isTransparent || datacenter !== undefined || query !== undefined);
    if (typeof record.port === "number") {
      localBinds.ports.take(record.port);
    }
    const key = this.node.path;
    Graph.of(this).write(this, ({ instances }) => instances.set(key, { ...record, key, origin: originOf(this) }));
  }

  private bind(id: string, destination: Reference, options: UpstreamOptions): UpstreamRecord {
    const given = {
      ...{ port: options.localBindPort, address: options.localBindAddress },
      socket: options.localBindSocketPath,
    };
    const { port, address, socket } = this.binds?.bind(id, given, this.needsPort(destination)) ?? given;
    return {
      destination,
      localBindPort: port,
      options: {
        ...{ ...options, peer: destination.peer, localBindPort: port, localBindAddress: address },
        localBindSocketPath: socket,
      },
    };
  }
}

/**
 * @internal The record of a service's instances.
 *
 * @param job key of the job
 * @param group name of the group
 * @param tasks names of the tasks in it
 */
export function instancesParts(
  service: IMeshService,
  job: string,
  group: string,
  props: ConnectServiceOptions & { readonly port?: number | string; readonly publish?: number; readonly task?: string },
  tasks: readonly string[],
): Omit<InstancesParts, "localBinds"> {
  const { port, publish, task, connectNative, transparentProxy, tags, canaryTags } = props;
  return {
    ...{ service: service.node.path, job, group, port, publish, task },
    tasks: task === undefined ? tasks : [task],
    proxy: connectNative === true ? "native" : "sidecar",
    isTransparent: transparentProxy !== undefined,
    tags: [...knownItems(tags), ...knownItems(canaryTags)],
  };
}
