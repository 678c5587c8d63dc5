import { Construct } from "constructs";
import { attachChecks } from "../checks/attach";
import { MESH_CHECKS } from "../checks/rules";
import type { WorkloadAuthMethod } from "../access/workload-auth-method";
import type * as nomad from "../nomad/generated/job";
import type { JobPlacement } from "../nomad/job";
import type { Sidecar } from "../nomad/sidecar";
import type { Tenancy } from "../consul/tenancy";
import { Graph } from "../model/graph";
import { originOf } from "../model/origin";
import type { IntentionRecord, MemberRecord, QueryRecord } from "../model/records";
import type { Snapshot } from "../model/snapshot";
import type { IServiceMesh } from "./mesh-member";
import { sharedClass } from "../core/shared-class";

/** Defaults of a mesh for its members. */
export interface MeshDefaults extends JobPlacement {
  /** The Envoy of each service and gateway that has no `sidecar` of its own. @default Sidecar.docker() */
  readonly sidecar?: Sidecar;
}

/** The part of a mesh that its members use. */
export abstract class Mesh extends Construct implements IServiceMesh {
  static {
    sharedClass(this, "Mesh");
  }

  abstract readonly datacenter: string | undefined;
  abstract readonly primaryDatacenter: string | undefined;
  abstract readonly tenancy: Tenancy | undefined;
  /** @internal Where config entries are written: the mesh of the primary datacenter of a WAN federation; otherwise with their owner. */
  abstract readonly entryScope: Mesh | undefined;
  /** @internal */
  abstract readonly memberDefaults: MeshDefaults;
  /** @internal Auth method with which the gateways of the mesh log in to Consul. */
  abstract readonly gatewayAuthMethod: WorkloadAuthMethod | undefined;

  /** @internal Adds to a finished job what metrics and tracing of the mesh require. */
  abstract observe(job: nomad.Job, graph: Snapshot): nomad.Job;

  /** @internal Records a member. The key of the record is the path of the member. */
  addMember<Record extends MemberRecord>(member: Construct, record: Omit<Record, "key" | "origin" | "mesh">): void {
    attachChecks(member, MESH_CHECKS);
    const key = member.node.path;
    Graph.of(this).write(member, (data) => {
      data.members.set(key, { ...record, key, origin: originOf(member), mesh: this.node.path } as unknown as Record);
    });
  }

  /** @internal Records that a construct which is no member writes config entries to the cluster of this mesh. */
  addOwner(owner: Construct): void {
    attachChecks(owner, MESH_CHECKS);
    Graph.of(this).write(owner, ({ entryStacks }) => entryStacks.set(originOf(owner).stack, this.node.path));
  }

  /** @internal Records a prepared query. */
  addQuery(scope: Construct, query: Omit<QueryRecord, "origin" | "mesh">): void {
    Graph.of(this).write(scope, ({ queries }) =>
      queries.push({ ...query, origin: originOf(scope), mesh: this.node.path }),
    );
  }

  /** @internal Records an intention for a service of this mesh. */
  addIntention(scope: Construct, intention: Omit<IntentionRecord, "origin" | "mesh" | "follows">): void {
    Graph.of(this).write(scope, (data) =>
      data.intentions.push({ ...intention, origin: originOf(scope), mesh: this.node.path, follows: false }),
    );
  }
}
