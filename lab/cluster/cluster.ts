import { EngineApi, type ClusterEndpoints } from "./engine-api";
import type { Credentials } from "../hosts/credentials";
import { LabError } from "../core/errors";
import { invocation } from "../core/invocation";
import type { Listener } from "../hosts/state";
import type { Topology } from "../hosts/topology";

/** The Consul and the Nomad of a datacenter of a lab, as they are reached from the machine. */
export class Cluster {
  readonly consul: EngineApi;
  readonly nomad: EngineApi;

  constructor(
    readonly datacenter: string,
    readonly endpoints: ClusterEndpoints,
  ) {
    this.consul = new EngineApi("Consul", endpoints.consul);
    this.nomad = new EngineApi("Nomad", endpoints.nomad);
  }

  /** @throws LabError if the lab's forwarder does not lead to both */
  static through(lab: Reachable, datacenter: string): Cluster {
    const credentials = lab.credentialsOf(datacenter);
    const address = (name: string) => {
      const listener = lab.listeners.find((it) => it.name === name && it.datacenter === datacenter);
      if (!listener)
        throw new LabError(`The lab's ${name} cannot be reached.`, `Run \`${invocation("up")}\` to repair the lab.`);
      return urlOf(listener);
    };
    return new Cluster(datacenter, {
      consul: { address: address("consul"), token: credentials?.consulToken },
      nomad: { address: address("nomad"), token: credentials?.nomadToken },
    });
  }

  /**
   * Those of all datacenters of a lab.
   *
   * @throws LabError if the lab's forwarder does not lead to one of them
   */
  static all(lab: Reachable & { readonly topology: Topology | undefined }): Cluster[] {
    return (lab.topology?.datacenters ?? []).map(({ name }) => Cluster.through(lab, name));
  }
}

/** A lab, as far as it leads to its clusters. */
interface Reachable {
  readonly listeners: readonly Listener[];
  credentialsOf(datacenter: string): Credentials | undefined;
}

export function urlOf({ port }: Pick<Listener, "port">): string {
  return `http://127.0.0.1:${port}`;
}

/** What an engine answers, or undefined while it does not: it starts, it elects, or it is gone. */
export async function ask(engine: EngineApi, path: string): Promise<unknown> {
  try {
    return await engine.get(path);
  } catch {
    return undefined;
  }
}
