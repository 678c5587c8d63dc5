import { identityAddress } from "../constructs/core/address";
import type * as nomad from "../constructs/nomad/generated/job";
import {
  block,
  Call,
  Commented,
  importsOf,
  isFields,
  Name,
  print,
  printArguments,
  Returning,
  type Code,
  type Fields,
} from "./code";
import { isSameEntry } from "./difference";
import { Entries, ENTRY_TYPES, needsOf, type Entry, type EntryKind } from "./entries";
import { groupOf, portsOf } from "./group";
import { intentionsOf, type ImportedSource } from "./intentions";
import { jobOf } from "./job";
import { constructId, identifier, Names, RESERVED } from "./names";
import { ImportProblem } from "./problem";
import { secretsIn, secretsInEntry } from "./secrets";
import { catalogServiceOf, isInMesh, meshServiceOf, protocolNamed, protocolOf, serviceName } from "./service";
import { defaultsOf } from "./service-defaults";
import { unknownsOf } from "./unknowns";
import { upstreamOf, type ImportedService, type ImportedUpstream } from "./upstream";

/** A job, and where it comes from. */
export interface JobFile {
  /** Path of the file, or words that name the job in its cluster. */
  readonly file: string;
  readonly job: nomad.Job;
}

/** An app made from jobs. */
export interface ImportedApp {
  /** The text of its file. */
  readonly source: string;
  /** What the job files or the cluster do not tell, as sentences. */
  readonly unknowns: readonly string[];
  readonly jobs: number;
  /** Number of config entries that the app takes from the cluster. */
  readonly entries: number;
  readonly services: number;
  readonly connections: number;
}

const BODY = "  ";

/** A statement of the app: the call of a method, whose result becomes a variable if another statement uses it. */
interface Statement {
  readonly variable: string | undefined;
  /** The variable or class of the method, and what of it has the method. `undefined` for a function. */
  readonly receiver: string | undefined;
  readonly method: string;
  /** A comment before it. */
  readonly comment?: string;
  readonly args: readonly Code[];
}

/**
 * An app whose jobs are those given.
 *
 * @param cluster the config entries of the cluster in which the jobs run: those that the app is to have, and all others. @default none:
 *   the jobs are from files
 * @throws ImportProblem if two files have the same job, or two jobs the same service
 */
export function importApp(
  files: readonly JobFile[],
  cluster?: { readonly entries: readonly Entry[]; readonly others?: readonly Entry[] },
): ImportedApp {
  const app = new AppWriter(cluster && new Entries(cluster.entries, cluster.others));
  for (const { file, job } of files) app.addJob(file, job);
  app.addConnections();
  app.addEntries();
  app.addImports(files.map(({ job }) => job));
  return app.finish(files);
}

class AppWriter {
  private readonly variables = new Names(...RESERVED);
  /** Ids of the children of the mesh. */
  private readonly ids = new Names("ProxyDefaults", "ExportedServices", "MeshConfig");
  /** Statements, and lines of text. */
  private readonly body: (Statement | string)[] = [];
  private readonly jobs = new Map<string, string>();
  private readonly services = new Map<string, ImportedService>();
  private readonly upstreams: ImportedUpstream[] = [];
  private readonly gateways: string[] = [];
  private readonly jobsWithOverrides: string[] = [];
  /** Variables of services of other apps, and in other places. */
  private readonly foreignVariables = new Map<string, string>();
  /** Reasons to silence a check at the service of a variable. */
  private readonly silences = new Map<string, readonly [variable: string, check: string, reasons: string[]]>();
  /** Options of the mesh. */
  private readonly meshOptions: Fields;
  /** The sources of the intentions of each service, where `connectTo` and `allowFrom` express them. */
  private readonly sources = new Map<string, readonly ImportedSource[]>();
  /** Services for which Consul has no service-defaults. */
  private readonly withoutDefaults: string[] = [];
  /** Services whose intentions have another order in Consul. */
  private readonly reordered: string[] = [];
  /** Config entries that the app does not contain, and why. */
  private readonly leftOut: string[] = [];

  constructor(private readonly entries: Entries | undefined) {
    this.meshOptions = entries === undefined ? {} : { proxyDefaults: proxyDefaultsOf(entries), meshConfig: false };
  }

