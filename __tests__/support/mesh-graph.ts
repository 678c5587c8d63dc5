import { Testing, type TerraformStack } from "cdktf";
import type { consul, nomad, ServiceMesh } from "../../constructs";
import { ServiceMesh as Mesh } from "../../constructs";
import type { MeshEdge, MeshGraph, MeshNode } from "../../graph/model";
import { readMeshGraph } from "../../graph/read";
import type { JsonObject } from "../../lab/apply/json";
import type { SynthesizedStack } from "../../lab/apply/synthesized";
import { TestStack } from "./synth";

/** The graph of what Meshform makes of a mesh. */
export function graphOf(build: (mesh: ServiceMesh, stack: TestStack) => void): MeshGraph {
  const stack = new TestStack();
  build(new Mesh(stack, "mesh"), stack);
  return readMeshGraph([synthesized(stack)]);
}

/** A stack as the commands read it. */
export function synthesized(stack: TerraformStack): SynthesizedStack {
  return stackOf(stack.node.id, JSON.parse(Testing.synth(stack)) as JsonObject);
}

/** A stack of Terraform JSON, written manually or not. */
export function stackOf(name: string, config: JsonObject): SynthesizedStack {
  return { name, dependencies: [], folder: "", config };
}

/** A stack with just these jobs and entries. */
export function handWritten(
  { jobs = [], entries = [], datacenter, ...rest }: HandWritten,
  name = "hand-written",
): SynthesizedStack {
  const { resource = {}, ...config } = rest;
  return stackOf(name, {
    ...config,
    ...(datacenter !== undefined && { provider: { consul: [{ datacenter }] } }),
    resource: {
      ...resource,
      nomad_job: Object.fromEntries(jobs.map((job, index) => [`j${index}`, { jobspec: escaped(job), json: true }])),
      consul_config_entry: Object.fromEntries(
        entries.map(({ Kind, Name, ...entry }, index) => [
          `e${index}`,
          { kind: Kind, name: Name, config_json: escaped(entry) },
        ]),
      ),
    },
  });
}

interface HandWritten {
  readonly jobs?: readonly nomad.Job[];
  readonly entries?: readonly (consul.ConfigEntry & { readonly Name?: string })[];
  readonly datacenter?: string;
  readonly resource?: JsonObject;
}

/** The job of a service with a sidecar, in its barest form. */
export function serviceJob(name: string, upstreams: readonly nomad.ConsulUpstream[] = []): nomad.Job {
  const Connect = { SidecarService: { Proxy: { Upstreams: upstreams } } };
  return { ID: name, TaskGroups: [{ Name: name, Count: 1, Services: [{ Name: name, PortLabel: "8080", Connect }] }] };
}

/** Lets each of the sources in. */
export function allow(destination: string, ...sources: readonly string[]): consul.ServiceIntentionsConfigEntry {
  return {
    Kind: "service-intentions",
    Name: destination,
    Sources: sources.map((Name) => ({ Name, Action: "allow" })),
  };
}

/** The node of this id. */
export function nodeOf({ nodes }: MeshGraph, id: string): MeshNode {
  const node = nodes.find((candidate) => candidate.id === id);
  if (!node) throw new Error(`There is no node ${id}, only ${nodes.map((it) => it.id).join(", ")}.`);
  return node;
}

/** The arrow between the two, of whatever kind if none is asked for. */
export function edgeOf({ edges }: MeshGraph, source: string, destination: string, kind?: MeshEdge["kind"]): MeshEdge {
  const found = edges.filter(
    (it) => it.source === source && it.destination === destination && (kind === undefined || it.kind === kind),
  );
  if (found.length !== 1) {
    throw new Error(
      `There are ${found.length} arrows from ${source} to ${destination} among ${edges.map(({ id }) => id).join(", ")}.`,
    );
  }
  return found[0];
}

function escaped(document: unknown): string {
  return JSON.stringify(document).replace(/\$\{/g, () => "$${");
}
