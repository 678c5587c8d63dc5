import type { HostRole } from "./compose-host";
import { nomadAgent, type NomadAgentOptions } from "./nomad-agent";

export interface NomadClientOptions extends NomadAgentOptions {
  /** Version of the CNI plugins, e.g. `1.9.1`. */
  readonly cniVersion: string;
  /** Version of the consul-cni plugin, for transparent proxy. @default it is not installed */
  readonly consulCniVersion?: string;
  /**
   * The interface whose address is registered for services. It must not be the loopback interface, because no other host could
   * reach a sidecar there.
   * @default the interface of the default route
   */
  readonly networkInterface?: string;
  /** @default "default" */
  readonly nodePool?: string;
  /** @default none */
  readonly nodeClass?: string;
  /** Metadata of the node, for constraints. @default none */
  readonly meta?: Readonly<Record<string, string>>;
  /**
   * The Envoy image of sidecars and gateways that run in Docker and whose job sets no image.
   * @default the image that Nomad selects for its version of Consul
   * @see https://developer.hashicorp.com/nomad/docs/job-specification/sidecar_task
   */
  readonly envoyImage?: string;
  /** Fingerprinters that are disabled, e.g. `env_gce` where that cloud is not used. @default none */
  readonly fingerprintDenylist?: readonly string[];
  /**
   * The contents of the chroot of tasks with the `exec` driver: path on the host → path in the chroot.
   * @default /bin, /etc, /lib, /sbin, /usr and the like
   * @see https://developer.hashicorp.com/nomad/docs/configuration/client#chroot_env-parameters
   */
  readonly chrootEnv?: Readonly<Record<string, string>>;
  /**
   * Whether jobs can run commands as the agent's own user, without isolation.
   * @default false
   * @see https://developer.hashicorp.com/nomad/docs/deploy/task-driver/raw_exec
   */
  readonly rawExec?: boolean;
}

/**
 * A Nomad client that runs service mesh jobs. Bridge networks need the CNI plugins and kernel settings that pass the traffic of
 * bridges to iptables. The same host needs a Consul client agent.
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
    // Bridge networks need iptables, which not every image has.
    systemPackages: ["iptables"],
    directories: [...(agent.directories ?? []), { path: "/opt/cni/bin" }],
    kernelModules: ["br_netfilter"],
    sysctls: Object.fromEntries(
      ["arptables", "ip6tables", "iptables"].map((table) => [`net.bridge.bridge-nf-call-${table}`, "1"]),
    ),
  };
}

/** Node metadata with the Envoy image, which Nomad and the jobs of gateways read. */
function envoyMeta(image: string): Readonly<Record<string, string>> {
  return { "connect.sidecar_image": image, "connect.gateway_image": image };
}
