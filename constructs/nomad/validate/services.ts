import { itemsOf, known, textsOf, type Place } from "../../core/problems";
import type * as nomad from "../generated/job";
import { examineCheck, needsPort } from "./checks";
import { examineConnect } from "./connect";
import { withInjectedPort } from "./injected";
import { isServiceName } from "./names";
import { portsOf } from "./networks";
import { nameOf, type ServiceSurroundings } from "./service-name";

const KINDS = ["api-gateway", "ingress-gateway", "mesh-gateway", "terminating-gateway"];

/** Examines the services of a group, and rules that apply to them together with the services of its tasks. */
export function examineGroupServices(place: Place, job: nomad.Job, group: nomad.TaskGroup): void {
  const taskNames = itemsOf(group.Tasks).map(({ Name = "" }) => Name);
  for (const given of itemsOf(group.Services)) {
    const service = withInjectedPort(given, { job, group });
    const here = place.labelled("service", nameOf(service, { job, group }));
    examineService(here, service, { job, group });
    if (service.AddressMode === "driver") {
      here.refuse("address_mode", "driver", "cannot be used for a service of a group", "Use another mode.");
    }
    for (const check of itemsOf(service.Checks)) {
      examineGroupCheck(here.labelled("check", check.Name), check, service, taskNames);
    }
  }
  examineUniqueness(place, job, group);
}

function examineGroupCheck(
  place: Place,
  check: nomad.ServiceCheck,
  service: nomad.Service,
  taskNames: readonly string[],
): void {
  const { TaskName = "" } = check;
  if (TaskName !== "" && !taskNames.includes(TaskName)) {
    place.refuse("task", TaskName, "a task of the group", "Correct the name.", { comparedWith: taskNames });
  }
  if (TaskName !== "" && check.AddressMode === "driver") {
    place.refuse("address_mode", "driver", "cannot be used for a service of a group", "Use another mode.");
  }
  if (check.Type === "script" && TaskName === "" && (service.TaskName ?? "") === "") {
    place.refuse("task", undefined, "the task in which a script runs", "Set task.", { comparedWith: service.TaskName });
  }
}

/** A service must be unique by name, task and port, and all services of a group must have the same provider. */
function examineUniqueness(place: Place, job: nomad.Job, group: nomad.TaskGroup): void {
  const seen = new Set<string>();
  let firstProvider: string | undefined;
  const owners = [
    { task: undefined, services: itemsOf(group.Services) },
    ...itemsOf(group.Tasks).map((task) => ({ task, services: itemsOf(task.Services) })),
  ].filter(({ services }) => services.length > 0);
  if (owners.length === 1 && owners[0].services.length === 1) {
    return;
  }
  for (const { task, services } of owners) {
    for (const service of services) {
      const name = nameOf(service, { job, group, task });
      const here = (task === undefined ? place : place.labelled("task", task.Name)).labelled("service", name);
      const key = JSON.stringify([name, task?.Name ?? "group", service.PortLabel ?? ""]);
      if (seen.has(key)) {
        here.refuse("port", service.PortLabel, "must be the port of the other service with this name", "Rename one.", {
          comparedWith: name,
        });
      }
      seen.add(key);
      const provider = service.Provider || "consul";
      firstProvider ??= provider;
      if (provider !== firstProvider) {
        here.refuse(
          "provider",
          provider,
          `"${firstProvider}", as of the other services of the group`,
          "Use one for all.",
          {
            comparedWith: firstProvider,
          },
        );
      }
    }
  }
}

/** @param here the task @param injected labels of ports that Nomad adds to the group */
export function examineTaskServices(
  here: Place,
  { job, group, task }: Required<ServiceSurroundings>,
  injected: readonly string[],
): void {
  const services = itemsOf(task.Services);
  if (services.length === 0) {
    return;
  }
  const labels = new Set([
    ...injected,
    ...itemsOf(group.Networks)
      .slice(0, 1)
      .flatMap(portsOf)
      .map(({ Label = "" }) => Label),
    ...itemsOf(task.Resources?.Networks)
      .flatMap(portsOf)
      .map(({ Label = "" }) => Label),
  ]);
  for (const service of services) {
    const place = here.labelled("service", nameOf(service, { job, group, task }));
    const fixGroup = "Move the service to the group.";
    examineService(place, service, { job, group, task });
    if (service.AddressMode === "alloc" || service.AddressMode === "alloc_ipv6") {
      place.refuse("address_mode", service.AddressMode, "cannot be used for a service of a task", fixGroup);
    }
    if (known(service.Connect) !== undefined) {
      place.refuse("connect", service.Connect, "cannot be set in a service of a task", fixGroup);
    }
    if (service.TaskName !== undefined && service.TaskName !== "" && service.TaskName !== task.Name) {
      place.refuse("task", service.TaskName, "the task that has the service", "Omit it.", { comparedWith: task.Name });
    }
    const isNumber = /^[+-]?\d+$/.test(service.PortLabel ?? "");
    if (service.PortLabel && !(service.AddressMode === "driver" && isNumber)) {
      requireLabel(place, service.PortLabel, labels);
    }
    examineTaskChecks(place, service, labels);
  }
}

