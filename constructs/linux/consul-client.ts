import type { HostRole } from "./compose-host";
import { consulAgent, type ConsulAgentOptions } from "./consul-agent";

export interface ConsulClientOptions extends ConsulAgentOptions {
  /**
   * Whether systemd-resolved forwards queries for names below `.consul` to the agent.
   * @default true
   * @see https://developer.hashicorp.com/consul/docs/discover/dns/forwarding/enable
   */
  readonly dnsForwarding?: boolean;
  /**
   * Whether the agent also answers DNS queries on its `bindAddress`, where the tasks of services with transparent proxy can reach it. Queries
   * for names outside `.consul` are forwarded to systemd-resolved if `dnsForwarding` is set, since such tasks have no other name server.
   * @default false
   * @see https://developer.hashicorp.com/nomad/docs/job-specification/transparent_proxy#network-dns
   */
  readonly taskDns?: boolean;
  /**
   * Interval, as a Go duration, at which the agent sends the output of a check to Consul's servers while the status of the check
   * does not change. It can take up to one and a half times as long. A new instance is critical from the beginning, so until then
   * the servers do not know the reason.
   *
   * @default "30s"; Consul's own default is 5m, which is longer than most deployments
   * @see https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file/general#check_update_interval
   */
  readonly checkUpdateInterval?: string;
}

/**
 * A Consul client agent. Every Nomad client host has one, which serves the proxies of this host.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file
 */
export function consulClient({
  dnsForwarding = true,
  taskDns = false,
  checkUpdateInterval = "30s",
  ...options
}: ConsulClientOptions): HostRole {
  const agent = consulAgent(options, {
    server: false,
    check_update_interval: checkUpdateInterval,
    // A client leaves when it stops, and then forgets the other agents. After a restart, the watches of its proxies would fail
    // until it has found them again, and each watch retries at its own pace. An Envoy would lose upstreams whose discovery chain
    // arrives late.
    rejoin_after_leave: true,
    ...(taskDns && {
      addresses: { dns: `127.0.0.1 ${options.bindAddress ?? "{{ GetPrivateIP }}"}` },
      recursors: dnsForwarding ? ["127.0.0.53"] : undefined,
    }),
  });
  return dnsForwarding ? { ...agent, ...forwarding(agent) } : agent;
}

function forwarding(agent: HostRole): HostRole {
  return {
    systemPackages: ["systemd-resolved"],
    files: [
      ...(agent.files ?? []),
      {
        path: "/etc/systemd/resolved.conf.d/consul.conf",
        content: "[Resolve]\nDNS=127.0.0.1:8600\nDNSSEC=false\nDomains=~consul\n",
      },
    ],
    // A lab host has the files of a machine, but no systemd.
    steps: [...(agent.steps ?? []), "[ ! -d /run/systemd/system ] || systemctl restart systemd-resolved"],
  };
}
