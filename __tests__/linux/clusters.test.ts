import { TerraformVariable, Token } from "cdktf";
import {
  awsPlatform,
  type CloudPlatform,
  LIFECYCLE_HOOKS,
  ConsulServers,
  NomadClients,
  NomadServers,
  type ConsulServersProps,
  type HostData,
  type NomadClientsProps,
  type NomadServersProps,
  type SecretStore,
  type SnapshotStore,
  VaultServers,
} from "../../constructs";
import { findingsOf, synthStack, TestStack } from "../support/synth";
import { anyWorkload } from "../support/workload";
import { ServiceMesh } from "../../constructs";

const directory = { type: "directory", path: "/srv/secrets" } as const;
const secretStore = { type: "aws-secrets-manager", prefix: "meshform/prod/", region: "eu-central-1" } as const;
const join = ["provider=aws tag_key=consul tag_value=prod"];

interface Options {
  readonly consul?: Partial<ConsulServersProps>;
  readonly nomad?: Partial<NomadServersProps>;
  readonly clients?: Partial<NomadClientsProps>;
}

function cluster({ consul = {}, nomad = {}, clients = {} }: Options = {}, stack = new TestStack()) {
  const consulServers = new ConsulServers(stack, "servers", {
    platform: awsPlatform,
    join,
    secretStore,
    ...consul,
  });
  const nomadServers = new NomadServers(stack, "schedulers", { consul: consulServers, ...nomad });
  const nomadClients = new NomadClients(stack, "clients", { nomad: nomadServers, ...clients });
  return { stack, consul: consulServers, nomad: nomadServers, clients: nomadClients };
}

function findings(options: Options): string[] {
  return findingsOf(() => synthStack(cluster(options).stack));
}

function configuration({ files }: HostData, path: string): Record<string, unknown> {
  const file = files.find((it) => it.path === path);
  if (!file) throw new Error(`There is no ${path}.`);
  return JSON.parse(file.content) as Record<string, unknown>;
}

const consulFile = "/etc/consul.d/consul.json";
const nomadFile = "/etc/nomad.d/nomad.json";
const hostFile = "/etc/meshform/host.json";

describe("a cluster by default", () => {
  const { stack, consul, nomad, clients } = cluster();

  test("has no findings", () => {
    expect(findingsOf(() => synthStack(stack))).toEqual([]);
  });

  test("has three servers of both kinds on the same hosts", () => {
    expect(nomad.hosts).toBe(consul);
    expect(configuration(consul.host, consulFile)).toMatchObject({
      server: true,
      bootstrap_expect: 3,
      retry_join: join,
    });
    expect(configuration(consul.host, nomadFile)).toMatchObject({
      server: { enabled: true, bootstrap_expect: 3, server_join: { retry_join: join } },
    });
    expect(configuration(consul.host, hostFile).roles).toEqual(["consul-server", "nomad-server"]);
  });

  test("has clients that join them, each with a Consul agent", () => {
    expect(configuration(clients.host, consulFile)).toMatchObject({
      server: false,
      retry_join: join,
      rejoin_after_leave: true,
    });
    expect(configuration(clients.host, nomadFile)).toMatchObject({
      client: { enabled: true, server_join: { retry_join: join } },
    });
    expect(configuration(clients.host, hostFile).roles).toEqual(["consul-client", "nomad-client"]);
  });

  test("fetches secrets at each boot and follows what is rotated, switches access control on, and saves snapshots each hour", () => {
    for (const { host } of [consul, clients]) {
      expect(host.steps).toContain("/usr/local/lib/meshform/meshform-host secrets");
      expect(configuration(host, hostFile).store).toEqual(secretStore);
      expect(host.units).toContainEqual(
        expect.objectContaining({
          name: "meshform-renewal",
          command: ["/usr/local/lib/meshform/meshform-host", "follow"],
        }),
      );
    }
    expect(consul.host.units).toContainEqual(
      expect.objectContaining({ name: "meshform-acl", oneshot: true, after: ["consul", "nomad"] }),
    );
    // It takes its turn there.
    const acl = consul.host.units.find(({ name }) => name === "meshform-acl");
    expect(acl?.rights?.writablePaths).toContain("/etc/meshform");
    expect(consul.host.units).toContainEqual(
      expect.objectContaining({ name: "meshform-snapshot", everySeconds: 3600 }),
    );
    expect(configuration(consul.host, hostFile).snapshots).toEqual({
      store: { type: "directory", path: "/var/lib/meshform/snapshots" },
      retain: 48,
    });
    expect(configuration(consul.host, hostFile)).not.toHaveProperty("certificateNames");
    expect(clients.host.units.find(({ name }) => name === "meshform-leave")).toMatchObject({ stopSeconds: 420 });
    expect(clients.host.units.map(({ name }) => name)).toEqual([
      "consul",
      "nomad",
      "meshform-renewal",
      "meshform-leave",
    ]);
  });

  test("runs containers, so that Envoy is one too", () => {
    expect(clients.host.systemPackages).toContain("docker.io");
    expect(clients.host.packages.map(({ name }) => name)).toEqual(["consul", "nomad", "cni-plugins"]);
    const image = "docker.io/envoyproxy/envoy:v1.38.3";
    expect(configuration(clients.host, "/etc/nomad.d/nomad.json")).toMatchObject({
      client: { meta: { "connect.sidecar_image": image, "connect.gateway_image": image } },
    });
  });

  test("names no machine in its data, since one set of user data serves them all", () => {
    expect(configuration(consul.host, consulFile)).toMatchObject({ bind_addr: "{{ GetPrivateIP }}" });
    expect(configuration(consul.host, consulFile)).not.toHaveProperty("node_name");
    expect(consul.host.name).toBe("servers");
  });
});

