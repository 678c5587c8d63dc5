import { checkVersions } from "../../constructs/linux/versions";
import { onNodes } from "../on-nodes";
import { rule } from "../rule";

/** Versions of Consul, Nomad and CNI plugins that do not belong together. */
export const versions = rule({
  id: "versions",
  reason: "Only some versions of Consul and Nomad work together, and some releases have defects that break a mesh.",
  needs: ["nodes"],
  find: ({ nodes }) =>
    onNodes(nodes, ({ Attributes }) => {
      const { "nomad.version": nomad, "consul.version": consul, "plugins.cni.version.bridge": cni } = Attributes;
      const problems = checkVersions({ nomad, consul, cni: cni?.replace(/^v/, "") });
      if (problems.length === 0) return undefined;
      return { level: "warning", problem: problems.join(" "), fix: "Use versions that are known to work together." };
    }),
});
