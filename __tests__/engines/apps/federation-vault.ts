import {
  CaProvider,
  MeshCertificateAuthority,
  MeshGatewayMode,
  Protocol,
  Template,
  VaultAuth,
  Workload,
  synthesize,
  type ServiceMesh,
} from "../../../constructs";
import { program } from "../../../examples/canary";
import { MeshStack } from "../../../stacks/mesh-stack";
import { readSettings } from "../../../stacks/settings";
import { loadGenerator } from "./load-generator";

/** Path in Vault of the root of the mesh's CA; the CA of Consul's servers where it is empty. */
const ROOT = process.env.MESHFORM_TEST_VARIANT ?? "";

const VAULT = {
  address: "https://vault-1:8200",
  caFile: "/etc/vault/ca.pem",
  auth: VaultAuth.appRole({ roleIdFile: "/etc/vault/role-id", secretIdFile: "/etc/vault/secret-id" }),
};

/**
 * Two datacenters in a WAN federation, each with a client that calls a service of its own datacenter, one of the other through both mesh
 * gateways, and one of the other directly; and a task that reads a secret of Vault. The CA of the mesh is in Vault.
 */
synthesize((app) => {
  const settings = readSettings(app);
  const [east, west] = ["dc1", "dc2"].map(
    (consulDatacenter) => new MeshStack(app, consulDatacenter, { ...settings, consulDatacenter }),
  );
  if (ROOT !== "") {
    new MeshCertificateAuthority(east, "ca", {
      provider: CaProvider.vault({ ...VAULT, rootPkiPath: ROOT, intermediatePkiPath: "mesh-intermediate" }),
    });
    new MeshCertificateAuthority(west, "ca", {
      provider: CaProvider.vaultSecondary({ ...VAULT, intermediatePkiPath: "mesh-intermediate-dc2" }),
    });
  }
  for (const { mesh } of [east, west]) {
    mesh.addMeshGateway("mesh-gateway");
    mesh.addService(`secret-${mesh.datacenter ?? ""}`, { port: 7301, workload: readsSecret(mesh.datacenter ?? "") });
  }
  for (const [{ mesh: from }, { mesh: to }, port] of [
    [east, west, 9301],
    [west, east, 9401],
  ] as const) {
    const own = from.datacenter ?? "";
    const client = from.addService(`client-${own}`, {
      port,
      publish: port,
      protocol: Protocol.HTTP,
      workload: loadGenerator(port),
      update: { minHealthyTime: "1s" },
    });
    client.connectTo(api(from, `near-${own}`), { env: "NEAR" });
    client.connectTo(api(to, `local-${own}`), { env: "LOCAL", meshGateway: MeshGatewayMode.LOCAL });
    client.connectTo(api(to, `direct-${own}`), { env: "DIRECT", meshGateway: MeshGatewayMode.NONE });
  }
});

function api(mesh: ServiceMesh, name: string) {
  return mesh.addService(name, {
    port: 9101,
    protocol: Protocol.HTTP,
    workload: program("greeting-api.mjs", "exec", { VERSION: `${name} in ${mesh.datacenter ?? ""}` }),
    update: { minHealthyTime: "1s" },
  });
}

/** A task whose job may read the secret that has its name. */
function readsSecret(datacenter: string): Workload {
  const path = `secret/data/default/secret-${datacenter}`;
  return Workload.exec({
    driver: "raw_exec",
    command: "sleep",
    args: ["360000"],
    vault: { env: false, disableFile: true },
    templates: [
      Template.text(`{{ with secret "${path}" }}{{ .Data.data.password }}{{ end }}`, {
        destination: "secrets/password",
        changeMode: "noop",
      }),
    ],
  });
}
