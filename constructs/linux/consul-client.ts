import type { HostRole } from "./compose-host";
import { consulAgent, type ConsulAgentOptions } from "./consul-agent";

export interface ConsulClientOptions extends ConsulAgentOptions {
  /**
   * Whether the host's resolver asks the agent about names below `.consul`, by way of systemd-resolved.
   * @default true
   * @see https://developer.hashicorp.com/consul/docs/discover/dns/forwarding/enable
   */
  readonly dnsForwarding?: boolean;
  /**
   * How long it takes at most, and half as long again, until Consul's servers hear what a check says whose status stays the same, as a Go
   * duration. A new instance is critical from the beginning: until then they do not know why.
   *
   * @default "30s"; Consul's own is 5m, which is longer than most deployments
   * @see https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file/general#check_update_interval
   */
  readonly checkUpdateInterval?: string;
}

/**
 * A Consul client agent. Every Nomad client host has one, which serves the proxies of that host.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file
 */
export function consulClient({
  dnsForwarding = true,
  checkUpdateInterval = "30s",
  ...options
}: ConsulClientOptions): HostRole {
  const agent = consulAgent(options, {
    server: false,
    check_update_interval: checkUpdateInterval,
    // A client leaves when it stops, and forgets the others then. Until it has found them again after a restart, its
    // proxies' watches fail and retry each at its own pace, and an Envoy would lose upstreams whose chain came late.
    rejoin_after_leave: true,
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
    // A lab host has files like a machine, but no systemd.
    steps: [...(agent.steps ?? []), "[ ! -d /run/systemd/system ] || systemctl restart systemd-resolved"],
  };
}