describe("options", () => {
  test("count, datacenter, region, nodeMeta, minQuorum, logLevel and override of the Consul servers", () => {
    const { consul, clients } = cluster({
      consul: {
        count: 5,
        datacenter: "dc2",
        nomadRegion: "eu",
        nodeMeta: { zone: "a" },
        minQuorum: 4,
        logLevel: "warn",
        override: { leave_on_terminate: true },
      },
    });
    expect(configuration(consul.host, consulFile)).toMatchObject({
      bootstrap_expect: 5,
      datacenter: "dc2",
      node_meta: { zone: "a" },
      autopilot: { min_quorum: 4 },
      log_level: "warn",
    });
    expect(configuration(consul.host, "/etc/consul.d/override.json")).toEqual({ leave_on_terminate: true });
    for (const { host } of [consul, clients]) {
      expect(configuration(host, consulFile)).toMatchObject({ datacenter: "dc2" });
      expect(configuration(host, nomadFile)).toMatchObject({ datacenter: "dc2", region: "eu" });
      expect(configuration(host, hostFile)).toMatchObject({ consulDatacenter: "dc2", nomadRegion: "eu" });
    }
  });

  test("snapshots and recovery of the Consul servers", () => {
    const store = { type: "s3", bucket: "backup", prefix: "prod/", region: "eu-central-1" } as const;
    const { consul } = cluster({ consul: { snapshots: { store, everySeconds: 60, retain: 3 }, recovery: "wait" } });
    expect(configuration(consul.host, hostFile)).toMatchObject({ snapshots: { store, retain: 3 }, recovery: "wait" });
    expect(consul.host.systemPackages).toContain("python3-boto3");
    expect(consul.host.units.find(({ name }) => name === "meshform-snapshot")?.everySeconds).toBe(60);
    const without = cluster({ consul: { snapshots: false } }).consul.host;
    expect(configuration(without, hostFile)).not.toHaveProperty("snapshots");
    expect(without.units.map(({ name }) => name)).not.toContain("meshform-snapshot");
  });

  test("leafCertTtl, how long the certificates of services last", () => {
    expect(configuration(cluster({ consul: { leafCertTtl: "24h" } }).consul.host, consulFile)).toMatchObject({
      connect: { enabled: true, ca_config: { leaf_cert_ttl: "24h" } },
    });
    expect(configuration(cluster().consul.host, consulFile).connect).toEqual({ enabled: true });
  });

  test.each(["59m", "2921h", "a day"])("leafCertTtl of %s is refused, since Consul would", (leafCertTtl) => {
    expect(() => cluster({ consul: { leafCertTtl } })).toThrow(
      `leafCertTtl is "${leafCertTtl}"; expected a Go duration from 1h to 2920h. Use a duration in this range, such as 24h.`,
    );
  });

  test("the Vault of Nomad's servers is the clients' too, whose tasks log in with their identities", () => {
    const vault = { address: "https://vault.example.com:8200", caFile: "/etc/vault/ca.pem", identityTtl: "30m" };
    const { nomad, clients } = cluster({ nomad: { vault } });
    for (const { host } of [nomad, clients]) {
      expect(configuration(host, nomadFile)).toMatchObject({
        vault: {
          enabled: true,
          address: "https://vault.example.com:8200",
          ca_file: "/etc/vault/ca.pem",
          jwt_auth_backend_path: "jwt-nomad",
          default_identity: { aud: ["vault.io"], ttl: "30m" },
        },
      });
    }
    expect(configuration(cluster().clients.host, nomadFile)).not.toHaveProperty("vault");
  });

  test("extra of Nomad's servers is on their hosts, with and without hosts of their own", () => {
    const file = { path: "/etc/motd", content: "A scheduler.\n" };
    for (const join of [undefined, ["10.0.1.1"]]) {
      const { nomad, clients } = cluster({ nomad: { join, extra: { files: [file] } } });
      expect(nomad.host.files).toContainEqual(file);
      expect(clients.host.files).not.toContainEqual(file);
    }
  });

  test("volumes of each group, those of Nomad's servers on their hosts", () => {
    const volume = (name: string, sizeGib: number) => ({ name, mountPoint: `/opt/${name}`, sizeGib });
    const volumes = { consul: [volume("consul", 10)], nomad: [volume("nomad", 20)], clients: [volume("nomad", 100)] };
    const { consul, nomad, clients } = cluster({
      consul: { volumes: volumes.consul },
      nomad: { volumes: volumes.nomad },
      clients: { volumes: volumes.clients },
    });
    expect(consul.host.volumes.map(({ name }) => name).sort()).toEqual(["consul", "nomad"]);
    expect(clients.host.volumes).toEqual(volumes.clients);
    const apart = cluster({ nomad: { join: ["10.0.1.1"], volumes: volumes.nomad } });
    expect([apart.consul.host.volumes, apart.nomad.host.volumes]).toEqual([[], volumes.nomad]);
    expect(nomad.hosts).toBe(consul);
    expect(() => cluster({ clients: { volumes: [{ ...volume("Data", 1.5), mountPoint: "/" }] } })).toThrow(
      'volumes[0].name is "Data"; expected lower-case letters, digits and dashes, at most 13 characters.',
    );
  });

  test("stores of another platform, with the packages that they take", () => {
    const vault = { settings: { address: "name", mount: "text", role: "optional" }, needs: ["python3-hvac"] } as const;
    const platform: CloudPlatform = { ...awsPlatform, secretStores: { vault }, snapshotStores: {} };
    const store = { type: "vault", address: "https://10.0.0.1:8200", mount: "" };
    const { host } = cluster({ consul: { platform, secretStore: store } }).consul;
    expect(configuration(host, hostFile).store).toEqual(store);
    expect(configuration(host, hostFile)).not.toHaveProperty("platform");
    expect(host.systemPackages).toEqual(["openssl", "python3-hvac"]);

    const given = (secretStore: SecretStore, store?: SnapshotStore) => () =>
      cluster({ consul: { platform, secretStore, ...(store && { snapshots: { store } }) } });
    expect(given({ type: "vault", address: "" })).toThrow(
      'servers "servers" > secretStore.address is ""; expected a non-empty string. Set a name, or omit it. ' +
        'servers "servers" > secretStore.mount is not set; expected a value. Set it.',
    );
    expect(given({ ...store, token: "s.123" })).toThrow("secretStore.token is set; it is not a known property.");
    expect(given(secretStore)).toThrow(
      'secretStore.type is "aws-secrets-manager"; expected "directory" or "vault". ' +
        "Set one of them, or set platform to the cloud whose store it is.",
    );
    expect(given(directory, { type: "s3", bucket: "a", region: "b" })).toThrow(
      'snapshots.store.type is "s3"; expected "directory".',
    );
    expect(given({ type: "directory" })).toThrow("secretStore.path is not set; expected a value. Set it.");
  });

  test("lifecycleNotices, which the platform follows", () => {
    const { clients, consul } = cluster({ clients: { lifecycleNotices: true } });
    expect(clients.host.units).toContainEqual(
      expect.objectContaining({ name: "meshform-notices", command: ["/usr/local/lib/meshform/meshform-notices"] }),
    );
    expect(configuration(clients.host, "/etc/meshform/notices.json")).toMatchObject({
      tool: "/usr/local/lib/meshform/meshform-host",
      hooks: {
        launch: { name: LIFECYCLE_HOOKS.launch.name, seconds: LIFECYCLE_HOOKS.launch.seconds },
        terminate: { name: LIFECYCLE_HOOKS.terminate.name, seconds: LIFECYCLE_HOOKS.terminate.seconds },
      },
    });
    expect(consul.host.units.map(({ name }) => name)).not.toContain("meshform-notices");
    const elsewhere = cluster({
      consul: { platform: undefined, secretStore: directory },
      clients: { lifecycleNotices: true },
    });
    expect(() => elsewhere.clients.host).toThrow(
      "stack/clients: lifecycleNotices is set, but the platform is unknown. " +
        "Set platform of the Consul servers to the cloud that they run in, or omit lifecycleNotices.",
    );
    expect(() => cluster({ nomad: { lifecycleNotices: true } })).toThrow(
      "stack/schedulers: lifecycleNotices is set, but without join Nomad's servers run on the hosts of the Consul servers. " +
        "Set it there, or set join for separate hosts.",
    );
  });

  test("count of Nomad's servers without hosts of their own is that of the Consul servers", () => {
    expect(configuration(cluster({ consul: { count: 5 }, nomad: { count: 5 } }).consul.host, nomadFile)).toMatchObject({
      server: { bootstrap_expect: 5 },
    });
    expect(() => cluster({ nomad: { count: 5 } })).toThrow(
      "stack/schedulers: count is 5, but without join Nomad's servers run on the 3 hosts of stack/servers. " +
        "Set count of the Consul servers, or set join for separate hosts.",
    );
  });

  test("join gives Nomad's servers hosts of their own, with a Consul client each", () => {
    const { consul, nomad, clients } = cluster({ nomad: { join: ["10.0.1.1"], count: 5, datacenter: "hall-2" } });
    expect(nomad.hosts).not.toBe(consul);
    expect(configuration(consul.host, hostFile).roles).toEqual(["consul-server"]);
    expect(configuration(nomad.host, hostFile).roles).toEqual(["consul-client", "nomad-server"]);
    expect(configuration(nomad.host, nomadFile)).toMatchObject({
      datacenter: "hall-2",
      server: { bootstrap_expect: 5 },
    });
    expect(configuration(nomad.host, consulFile)).toMatchObject({
      server: false,
      retry_join: join,
      rejoin_after_leave: true,
    });
    expect(configuration(clients.host, nomadFile)).toMatchObject({
      datacenter: "hall-2",
      client: { server_join: { retry_join: ["10.0.1.1"] } },
    });
  });

  test("scheduler, memory, log level and override of the Nomad servers", () => {
    const { nomad } = cluster({
      nomad: {
        schedulerAlgorithm: "spread",
        memoryOversubscription: true,
        logLevel: "WARN",
        override: { enable_debug: true },
      },
    });
    expect(configuration(nomad.host, nomadFile)).toMatchObject({
      log_level: "WARN",
      server: {
        default_scheduler_config: { scheduler_algorithm: "spread", memory_oversubscription_enabled: true },
      },
    });
    expect(configuration(nomad.host, "/etc/nomad.d/override.json")).toEqual({ enable_debug: true });
  });

  test("pool, class, meta, interface, raw_exec, plugins and overrides of the clients", () => {
    const { clients } = cluster({
      clients: {
        nodePool: "edge",
        nodeClass: "small",
        meta: { zone: "a" },
        networkInterface: "eth1",
        rawExec: true,
        docker: false,
        consulCni: true,
        logLevel: "WARN",
        override: { enable_debug: true },
        consulOverride: { leave_on_terminate: true },
      },
    });
    expect(configuration(clients.host, nomadFile)).toMatchObject({
      log_level: "WARN",
      client: { node_pool: "edge", node_class: "small", meta: { zone: "a" }, network_interface: "eth1" },
      plugin: { raw_exec: { config: { enabled: true } } },
    });
    // With consul-cni, tasks resolve the names of services.
    expect(configuration(clients.host, "/etc/consul.d/consul.json")).toMatchObject({
      addresses: { dns: "127.0.0.1 {{ GetPrivateIP }}" },
      recursors: ["127.0.0.53"],
    });
    const versions = clients.cluster.versions;
    expect(clients.host.packages).toEqual([
      { name: "consul", version: versions.consul, installTo: "/usr/local/bin" },
      { name: "nomad", version: versions.nomad, installTo: "/usr/local/bin" },
      { name: "cni-plugins", version: versions.cni, installTo: "/opt/cni/bin" },
      { name: "consul-cni", version: versions.consulCni, installTo: "/opt/cni/bin" },
      { name: "envoy", version: versions.envoy, installTo: "/usr/local/bin" },
    ]);
    expect(clients.host.systemPackages).not.toContain("docker.io");
    expect(configuration(clients.host, "/etc/nomad.d/override.json")).toEqual({ enable_debug: true });
    expect(configuration(clients.host, "/etc/consul.d/override.json")).toEqual({ leave_on_terminate: true });
  });

  test("extra adds to each host of a group", () => {
    const file = { path: "/etc/motd", content: "A server.\n" };
    const { consul, clients } = cluster({ consul: { extra: { files: [file] } } });
    expect(consul.host.files).toContainEqual(file);
    expect(clients.host.files).not.toContainEqual(file);
  });
});

