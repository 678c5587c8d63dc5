import {
  Failover,
  HttpPermission,
  IngressListener,
  JobKind,
  Protocol,
  SubsetFilter,
  type MeshService,
  type MeshServiceProps,
  type ServiceMesh,
} from "../../constructs";
import { synthMesh } from "../support/synth";
import { anyWorkload } from "../support/workload";

type Say = (api: MeshService, web: MeshService, mesh: ServiceMesh) => void;

/** The resources of a mesh of two services. */
function resources(protocol: Protocol, say: Say) {
  const { terraform } = synthMesh((mesh) => {
    const api = mesh.addService("api", { port: 9001, protocol, workload: anyWorkload });
    say(api, mesh.addService("web", { port: 9002, protocol, workload: anyWorkload }), mesh);
  });
  const { consul_config_entry: entries = {}, terraform_data: data = {} } = terraform.resource ?? {};
  return { entries, data };
}

const renewedBy = (...names: string[]) => ({ replace_triggered_by: names.map((name) => `terraform_data.${name}`) });

describe("in what order Terraform makes an edit", () => {
  test("service-defaults are removed after all that led to the service, and change after intentions without permissions", () => {
    const { entries, data } = resources(Protocol.TCP, (api, web) => web.connectTo(api));
    expect(entries["service-defaults_api"]).toMatchObject({
      lifecycle: { create_before_destroy: true },
      depends_on: ["consul_config_entry.service-intentions_api"],
    });
    expect(entries["service-intentions_api"]).not.toHaveProperty("depends_on");
    expect(data).toEqual({});
  });

  test("permissions come after the protocol that they need", () => {
    const { entries } = resources(Protocol.HTTP, (api, web) =>
      web.connectTo(api, { permissions: [HttpPermission.get("/")] }),
    );
    expect(entries["service-defaults_api"]).not.toHaveProperty("depends_on");
    expect(entries["service-intentions_api"].depends_on).toContain("consul_config_entry.service-defaults_api");
  });

  test("routes are renewed when the protocol changes, and a resolver with subsets outlives those who name them", () => {
    const { entries, data } = resources(Protocol.HTTP, (api, web) => {
      api.addSubset("v1", SubsetFilter.meta("version", "v1"));
      api.route({ match: { pathPrefix: "/web" }, to: web });
      web.addUpstream(api);
      api.allowFrom(web);
    });
    expect(entries["service-router_api"].lifecycle).toEqual(renewedBy("service-router_api_protocol"));
    expect(entries["service-resolver_api"].lifecycle).toEqual({ create_before_destroy: true });
    expect(data).toEqual({ "service-router_api_protocol": { input: { value: "http" } } });
  });

  test("a resolver that leads to others is renewed when the protocol changes", () => {
    const { entries } = resources(Protocol.HTTP, (api, web, mesh) => {
      const other = mesh.addService("other", { port: 9003, protocol: Protocol.HTTP, workload: anyWorkload });
      api.resolve({ failover: Failover.to(other) });
      web.connectTo(api);
    });
    expect(entries["service-resolver_api"].lifecycle).toEqual(renewedBy("service-resolver_api_protocol"));
  });

  test("an ingress gateway is renewed when the protocol of a listener changes, not when there is another listener", () => {
    const { entries, data } = resources(Protocol.HTTP, (api, web, mesh) => {
      const listeners = [IngressListener.http({ port: 8080 }), IngressListener.http({ port: 8081 })];
      const ingress = mesh.addIngressGateway("ingress", { listeners });
      ingress.connectTo(api, { listener: 8080 });
      ingress.connectTo(web, { listener: 8081 });
    });
    const triggers = ["ingress-gateway_ingress_listener-8080", "ingress-gateway_ingress_listener-8081"];
    expect(entries["ingress-gateway_ingress"].lifecycle).toEqual(renewedBy(...triggers));
    expect(Object.keys(data)).toEqual(triggers);
  });

  test("synthesis runs no program for that, so that it needs no Terraform", () => {
    const run = jest.spyOn(jest.requireActual<typeof import("node:child_process")>("node:child_process"), "execSync");
    const { data } = resources(Protocol.HTTP, (api, _, mesh) => {
      mesh.addIngressGateway("ingress", { listeners: [IngressListener.http({ port: 8080 })] }).connectTo(api);
    });
    expect(Object.keys(data)).toEqual(["ingress-gateway_ingress_listener-8080"]);
    expect(run).not.toHaveBeenCalled();
    run.mockRestore();
  });
});

describe("an apply waits for healthy jobs", () => {
  const detached = (mesh: boolean | undefined, service?: boolean) => {
    const props = { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload };
    const { terraform } = synthMesh(
      (it) => {
        it.addService("api", { ...props, waitUntilHealthy: service });
        it.addJob("shop").addGroup("web", { tasks: { web: anyWorkload } });
        it.addMeshGateway("gateway");
      },
      { waitUntilHealthy: mesh },
    );
    return Object.entries(terraform.resource?.nomad_job ?? {}).map(([name, { detach }]) => [name, detach]);
  };

  test("never by default, since most edits can do without", () => {
    expect(detached(undefined)).toEqual([
      ["api", undefined],
      ["gateway", undefined],
      ["shop", undefined],
    ]);
  });

  test("where one asks for it, or the whole mesh does, and a service can decline", () => {
    expect(detached(undefined, true)).toContainEqual(["api", false]);
    expect(detached(true, false)).toEqual([
      ["api", undefined],
      ["gateway", false],
      ["shop", false],
    ]);
  });

  test("as long as Nomad takes to decide, which is longer than the provider would wait by default", () => {
    const timeouts = (service: Partial<MeshServiceProps>) => {
      const { terraform } = synthMesh((it) => {
        it.addService("api", { port: 9001, workload: anyWorkload, waitUntilHealthy: true, ...service });
      });
      return terraform.resource?.nomad_job.api.timeouts;
    };
    expect(timeouts({})).toEqual({ create: "11m0s", update: "11m0s" });
    expect(timeouts({ count: 4, update: { maxParallel: 2, progressDeadline: "2m", healthyDeadline: "1m" } })).toEqual({
      ...{ create: "3m0s", update: "5m0s" },
    });
    const canaries = { canary: 2, autoPromote: true, maxParallel: 4, progressDeadline: "0s", healthyDeadline: "90s" };
    expect(timeouts({ count: 4, update: canaries })).toEqual({ create: "2m30s", update: "4m0s" });
    expect(timeouts({ count: 0 })).toBeUndefined();
    expect(timeouts({ kind: JobKind.system() })).toBeUndefined();
    expect(timeouts({ waitUntilHealthy: false })).toBeUndefined();
  });
});
