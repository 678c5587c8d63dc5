import type { HostRole } from "./compose-host";
import { consulAgent, type ConsulAgentOptions } from "./consul-agent";

export interface ConsulClientOptions extends ConsulAgentOptions {
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
  checkUpdateInterval = "30s",
  ...options
}: ConsulClientOptions): HostRole {
  return consulAgent(
    { ...options, dnsForwarding },
    {
      server: false,
      check_update_interval: checkUpdateInterval,
      // A client leaves when it stops, and then forgets the other agents. After a restart, the watches of its proxies would fail
      // until it has found them again, and each watch retries at its own pace. An Envoy would lose upstreams whose discovery chain
      // arrives late.
      rejoin_after_leave: true,
    },
  );
}
