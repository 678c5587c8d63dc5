import type * as consul from "../../constructs/consul/generated/config-entries";
import type { NamedQuery, QueryLookup } from "../../constructs/consul/prepared-query";
import { tenancyFields, type Tenancy } from "../../constructs/consul/tenancy";
import type * as nomad from "../../constructs/nomad/generated/job";
import { evaluate, parseTemplate } from "./expression";
import { blocksOf, isObject, type JsonObject } from "./json";
import type { SynthesizedStack } from "./synthesized";

/** Where a document of the synthesized output is from. */
interface Origin {
  readonly stack: string;
  /** The Consul datacenter that it is for. @default the provider's own */
  readonly datacenter?: string;
  /** Whether a part of it is known only once Terraform has applied something. */
  readonly isOpen: boolean;
}

export interface JobDocument extends Origin {
  /** Path of the construct that it is from; the resource's address where it has none. */
  readonly construct: string;
  readonly job: nomad.Job;
}

export interface EntryDocument extends Origin {
  /** Path of the construct that it is from. @default none */
  readonly construct?: string;
  readonly entry: consul.ConfigEntry;
}

/** An instance that is registered in the catalog without an agent of its own: something outside of the mesh. */
export interface CatalogDocument extends Omit<Origin, "isOpen"> {
  /** Partition and namespace of Consul Enterprise. @default the default ones */
  readonly tenancy?: Tenancy;
  readonly name: string;
  readonly address: string;
}

/** A prepared query. */
export interface QueryDocument extends Omit<Origin, "isOpen">, NamedQuery {
  /** Which instances it finds, and where else it looks. */
  readonly lookup: QueryLookup;
}

/** What of an app's output is about the mesh. */
export interface MeshDocuments {
  readonly jobs: readonly JobDocument[];
  readonly entries: readonly EntryDocument[];
  readonly catalog: readonly CatalogDocument[];
  readonly queries: readonly QueryDocument[];
  /** What could not be read, one sentence each. */
  readonly notes: readonly string[];
}

/** Stands where a value is known only once Terraform has applied something. */
const LATER = "(known to Terraform)";

/** Where Nomad keeps a job. */
export function identityOf({ Name = "", ID = Name, Namespace = "default" }: nomad.Job) {
  return { ID, Namespace };
}

/** Finds jobs, config entries, catalog entries and prepared queries in the stacks of an app, written manually or not; passes over all else. */
export function readDocuments(stacks: readonly SynthesizedStack[]): MeshDocuments {
  const jobs: JobDocument[] = [];
  const entries: EntryDocument[] = [];
  const catalog: CatalogDocument[] = [];
  const queries: QueryDocument[] = [];
  const notes: string[] = [];
  for (const { name: stack, config } of stacks) {
    const datacenters = datacentersOf(config);
    const addresses = nodeAddressesOf(config);
    const originOf = ({ provider = "consul" }: JsonObject): Omit<Origin, "isOpen"> => ({
      stack,
      datacenter: datacenters.get(String(provider)),
    });
    const attempt = (address: string, read: () => void) => {
      try {
        read();
      } catch (error) {
        notes.push(`${stack}/${address} is not drawn: ${error instanceof Error ? error.message : String(error)}.`);
      }
    };
    for (const [id, block] of resourcesOf(config, "nomad_job")) {
      attempt(`nomad_job.${id}`, () =>
        jobs.push({
          stack,
          construct: constructOf(block) ?? `${stack}/nomad_job.${id}`,
          // A job says nothing of Consul's datacenter: it is that of its stack.
          datacenter: datacenters.get("consul"),
          job: parseDocument(block.jobspec) as nomad.Job,
          isOpen: isOpen(block.jobspec),
        }),
      );
    }
    for (const [id, block] of resourcesOf(config, "consul_config_entry")) {
      attempt(`consul_config_entry.${id}`, () => {
        const fields = parseDocument(block.config_json) as object;
        const place = tenancyFields(tenancyOf(block));
        const entry = { Kind: block.kind, Name: block.name, ...fields, ...place } as consul.ConfigEntry;
        const construct = constructOf(block);
        entries.push({
          ...originOf(block),
          ...(construct !== undefined && { construct }),
          ...{ entry, isOpen: isOpen(block.config_json) || isOpen(block.name) },
        });
      });
    }
    for (const [, { name, node, address, port, datacenter, ...block }] of resourcesOf(config, "consul_service")) {
      const host = textOf(address) ?? addresses.get(textOf(node) ?? "") ?? textOf(node) ?? LATER;
      const origin = originOf(block);
      const { partition, namespace } = tenancyOf(block);
      catalog.push({
        ...origin,
        ...((partition ?? namespace) !== undefined && { tenancy: { partition, namespace } }),
        datacenter: textOf(datacenter) ?? origin.datacenter,
        name: textOf(name) ?? LATER,
        address: typeof port === "number" ? `${host}:${port}` : host,
      });
    }
    for (const [, { name, service, template, ...block }] of resourcesOf(config, "consul_prepared_query")) {
      const known = (value: unknown) => (typeof value === "string" ? templateText(value) : LATER);
      const [pattern] = blocksOf(template).map(({ regexp }) => (regexp === undefined ? {} : { regexp: known(regexp) }));
      const [failover = {}] = blocksOf(block.failover);
      const datacenters = listOf(failover.datacenters).map((Datacenter) => ({ Datacenter: known(Datacenter) }));
      const targets = blocksOf(failover.targets).map(({ peer, datacenter }) => ({
        ...(peer !== undefined && { Peer: known(peer) }),
        ...(datacenter !== undefined && { Datacenter: known(datacenter) }),
      }));
      queries.push({
        ...{ ...originOf(block), name: known(name), service: known(service) },
        ...((pattern as typeof pattern | undefined) && { template: pattern }),
        lookup: {
          OnlyPassing: block.only_passing === true,
          Tags: listOf(block.tags).map(known),
          IgnoreCheckIDs: listOf(block.ignore_check_ids).map(known),
          NodeMeta: textsOf(block.node_meta),
          ServiceMeta: textsOf(block.service_meta),
          Failover: { NearestN: Number(failover.nearest_n ?? 0), Targets: [...datacenters, ...targets] },
        },
      });
    }
  }
  return { jobs, entries, catalog, queries, notes };
}