  addJob(file: string, job: nomad.Job): void {
    const { ID = "", Namespace = "default", Region = "" } = job;
    const key = JSON.stringify([Region, Namespace, ID]);
    const other = this.jobs.get(key);
    if (other !== undefined) {
      throw new ImportProblem(`The job ${ID} is in ${other} and in ${file}.`, "Import one of the two files.");
    }
    this.jobs.set(key, file);
    const id = this.ids.give(constructId(ID), `${constructId(ID)}-job`);
    const options: Fields = { ...(id !== ID && { jobName: ID }), ...jobOf(job) };
    const variable = this.variable(ID, "Job");
    this.body.push("", `${BODY}// ${file}`);
    const first = this.body.length;
    this.add({ variable, receiver: "mesh", method: "addJob", args: [id, options] });
    for (const group of job.TaskGroups ?? []) this.addGroup(file, variable, job, group);
    // The job of an API gateway has the Envoy itself, under the name that Nomad would give it.
    const tasks = (job.TaskGroups ?? []).flatMap(({ Tasks = [] }) => Tasks);
    if (tasks.some(({ Name, Kind }) => Name?.startsWith("connect-proxy-") && Kind?.startsWith("connect-proxy:"))) {
      this.silence(variable, "task-name", "The task is the Envoy of the service: Nomad adds none.");
    }
    const isOverridden = this.body.slice(first).some((it) => typeof it !== "string" && hasComment(it.args));
    if (isOverridden) this.jobsWithOverrides.push(ID);
  }

  private addGroup(file: string, jobVariable: string, job: nomad.Job, group: nomad.TaskGroup): void {
    const { Name: name = "", Services: services = [] } = group;
    const id = constructId(name);
    const options: Fields = { ...(id !== name && { groupName: name }), ...groupOf(group, job) };
    const variable = this.variable(name, "Group");
    this.add({ variable, receiver: jobVariable, method: "addGroup", args: [id, options] });
    const ids = new Names();
    const ports = portsOf(group.Networks?.at(0)) ?? {};
    // Nomad keeps no order of services: those of the mesh are first, as Meshform renders them.
    for (const service of services) {
      const own = serviceName(service, job, group);
      const serviceId = ids.give(constructId(own));
      const named = serviceId === own ? {} : { serviceName: own };
      if (isInMesh(service)) {
        this.addService({ file, group: variable, id: serviceId, named, service, name: own, ports });
      } else {
        if (service.Connect?.Gateway !== undefined) this.gateways.push(own);
        const { options: given } = catalogServiceOf(service, own);
        const args = [serviceId, { ...named, ...given }];
        this.add({ variable: undefined, receiver: variable, method: "addCatalogService", args });
      }
    }
  }

  private addService(given: {
    readonly file: string;
    /** Variable of the group. */
    readonly group: string;
    readonly id: string;
    /** Its name, unless that is its id. */
    readonly named: Fields;
    readonly service: nomad.Service;
    readonly name: string;
    readonly ports: Fields;
  }): void {
    const { file, group, id, named, service, name, ports } = given;
    const other = this.services.get(name);
    if (other !== undefined) {
      throw new ImportProblem(
        `The service ${name} is in the mesh twice: in ${other.file} and in ${file}.`,
        "Import one of the two, and add the other one with addVersion if it is another version.",
      );
    }
    const { options } = meshServiceOf(service, name, ports, this.entries !== undefined);
    const variable = this.variable(name, "Service");
    const upstreams = service.Connect?.SidecarService?.Proxy?.Upstreams ?? [];
    const protocolIsKnown = this.entries !== undefined || protocolOf(service) !== undefined;
    this.services.set(name, { name, file, variable, service, protocolIsKnown });
    this.upstreams.push(...upstreams.map((upstream) => ({ source: name, upstream })));
    if (this.entries === undefined) {
      this.add({ variable, receiver: group, method: "addService", args: [id, { ...named, ...options }] });
      return;
    }
    const defaults = this.entries.take("service-defaults", name);
    if (defaults === undefined) this.withoutDefaults.push(name);
    const { serviceDefaults, isExact = true } = (defaults && defaultsOf(defaults, upstreams.length > 0)) ?? {};
    const protocol = this.entries.protocolOf(name);
    const known = protocol === "tcp" ? undefined : protocolNamed(protocol);
    const args = [id, { ...named, ...options, protocol: known, serviceDefaults }];
    this.add({ variable, receiver: group, method: "addService", args });
    if (defaults !== undefined && !isExact) {
      this.add({
        ...{ variable: undefined, receiver: `${variable}.defaults.resource`, method: "addOverride" },
        comment:
          "As in Consul. Without this line, Meshform sets the protocol, and keeps Envoy from ejecting all instances.",
        args: ["config_json", new Call("JSON.stringify", [escaped(defaults.fields)])],
      });
    }
    const intentions = this.entries.find("service-intentions", name);
    const expressed = intentions && intentionsOf(intentions);
    if (expressed !== undefined && !this.addsIntentions(name, expressed.sources)) {
      this.entries.take("service-intentions", name);
      this.sources.set(name, expressed.sources);
      if (expressed.isReordered) this.reordered.push(name);
    }
  }

