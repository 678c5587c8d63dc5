import type { HostRole } from "./compose-host";
import { nomadAgent, type NomadAgentOptions } from "./nomad-agent";

export interface NomadClientOptions extends NomadAgentOptions {
  /** Version of the CNI plugins, e.g. `1.9.1`. */
  readonly cniVersion: string;
  /** Version of the consul-cni plugin, for transparent proxy. @default it is not there */
  readonly consulCniVersion?: string;
  /**
   * The interface whose address services are registered at. Never the loopback: no other host could reach a sidecar there.
   * @default the one of the default route
   */
  readonly networkInterface?: string;
  /** @default "default" */
  readonly nodePool?: string;
  /** @default none */
  readonly nodeClass?: string;
  /** Metadata of the node, for constraints. @default none */
  readonly meta?: Readonly<Record<string, string>>;
  /**
   * The image of Envoy for sidecars and gateways under Docker whose job names none.
   * @default what Nomad picks for its Consul
   * @see https://developer.hashicorp.com/nomad/docs/job-specification/sidecar_task
   */
  readonly envoyImage?: string;
  /** Fingerprinters that must not run, e.g. `env_gce` where that cloud is not. @default none */
  readonly fingerprintDenylist?: readonly string[];
  /**
   * What tasks of the `exec` driver find in their root: path on the host → path there.
   * @default /bin, /etc, /lib, /sbin, /usr and the like
   * @see https://developer.hashicorp.com/nomad/docs/configuration/client#chroot_env-parameters
   */
  readonly chrootEnv?: Readonly<Record<string, string>>;
  /**
   * Lets jobs run commands as the agent's own user, without isolation.
   * @default false
   * @see https://developer.hashicorp.com/nomad/docs/deploy/task-driver/raw_exec
   */
  readonly rawExec?: boolean;
}

/**
 * A Nomad client that runs service mesh jobs: bridge networking needs the CNI plugins, and iptables must see the traffic of
 * bridges. A Consul client agent belongs on the same host.
 *
 * @see https://developer.hashicorp.com/nomad/docs/networking/cni
 */
export function nomadClient(options: NomadClientOptions): HostRole {
  const agent = nomadAgent(options, {
    user: "root",
    settings: {
      client: {
        enabled: true,
        server_join: { retry_join: options.retryJoin, retry_interval: options.retryInterval ?? "30s" },
        network_interface: options.networkInterface,
        node_pool: options.nodePool,
        node_class: options.nodeClass,
        meta: options.envoyImage === undefined ? options.meta : { ...envoyMeta(options.envoyImage), ...options.meta },
        chroot_env: options.chrootEnv,
        cni_path: "/opt/cni/bin",
        options: options.fingerprintDenylist && { "fingerprint.denylist": options.fingerprintDenylist.join(",") },
      },
      plugin: options.rawExec ? { raw_exec: { config: { enabled: true } } } : undefined,
    },
  });
  return {
    ...agent,
    packages: [
      ...(agent.packages ?? []),
      { name: "cni-plugins", version: options.cniVersion, installTo: "/opt/cni/bin" },
      ...(options.consulCniVersion
        ? [{ name: "consul-cni" as const, version: options.consulCniVersion, installTo: "/opt/cni/bin" }]
        : []),
    ],
    // Bridge networks are made with iptables, which not every image has.
    systemPackages: ["iptables"],
    directories: [...(agent.directories ?? []), { path: "/opt/cni/bin" }],
    kernelModules: ["br_netfilter"],
    sysctls: Object.fromEntries(
      ["arptables", "ip6tables", "iptables"].map((table) => [`net.bridge.bridge-nf-call-${table}`, "1"]),
    ),
  };
}

/** How a node tells Nomad, and the jobs of gateways, which image has their Envoy. */
function envoyMeta(image: string): Readonly<Record<string, string>> {
  return { "connect.sidecar_image": image, "connect.gateway_image": image };
}
