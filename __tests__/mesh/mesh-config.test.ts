import { TerraformStack } from "cdktf";
import {
  ApiGatewayListener,
  HttpPermission,
  Protocol,
  ServiceMesh,
  type consul,
  type MeshConfig,
  type MeshService,
  type ServiceMeshProps,
} from "../../constructs";
import { synthMesh, synthStack, TestStack } from "../support/synth";
import { testApp } from "../support/test-app";
import { anyWorkload } from "../support/workload";

const http = { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload };
const permissions = [HttpPermission.get("/v1")];

/** By default Envoys bring each request into its usual form before permissions decide. */
const NORMALIZED = {
  Incoming: {
    RequestNormalization: {
      MergeSlashes: true,
      PathWithEscapedSlashesAction: "UNESCAPE_AND_FORWARD",
      HeadersWithUnderscoresAction: "REJECT_REQUEST",
    },
  },
};

function entryOf(build: (mesh: ServiceMesh, api: MeshService) => void, props?: ServiceMeshProps) {
  const { entries } = synthMesh((mesh) => build(mesh, mesh.addService("api", http)), props);
  return entries["mesh/mesh"] as consul.MeshConfigEntry | undefined;
}

const asked = (meshConfig: MeshConfig | false | undefined, isPermitted = false) =>
  entryOf(
    (mesh, api) =>
      mesh
        .addService("web", { port: 9002, publish: 9002, workload: anyWorkload })
        .connectTo(api, isPermitted ? { permissions } : {}),
    { meshConfig },
  );

/** The entries of two datacenters, of which the first has `web` and the second `api`. */
function twoDatacenters(connect: (web: MeshService, api: MeshService) => void) {
  const app = testApp();
  const [dc1, dc2] = ["dc1", "dc2"].map((datacenter) => {
    const mesh = new ServiceMesh(new TestStack(app, datacenter), "mesh", { datacenter });
    mesh.addMeshGateway("mesh-gateway");
    return mesh;
  });
  connect(dc1.addService("web", { port: 9002, publish: 9002, workload: anyWorkload }), dc2.addService("api", http));
  return [dc1, dc2].map((mesh) => synthStack(TerraformStack.of(mesh)).entries["mesh/mesh"]);
}

test("is not there while it would say nothing", () => {
  expect(asked(undefined)).toBeUndefined();
  expect(asked({})).toBeUndefined();
  expect(asked({ requestNormalization: false, peerThroughMeshGateways: false })).toBeUndefined();
});

test("normalizes requests where a service, or a gateway, may make only some", () => {
  expect(asked(undefined, true)).toEqual({ Kind: "mesh", Name: "mesh", TransparentProxy: {}, HTTP: NORMALIZED });
  expect(
    entryOf((mesh, api) =>
      mesh
        .addApiGateway("gateway", { listeners: [ApiGatewayListener.http({ port: 8080 })] })
        .connectTo(api, { permissions }),
    ),
  ).toMatchObject({ HTTP: NORMALIZED });
});

test("normalizes requests where only what is in another datacenter has permissions, and there where they are asked", () => {
  const [here, there] = twoDatacenters((web, api) => web.connectTo(api, { permissions }));
  expect(here).not.toHaveProperty("HTTP");
  expect(there).toMatchObject({ HTTP: NORMALIZED, Peering: { PeerThroughMeshGateways: true } });
});

test("can be asked for without permissions, and changed in each field", () => {
  expect(asked({ requestNormalization: {} })).toMatchObject({ HTTP: NORMALIZED });
  expect(
    asked({
      requestNormalization: {
        mergeSlashes: false,
        pathWithEscapedSlashes: "REJECT_REQUEST",
        headersWithUnderscores: "DROP_HEADER",
        insecureDisablePathNormalization: true,
      },
    })?.HTTP,
  ).toEqual({
    Incoming: {
      RequestNormalization: {
        InsecureDisablePathNormalization: true,
        MergeSlashes: false,
        PathWithEscapedSlashesAction: "REJECT_REQUEST",
        HeadersWithUnderscoresAction: "DROP_HEADER",
      },
    },
  });
});

test("normalizes nothing where that is turned off, or the entry is another's", () => {
  expect(asked({ requestNormalization: false }, true)).toBeUndefined();
  expect(asked(false, true)).toBeUndefined();
});

test.each<[keyof MeshConfig, MeshConfig, Partial<consul.MeshConfigEntry>]>([
  [
    "sanitizeXForwardedClientCert",
    { sanitizeXForwardedClientCert: true },
    { HTTP: { SanitizeXForwardedClientCert: true } },
  ],
  [
    "incomingTls",
    {
      incomingTls: { minVersion: "TLSv1_2", maxVersion: "TLSv1_3", cipherSuites: ["TLS_RSA_WITH_AES_128_GCM_SHA256"] },
    },
    {
      TLS: {
        Incoming: {
          TLSMinVersion: "TLSv1_2",
          TLSMaxVersion: "TLSv1_3",
          CipherSuites: ["TLS_RSA_WITH_AES_128_GCM_SHA256"],
        },
      },
    },
  ],
  ["outgoingTls", { outgoingTls: { minVersion: "TLSv1_3" } }, { TLS: { Outgoing: { TLSMinVersion: "TLSv1_3" } } }],
  ["meshDestinationsOnly", { meshDestinationsOnly: true }, { TransparentProxy: { MeshDestinationsOnly: true } }],
  [
    "allowEnablingPermissiveMutualTls",
    { allowEnablingPermissiveMutualTls: true },
    { AllowEnablingPermissiveMutualTLS: true },
  ],
  ["validateClusters", { validateClusters: true }, { ValidateClusters: true }],
  ["peerThroughMeshGateways", { peerThroughMeshGateways: true }, { Peering: { PeerThroughMeshGateways: true } }],
  ["meta", { meta: { team: "platform" } }, { Meta: { team: "platform" } }],
])("has %s", (_, meshConfig, fields) => {
  expect(asked(meshConfig)).toEqual({ Kind: "mesh", Name: "mesh", TransparentProxy: {}, ...fields });
});

test("says of mesh gateways what it is told rather than what a gateway says", () => {
  const build = (mesh: ServiceMesh) => mesh.addMeshGateway("mesh-gateway", { peerThroughMeshGateways: true });
  expect(entryOf(build)).toMatchObject({ Peering: { PeerThroughMeshGateways: true } });
  expect(entryOf(build, { meshConfig: { peerThroughMeshGateways: false } })).toBeUndefined();
});

test("is there before permissions are, and goes after them", () => {
  const { terraform } = synthMesh((mesh) => {
    const api = mesh.addService("api", http);
    mesh.addService("web", { port: 9002, publish: 9002, workload: anyWorkload }).connectTo(api, { permissions });
  });
  const resources = Object.entries(terraform.resource?.consul_config_entry ?? {});
  const [[id, entry] = []] = resources.filter(([, { kind }]) => kind === "mesh");
  expect(entry).toMatchObject({ lifecycle: { create_before_destroy: true } });
  const [[, intentions] = []] = resources.filter(([, { kind }]) => kind === "service-intentions");
  expect(intentions?.depends_on).toContain(`consul_config_entry.${id}`);
});
