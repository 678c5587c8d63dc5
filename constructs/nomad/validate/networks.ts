import { isDomainName } from "../../core/domain-name";
import { entriesOf, itemsOf, type Place } from "../../core/problems";
import type * as nomad from "../generated/job";

const HIGHEST_PORT = 65_535;

/** Examines the ports of a group, and those of the deprecated `resources.network` of its tasks. */
export function examineNetworks(place: Place, group: nomad.TaskGroup, injected: readonly string[]): void {
  const taken = new TakenPorts();
  const argumentNames = new Set<string>();
  itemsOf(group.Networks).forEach((network, index) => {
    const here = place.block("network");
    const isOnHost = (network.Mode ?? "") === "" || network.Mode === "host";
    for (const port of portsOf(network)) {
      taken.add(here, port, port.IgnoreCollision === true);
      examineTarget(here.labelled("port", port.Label ?? ""), port, isOnHost, network.Mode);
    }
    for (const label of index === 0 ? injected : []) {
      taken.addInjected(here, label);
    }
    examineArguments(here, network, argumentNames);
    examineHostname(here, network.Hostname);
  });
  for (const task of itemsOf(group.Tasks)) {
    for (const network of itemsOf(task.Resources?.Networks)) {
      for (const port of portsOf(network)) {
        taken.add(place.labelled("task", task.Name).block("resources").block("network"), port, false);
      }
    }
  }
}

export function portsOf({ ReservedPorts, DynamicPorts }: nomad.NetworkResource): readonly nomad.Port[] {
  return [...itemsOf(ReservedPorts), ...itemsOf(DynamicPorts)];
}

class TakenPorts {
  private readonly labels = new Set<string>();
  private readonly statics = new Set<string>();

  add(place: Place, port: nomad.Port, mayCollide: boolean): void {
    const { Label = "", Value = 0, HostNetwork } = port;
    const here = place.labelled("port", Label);
    if (this.labels.has(Label)) {
      here.refuse("label", Label, "must be unique in the group", "Change one of the labels.", {
        saidBy: "duplicate-port-label",
      });
    }
    this.labels.add(Label);
    if (Value === 0) {
      return;
    }
    const key = `${HostNetwork === undefined || HostNetwork === "" ? "default" : HostNetwork}/${Value}`;
    if (this.statics.has(key) && !mayCollide) {
      here.refuse("static", Value, "must be unique in the group", "Change one of the ports.", {
        comparedWith: HostNetwork,
      });
    } else if (Value > HIGHEST_PORT) {
      here.refuse("static", Value, `${HIGHEST_PORT} or less`, "Use a valid port.", { saidBy: "port-range" });
    }
    this.statics.add(key);
  }

  /** Records a port that Nomad adds for an Envoy. The sidecar can set its label. */
  addInjected(place: Place, label: string): void {
    if (this.labels.has(label)) {
      place
        .labelled("port", label)
        .refuse(
          "static",
          label,
          "cannot be the label of a sidecar_service's port",
          "Use another port for the sidecar.",
        );
    }
    this.labels.add(label);
  }
}

function examineTarget(place: Place, port: nomad.Port, isOnHost: boolean, mode: string | undefined): void {
  const { To = 0, IgnoreCollision } = port;
  if (To < -1 || To > HIGHEST_PORT) {
    place.refuse("to", To, `-1 (the port of the node) to ${HIGHEST_PORT}`, "Use a valid port.", {
      saidBy: "port-range",
    });
  }
  if (IgnoreCollision === true && !isOnHost) {
    place.refuse("ignore_collision", true, `false on the network "${mode}"`, "Omit it.", { comparedWith: mode });
  }
}

function examineArguments(place: Place, network: nomad.NetworkResource, seen: Set<string>): void {
  for (const [key, value] of entriesOf(network.CNI?.Args)) {
    const here = place.block("cni").block("args");
    if (seen.has(key)) {
      here.refuse(key, value, "must be unique", "Keep one of the two.", { comparedWith: key });
    }
    seen.add(key);
    if (key.includes(";") || value.includes(";")) {
      here.refuse(key, value, "a string without a semicolon", "Omit the semicolon.");
    }
  }
}

function examineHostname(place: Place, hostname: string | undefined): void {
  if (hostname !== undefined && hostname !== "" && !hostname.includes("${") && !isDomainName(hostname)) {
    place.refuse("hostname", hostname, "a DNS name", "Correct the name.");
  }
}
