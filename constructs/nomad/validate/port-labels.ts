import { itemsOf, known, listOf, Place, type Problem } from "../../core/problems";
import { isTokenObject } from "../../core/token";
import type * as nomad from "../generated/job";
import { injectedLabels } from "./injected";
import { portsOf } from "./networks";
import { nameOf } from "./service-name";

/**
 * Labels of ports that a job uses although its group does not have them: in services, checks and exposed paths, in the `ports` of a
 * container, and in Nomad's variables (`${NOMAD_PORT_<label>}`, …) anywhere in the job.
 *
 * Nomad accepts such a job. Then the variable is not replaced, the driver does not start the task, or the service is never registered.
 *
 * @param text the job as JSON, if it is available: one search in it is faster than a search in each string
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

/** Labels of the ports of a group, including those that Nomad adds. They are collected only if the group uses a label; most do not. */
class Labels {
  private found: readonly string[] | undefined;

  constructor(
    private readonly job: nomad.Job,
    private readonly group: nomad.TaskGroup,
    /** Whether any string of the job contains a variable with a label. */
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

  /** Ports of the deprecated `resources.network` of tasks. */
  private get portsOfTasks(): readonly (nomad.Port & { readonly task: string })[] {
    return itemsOf(this.group.Tasks).flatMap(({ Name = "", Resources }) =>
      itemsOf(Resources?.Networks)
        .flatMap(portsOf)
        .map((port) => ({ ...port, task: Name })),
    );
  }

  /** Labels as they follow `NOMAD_PORT_`, where other characters become underscores. Ports of other tasks begin with the task's name. */
  private get inVariables(): readonly string[] {
    const all = [...this.own, ...this.portsOfTasks.map(({ Label = "", task }) => `${task}_${Label}`)];
    return [...all, ...all.map((label) => label.replace(/\W/g, "_"))];
  }

  /** Refuses a label that no port of the group has. Numbers are not labels, and neither are values with variables. */
  examine(place: Place, field: string, label: string | undefined, saidBy?: string): void {
    const isLabel = typeof label === "string" && label !== "" && !/^[+-]?\d+$|[:$]/.test(label);
    if (isLabel && !this.own.includes(label)) {
      this.refuse(place, field, label, saidBy);
    }
  }

  /** Refuses variables in a string that contain the label of a port which the group does not have. */
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
      // A network that is known only to Terraform can have any label.
      comparedWith: [this.group.Networks, itemsOf(this.group.Tasks).map(({ Resources }) => Resources?.Networks)],
      saidBy,
    });
  }
}

/** The beginning of a variable, followed by a literal label. */
const VARIABLE = /NOMAD_(?:PORT|HOST_PORT|ALLOC_PORT|(?:HOST_|ALLOC_)?(?:ADDR|IP)|IPv[46]|ALLOC_INTERFACE)_(?=\w)/g;

const MENTIONED = new RegExp(VARIABLE.source);

/** In a template: a variable that can be empty, since the template tests it first. */
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

/** Drivers whose `ports` are labels. */
const CONTAINERS = ["docker", "podman"];

function examineTask(place: Place, task: nomad.Task, labels: Labels): void {
  const { Services, Driver = "", Config, ...rest } = task;
  // `problemsOfJob` examines labels in services of a task: Nomad refuses unknown ones.
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

/** Names in the job specification of API fields with different names. */
const WORDS: Readonly<Record<string, string>> = { Templates: "template", EmbeddedTmpl: "data", Artifacts: "artifact" };

/** Examines every string of a block, at any depth. */
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
