import { composeHost } from "../../constructs/linux/compose-host";
import { consulClient } from "../../constructs/linux/consul-client";
import { consulServer } from "../../constructs/linux/consul-server";
import type { HostData } from "../../constructs/linux/host";
import { nomadClient } from "../../constructs/linux/nomad-client";
import { nomadServer } from "../../constructs/linux/nomad-server";

const consul = { version: "1.21.0", retryJoin: ["10.0.0.10"] };
const nomad = { version: "1.11.3", retryJoin: ["10.0.0.10"] };

const server = composeHost(
  "server-1",
  consulServer({ ...consul, bootstrapExpect: 3 }),
  nomadServer({ ...nomad, bootstrapExpect: 3 }),
);
const client = composeHost("client-1", consulClient(consul), nomadClient({ ...nomad, cniVersion: "1.9.1" }));

function contentOf(host: HostData, path: string): string {
  const file = host.files.find((it) => it.path === path);
  if (!file) throw new Error(`${host.name} has no ${path}`);
  return file.content;
}

function configuration(host: HostData, path: string): Record<string, unknown> {
  return JSON.parse(contentOf(host, path)) as Record<string, unknown>;
}

describe("a server host", () => {
  test("elects no leader before all servers have met", () => {
    expect(configuration(server, "/etc/consul.d/consul.json")).toMatchObject({ server: true, bootstrap_expect: 3 });
    expect(configuration(server, "/etc/nomad.d/nomad.json")).toMatchObject({ server: { bootstrap_expect: 3 } });
  });

  test("runs neither agent as root", () => {
    expect(server.units.map(({ name, user }) => [name, user])).toEqual([
      ["consul", "consul"],
      ["nomad", "nomad"],
    ]);
    expect(server.users.map(({ name }) => name)).toEqual(["consul", "nomad"]);
  });

  test("needs nothing of the kernel", () => {
    expect(server.kernelModules).toEqual([]);
    expect(server.files.map(({ path }) => path)).not.toContain("/etc/sysctl.d/60-meshform.conf");
  });
});

describe("a client host", () => {
  test("shows iptables the traffic of bridges, now and after a reboot", () => {
    const tables = ["arptables", "ip6tables", "iptables"];
    expect(client.sysctls).toEqual(Object.fromEntries(tables.map((it) => [`net.bridge.bridge-nf-call-${it}`, "1"])));
    expect(client.kernelModules).toEqual(["br_netfilter"]);
    expect(contentOf(client, "/etc/modules-load.d/meshform.conf")).toBe("br_netfilter\n");
    expect(contentOf(client, "/etc/sysctl.d/60-meshform.conf")).toContain("net.bridge.bridge-nf-call-iptables = 1\n");
  });

  test("has the CNI plugins where Nomad looks for them", () => {
    expect(client.packages).toContainEqual({ name: "cni-plugins", version: "1.9.1", installTo: "/opt/cni/bin" });
    expect(configuration(client, "/etc/nomad.d/nomad.json")).toMatchObject({ client: { cni_path: "/opt/cni/bin" } });
  });

  test("starts Nomad only once its Consul agent answers, and keeps tasks when Nomad restarts", () => {
    const unit = client.units.find(({ name }) => name === "nomad");
    expect(unit).toMatchObject({ after: ["consul"], waitForPorts: [8500], killMode: "process" });
  });

  test("waits for the port of the Consul address it is given", () => {
    const role = nomadClient({ ...nomad, cniVersion: "1.9.1", consulAddress: "127.0.0.1:8501" });
    expect(role.units?.[0]?.waitForPorts).toEqual([8501]);
  });

  test("allows no raw_exec unless asked to", () => {
    expect(configuration(client, "/etc/nomad.d/nomad.json")).not.toHaveProperty("plugin");
    const lax = composeHost("lax", nomadClient({ ...nomad, cniVersion: "1.9.1", rawExec: true }));
    expect(configuration(lax, "/etc/nomad.d/nomad.json")).toMatchObject({
      plugin: { raw_exec: { config: { enabled: true } } },
    });
  });

  test("passes on pool, class, metadata and the fingerprinters to leave out", () => {
    const role = nomadClient({
      ...nomad,
      cniVersion: "1.9.1",
      nodePool: "edge",
      nodeClass: "small",
      meta: { zone: "a" },
      networkInterface: "eth1",
      fingerprintDenylist: ["env_aws", "env_gce"],
    });
    expect(configuration(composeHost("edge-1", role), "/etc/nomad.d/nomad.json")).toMatchObject({
      client: {
        node_pool: "edge",
        node_class: "small",
        meta: { zone: "a" },
        network_interface: "eth1",
        options: { "fingerprint.denylist": "env_aws,env_gce" },
      },
    });
  });
});

describe("both", () => {
  test("deny by default what no intention allows", () => {
    for (const host of [server, client]) {
      expect(configuration(host, "/etc/consul.d/consul.json")).toMatchObject({
        default_intention_policy: "deny",
        connect: { enabled: true },
        ports: { grpc: 8502 },
      });
    }
  });

  test("listen for their API on the loopback only, unless told otherwise", () => {
    expect(configuration(client, "/etc/consul.d/consul.json")).toMatchObject({ client_addr: "127.0.0.1" });
    const open = composeHost("open", consulServer({ ...consul, bootstrapExpect: 1, clientAddresses: ["10.0.0.10"] }));
    expect(configuration(open, "/etc/consul.d/consul.json")).toMatchObject({ client_addr: "127.0.0.1 10.0.0.10" });
  });

  test("keep configuration and data from other users of the host", () => {
    for (const host of [server, client]) {
      for (const { path, mode } of host.files.filter(({ path }) => /\.d\/(consul|nomad)\.json$/.test(path))) {
        expect({ path, mode }).toEqual({ path, mode: "0640" });
      }
    }
  });
});

describe("composing a host", () => {
  test("lets roles repeat each other", () => {
    const twice = composeHost("twice", consulClient(consul), consulClient(consul));
    expect(twice.units).toHaveLength(1);
    expect(twice.files).toHaveLength(1);
  });

  test("fails if roles contradict each other", () => {
    expect(() => composeHost("both", consulClient(consul), consulServer({ ...consul, bootstrapExpect: 1 }))).toThrow(
      "Host both: two of its roles define file /etc/consul.d/consul.json differently. Give the roles equal options, or put them on two hosts.",
    );
    expect(() => composeHost("both", { sysctls: { "net.a": "0" } }, { sysctls: { "net.a": "1" } })).toThrow(
      "define sysctl net.a differently",
    );
  });

  test("keeps the order of steps", () => {
    expect(composeHost("host", { steps: ["a", "b"] }, { steps: ["b", "c"] }).steps).toEqual(["a", "b", "c"]);
  });
});
