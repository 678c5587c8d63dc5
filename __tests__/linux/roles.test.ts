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
    expect(unit).toMatchObject({ after: ["consul"], waitForPorts: [8501], killMode: "process" });
  });

  test("waits for the port of the Consul address it is given", () => {
    const role = nomadClient({ ...nomad, cniVersion: "1.9.1", consulAddress: "127.0.0.1:9501" });
    expect(role.units?.[0]?.waitForPorts).toEqual([9501]);
  });

  test("asks its Consul agent for names below .consul, and nobody else", () => {
    const path = "/etc/systemd/resolved.conf.d/consul.conf";
    expect(contentOf(client, path)).toBe("[Resolve]\nDNS=127.0.0.1:8600\nDNSSEC=false\nDomains=~consul\n");
    expect(client.systemPackages).toContain("systemd-resolved");
    expect(client.steps.join()).toContain("systemctl restart systemd-resolved");
    const deaf = composeHost("deaf", consulClient({ ...consul, dnsForwarding: false, nodeName: "deaf" }));
    expect([deaf.files.map((file) => file.path), deaf.steps]).toEqual([["/etc/consul.d/consul.json"], []]);
    expect([server.systemPackages, server.files.map((file) => file.path)]).toEqual([
      [],
      expect.not.arrayContaining([path]) as string[],
    ]);
  });

  test("answers the DNS queries of tasks only if asked to, on its address and on the standard port", () => {
    expect(configuration(client, "/etc/consul.d/consul.json")).not.toHaveProperty("addresses");
    expect(client.steps.join()).not.toContain("iptables");
    const host = composeHost("host", consulClient({ ...consul, taskDns: true, bindAddress: "10.0.0.9" }));
    expect(configuration(host, "/etc/consul.d/consul.json")).toMatchObject({
      addresses: { dns: "127.0.0.1 10.0.0.9" },
      recursors: ["127.0.0.53"],
    });
    expect(host.systemPackages).toEqual(["systemd-resolved", "iptables"]);
    expect(host.steps.filter((step) => step.includes("--dport 53 -j DNAT --to-destination :8600"))).toHaveLength(2);
    // Those of a secure server for others stay.
    const secure = composeHost("secure", consulServer({ ...consul, bootstrapExpect: 3, taskDns: true }));
    expect(configuration(secure, "/etc/consul.d/consul.json")).toMatchObject({
      addresses: { https: "0.0.0.0", grpc_tls: "0.0.0.0", dns: "127.0.0.1 {{ GetPrivateIP }}" },
    });
    expect(configuration(secure, "/etc/consul.d/consul.json")).not.toHaveProperty("recursors");
  });

  test("allows no raw_exec unless asked to", () => {
    expect(configuration(client, "/etc/nomad.d/nomad.json")).not.toHaveProperty("plugin");
    const lax = composeHost("lax", nomadClient({ ...nomad, cniVersion: "1.9.1", rawExec: true }));
    expect(configuration(lax, "/etc/nomad.d/nomad.json")).toMatchObject({
      plugin: { raw_exec: { config: { enabled: true } } },
    });
  });

  test("tells Nomad which image sidecars and gateways have that name none", () => {
    const host = composeHost(
      "host",
      nomadClient({ ...nomad, cniVersion: "1.9.1", envoyImage: "envoy:1", meta: { zone: "a" } }),
    );
    expect(configuration(host, "/etc/nomad.d/nomad.json")).toMatchObject({
      client: { meta: { "connect.sidecar_image": "envoy:1", "connect.gateway_image": "envoy:1", zone: "a" } },
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

describe("the name of a node", () => {
  test("is what a role is told", () => {
    const host = composeHost(
      "host",
      consulClient({ ...consul, nodeName: "client-1", dnsForwarding: false }),
      nomadClient({ ...nomad, cniVersion: "1.9.1", nodeName: "client-1" }),
    );
    expect(configuration(host, "/etc/consul.d/consul.json")).toMatchObject({ node_name: "client-1" });
    expect(configuration(host, "/etc/nomad.d/nomad.json")).toMatchObject({ name: "client-1" });
    expect(host.steps).toEqual([]);
  });

  test("else each machine makes one, the same for both agents, before they start", () => {
    expect(configuration(server, "/etc/consul.d/consul.json")).not.toHaveProperty("node_name");
    expect(configuration(server, "/etc/nomad.d/nomad.json")).not.toHaveProperty("name");
    expect(server.steps.map((step) => step.split("\n").at(-1))).toEqual([
      'echo "$host-$hash" > /etc/meshform/node-name',
      "install -m 0640 -o consul -g consul /run/meshform/node_name.json /etc/consul.d/node-name.json",
      "install -m 0640 -o nomad -g nomad /run/meshform/name.json /etc/nomad.d/node-name.json",
    ]);
  });
});

describe("in the secure profile, which is the default,", () => {
  const files = (folder: string) => ({
    ca_file: `${folder}/ca.pem`,
    cert_file: `${folder}/agent.pem`,
    key_file: `${folder}/agent-key.pem`,
  });

  test("Consul's agents prove to each other what they are, and servers that they are servers", () => {
    for (const host of [server, client]) {
      expect(configuration(host, "/etc/consul.d/consul.json").tls).toEqual({
        defaults: { ...files("/etc/consul.d/tls"), verify_incoming: true, verify_outgoing: true },
        internal_rpc: { verify_server_hostname: true },
        grpc: { verify_incoming: false },
        https: { ca_file: "/etc/consul.d/tls/callers.pem" },
      });
    }
  });

  test("a Consul server can let callers in who show a token alone; agents show certificates to each other all the same", () => {
    const host = composeHost("open", consulServer({ ...consul, bootstrapExpect: 3, verifyHttpsClients: false }));
    expect(configuration(host, "/etc/consul.d/consul.json").tls).toEqual({
      defaults: { ...files("/etc/consul.d/tls"), verify_incoming: true, verify_outgoing: true },
      internal_rpc: { verify_server_hostname: true },
      grpc: { verify_incoming: false },
      https: { ca_file: "/etc/consul.d/tls/callers.pem", verify_incoming: false },
    });
  });

  test("plaintext gRPC and HTTP are closed, gRPC by TLS is open, HTTPS is for the host itself on clients", () => {
    for (const host of [server, client]) {
      expect(configuration(host, "/etc/consul.d/consul.json")).toMatchObject({
        client_addr: "127.0.0.1",
        ports: { http: -1, https: 8501, grpc: -1, grpc_tls: 8503 },
      });
    }
    expect(configuration(server, "/etc/consul.d/consul.json").addresses).toEqual({
      https: "0.0.0.0",
      grpc_tls: "0.0.0.0",
    });
    expect(configuration(client, "/etc/consul.d/consul.json")).not.toHaveProperty("addresses");
  });

  test("Consul denies what no policy allows, and keeps tokens over restarts", () => {
    for (const host of [server, client]) {
      expect(configuration(host, "/etc/consul.d/consul.json").acl).toEqual({
        enabled: true,
        default_policy: "deny",
        down_policy: "extend-cache",
        enable_token_persistence: true,
      });
    }
  });

  test("Consul runs no scripts on request, has the mesh on, and metrics for Prometheus", () => {
    for (const host of [server, client]) {
      expect(configuration(host, "/etc/consul.d/consul.json")).toMatchObject({
        enable_script_checks: false,
        enable_local_script_checks: false,
        connect: { enabled: true },
        telemetry: { prometheus_retention_time: "60s", disable_hostname: true },
      });
    }
  });

  test("autopilot keeps a majority of the servers", () => {
    expect(configuration(server, "/etc/consul.d/consul.json").autopilot).toEqual({ min_quorum: 2 });
    const five = composeHost("five", consulServer({ ...consul, bootstrapExpect: 5, minQuorum: 4 }));
    expect(configuration(five, "/etc/consul.d/consul.json").autopilot).toEqual({ min_quorum: 4 });
  });

  test("Nomad's agents prove to each other what they are, and callers show a token", () => {
    for (const host of [server, client]) {
      expect(configuration(host, "/etc/nomad.d/nomad.json")).toMatchObject({
        acl: { enabled: true },
        tls: {
          http: true,
          rpc: true,
          ...files("/etc/nomad.d/tls"),
          verify_server_hostname: true,
          verify_https_client: false,
        },
      });
    }
  });

  test("Nomad reaches its Consul by TLS, and gives jobs identities for it", () => {
    for (const host of [server, client]) {
      expect(configuration(host, "/etc/nomad.d/nomad.json").consul).toEqual({
        address: "127.0.0.1:8501",
        ssl: true,
        ca_file: "/etc/nomad.d/tls/consul-ca.pem",
        cert_file: "/etc/nomad.d/tls/consul.pem",
        key_file: "/etc/nomad.d/tls/consul-key.pem",
        grpc_address: "127.0.0.1:8503",
        grpc_ca_file: "/etc/nomad.d/tls/consul-ca.pem",
        service_identity: { aud: ["consul.io"], ttl: "1h" },
        task_identity: { aud: ["consul.io"], ttl: "1h" },
      });
    }
  });

  test("no secret and no key is in a file", () => {
    for (const { path, content } of [...server.files, ...client.files]) {
      expect({ path, content }).not.toMatchObject({
        content: expect.stringMatching(/"(encrypt|token|initial_management)"|PRIVATE KEY/) as unknown,
      });
    }
  });
});

describe("in the plain profile", () => {
  const plainServer = composeHost(
    "plain-1",
    consulServer({ ...consul, profile: "plain", bootstrapExpect: 1 }),
    nomadServer({ ...nomad, profile: "plain", bootstrapExpect: 1 }),
  );

  test("there is neither TLS nor ACL, and still no intention means no", () => {
    const settings = configuration(plainServer, "/etc/consul.d/consul.json");
    expect(settings).toMatchObject({ default_intention_policy: "deny", ports: { grpc: 8502, grpc_tls: 8503 } });
    for (const absent of ["tls", "acl", "addresses"]) expect(settings).not.toHaveProperty(absent);
    const nomadSettings = configuration(plainServer, "/etc/nomad.d/nomad.json");
    expect(nomadSettings.consul).toEqual({ address: "127.0.0.1:8500" });
    for (const absent of ["tls", "acl"]) expect(nomadSettings).not.toHaveProperty(absent);
  });
});

describe("each option is found in the file that the agent reads", () => {
  const consulFile = "/etc/consul.d/consul.json";
  const nomadFile = "/etc/nomad.d/nomad.json";

  test.each<[Partial<Parameters<typeof consulServer>[0]>, object]>([
    [{ bootstrapExpect: 5 }, { bootstrap_expect: 5 }],
    [{ retryJoin: ["provider=aws tag_key=a tag_value=b"] }, { retry_join: ["provider=aws tag_key=a tag_value=b"] }],
    [{ retryInterval: "1s" }, { retry_interval: "1s" }],
    [{ datacenter: "dc2" }, { datacenter: "dc2" }],
    [{ bindAddress: "10.0.0.1" }, { bind_addr: "10.0.0.1" }],
    [{ clientAddresses: ["10.0.0.1"] }, { client_addr: "127.0.0.1 10.0.0.1" }],
    [{ nodeMeta: { zone: "a" } }, { node_meta: { zone: "a" } }],
    [{ nodeName: "a" }, { node_name: "a" }],
    [{ logLevel: "debug" }, { log_level: "debug" }],
    [{ minQuorum: 3 }, { autopilot: { min_quorum: 3 } }],
    [
      { primaryDatacenter: "dc1" },
      { primary_datacenter: "dc1", connect: { enabled: true, enable_mesh_gateway_wan_federation: true } },
    ],
    [
      { profile: "plain", primaryDatacenter: "dc1" },
      { tls: { internal_rpc: { verify_outgoing: true, verify_server_hostname: true } } },
    ],
    [
      { primaryGateways: ["10.0.0.1:8443"], retryInterval: "5s" },
      { primary_gateways: ["10.0.0.1:8443"], retry_interval: "5s", retry_interval_wan: "5s" },
    ],
    [
      { caPrivateKey: { type: "rsa", bits: 2048 }, leafCertTtl: "24h" },
      { connect: { ca_config: { private_key_type: "rsa", private_key_bits: 2048, leaf_cert_ttl: "24h" } } },
    ],
    [{ profile: "plain" }, { ports: { grpc: 8502 } }],
  ])("consulServer %j", (option, expected) => {
    const host = composeHost("host", consulServer({ ...consul, bootstrapExpect: 3, ...option }));
    expect(configuration(host, consulFile)).toMatchObject(expected);
    const without = composeHost("host", consulServer({ ...consul, bootstrapExpect: 3 }));
    expect(configuration(without, consulFile)).not.toMatchObject(expected);
  });

  test.each<[Partial<Parameters<typeof nomadServer>[0]>, object]>([
    [{ bootstrapExpect: 5 }, { server: { bootstrap_expect: 5 } }],
    [{ retryJoin: ["10.0.0.9"] }, { server: { server_join: { retry_join: ["10.0.0.9"] } } }],
    [{ retryInterval: "1s" }, { server: { server_join: { retry_interval: "1s" } } }],
    [{ datacenter: "dc2" }, { datacenter: "dc2" }],
    [{ region: "eu" }, { region: "eu" }],
    [{ nodeName: "a" }, { name: "a" }],
    [{ advertiseAddress: "10.0.0.1" }, { advertise: { http: "10.0.0.1", rpc: "10.0.0.1", serf: "10.0.0.1" } }],
    [{ consulAddress: "127.0.0.1:9501" }, { consul: { address: "127.0.0.1:9501" } }],
    [{ logLevel: "DEBUG" }, { log_level: "DEBUG" }],
    [{ schedulerAlgorithm: "spread" }, { server: { default_scheduler_config: { scheduler_algorithm: "spread" } } }],
    [
      { memoryOversubscription: true },
      { server: { default_scheduler_config: { memory_oversubscription_enabled: true } } },
    ],
    [{ profile: "plain" }, { consul: { address: "127.0.0.1:8500" } }],
  ])("nomadServer %j", (option, expected) => {
    const host = composeHost("host", nomadServer({ ...nomad, bootstrapExpect: 3, ...option }));
    expect(configuration(host, nomadFile)).toMatchObject(expected);
    const without = composeHost("host", nomadServer({ ...nomad, bootstrapExpect: 3 }));
    expect(configuration(without, nomadFile)).not.toMatchObject(expected);
  });

  test.each<[Partial<Parameters<typeof nomadClient>[0]>, object]>([
    [{ networkInterface: "eth1" }, { client: { network_interface: "eth1" } }],
    [{ nodePool: "edge" }, { client: { node_pool: "edge" } }],
    [{ nodeClass: "small" }, { client: { node_class: "small" } }],
    [{ meta: { zone: "a" } }, { client: { meta: { zone: "a" } } }],
    [{ fingerprintDenylist: ["env_aws"] }, { client: { options: { "fingerprint.denylist": "env_aws" } } }],
    [{ chrootEnv: { "/bin/sh": "/bin/sh" } }, { client: { chroot_env: { "/bin/sh": "/bin/sh" } } }],
    [{ rawExec: true }, { plugin: { raw_exec: { config: { enabled: true } } } }],
    [{ retryJoin: ["10.0.0.9"] }, { client: { server_join: { retry_join: ["10.0.0.9"] } } }],
    [{ retryInterval: "1s" }, { client: { server_join: { retry_interval: "1s" } } }],
  ])("nomadClient %j", (option, expected) => {
    const options = { ...nomad, cniVersion: "1.9.1" };
    expect(configuration(composeHost("host", nomadClient({ ...options, ...option })), nomadFile)).toMatchObject(
      expected,
    );
    expect(configuration(composeHost("host", nomadClient(options)), nomadFile)).not.toMatchObject(expected);
  });

  test("the plugins' versions are those of the packages", () => {
    const { packages } = nomadClient({ ...nomad, cniVersion: "1.9.0", consulCniVersion: "1.7.0" });
    expect(packages).toEqual([
      { name: "nomad", version: "1.11.3", installTo: "/usr/local/bin" },
      { name: "cni-plugins", version: "1.9.0", installTo: "/opt/cni/bin" },
      { name: "consul-cni", version: "1.7.0", installTo: "/opt/cni/bin" },
    ]);
  });

  test("what else an agent can do is laid over in a file that it reads last", () => {
    const host = composeHost(
      "host",
      consulServer({ ...consul, bootstrapExpect: 3, override: { leave_on_terminate: true } }),
      nomadServer({ ...nomad, bootstrapExpect: 3, override: { enable_debug: true } }),
    );
    expect(configuration(host, "/etc/consul.d/override.json")).toEqual({ leave_on_terminate: true });
    expect(configuration(host, "/etc/nomad.d/override.json")).toEqual({ enable_debug: true });
  });
});

describe("composing a host", () => {
  test("lets roles repeat each other", () => {
    const twice = composeHost("twice", consulClient(consul), consulClient(consul));
    expect(twice.units).toHaveLength(1);
    expect(twice.files).toHaveLength(2);
  });

  test("fails if roles contradict each other", () => {
    expect(() => composeHost("both", consulClient(consul), consulServer({ ...consul, bootstrapExpect: 1 }))).toThrow(
      "Host both: two of its roles define file /etc/consul.d/consul.json differently. Use the same options in both roles, or use separate hosts.",
    );
    expect(() => composeHost("both", { sysctls: { "net.a": "0" } }, { sysctls: { "net.a": "1" } })).toThrow(
      "define sysctl net.a differently",
    );
  });

  test("keeps the order of steps", () => {
    expect(composeHost("host", { steps: ["a", "b"] }, { steps: ["b", "c"] }).steps).toEqual(["a", "b", "c"]);
  });
});
