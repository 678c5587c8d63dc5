import type { HostRole } from "./compose-host";

/** How programs of a host, and its tasks, resolve names below `.consul`. */
export interface ConsulDnsOptions {
  /**
   * Whether systemd-resolved forwards queries for names below `.consul` to the agent.
   * @default true for clients, false for servers
   * @see https://developer.hashicorp.com/consul/docs/discover/dns/forwarding/enable
   */
  readonly dnsForwarding?: boolean;
  /**
   * Whether the agent also answers DNS queries on its `bindAddress`, on the ports 8600 and 53, where tasks with their own network namespaces can
   * reach it. Queries for names outside `.consul` are forwarded to systemd-resolved if `dnsForwarding` is set, since such tasks have no other
   * name server.
   * @default false
   * @see https://developer.hashicorp.com/nomad/docs/job-specification/transparent_proxy#network-dns
   */
  readonly taskDns?: boolean;
}

/** The port on which Consul answers DNS queries, and the only one that programs use. */
const PORTS = { consul: 8600, standard: 53 };

/** The settings of the agent, without those of its role. @param bindAddress see {@link ConsulAgentOptions.bindAddress} */
export function dnsSettings({ taskDns, dnsForwarding }: ConsulDnsOptions, bindAddress: string) {
  if (taskDns !== true) return undefined;
  return {
    addresses: { dns: `127.0.0.1 ${bindAddress}` },
    // The address of systemd-resolved.
    recursors: dnsForwarding ? ["127.0.0.53"] : undefined,
  };
}

/** What the host needs in addition to its agent. */
export function dnsRole({
  taskDns = false,
  dnsForwarding = false,
}: ConsulDnsOptions): Required<Pick<HostRole, "files" | "steps" | "systemPackages">> {
  return {
    systemPackages: [...(dnsForwarding ? ["systemd-resolved"] : []), ...(taskDns ? ["iptables"] : [])],
    files: dnsForwarding
      ? [
          {
            path: "/etc/systemd/resolved.conf.d/consul.conf",
            content: `[Resolve]\nDNS=127.0.0.1:${PORTS.consul}\nDNSSEC=false\nDomains=~consul\n`,
          },
        ]
      : [],
    steps: [
      // A lab host has the files of a machine, but no systemd.
      ...(dnsForwarding ? ["[ ! -d /run/systemd/system ] || systemctl restart systemd-resolved"] : []),
      ...(taskDns ? redirectDns("PREROUTING -m addrtype --dst-type LOCAL") : []),
    ],
  };
}

/**
 * Shell lines that send the DNS queries that a chain of iptables matches to Consul. The agent itself cannot use the standard port, which needs
 * privileges.
 */
export function redirectDns(chainAndMatch: string): string[] {
  return ["udp", "tcp"].map((protocol) => {
    const [chain, ...match] = chainAndMatch.split(" ");
    const rule = `${chain} -p ${protocol} ${match.join(" ")} --dport ${PORTS.standard} -j DNAT --to-destination :${PORTS.consul}`;
    // User data is limited, hence the short options.
    return `iptables -w -t nat -C ${rule} 2>/dev/null || iptables -w -t nat -A ${rule}`;
  });
}