describe("synthesis fails if", () => {
  test("versions do not belong together (versions)", () => {
    expect(findings({ consul: { versions: { envoy: "1.20.0" } } })).toEqual([
      "stack/servers: Consul 1.21.5 is not known to work with Envoy 1.20.0. It works with 1.31, 1.32, 1.33, 1.34, 1.35, 1.37, 1.38. " +
        "Choose compatible versions; the defaults are compatible. (versions)",
    ]);
    expect(findings({ consul: { versions: { nomad: "1.2.0" } } })).toEqual([
      expect.stringContaining("Nomad 1.2.0 is not one of the known release lines"),
      expect.stringContaining("nomad 1.2.0 should be avoided"),
    ]);
  });

  test("versions lack security fixes that their lines got, as a warning (security-release)", () => {
    const newer = { consul: "1.22.6", consulCni: "1.9.11", nomad: "1.11.9+ent" };
    const warnings = (options: Options) => {
      const { stack, consul } = cluster(options);
      synthStack(stack);
      return consul.node.metadata.map(({ data }) => data as string);
    };
    expect(warnings({ consul: { versions: { ...newer, envoy: "1.38.9", consul: "1.22.0" } } })).toEqual([
      "consul 1.22.0 lacks security fixes: 1.22.5, or slow requests block the agent, and the Vault CA provider can read any file " +
        "(GH-22739, GH-23249). Use consul 1.22.5 or newer. (security-release)",
    ]);
    expect(warnings({ consul: { versions: { ...newer, envoy: "1.38.9" } } })).toEqual([]);
    // Envoy is a program of the hosts, or an image for their containers.
    for (const docker of [true, false]) {
      const withEnvoy = { consul: { versions: { ...newer, nomad: "1.11.3" } }, clients: { docker } };
      expect(warnings(withEnvoy).map((warning) => warning.split(" ", 2).join(" "))).toEqual([
        "nomad 1.11.3",
        "envoy 1.38.3",
      ]);
    }
  });

  test.each([1, 2, 4])("there are %i servers (server-count)", (count) => {
    expect(findings({ consul: { count } })).toEqual([
      `stack/servers: It has ${count} server${count === 1 ? "" : "s"}. ` +
        "Use 3, which tolerate the loss of one, or 5, which tolerate the loss of two. (server-count)",
    ]);
    expect(findings({ nomad: { join: ["10.0.1.1"], count } })).toEqual([
      expect.stringMatching(/^stack\/schedulers\/Hosts: .*\(server-count\)$/),
    ]);
  });

  test("nothing says how to find the servers (no-join-address)", () => {
    expect(findings({ consul: { join: [] } })).toEqual([
      "stack/servers: Agents cannot find the servers: join is empty. Set the addresses of the servers, or a cloud " +
        'auto-join string such as "provider=aws tag_key=… tag_value=…". (no-join-address)',
    ]);
    expect(findings({ consul: { join: [], platform: undefined, secretStore: directory } })).toEqual([
      "stack/servers: Agents cannot find the servers: join is empty. Set the addresses of the servers. (no-join-address)",
    ]);
  });

  test("an override opens the plaintext gRPC port (plaintext-grpc)", () => {
    expect(findings({ clients: { consulOverride: { ports: { grpc: 8502 } } } })).toEqual([
      "stack/clients: The override opens the plaintext gRPC port 8502. Omit ports.grpc: proxies use TLS on port 8503. (plaintext-grpc)",
    ]);
    expect(findings({ clients: { consulOverride: { ports: { grpc: -1 } } } })).toEqual([]);
  });

  test.each([
    [{ encrypt: "a2V5" }, "encrypt"],
    [{ acl: { tokens: { initial_management: "x" } } }, "acl.tokens.initial_management"],
    [{ acl: { tokens: { agent: "x" } } }, "acl.tokens.agent"],
    [{ server: { encrypt: "x" } }, "server.encrypt"],
    [{ consul: [{ token: "x" }] }, "consul.0.token"],
  ])("an override holds a secret: %j (secret-in-host)", (override, path) => {
    expect(findings({ nomad: { override } })).toEqual([
      `stack/servers: The override sets ${path}, which is a secret. ` +
        "Omit it: hosts fetch the cluster's own from the secret store at boot. (secret-in-host)",
    ]);
  });

  test("something is known only to Terraform, which cannot fill it into user data (unresolved-host-data)", () => {
    const stack = new TestStack();
    const variable = new TerraformVariable(stack, "v", {});
    const why =
      "is known only to Terraform, and user data is compressed before Terraform runs. Use a literal value. For a string, you can use";
    const finding = (at: string, property: string) =>
      `stack/${at}: ${property} ${why} instanceFact("a-name", value), which machines read from their tags at boot. (unresolved-host-data)`;
    const { consul, nomad, clients } = cluster(
      {
        consul: {
          count: variable.numberValue,
          join: [`provider=aws tag_key=a tag_value=${variable.stringValue}`],
          secretStore: { ...secretStore, endpoint: variable.stringValue },
          nodeMeta: { zone: variable.stringValue },
        },
        nomad: { override: { server: { heartbeat_grace: variable.stringValue } } },
        clients: { meta: Token.asStringMap(variable.value), extra: { steps: ["true", variable.stringValue] } },
      },
      stack,
    );
    for (const { host } of [consul, nomad, clients]) expect(host.files).not.toHaveLength(0);
    consul.cloudInit({ distribution: "debian-12", assets: `s3://${variable.stringValue}` });
    expect(findingsOf(() => synthStack(stack)).sort()).toEqual(
      [
        finding("servers", "count"),
        finding("servers", "join[0]"),
        finding("servers", "secretStore.endpoint"),
        finding("servers", "nodeMeta.zone"),
        finding("servers", "cloudInit.assets"),
        finding("schedulers", "override.server.heartbeat_grace"),
        finding("clients", "meta"),
        finding("clients", "extra.steps[1]"),
      ].sort(),
    );
  });

  test("a service is to run where no client is (no-client-pool)", () => {
    const { stack } = cluster({ clients: { nodePool: "apps" } });
    const mesh = new ServiceMesh(stack, "mesh");
    mesh.addService("lost", { port: 80, publish: 80, workload: anyWorkload });
    mesh.addService("found", { port: 81, publish: 81, workload: anyWorkload, nodePool: "apps" });
    mesh.addService("anywhere", { port: 82, publish: 82, workload: anyWorkload, nodePool: "all" });
    expect(findingsOf(() => synthStack(stack))).toEqual([
      'stack/mesh/lost: Its node pool is "default", but no NomadClients of this app are in it. ' +
        "Known pools: apps. Set nodePool of the mesh, the service or the gateway, or add clients to the pool. (no-client-pool)",
    ]);
  });
});

