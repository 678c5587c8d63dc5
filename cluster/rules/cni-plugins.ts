import { isAtLeast } from "../../constructs/linux/version-number";
import { onNodes } from "../on-nodes";
import { rule } from "../rule";

/** What Nomad's own bridge network runs. */
const PLUGINS = ["bridge", "firewall", "host-local", "loopback", "portmap"];
/** From this version on, Nomad places groups in bridge mode. */
const OLDEST = "0.4.0";
const OLDEST_CONSUL_CNI = "1.4.2";

/** CNI plugins that bridge mode and transparent proxy need. */
export const cniPlugins = rule({
  id: "cni-plugins",
  reason: "Nomad creates the network of a group in bridge mode with CNI plugins.",
  needs: ["nodes"],
  find: ({ nodes, app }) => {
    const isTransparent = app?.jobs.some(({ hasTransparentProxy }) => hasTransparentProxy) ?? false;
    return onNodes(nodes, ({ Attributes }) => {
      const lacks = (plugin: string, oldest: string) => {
        const version = Attributes[`plugins.cni.version.${plugin}`];
        return version === undefined || (version !== "unknown" && !isAtLeast(version, oldest));
      };
      const missing = PLUGINS.filter((plugin) => lacks(plugin, OLDEST));
      if (missing.length > 0) {
        return {
          problem: `Nomad finds no usable CNI plugins ${missing.join(", ")}.`,
          fix: "Install the CNI plugins in /opt/cni/bin, or set cni_path in Nomad's `client` block, and restart the client.",
        };
      }
      if (isTransparent && lacks("consul-cni", OLDEST_CONSUL_CNI)) {
        return {
          problem: `The app uses transparent proxy, but Nomad finds no plugin consul-cni ${OLDEST_CONSUL_CNI} or newer.`,
          fix: "Install consul-cni next to the other CNI plugins, and restart the client.",
        };
      }
      return undefined;
    });
  },
});