  /** Whether Meshform would derive others from the intentions of a service: for its peers, and for where its traffic rules lead. */
  private addsIntentions(name: string, sources: readonly ImportedSource[]): boolean {
    const { entries } = this;
    const followed = entries?.rulesOf(name).map((destination) => entries.sourcesFor(destination)) ?? [];
    return sources.some(
      (source) => source.peer !== undefined || followed.some((known) => !known.includes(source.name)),
    );
  }

  addConnections(): void {
    if (this.silences.size > 0 || this.upstreams.length > 0 || this.sources.size > 0) this.body.push("");
    for (const { upstream } of this.upstreams) {
      if (this.localTarget(upstream) === undefined) this.foreign(upstream.DestinationName ?? "");
    }
    const connected = new Set<ImportedSource>();
    for (const { source, upstream } of this.upstreams) {
      const target = this.localTarget(upstream);
      const receiver = this.services.get(source)?.variable ?? "";
      if (target === undefined) {
        const variable = this.foreign(upstream.DestinationName ?? "");
        this.add({ receiver, variable: undefined, method: "addUpstream", args: [variable, upstreamOf(upstream)] });
        continue;
      }
      const sources = this.sources.get(target.name);
      const allowed = sources?.find(({ name, peer }) => name === source && peer === undefined);
      const isConnection = this.entries === undefined || allowed !== undefined;
      const options = { ...upstreamOf(upstream), ...allowed?.options };
      const method = isConnection ? "connectTo" : "addUpstream";
      this.add({ variable: undefined, receiver, method, args: [new Name(target.variable), options] });
      if (allowed) connected.add(allowed);
      else if (this.entries !== undefined && sources?.some(({ name }) => name === "*") !== true) {
        const reason = this.entries.sourcesFor(target.name).includes(source)
          ? `The config entry service-intentions/${target.name} below decides.`
          : `No intention in Consul names ${source} as a source of ${target.name}.`;
        this.silence(receiver, "upstream-without-intention", reason);
      }
    }
    for (const [name, sources] of this.sources) {
      const receiver = this.services.get(name)?.variable ?? "";
      const unused: string[] = [];
      for (const source of sources.filter((it) => !connected.has(it))) {
        const args = [this.sourceOf(source), { ...source.options, peer: source.peer }];
        this.add({ variable: undefined, receiver, method: "allowFrom", args });
        if (source.name === "*" && source.options.permissions === undefined) {
          this.silence(receiver, "wildcard-allow", `An intention of Consul allows every service to reach ${name}.`);
        }
        const own = source.peer === undefined ? this.services.get(source.name) : undefined;
        const sidecar = own?.service.Connect?.SidecarService;
        if (sidecar !== undefined && sidecar.Proxy?.TransparentProxy === undefined) {
          unused.push(source.name);
        }
      }
      if (unused.length > 0) {
        const reason = `An intention of Consul allows ${unused.join(", ")}, without an upstream.`;
        this.silence(receiver, "intention-without-upstream", reason);
      }
    }
    this.addSilences();
  }

  private silence(variable: string, check: string, reason: string): void {
    const key = `${variable} ${check}`;
    const [, , reasons] = this.silences.get(key) ?? [variable, check, []];
    this.silences.set(key, [variable, check, [...reasons, reason]]);
  }

  private addSilences(): void {
    for (const [variable, check, reasons] of this.silences.values()) {
      const args = [new Name(variable), check, [...new Set(reasons)].join(" ")];
      this.add({ variable: undefined, receiver: undefined, method: "silence", args });
    }
  }

  private sourceOf({ name, peer }: ImportedSource): Code {
    if (name === "*") return name;
    const own = peer === undefined ? this.services.get(name) : undefined;
    return own === undefined ? this.foreign(name) : new Name(own.variable);
  }

  /** The variable of a service of another app, or in another place. */
  private foreign(name: string): Name {
    const known = this.foreignVariables.get(name);
    if (known !== undefined) return new Name(known);
    const variable = this.variable(name, "Service");
    this.foreignVariables.set(name, variable);
    const id = this.ids.give(constructId(name), `${constructId(name)}-service`);
    this.add({ variable, receiver: "MeshService", method: "fromServiceName", args: [new Name("mesh"), id, name] });
    return new Name(variable);
  }

