import {
  ApiGatewayListener,
  Failover,
  IngressListener,
  Protocol,
  Redirect,
  silence,
  synthesize,
} from "../../../constructs";
import { addGreetingApi, program } from "../../../examples/canary";
import { addFailover } from "../../../examples/failover";
import { MeshStack } from "../../../stacks/mesh-stack";
import { readSettings } from "../../../stacks/settings";
import { loadGenerator } from "./load-generator";

/**
 * The example failover, and two clients in dc1 of services in dc2: one of http, one of tcp; the first client knows one of
 * them by another name too, and the other one has a stand-in. A gateway in dc1 leads only to dc2. Half of the requests to `either`
 * are answered in dc1 and half in dc2. An ingress gateway leads to `either`, by request, and by connection to a service that dc2
 * stands in for. Some of the requests to `web` are routed to `archive` in dc2. In the variant `apart` the first client finds them,
 * but nothing lets it in.
 */
synthesize((app) => {
  const settings = readSettings(app);
  const [east, west] = ["dc1", "dc2"].map(
    (datacenter) => new MeshStack(app, datacenter, { ...settings, consulDatacenter: datacenter }).mesh,
  );
  addFailover(east, west, settings);

  const targets = [{ peer: "dc2" }];
  east.addPreparedQuery("greeting-anywhere", { service: "greeting-api", onlyPassing: true, failover: { targets } });

  const client = east.addService("client", {
    port: 9301,
    publish: 9301,
    protocol: Protocol.HTTP,
    workload: loadGenerator(9301),
    update: { minHealthyTime: "1s" },
  });
  const web = addGreetingApi(west, "web", "exec", { VERSION: "web" });
  const store = west.addService("store", {
    port: 9101,
    workload: program("greeting-api.mjs", "exec", { VERSION: "store" }),
    update: { minHealthyTime: "1s" },
  });
  const other = addGreetingApi(east, "other-client", "exec", { VERSION: "other" });
  for (const service of [web, store]) other.connectTo(service);
  const storeAlias = east.addVirtualService("store-west", { redirect: Redirect.to(store) });

  const alias = east.addVirtualService("web-west", { protocol: Protocol.HTTP, redirect: Redirect.to(web) });
  // A service of tcp that is exported and has a resolver with a further destination.
  const spare = west.addService("spare", {
    port: 9101,
    workload: program("greeting-api.mjs", "exec", { VERSION: "spare" }),
    update: { minHealthyTime: "1s" },
  });
  store.resolve({ failover: Failover.to(spare) });
  const site = east.addApiGateway("site", {
    listeners: [ApiGatewayListener.http({ port: 9302 })],
    update: { minHealthyTime: "1s" },
  });
  site.connectTo(alias, { listener: 9302 });

  const either = east.addVirtualService("either", {
    protocol: Protocol.HTTP,
    splits: [
      { to: other, weight: 50 },
      { to: alias, weight: 50 },
    ],
  });
  const till = east.addService("till", {
    port: 9101,
    workload: program("greeting-api.mjs", "exec", { VERSION: "till" }),
    update: { minHealthyTime: "1s" },
  });
  till.resolve({ failover: Failover.to(store) });
  const tillAlias = east.addVirtualService("till-alias", { redirect: Redirect.to(till) });
  const door = east.addIngressGateway("door", {
    listeners: [IngressListener.http({ port: 9303 }), IngressListener.tcp({ port: 9304 })],
    update: { minHealthyTime: "1s" },
  });
  door.connectTo(either, { listener: 9303, hosts: ["either.example"] });
  door.connectTo(alias, { listener: 9303, hosts: ["web.example"] });
  door.connectTo(other, { listener: 9303, hosts: ["other.example"] });
  door.connectTo(till, { listener: 9304 });

  const archive = addGreetingApi(west, "archive", "exec", { VERSION: "archive" });
  web.route({ match: { pathPrefix: "/archive/" }, to: archive, prefixRewrite: "/" });

  if (process.env.MESHFORM_TEST_VARIANT === "apart") {
    client.addUpstream(web, { env: "WEB" });
    client.addUpstream(store, { env: "STORE" });
    silence(client, "upstream-without-intention", "it shows what a refusal looks like");
  } else {
    client.connectTo(web, { env: "WEB" });
    client.connectTo(store, { env: "STORE" });
    client.connectTo(alias, { env: "ALIAS" });
    client.connectTo(storeAlias, { env: "STORE_ALIAS" });
    client.connectTo(tillAlias, { env: "TILL_ALIAS" });
    client.connectTo(either, { env: "EITHER" });
  }
});