/** The datacenter of each configuration of the Consul provider, by how resources name it. */
function datacentersOf(config: JsonObject): ReadonlyMap<string, string> {
  const { consul: blocks } = (config.provider ?? {}) as JsonObject;
  return new Map(
    blocksOf(blocks).flatMap(({ alias, datacenter }): [string, string][] =>
      typeof datacenter === "string"
        ? [[typeof alias === "string" ? `consul.${alias}` : "consul", templateText(datacenter)]]
        : [],
    ),
  );
}

function nodeAddressesOf(config: JsonObject): ReadonlyMap<string, string> {
  return new Map(
    resourcesOf(config, "consul_node").flatMap(([id, { name, address }]): [string, string][] => {
      const known = textOf(address);
      if (known === undefined) return [];
      // A service names its node, or refers to it.
      return [textOf(name) ?? "", `\${consul_node.${id}.name}`].map((key) => [key, known]);
    }),
  );
}

function resourcesOf(config: JsonObject, type: string): [string, JsonObject][] {
  const { [type]: resources } = (config.resource ?? {}) as JsonObject;
  return isObject(resources) ? Object.entries(resources).filter(isResource) : [];
}

/** The construct that users wrote, of which the resource is a part. */
function constructOf({ "//": comment }: JsonObject): string | undefined {
  const { path } = ((comment as JsonObject | undefined)?.metadata ?? {}) as JsonObject;
  return typeof path === "string" ? path.replace(/\/(Job|Resource)$/, "") : undefined;
}

function isResource(pair: [string, unknown]): pair is [string, JsonObject] {
  return isObject(pair[1]);
}

/** Partition and namespace of a resource. */
function tenancyOf({ partition, namespace }: JsonObject): Tenancy {
  return { partition: textOf(partition), namespace: textOf(namespace) };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textsOf(value: unknown): Readonly<Record<string, string>> {
  return isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, it]) => [key, String(it)])) : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** A JSON document that stands inside a Terraform string. */
function parseDocument(template: unknown): unknown {
  if (typeof template !== "string") throw new Error("it has no document");
  const text = templateText(template);
  try {
    const document: unknown = JSON.parse(text);
    if (isObject(document)) return document;
  } catch {
    // Said below, for both.
  }
  throw new Error("its document is not JSON");
}

function isOpen(template: unknown): boolean {
  return typeof template === "string" && templateText(template).includes(LATER);
}

function templateText(template: string): string {
  return String(evaluate(parseTemplate(template), () => LATER));
}