function examineTaskChecks(place: Place, service: nomad.Service, labels: ReadonlySet<string>): void {
  const names = new Set<string>();
  for (const check of itemsOf(service.Checks)) {
    const here = place.labelled("check", check.Name);
    const name = check.Name || "(the default name)";
    if (names.has(name)) {
      here.refuse("name", check.Name, "must be unique in the service", "Rename one of the two.");
    }
    names.add(name);
    if (check.AddressMode === "alloc" || check.AddressMode === "alloc_ipv6") {
      here.refuse("address_mode", check.AddressMode, "cannot be used for a service of a task", "Use another mode.");
    }
    if (check.Expose === true) {
      here.refuse("expose", true, "false in a service of a task", "Move the service to the group.");
    }
    const port = check.PortLabel || service.PortLabel;
    if (needsPort(check) && port) {
      if (!/^[+-]?\d+$/.test(port)) {
        requireLabel(here, port, labels);
      } else if (check.AddressMode !== "driver") {
        here.refuse("port", port, 'the label of a port, or address_mode = "driver"', "Use a label.", {
          comparedWith: check.AddressMode,
        });
      } else if (Number(port) <= 0) {
        here.refuse("port", port, "more than 0", "Use a valid port.");
      }
    }
  }
}

function requireLabel(place: Place, label: string, labels: ReadonlySet<string>): void {
  if (!labels.has(label)) {
    place.refuse("port", label, "the label of a port of the group", "Declare the port, or correct the label.", {
      comparedWith: [...labels],
    });
  }
}

function examineService(place: Place, service: nomad.Service, surroundings: ServiceSurroundings): void {
  const { AddressMode = "", Address = "", OnUpdate = "", Provider = "", Kind = "", Identity } = service;
  const name = nameOf(service, surroundings);
  if (!isServiceName(name)) {
    place.refuse(
      "name",
      name,
      "letters, digits and dashes, at most 63 characters, no dash at either end",
      "Correct the name.",
      {
        saidBy: "service-name",
      },
    );
  }
  if (AddressMode !== "") {
    place.oneOf("address_mode", AddressMode, ["auto", "alloc", "alloc_ipv6", "driver", "host"]);
    if (AddressMode !== "auto" && Address !== "") {
      place.refuse("address_mode", AddressMode, '"auto" with an address', "Omit one of the two.", {
        comparedWith: Address,
      });
    }
  }
  if (OnUpdate !== "") {
    place.oneOf("on_update", OnUpdate, ["require_healthy", "ignore_warnings", "ignore"]);
  }
  if (Provider !== "") {
    place.oneOf("provider", Provider, ["consul", "nomad"]);
  }
  for (const check of itemsOf(service.Checks)) {
    examineCheck(place.labelled("check", check.Name), check, service);
  }
  if (Provider !== "nomad") {
    place.oneOf("kind", Kind === "" ? undefined : Kind, KINDS);
    examineConnect(place, service, surroundings);
  } else if (known(service.Connect) !== undefined) {
    place.refuse("connect", service.Connect, 'no block with the provider "nomad"', 'Use the provider "consul".');
  }
  examineIdentity(place, known(Identity), Provider);
}

function examineIdentity(place: Place, identity: nomad.WorkloadIdentity | undefined, provider: string): void {
  if (identity === undefined) {
    return;
  }
  const here = place.block("identity");
  if (textsOf(identity.Audience).length === 0) {
    here.refuse("aud", identity.Audience, "at least one string", "Set the audience of the identity.");
  }
  if (provider === "nomad") {
    here.required("name", identity.Name, "Set the name of the identity.");
  }
}
