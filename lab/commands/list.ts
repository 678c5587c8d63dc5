import type { Profile } from "../../constructs/linux/profile";
import { urlOf } from "../cluster/cluster";
import { allLabs } from "./down";
import { Lab } from "../hosts/lab";
import { allHosts } from "../hosts/topology";

/** A lab of this machine, from its own record: its agents are not asked. */
export interface ListedLab {
  readonly name: string;
  /** @default the lab has no record: `up` was interrupted early, or only processes are left */
  readonly profile?: Profile;
  readonly datacenters: readonly string[];
  /** Number of hosts. */
  readonly hosts: number;
  /** Number of hosts that run. */
  readonly running: number;
  /** The ports of this machine that lead into it. */
  readonly listeners: readonly { readonly name: string; readonly datacenter: string; readonly url: string }[];
}

/** All labs of this machine, also those of which only processes are left. */
export function listLabs(): ListedLab[] {
  return allLabs().map((name) => {
    const lab = new Lab(name);
    const { topology, listeners } = lab;
    const hosts = topology ? allHosts(topology) : [];
    return {
      name,
      profile: topology?.profile,
      datacenters: topology?.datacenters.map((each) => each.name) ?? [],
      hosts: hosts.length,
      running: hosts.filter((host) => lab.initOf(host.name) !== undefined).length,
      listeners: listeners.map((each) => ({ name: each.name, datacenter: each.datacenter, url: urlOf(each) })),
    };
  });
}
