import type * as nomad from "../constructs/nomad/generated/job";
import { block, Call, Commented, importsOf, isFields, Name, printArguments, type Code, type Fields } from "./code";
import { groupOf, portsOf } from "./group";
import { jobOf } from "./job";
import { constructId, identifier, Names, RESERVED } from "./names";
import { ImportProblem } from "./problem";
import { catalogServiceOf, isInMesh, meshServiceOf, protocolOf, serviceName } from "./service";
import { unknownsOf } from "./unknowns";
import { upstreamOf, type ImportedService, type ImportedUpstream } from "./upstream";

/** A job, and the file it comes from. */
export interface JobFile {
  readonly file: string;
  readonly job: nomad.Job;
}

/** An app made from jobs. */
export interface ImportedApp {
  /** The text of its file. */
  readonly source: string;
  /** What the job files do not tell, as sentences. */
  readonly unknowns: readonly string[];
  readonly jobs: number;
  readonly services: number;
  readonly connections: number;
}

const BODY = "  ";

/** A statement of the app: the call of a method, whose result becomes a variable if another statement uses it. */
interface Statement {
  readonly variable: string | undefined;
  /** The variable or class of the method. */
  readonly receiver: string;
  readonly method: string;
  readonly args: readonly Code[];
}

/**
 * An app whose jobs are those of the files.
 *
 * @throws ImportProblem if two files have the same job, or two jobs the same service
 */
export function importApp(files: readonly JobFile[]): ImportedApp {
  const app = new AppWriter();
  for (const { file, job } of files) app.addJob(file, job);
  app.addConnections();
  return app.finish(files.map(({ file }) => file));
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
    const { options } = meshServiceOf(service, name, ports);
    const variable = this.variable(name, "Service");
    const upstreams = service.Connect?.SidecarService?.Proxy?.Upstreams ?? [];
    this.services.set(name, { name, file, variable, service, protocolIsKnown: protocolOf(service) !== undefined });
    this.upstreams.push(...upstreams.map((upstream) => ({ source: name, upstream })));
    this.add({ variable, receiver: group, method: "addService", args: [id, { ...named, ...options }] });
  }

  addConnections(): void {
    if (this.upstreams.length === 0) return;
    this.body.push("");
    const foreign = new Map<string, string>();
    for (const { upstream } of this.upstreams) {
      const { DestinationName: destination = "" } = upstream;
      if (this.localTarget(upstream) === undefined && !foreign.has(destination)) {
        const variable = this.variable(destination, "Service");
        foreign.set(destination, variable);
        const id = this.ids.give(constructId(destination), `${constructId(destination)}-service`);
        const args = [new Name("mesh"), id, destination];
        this.add({ variable, receiver: "MeshService", method: "fromServiceName", args });
      }
    }
    for (const { source, upstream } of this.upstreams) {
      const target = this.localTarget(upstream);
      const receiver = this.services.get(source)?.variable ?? "";
      const variable = target?.variable ?? foreign.get(upstream.DestinationName ?? "") ?? "";
      const method = target === undefined ? "addUpstream" : "connectTo";
      this.add({ variable: undefined, receiver, method, args: [new Name(variable), upstreamOf(upstream)] });
    }
  }

  /** The service of the app to which an upstream leads; `undefined` if it is another app's. */
  private localTarget(upstream: nomad.ConsulUpstream): ImportedService | undefined {
    const { DestinationName = "", Datacenter, DestinationPeer } = upstream;
    const isElsewhere = [Datacenter, DestinationPeer].some((it) => it !== undefined && it !== "");
    return isElsewhere ? undefined : this.services.get(DestinationName);
  }

  finish(files: readonly string[]): ImportedApp {
    const connections = this.upstreams.filter(({ upstream }) => this.localTarget(upstream) !== undefined);
    const unknowns = unknownsOf({
      services: [...this.services.values()],
      upstreams: this.upstreams.map((it) => ({ ...it, target: this.localTarget(it.upstream) })),
      gateways: this.gateways,
      jobsWithOverrides: this.jobsWithOverrides,
    });
    const statements = this.body.filter((it) => typeof it !== "string");
    const used = new Set(statements.flatMap(({ receiver, args }) => [receiver, ...args.flatMap(namesIn)]));
    const imports = new Set(["synthesize", ...statements.flatMap(({ args }) => args.flatMap(importsOf))]);
    if (used.has("MeshService")) imports.add("MeshService");
    const names = [...imports].sort((one, other) => one.toLowerCase().localeCompare(other.toLowerCase()));
    const source = [
      "// Made by `meshform import`. It renders the jobs of these files:",
      ...files.map((file) => `// - ${file}`),
      "//",
      "// What the job files do not tell:",
      ...unknowns.map(printComment),
      "",
      printImport(names),
      'import { MeshStack, readSettings } from "meshform/stacks";',
      "",
      "synthesize((app) => {",
      `${BODY}const { mesh } = new MeshStack(app, "mesh", readSettings(app));`,
      ...this.body.map((it) => (typeof it === "string" ? it : printStatement(it, used))),
      "});",
      "",
    ].join("\n");
    const { jobs, services } = this;
    return { source, unknowns, jobs: jobs.size, services: services.size, connections: connections.length };
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

function printStatement({ variable, receiver, method, args }: Statement, used: ReadonlySet<string>): string {
  const declared = variable !== undefined && used.has(variable) ? `const ${variable} = ` : "";
  const before = `${declared}${receiver}.${method}(`;
  return `${BODY}${before}${printArguments(args, BODY, before)});`;
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
