import { itemsOf, known, listOf, Place, type Problem } from "../../core/problems";
import { isTokenObject } from "../../core/token";
import type * as nomad from "../generated/job";
import { injectedLabels } from "./injected";
import { portsOf } from "./networks";
import { nameOf } from "./service-name";

/**
 * Labels of ports that a job uses and its group does not have: in services, checks and exposed paths, in the `ports` of a
 * container, and in Nomad's variables (`${NOMAD_PORT_<label>}`, …), wherever they stand.
 *
 * Nomad takes such a job. Then the variable stays as it is, the driver refuses to start, or the service is never registered.
 *
 * @param text the job as JSON, where it is known: to look through it at once is quicker than through each of its texts
 * @see https://developer.hashicorp.com/nomad/docs/reference/runtime-environment-settings
 */
export function problemsOfPortLabels(job: nomad.Job, text?: string): readonly Problem[] {
  const areInTexts = text === undefined || MENTIONED.test(text);
  return Place.problemsOf((place) => {
    itemsOf(job.TaskGroups).forEach((group, index) => {
      const labels = new Labels(job, group, areInTexts);
      const here = place.labelled("group", group.Name ?? index + 1);
      for (const service of itemsOf(group.Services)) {
        examineService(here.labelled("service", nameOf(service, { job, group })), service, labels);
      }
      for (const task of itemsOf(group.Tasks)) {
        examineTask(here.labelled("task", task.Name), task, labels);
      }
    });
  });
}

/** The ports of a group, and those that Nomad adds to it: looked up only where something names one, since most groups name none. */
class Labels {
  private found: readonly string[] | undefined;

  constructor(
    private readonly job: nomad.Job,
    private readonly group: nomad.TaskGroup,
    /** Whether any text of the job has a variable that names a port. */
    readonly areInTexts: boolean,
  ) {}

  private get own(): readonly string[] {
    this.found ??= [
      ...itemsOf(this.group.Networks)
        .flatMap(portsOf)
        .map(({ Label = "" }) => Label),
      ...this.portsOfTasks.map(({ Label = "" }) => Label),
      ...injectedLabels(this.job, this.group),
    ];
    return this.found;
  }

  /** Of the older `resources.network`. */
  private get portsOfTasks(): readonly (nomad.Port & { readonly task: string })[] {
    return itemsOf(this.group.Tasks).flatMap(({ Name = "", Resources }) =>
      itemsOf(Resources?.Networks)
        .flatMap(portsOf)
        .map((port) => ({ ...port, task: Name })),
    );
  }

  /** As they follow `NOMAD_PORT_`: in variables, labels have underscores alone. Tasks see the ports of others under their names. */
  private get inVariables(): readonly string[] {
    const all = [...this.own, ...this.portsOfTasks.map(({ Label = "", task }) => `${task}_${Label}`)];
    return [...all, ...all.map((label) => label.replace(/\W/g, "_"))];
  }

  /** Refuses a label that no port of the group has. A number is none, nor is what Nomad fills in. */
  examine(place: Place, field: string, label: string | undefined, saidBy?: string): void {
    const isLabel = typeof label === "string" && label !== "" && !/^[+-]?\d+$|[:$]/.test(label);
    if (isLabel && !this.own.includes(label)) {
      this.refuse(place, field, label, saidBy);
    }
  }

  /** Refuses variables in a text that name a port which the group does not have. */
  examineText(place: Place, field: string, text: string): void {
    const variables = text.includes("NOMAD_") ? [...text.matchAll(VARIABLE)] : [];
    if (variables.length === 0) {
      return;
    }
    const labels = [...this.inVariables, ...[...text.matchAll(TESTED)].map(([, label]) => label)];
    for (const { 0: prefix, index } of variables) {
      const rest = text.slice(index + prefix.length);
      const isKnown = labels.some((label) => rest.startsWith(label) && !/^\w/.test(rest.slice(label.length)));
      if (!isKnown) {
        this.refuse(place, field, `${prefix}${/^\w+/.exec(rest)?.[0] ?? ""}`);
      }
    }
  }

