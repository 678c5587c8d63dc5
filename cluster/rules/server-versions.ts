import { isAtLeast, versionLine } from "../../constructs/linux/version-number";
import { listNames } from "../on-nodes";
import { rule, type Finding } from "../rule";

/** Clients of an engine that are newer than its servers. */
export const serverVersions = rule({
  id: "server-versions",
  reason: "Consul and Nomad support clients that are older than the servers, not newer ones.",
  needs: ["consulMembers", "nomadServers", "nodes"],
  find: ({ consulMembers, nomadServers, nodes }) => {
    const agents = consulMembers
      .filter(({ Status }) => Status === 1)
      .map(({ Name, Tags }) => ({ name: Name, role: Tags.role, version: Tags.build?.split(":")[0] ?? "" }));
    const servers = nomadServers.filter(({ Status }) => Status === "alive");
    return [
      ...newer(
        "Consul",
        agents.filter(({ role }) => role === "consul").map(({ version }) => version),
        agents.filter(({ role }) => role === "node"),
      ),
      ...newer(
        "Nomad",
        servers.map(({ Tags }) => Tags.build ?? ""),
        nodes.map(({ Name, Attributes }) => ({ name: Name, version: Attributes["nomad.version"] ?? "" })),
      ),
    ];
  },
});

function newer(
  engine: string,
  servers: readonly string[],
  clients: readonly { readonly name: string; readonly version: string }[],
): Finding[] {
  if (servers.length === 0) return [];
  const oldest = servers.reduce((left, right) => (isAtLeast(left, right) ? right : left));
  const ahead = clients.filter(
    ({ version }) => version !== "" && !isAtLeast(versionLine(oldest), versionLine(version)),
  );
  if (ahead.length === 0) return [];
  return [
    {
      level: "warning",
      at: `${engine} on ${listNames(ahead.map(({ name }) => name))}`,
      problem: `Clients run ${engine} ${ahead[0].version}, but a server runs ${oldest}.`,
      fix: "Upgrade the servers first.",
    },
  ];
}