  /** The entries of the cluster that no service has. */
  addEntries(): void {
    for (const entry of this.entries?.rest ?? []) {
      const { kind, name, fields } = entry;
      const id = `${kind}/${name}`;
      if (kind === "inline-certificate") {
        this.leftOut.push(`${id}, which contains a private key`);
      } else if ((kind === "ingress-gateway" || kind === "terminating-gateway") && this.gateways.includes(name)) {
        this.leftOut.push(`${id}, which Nomad writes from the gateway block of the job`);
      } else {
        if (this.body.at(-1) !== "") this.body.push("", `${BODY}// ${id}`);
        const needs = needsOf(entry, (of, other) => this.has(of, other));
        const args = [
          new Name("mesh"),
          this.ids.give(constructId(name === "mesh" || name === "global" ? kind : `${kind}-${name}`)),
          { kind, name, entry: new Returning(fields), ...(needs.length > 0 && { dependsOn: needs }) },
        ];
        const method = `new ConsulConfigEntry<consul.${ENTRY_TYPES[kind]}>`;
        this.add({ variable: undefined, receiver: undefined, method, args });
      }
    }
  }

  /** Whether the app has an entry. */
  private has(kind: EntryKind, name: string): boolean {
    return this.entries?.find(kind, name) !== undefined || (kind === "service-defaults" && this.services.has(name));
  }

  /** Blocks with which Terraform takes over what the cluster has. */
  addImports(jobs: readonly nomad.Job[]): void {
    if (this.entries === undefined) return;
    const leftOut = new Set(this.leftOut.map((it) => it.split(",")[0]));
    const blocks = [
      ...jobs.map(({ ID = "", Namespace = "default", Region }) => {
        const parts = [Region || undefined, Namespace === "default" ? undefined : Namespace, ID];
        const address = identityAddress(parts.filter((it) => it !== undefined));
        return { to: `nomad_job.${address}`, id: `${ID}@${Namespace}` };
      }),
      ...this.entries.all
        .map(({ kind, name }) => ({
          to: `consul_config_entry.${identityAddress([kind, name])}`,
          id: `${kind}/${name}`,
        }))
        .filter(({ id }) => !leftOut.has(id)),
    ];
    this.body.push("");
    this.add({
      ...{ variable: undefined, receiver: "stack", method: "addOverride" },
      comment: "With these blocks, Terraform takes over what runs. Remove them after the first deployment.",
      args: ["import", blocks],
    });
  }

  /** The service of the app to which an upstream leads; `undefined` if it is another app's. */
  private localTarget(upstream: nomad.ConsulUpstream): ImportedService | undefined {
    const { DestinationName = "", Datacenter, DestinationPeer } = upstream;
    const isElsewhere = [Datacenter, DestinationPeer].some((it) => it !== undefined && it !== "");
    return isElsewhere ? undefined : this.services.get(DestinationName);
  }

  finish(files: readonly JobFile[]): ImportedApp {
    const { entries } = this;
    const statements = this.body.filter((it) => typeof it !== "string");
    const connections = statements.filter(({ method }) => method === "connectTo");
    const unknowns = unknownsOf({
      services: [...this.services.values()],
      upstreams: this.upstreams.map((it) => ({ ...it, target: this.localTarget(it.upstream) })),
      gateways: this.gateways,
      jobsWithOverrides: this.jobsWithOverrides,
      secrets: [...files.flatMap(({ job }) => secretsIn(job)), ...(entries?.all ?? []).flatMap(secretsInEntry)],
      cluster: entries && {
        withoutIntention: [...this.services.keys()].filter((name) => !entries.find("service-intentions", name)),
        withoutDefaults: this.withoutDefaults,
        reordered: this.reordered,
        leftOut: this.leftOut,
        hasProxyDefaults: entries.proxyDefaults !== undefined,
      },
    });
    const used = new Set(
      statements.flatMap(({ receiver, args }) => [(receiver ?? "").split(".")[0], ...args.flatMap(namesIn)]),
    );
    const imports = new Set(["synthesize", ...statements.flatMap(({ args }) => args.flatMap(importsOf))]);
    for (const { receiver, method } of statements) {
      if (receiver === "MeshService" || method === "silence") imports.add(receiver ?? method);
      if (method.startsWith("new ConsulConfigEntry")) imports.add("ConsulConfigEntry").add("type consul");
    }
    imports.delete("JSON");
    const names = [...imports].sort((one, other) => sortKey(one).localeCompare(sortKey(other)));
    const places = files.map(({ file }) => `// - ${file}`);
    const source = [
      ...(entries === undefined
        ? ["// Made by `meshform import`. It renders the jobs of these files:", ...places]
        : [
            "// Made by `meshform import --from-cluster`. It renders the config entries of the cluster, and these jobs:",
            ...places,
          ]),
      "//",
      entries === undefined ? "// What the job files do not tell:" : "// What to know of it:",
      ...unknowns.map(printComment),
      "",
      printImport(names),
      'import { MeshStack, readSettings } from "meshform/stacks";',
      "",
      "synthesize((app) => {",
      ...this.printStack(),
      ...this.body.map((it) => (typeof it === "string" ? it : printStatement(it, used))),
      "});",
      "",
    ].join("\n");
    return {
      ...{ source, unknowns, jobs: this.jobs.size, services: this.services.size, connections: connections.length },
      entries: (entries?.all.length ?? 0) - this.leftOut.length,
    };
  }

