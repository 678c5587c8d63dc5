import { ConsulConfigEntry, Protocol, Redirect, type consul } from "../../constructs";
import { synthMesh } from "../support/synth";
import { anyWorkload } from "../support/workload";

test("an entry that is a function gets the complete graph: what follows from traffic rules, and other entries that are written manually", () => {
  const { entries } = synthMesh((mesh, stack) => {
    const service = { port: 80, protocol: Protocol.HTTP, workload: anyWorkload };
    const [page, api] = [mesh.addService("page", service), mesh.addService("api", service)];
    const store = mesh.addVirtualService("store", { protocol: Protocol.HTTP, redirect: Redirect.to(api) });
    page.connectTo(store);
    page.addUpstream("audit");
    new ConsulConfigEntry<consul.ServiceIntentionsConfigEntry>(stack, "manual", {
      ...{ kind: "service-intentions", name: "audit" },
      entry: () => ({ Sources: [{ Name: "page", Action: "allow", Type: "consul" }] }),
    });
    new ConsulConfigEntry<consul.ServiceConfigEntry>(stack, "audit", {
      ...{ kind: "service-defaults", name: "audit" },
      entry: ({ clusters: [cluster] }) => ({
        Protocol: "http",
        Meta: { ofApi: sourcesOf(cluster.intentionsFor("api")), ofAudit: sourcesOf(cluster.intentionsFor("audit")) },
      }),
    });
  });
  expect(entries["service-defaults/audit"]).toMatchObject({ Meta: { ofApi: "page", ofAudit: "page" } });
});

function sourcesOf(intentions: readonly { readonly source: { readonly service: string } }[]): string {
  return intentions.map(({ source }) => source.service).join();
}
