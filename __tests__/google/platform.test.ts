import { TerraformVariable } from "cdktf";
import { ConsulServers, instanceFact, NomadClients, NomadServers, type ConsulServersProps } from "../../constructs";
import {
  googlePlatform,
  googleSecretNames,
  instanceMetadata,
  metricStoreGrants,
  secretStoreGrants,
  snapshotStoreGrants,
} from "../../constructs/google";
import { findingsOf, synthStack, TestStack } from "../support/synth";

const secretStore = {
  type: "google-secret-manager",
  project: "acme-prod",
  prefix: "prod-",
  bucket: "acme-current",
} as const;
const join = ["provider=gce project_name=acme-prod tag_value=consul-prod"];
const options = { distribution: "ubuntu-24.04", assets: "gs://acme-assets/meshform" } as const;

function cluster(props: Partial<ConsulServersProps> = {}, stack = new TestStack()) {
  const servers = new ConsulServers(stack, "servers", { platform: googlePlatform, join, secretStore, ...props });
  const nomad = new NomadServers(stack, "schedulers", { consul: servers });
  const clients = new NomadClients(stack, "clients", { nomad, lifecycleNotices: true });
  return { stack, servers, clients };
}

describe("a cluster on Google Cloud", () => {
  test("has no findings, and user data that would be small enough anywhere", () => {
    const { stack, servers, clients } = cluster({
      snapshots: { store: { type: "google-cloud-storage", bucket: "acme-snapshots" } },
      healthMetrics: { type: "google-cloud-monitoring", project: "acme-prod", namespace: "meshform/prod" },
    });
    for (const group of [servers, clients]) expect(group.cloudInit(options).bytes).toBeLessThan(8 * 1024);
    expect(findingsOf(() => synthStack(stack))).toEqual([]);
  });

  test("fetches assets with the machine's own identity, whose token is in no argument", () => {
    const { text } = cluster().servers.cloudInit(options);
    expect(text).toContain(` acme-assets meshform/"$1" "$2"`);
    expect(text).toContain("system_packages ca-certificates");
    expect(text).not.toMatch(/Bearer (?!" \+ token)/);
  });

  test("needs no package of Google's", () => {
    const { servers, clients } = cluster();
    expect(servers.host.systemPackages).toEqual(["openssl", "ca-certificates"]);
    expect(clients.host.systemPackages.filter((name) => /python|google|boto/.test(name))).toEqual([]);
  });

  test("reads what only Terraform knows from its custom metadata, next to the user data", () => {
    const stack = new TestStack();
    const tag = new TerraformVariable(stack, "tag", {}).stringValue;
    const { servers } = cluster({ join: [`provider=gce tag_value=${instanceFact("network-tag", tag)}`] }, stack);
    const rendered = servers.cloudInit(options);
    expect(instanceMetadata(rendered)).toEqual({
      "user-data": rendered.userData,
      "user-data-encoding": "base64",
      "meshform-network-tag": tag,
    });
    expect(rendered.text).toContain("instance_attributes network-tag=meshform-network-tag\n");
  });

  test("has clients that leave before they are preempted, and stop doing so after their agents", () => {
    expect(cluster().clients.host.units.find(({ name }) => name === "meshform-preemption")).toEqual(
      expect.objectContaining({ after: ["consul", "nomad"], killMode: "process", stopSeconds: 30 }),
    );
  });

  test("is told what it can use", () => {
    expect(() => cluster({ secretStore: { type: "aws-secrets-manager", prefix: "a", region: "b" } })).toThrow(
      'secretStore.type is "aws-secrets-manager"; expected "directory" or "google-secret-manager".',
    );
    expect(() => cluster({ secretStore: { ...secretStore, prefix: "meshform/prod/" } })).toThrow(
      'secretStore.prefix is "meshform/prod/"; expected letters, digits, dashes and underscores. ' +
        'Use a prefix that can begin the name of a secret, e.g. "prod-".',
    );
    expect(() => cluster({ secretStore: { ...secretStore, prefix: instanceFact("prefix", "prod-") } })).not.toThrow();
    expect(() => cluster().servers.cloudInit({ ...options, assets: "s3://acme" })).toThrow(
      'Machines cannot fetch assets from "s3://acme". Use a location that begins with https://, or gs://<bucket>/<prefix>.',
    );
    expect(findingsOf(() => synthStack(cluster({ join: [] }).stack))).toContainEqual(
      expect.stringContaining('a cloud auto-join string such as "provider=gce project_name=… tag_value=…"'),
    );
  });
});

describe("the roles", () => {
  test.each(["client", "prometheus", "operator", "management"] as const)(
    "of a %s let it read its own secret and no other",
    (reader) => {
      expect(secretStoreGrants(secretStore, reader)).toEqual([
        { role: "roles/secretmanager.secretAccessor", secret: `prod-${reader}` },
        {
          role: "roles/storage.objectViewer",
          bucket: "acme-current",
          condition: `resource.name == "projects/_/buckets/acme-current/objects/prod-${reader}"`,
        },
      ]);
    },
  );

  test("of a server let it add versions of every secret, and create and delete none", () => {
    const grants = secretStoreGrants(secretStore, "server");
    const names = Object.values(googleSecretNames(secretStore));
    expect(names).toEqual(["prod-cluster", "prod-client", "prod-operator", "prod-management", "prod-prometheus"]);
    for (const role of ["secretAccessor", "secretVersionManager"]) {
      const on = grants.filter((grant) => grant.role === `roles/secretmanager.${role}`);
      expect(on.map(({ secret }) => secret)).toEqual(names);
    }
    expect(grants.filter(({ secret }) => secret === undefined)).toEqual([
      { role: "roles/storage.objectUser", bucket: "acme-current" },
    ]);
  });

  test("for snapshots and metrics are one each", () => {
    expect(snapshotStoreGrants({ type: "google-cloud-storage", bucket: "b" })).toEqual([
      { role: "roles/storage.objectUser", bucket: "b" },
    ]);
    expect(metricStoreGrants({ type: "google-cloud-monitoring", project: "p", namespace: "n" })).toEqual([
      { role: "roles/monitoring.metricWriter", project: "p" },
    ]);
  });
});