  private printStack(): string[] {
    if (this.entries === undefined) return [`${BODY}const { mesh } = new MeshStack(app, "mesh", readSettings(app));`];
    const options = print(this.meshOptions, `${BODY}${BODY}`, "mesh: ", ",");
    return [
      `${BODY}const stack = new MeshStack(app, "mesh", {`,
      `${BODY}${BODY}...readSettings(app),`,
      `${BODY}${BODY}mesh: ${options},`,
      `${BODY}});`,
      `${BODY}const { mesh } = stack;`,
    ];
  }

  private variable(name: string, kind: string): string {
    return this.variables.give(identifier(name), `${identifier(name)}${kind}`);
  }

  private add({ args, ...statement }: Statement): void {
    this.body.push({ ...statement, args: isEmpty(args.at(-1)) ? args.slice(0, -1) : args });
  }
}

/** A sentence as a comment, in lines of the usual width. */
function printComment(sentence: string): string {
  const lines = [""];
  for (const word of sentence.split(" ")) {
    const last = lines[lines.length - 1];
    if (last !== "" && last.length + word.length > 112) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines.map((line, index) => `// ${index === 0 ? "-" : " "} ${line}`).join("\n");
}

function printImport(names: readonly string[]): string {
  const line = `import { ${names.join(", ")} } from "meshform";`;
  return line.length <= 120 ? line : `import {\n${names.map((name) => `  ${name},\n`).join("")}} from "meshform";`;
}

function printStatement({ variable, receiver, method, args, comment }: Statement, used: ReadonlySet<string>): string {
  const declared = variable !== undefined && used.has(variable) ? `const ${variable} = ` : "";
  const before = `${declared}${receiver === undefined ? "" : `${receiver}.`}${method}(`;
  const text = `${BODY}${before}${printArguments(args, BODY, before)});`;
  return comment === undefined ? text : `${BODY}// ${comment}\n${text}`;
}

/** Without regard to case, and to whether it is a type. */
function sortKey(name: string): string {
  return name.replace(/^type /, "").toLowerCase();
}

/** `proxyDefaults` of the mesh: the fields of the entry; `false` if the cluster has no such entry, or the option cannot express it. */
function proxyDefaultsOf(entries: Entries): Fields | false {
  const entry = entries.find("proxy-defaults", "global");
  if (entry === undefined) return false;
  const { TransparentProxy, AccessLogs, ...fields } = entry.fields;
  // The mesh sets these two fields.
  if (TransparentProxy === undefined || AccessLogs === undefined) return false;
  entries.take("proxy-defaults", "global");
  return {
    ...fields,
    ...(!isSameEntry(TransparentProxy, {}) && { TransparentProxy }),
    ...(!isSameEntry(AccessLogs, {}) && { AccessLogs }),
  };
}

/** Without what Terraform would read as its own templates. */
function escaped(code: Code): Code {
  if (typeof code === "string") return code.replace(/[$%](?=\{)/g, "$&$&");
  if (typeof code !== "object" || code === null) return code;
  if (Array.isArray(code)) return (code as readonly Code[]).map(escaped);
  return Object.fromEntries(Object.entries(code as Fields).map(([key, value]) => [key, escaped(value)]));
}

/** Variables that an argument is. */
function namesIn(code: Code): readonly string[] {
  return code instanceof Name ? [code.text] : [];
}

/** Whether the code has a comment, as every override has. */
function hasComment(code: Code): boolean {
  if (code instanceof Commented) return true;
  if (code instanceof Call) return code.args.some(hasComment);
  return typeof code === "object" && code !== null && !(code instanceof Name) && Object.values(code).some(hasComment);
}

function isEmpty(code: Code): boolean {
  return isFields(code) && block(code) === undefined;
}
