import { onNodes } from "../on-nodes";
import { rule } from "../rule";

/** A DNS server that tasks can reach. */
export const consulDns = rule({
  id: "consul-dns",
  reason:
    "Tasks with transparent proxy, or with Dns.consul(), resolve names below .consul with the Consul agent of their node.",
  needs: ["nodes"],
  find: ({ nodes, app }) => {
    if (app?.jobs.some(({ needsConsulDns }) => needsConsulDns) !== true) return [];
    return onNodes(nodes, ({ Attributes }) => {
      // Without an agent there is no such attribute, and the rule consul-on-nodes reports it.
      const port = Attributes["consul.dns.port"];
      if (port === undefined || (Number(port) > 0 && (Attributes["unique.consul.dns.addr"] ?? "") !== "")) {
        return undefined;
      }
      const state = Number(port) > 0 ? "answers only on the loopback interface of the node" : "is turned off";
      return {
        problem: `Tasks of the app use Consul as their name server, but its DNS server ${state}, so they cannot resolve names.`,
        fix: 'Set `ports { dns = 8600 }` and `addresses { dns = "127.0.0.1 <address of the node>" }` in the configuration of its Consul agent, and restart both agents.',
      };
    });
  },
});
