import { Testing } from "cdktf";
import { CaProvider, MeshCertificateAuthority, VaultAuth, type MeshCertificateAuthorityProps } from "../../constructs";
import { fromTerraformJson } from "../../constructs/core/terraform-json";
import { TestStack } from "../support/synth";

interface Resource {
  readonly connect_provider: string;
  readonly config_json: string;
}

function resourceOf(props: MeshCertificateAuthorityProps): Resource {
  const stack = new TestStack();
  new MeshCertificateAuthority(stack, "ca", props);
  const { resource } = JSON.parse(Testing.synth(stack)) as {
    resource: { consul_certificate_authority: Record<string, Resource> };
  };
  expect(Object.keys(resource.consul_certificate_authority)).toEqual(["certificate-authority"]);
  return resource.consul_certificate_authority["certificate-authority"];
}

const auth = VaultAuth.appRole({ roleIdFile: "/etc/vault/role-id", secretIdFile: "/etc/vault/secret-id" });
const paths = { rootPkiPath: "mesh-root", intermediatePkiPath: "mesh-intermediate/" };
const vault = (more: object = {}) =>
  CaProvider.vault({ address: "https://vault.example.com:8200", auth, ...paths, ...more });

test("the CA of Consul's servers, with the defaults of Consul", () => {
  const { connect_provider, config_json } = resourceOf({ provider: CaProvider.consul() });
  expect(connect_provider).toBe("consul");
  expect(fromTerraformJson(config_json)).toEqual({
    IntermediateCertTTL: "8760h0m0s",
    LeafCertTTL: "72h0m0s",
    PrivateKeyBits: 256,
    PrivateKeyType: "ec",
    RootCertTTL: "87600h0m0s",
  });
});

test("a CA in Vault: its fields are sorted as the provider sorts what it reads, and no token is among them", () => {
  const { connect_provider, config_json } = resourceOf({
    provider: vault({ caFile: "/etc/vault/ca.pem" }),
    leafCertTtl: "90m",
    privateKeyType: "rsa",
  });
  expect(connect_provider).toBe("vault");
  expect(config_json).toBe(
    JSON.stringify({
      Address: "https://vault.example.com:8200",
      AuthMethod: {
        Params: { role_id_file_path: "/etc/vault/role-id", secret_id_file_path: "/etc/vault/secret-id" },
        Type: "approle",
      },
      CAFile: "/etc/vault/ca.pem",
      IntermediateCertTTL: "8760h0m0s",
      IntermediatePKIPath: "mesh-intermediate/",
      LeafCertTTL: "1h30m0s",
      PrivateKeyBits: 2048,
      PrivateKeyType: "rsa",
      RootCertTTL: "87600h0m0s",
      RootPKIPath: "mesh-root/",
    }),
  );
});

test.each([
  [VaultAuth.jwt({ role: "consul", tokenFile: "/run/jwt" }), "jwt", { path: "/run/jwt", role: "consul" }],
  [
    VaultAuth.aws({ role: "consul", region: "eu-west-1", serverIdHeader: "vault.example.com" }),
    "aws",
    { header_value: "vault.example.com", region: "eu-west-1", role: "consul" },
  ],
])("servers can log in to Vault in other ways: %#", (method, Type, Params) => {
  const { config_json } = resourceOf({ provider: vault({ auth: method }) });
  expect(fromTerraformJson(config_json)).toMatchObject({ AuthMethod: { Type, Params } });
});

test.each<[string, Partial<MeshCertificateAuthorityProps>, string]>([
  [
    "leaf certificates that Consul finds too short",
    { leafCertTtl: "59m" },
    'leafCertTtl is "59m"; expected from 1h to 8760h.',
  ],
  [
    "an intermediate certificate that ends before its leaves",
    { leafCertTtl: "72h", intermediateCertTtl: "200h" },
    'intermediateCertTtl is "200h"; expected at least three hours, and three times leafCertTtl.',
  ],
  [
    "leaves that live longer than a third of the default of the intermediate",
    { leafCertTtl: "4000h" },
    'intermediateCertTtl is "8760h"; expected at least three hours, and three times leafCertTtl.',
  ],
  [
    "a root that ends before its intermediate",
    { rootCertTtl: "100h" },
    'rootCertTtl is "100h"; expected at least intermediateCertTtl.',
  ],
  [
    "a size of another type of key",
    { privateKeyType: "rsa", privateKeyBits: 256 },
    "privateKeyBits is 256; expected 2048, 4096.",
  ],
  [
    "a Vault to which credentials would go in the clear",
    { provider: vault({ address: "http://vault.example.com:8200" }) },
    'address is "http://vault.example.com:8200"; expected an https URL, or an http URL on the loopback interface.',
  ],
  [
    "one engine of Vault for both certificates",
    { provider: vault({ intermediatePkiPath: "mesh-root/" }) },
    'intermediatePkiPath is "mesh-root/"; expected another path than rootPkiPath.',
  ],
])("refuses %s", (_, props, message) => {
  expect(() => resourceOf({ provider: CaProvider.consul(), ...props })).toThrow(message);
});

test("a CA in Vault in a secondary datacenter has no root", () => {
  const { rootPkiPath, ...own } = paths;
  const secondary = (more: object = {}) =>
    CaProvider.vaultSecondary({ address: "https://vault.example.com:8200", auth, ...own, ...more });
  const fields = fromTerraformJson(resourceOf({ provider: secondary() }).config_json);
  expect(fields).toMatchObject({ IntermediatePKIPath: "mesh-intermediate/" });
  expect(fields).not.toHaveProperty("RootPKIPath");
  expect(() => resourceOf({ provider: secondary({ rootPkiPath }) })).toThrow("rootPkiPath");
  const policy = CaProvider.vaultSecondaryPolicy(own);
  expect(policy).toContain('path "mesh-intermediate/*"');
  expect(policy).not.toContain("root");
});

test("the policy lets Consul remove the intermediate certificates that it replaces", () => {
  for (const policy of [CaProvider.vaultPolicy(paths), CaProvider.vaultSecondaryPolicy(paths)]) {
    expect(policy).toContain('path "mesh-intermediate/issuer/*" {\n  capabilities = ["read", "delete"]\n}\n');
    expect(policy).toContain('path "mesh-intermediate/key/*" {\n  capabilities = ["delete"]\n}\n');
  }
});

test("the policy for Consul's servers names each path, and one more while the root is rotated", () => {
  const policy = CaProvider.vaultPolicy(paths);
  expect(policy).toContain('path "mesh-root/root/sign-intermediate" {\n  capabilities = ["update"]\n}\n');
  expect(policy).not.toMatch(/"mesh-root\/\*"|sign-self-issued/);
  expect(CaProvider.vaultPolicy({ ...paths, rootPkiPath: "mesh-root-2" }, "mesh-root")).toContain(
    'path "mesh-root/root/sign-self-issued" {\n  capabilities = ["update", "sudo"]\n}\n',
  );
});