  private refuse(place: Place, field: string, received: string, saidBy?: string): void {
    const allowed =
      this.own.length === 0 ? "must be omitted: the group has no ports" : `one of its ports: ${listOf(this.own)}`;
    place.refuse(field, received, allowed, "Add the port to the group, or correct the label.", {
      // What only Terraform knows may have any label.
      comparedWith: [this.group.Networks, itemsOf(this.group.Tasks).map(({ Resources }) => Resources?.Networks)],
      saidBy,
    });
  }
}

/** Followed by a label that is written out. */
const VARIABLE = /NOMAD_(?:PORT|HOST_PORT|ALLOC_PORT|(?:HOST_|ALLOC_)?(?:ADDR|IP)|IPv[46]|ALLOC_INTERFACE)_(?=\w)/g;

const MENTIONED = new RegExp(VARIABLE.source);

/** In a template: a variable that may be empty, since it is looked at first. */
const TESTED = new RegExp(
  String.raw`(?:(?::=|\b(?:if|with|or|and|not)\b)[\s(]*env|\benvOrDefault)\s+"${VARIABLE.source}(\w+)"`,
  "g",
);

function examineService(place: Place, service: nomad.Service, labels: Labels): void {
  const { Checks, Connect, ...registration } = service;
  const connect = known(Connect);
  const proxy = known(known(connect?.SidecarService)?.Proxy);
  const saidBy = connect?.SidecarService === undefined ? connect?.Gateway && "gateway-network" : "named-port";
  labels.examine(place, "port", service.PortLabel, saidBy);
  examineTexts(place, registration, labels);
  for (const check of itemsOf(Checks)) {
    const here = place.labelled("check", check.Name);
    labels.examine(here, "port", check.PortLabel, saidBy);
    examineTexts(here, check, labels);
  }
  for (const { Path, ListenerPort } of [...itemsOf(proxy?.Expose?.Path), ...itemsOf(proxy?.Expose?.Paths)]) {
    labels.examine(place.labelled("expose", Path), "listener_port", ListenerPort);
  }
  if (connect !== undefined) {
    examineTexts(place.block("connect"), connect, labels);
  }
}

/** Drivers that take labels as `ports`. */
const CONTAINERS = ["docker", "podman"];

function examineTask(place: Place, task: nomad.Task, labels: Labels): void {
  const { Services, Driver = "", Config, ...rest } = task;
  // Labels in services of a task are a matter of `problemsOfJob`: Nomad itself refuses others.
  for (const service of itemsOf(Services)) {
    examineTexts(place.labelled("service", service.Name), service, labels);
  }
  const { ports } = known(Config) ?? {};
  if (CONTAINERS.includes(Driver) && Array.isArray(ports)) {
    for (const port of ports as unknown[]) {
      labels.examine(place.block("config"), "ports", typeof port === "string" ? port : undefined);
    }
  }
  examineTexts(place, { ...rest, Config }, labels);
}

/** What a field of Nomad's API is called in the job specification, where it is not the same word. */
const WORDS: Readonly<Record<string, string>> = { Templates: "template", EmbeddedTmpl: "data", Artifacts: "artifact" };

/** Looks at every text of a block, however deep. */
function examineTexts(place: Place, block: object, labels: Labels, field = ""): void {
  if (!labels.areInTexts) {
    return;
  }
  for (const [key, value] of Object.entries(block) as [string, unknown][]) {
    const word = WORDS[key] ?? (/^[A-Z]/.test(key) && field === "" ? key.toLowerCase() : key);
    const here = Array.isArray(block) ? field : field === "" ? word : `${field}.${word}`;
    if (typeof value === "string") {
      labels.examineText(place, here, value);
    } else if (typeof value === "object" && value !== null && !isTokenObject(value)) {
      examineTexts(place, value, labels, here);
    }
  }
}
