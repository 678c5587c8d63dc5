import { awsKmsSeal, ConsulServers, VaultServers, type VaultServersProps } from "../../constructs";
import { findingsOf, synthStack, TestStack } from "../support/synth";

const tls = {
  certFile: "/etc/vault.d/tls/a.pem",
  keyFile: "/etc/vault.d/tls/a-key.pem",
  caFile: "/etc/vault.d/tls/ca.pem",
};

function vaultServers(props: Partial<VaultServersProps> = {}) {
  const stack = new TestStack();
  const secretStore = { type: "directory", path: "/srv/secrets" } as const;
  const consul = new ConsulServers(stack, "servers", { join: ["10.0.1.11"], secretStore });
  return {
    stack,
    vault: new VaultServers(stack, "vault", { consul, join: ["10.0.1.21", "10.0.1.22"], tls, ...props }),
  };
}

function configuration({ vault }: ReturnType<typeof vaultServers>): unknown {
  const file = vault.host.files.find(({ path }) => path === "/etc/vault.d/vault.json");
  return JSON.parse(file?.content ?? "");
}

test("servers of Vault join each other by TLS, keep their data in integrated storage, and have no plaintext port", () => {
  expect(configuration(vaultServers())).toEqual({
    api_addr: "https://{{ GetPrivateIP }}:8200",
    cluster_addr: "https://{{ GetPrivateIP }}:8201",
    disable_mlock: true,
    ui: true,
    log_level: "info",
    storage: {
      raft: {
        path: "/opt/vault",
        performance_multiplier: 1,
        retry_join: [
          { leader_api_addr: "https://10.0.1.21:8200", leader_ca_cert_file: tls.caFile },
          { leader_api_addr: "https://10.0.1.22:8200", leader_ca_cert_file: tls.caFile },
        ],
      },
    },
    listener: { tcp: { address: "0.0.0.0:8200", tls_cert_file: tls.certFile, tls_key_file: tls.keyFile } },
  });
});

test("Consul leads to the servers that are unsealed, unless they are not registered", () => {
  const registered = ({ vault }: ReturnType<typeof vaultServers>) =>
    vault.host.files.find(({ path }) => path === "/etc/consul.d/vault.json");
  expect(JSON.parse(registered(vaultServers())?.content ?? "")).toMatchObject({
    service: { name: "vault", port: 8200, check: { http: "https://127.0.0.1:8200/v1/sys/health?standbyok=true" } },
  });
  expect(registered(vaultServers({ registration: false }))).toBeUndefined();
});

test("they find each other in a cloud, and unseal with a key of its KMS", () => {
  const join = ["provider=aws tag_key=vault tag_value=prod"];
  const seal = awsKmsSeal({ keyId: "alias/vault", region: "eu-central-1" });
  expect(configuration(vaultServers({ join, seal }))).toMatchObject({
    storage: { raft: { retry_join: [{ auto_join: join[0], leader_ca_cert_file: tls.caFile }] } },
    seal: { awskms: { kms_key_id: "alias/vault", region: "eu-central-1" } },
  });
});

test("each host has a Vault server of its own user and a Consul client, and no findings", () => {
  const { stack, vault } = vaultServers();
  const { units, packages } = vault.host;
  expect(packages.map(({ name }) => name)).toEqual(["consul", "vault"]);
  expect(units.find(({ name }) => name === "vault")).toMatchObject({ user: "vault", notify: true });
  expect(vault.host.files.find(({ path }) => path === "/etc/meshform/host.json")?.content).toContain(
    '"roles": [\n    "consul-client"\n  ]',
  );
  expect(findingsOf(() => synthStack(stack))).toEqual([]);
});

test("their user data installs Vault from HashiCorp's packages, and fits", () => {
  const { stack, vault } = vaultServers();
  const { parts } = vault.cloudInit({ distribution: "debian-12", assets: "https://artifacts.example/meshform" });
  expect(parts.length).toBeGreaterThan(0);
  expect(findingsOf(() => synthStack(stack))).toEqual([]);
});

test.each<[string, Partial<VaultServersProps>, string]>([
  [
    "an even number of servers",
    { count: 2 },
    "count is 2; expected 1, 3 or 5. Use 3, which tolerate the loss of one, or 5, which tolerate the loss of two.",
  ],
  ["a relative path", { tls: { ...tls, keyFile: "key.pem" } }, "tls.keyFile"],
  ["a secret in override", { override: { storage: { consul: { token: "s.1" } } } }, "storage.consul.token"],
])("fails with %s", (_, props, message) => {
  expect(() => synthStack(vaultServers(props).stack)).toThrow(message);
});
