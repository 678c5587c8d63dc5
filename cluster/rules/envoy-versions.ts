import { checkVersions } from "../../constructs/linux/versions";
import { onNodes } from "../on-nodes";
import { rule } from "../rule";

/** The Envoy of sidecars: what the app names, or else the image of the node. */
export const envoyVersions = rule({
  id: "envoy-versions",
  reason: "Each line of Consul configures only some lines of Envoy.",
  needs: ["nodes", "consulAgent"],
  find: ({ nodes, consulAgent: { Config }, app }) => [
    ...(app?.jobs ?? []).flatMap(({ construct, envoyImages }) =>
      envoyImages.flatMap((image) => {
        const problem = problemOf(Config.Version, image);
        return problem === undefined ? [] : [{ level: "warning" as const, at: construct, problem, fix: FIX }];
      }),
    ),
    ...onNodes(nodes, ({ Meta, Attributes }) => {
      const problem = problemOf(Attributes["consul.version"] ?? Config.Version, Meta?.["connect.sidecar_image"] ?? "");
      return problem === undefined ? undefined : { level: "warning", problem, fix: FIX };
    }),
  ],
});

const FIX = "Use an image of Envoy that this Consul supports.";

/** Without a version in its tag, nothing is known: by default, Nomad takes the newest that Consul supports. */
function problemOf(consul: string, image: string): string | undefined {
  const envoy = /:(?:v|distroless-v|contrib-v)?(\d+\.\d+\.\d+)/.exec(image)?.at(1);
  if (envoy === undefined) return undefined;
  const problem = checkVersions({ consul, envoy }).at(0);
  return problem === undefined ? undefined : `The image of sidecars is ${image}: ${problem}`;
}