describe("a WAN federation", () => {
  const primaryDatacenter = "dc1";
  const primaryGateways = ["10.0.0.1:8443"];
  const primarySecretStore = { type: "directory", path: "/mnt/dc1" } as const;
  const REPLICATION = "consul-replication";

  test("all agents know the primary, servers reach it through its mesh gateways, and copy its ACLs", () => {
    const federation = { primaryDatacenter, primaryGateways, primarySecretStore };
    const { stack, consul, clients } = cluster({ consul: { datacenter: "dc2", secretStore: directory, federation } });
    const tls = { certFile: "/vault.pem", keyFile: "/vault-key.pem", caFile: "/ca.pem" };
    const vault = new VaultServers(stack, "vault", { consul, join: ["10.0.1.21"], tls });
    for (const { host } of [consul, clients, vault]) {
      expect(configuration(host, consulFile)).toMatchObject({ primary_datacenter: "dc1" });
    }
    expect(configuration(consul.host, consulFile)).toMatchObject({
      primary_gateways: primaryGateways,
      acl: { enabled: true, default_policy: "deny", enable_token_replication: true },
      connect: { enabled: true, enable_mesh_gateway_wan_federation: true },
    });
    expect(configuration(consul.host, hostFile)).toMatchObject({
      federation: { primaryDatacenter, primarySecretStore },
      accessorIds: { [REPLICATION]: expect.any(String) as string },
    });
    expect(configuration(clients.host, hostFile)).not.toHaveProperty("federation");
    expect(configuration(clients.host, consulFile)).not.toHaveProperty("primary_gateways");
  });

  test("servers read the primary's store of the same cloud, in any region", () => {
    const other = { ...secretStore, prefix: "meshform/west/", region: "eu-west-1" };
    const federation = { primaryDatacenter, primaryGateways, primarySecretStore: other };
    const { consul } = cluster({ consul: { datacenter: "dc2", secretStore, federation } });
    expect(configuration(consul.host, hostFile)).toMatchObject({
      store: secretStore,
      federation: { primaryDatacenter, primarySecretStore: other },
    });
    const incomplete = { ...federation, primarySecretStore: { ...other, region: "" } };
    expect(() => cluster({ consul: { datacenter: "dc2", secretStore, federation: incomplete } })).toThrow(
      "federation.primarySecretStore",
    );
  });

  test("the primary copies nothing, and makes the token with which others do", () => {
    const { consul } = cluster({ consul: { secretStore: directory, federation: { primaryDatacenter } } });
    expect(configuration(consul.host, consulFile)).not.toHaveProperty("acl.enable_token_replication");
    expect(configuration(consul.host, hostFile)).toHaveProperty(["accessorIds", REPLICATION]);
    expect(configuration(cluster().consul.host, hostFile)).not.toHaveProperty(["accessorIds", REPLICATION]);
  });

  test.each([
    [
      { datacenter: "dc2", federation: { primaryDatacenter, primarySecretStore } },
      "dc2 is not the primary datacenter, but federation has no primaryGateways. Set primaryGateways.",
    ],
    [
      { datacenter: "dc2", federation: { primaryDatacenter, primaryGateways } },
      "dc2 is not the primary datacenter, but federation has no primarySecretStore. Set primarySecretStore.",
    ],
    [
      { federation: { primaryDatacenter, primaryGateways } },
      "dc1 is the primary datacenter, but federation has primaryGateways. Omit primaryGateways.",
    ],
    [
      { datacenter: "dc2", federation: { primaryDatacenter, primaryGateways, primarySecretStore }, secretStore },
      'Its secret store is of type "aws-secrets-manager", but primarySecretStore of federation is of type "directory". Use stores of one type: hosts have the programs for only one.',
    ],
  ])("%j is refused", (consul, problem) => {
    expect(() => cluster({ consul: { secretStore: directory, ...consul } })).toThrow(problem);
  });
});
