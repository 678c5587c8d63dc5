import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  awsPlatform,
  SECRET_DOCUMENTS,
  federationSecretName,
  federationSecretPolicy,
  secretNames,
  secretStorePolicy,
  WELL_KNOWN_TOKENS,
  type AwsSecretStore,
  type CloudPlatform,
} from "../../../constructs";
import { googlePlatform } from "../../../constructs/google";
import { composeHost } from "../../../constructs/linux/compose-host";
import { hostToolArchive } from "../../../constructs/linux/host-tool/archive";
import { HOST_TOOL, hostTool, type HostToolConfig } from "../../../constructs/linux/host-tool/host-tool";
import { run } from "../../support/lab";

// Each test of the program starts Python, some twice.
jest.setTimeout(30_000);

const aws: AwsSecretStore = { type: "aws-secrets-manager", prefix: "meshform/prod/", region: "eu-central-1" };

describe("a host with the host tool", () => {
  const config: HostToolConfig = {
    store: { type: "directory", path: "/var/lib/meshform/secret-store" },
    roles: ["consul-server", "nomad-server"],
    address: "10.0.0.10",
    snapshots: { store: { type: "directory", path: "/var/lib/meshform/snapshots" }, retain: 30 },
  };
  const host = composeHost("server-1", hostTool(config));
  const file = (path: string) => host.files.find((candidate) => candidate.path === path);

  test("has the program, executable", () => {
    const { content = "", ...rest } = file(HOST_TOOL) ?? {};
    expect(rest).toEqual({ path: HOST_TOOL, mode: "0755", encoding: "base64" });
    expect(Buffer.from(content, "base64").toString("latin1")).toMatch(/^#!\/usr\/bin\/env python3\nPK/);
  });

  test("has the module of its own cloud, and of no other", () => {
    const clouds = (platform?: CloudPlatform) => {
      const { files = [] } = hostTool({ ...config, platform });
      const archive = Buffer.from(files.find(({ path }) => path === HOST_TOOL)?.content ?? "", "base64");
      const names = archive.toString("latin1").matchAll(/meshform_host\/clouds\/(?!__)(\w+)\.py/g);
      return [...new Set([...names].map(([, name]) => name))];
    };
    expect(clouds()).toEqual(["aws", "google"]);
    expect(clouds(awsPlatform)).toEqual(["aws"]);
    expect(clouds(googlePlatform)).toEqual(["google"]);
  });

  test("has a configuration with nothing but names in it", () => {
    expect(JSON.parse(file("/etc/meshform/host.json")?.content ?? "")).toEqual({
      ...config,
      consulDatacenter: "dc1",
      nomadRegion: "global",
      accessorIds: {
        "consul-agent": WELL_KNOWN_TOKENS["consul-agent"],
        "nomad-server": WELL_KNOWN_TOKENS["nomad-server"],
        "nomad-client": WELL_KNOWN_TOKENS["nomad-client"],
        prometheus: WELL_KNOWN_TOKENS.prometheus,
        operator: WELL_KNOWN_TOKENS.operator,
      },
    });
    expect(host.directories).toContainEqual({ path: "/etc/meshform" });
  });

  test("has openssl, and boto3 where the secrets are in AWS Secrets Manager, and only there", () => {
    expect(host.systemPackages).toEqual(["openssl"]);
    expect(hostTool({ store: aws, platform: awsPlatform, roles: ["consul-client"] }).systemPackages).toEqual([
      "openssl",
      "python3-boto3",
    ]);
  });
});

describe("the IAM policy", () => {
  const names = secretNames(aws);
  const arnOf = (name: string) => `arn:aws-cn:secretsmanager:eu-central-1:123456789012:secret:${name}-a1B2c3`;
  const arns = Object.fromEntries(SECRET_DOCUMENTS.map((it) => [it, arnOf(names[it])])) as typeof names;

  test.each(["client", "prometheus", "operator", "management"] as const)(
    "of a %s lets it read its own secret and no other",
    (reader) => {
      expect(secretStorePolicy(arns, reader)).toEqual([
        {
          Sid: "ReadOwnSecret",
          Effect: "Allow",
          Action: ["secretsmanager:GetSecretValue"],
          Resource: [arnOf(`meshform/prod/${reader}`)],
        },
      ]);
    },
  );

  test("of a server lets it write the secrets of this cluster, create and delete none", () => {
    const [statement, ...more] = secretStorePolicy(arns, "server");
    expect(more).toEqual([]);
    expect(statement.Action).toEqual(["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]);
    expect(statement.Resource).toEqual(
      ["cluster", "client", "operator", "management", "prometheus"].map((name) => arnOf(`meshform/prod/${name}`)),
    );
  });

  test("of a federation lets servers of the primary write its secret, and those of others read it", () => {
    const arn = arnOf(federationSecretName(aws));
    expect(arn).toContain(":meshform/prod/federation-");
    const [get, put] = ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"];
    expect(federationSecretPolicy(arn, "primary")).toEqual([
      { Sid: "KeepFederation", Effect: "Allow", Action: [get, put], Resource: [arn] },
    ]);
    expect(federationSecretPolicy(arn, "other")).toEqual([
      { Sid: "ReadFederation", Effect: "Allow", Action: [get], Resource: [arn] },
    ]);
  });
});

describe("the program", () => {
  const program = join(__dirname, "../../../host-tool");
  let root: string;

  beforeEach(() => (root = mkdtempSync(join(tmpdir(), "meshform-host-tool-"))));
  afterEach(() => rmSync(root, { recursive: true }));

  /** What it says on a host with this configuration. */
  async function says(host: object | string, ...command: string[]): Promise<string> {
    await run("mkdir", ["-p", join(root, "etc/meshform")]);
    writeFileSync(join(root, "etc/meshform/host.json"), typeof host === "string" ? host : JSON.stringify(host));
    const { code, output } = await run("python3", [program, "--root", root, ...command]);
    expect(code).toBe(1);
    return output;
  }

  const valid = {
    store: { type: "directory", path: "/nowhere" },
    roles: ["consul-client"],
    consulDatacenter: "dc1",
    nomadRegion: "global",
    accessorIds: {},
  };

  test("has a manual", async () => {
    const { code, output } = await run("python3", [program, "--help"]);
    expect(code).toBe(0);
    expect(output).toContain("secretsmanager:GetSecretValue and PutSecretValue on all five");
  });

  test("fails if the host is not configured", async () => {
    const { code, output } = await run("python3", [program, "--root", root, "secrets"]);
    expect(code).toBe(1);
    expect(output).toBe(
      `${root}/etc/meshform/host.json cannot be read: No such file or directory. Configure this host, then try again.\n`,
    );
  });

  test.each([
    ["is not JSON", "{", "is not the configuration of a host: Expecting property name"],
    ["lacks something", { ...valid, roles: undefined }, "host.json has no 'roles'. Add it."],
    ["has an unknown role", { ...valid, roles: ["vault"] }, "names unknown roles: vault. Known roles: consul-client, "],
    [
      "has an unknown store",
      { ...valid, store: { type: "vault" } },
      "'vault' is not a type of secret store. Known types: ",
    ],
    [
      "would have it send tokens in plain text",
      { ...valid, consulApi: "http://127.0.0.1:8500" },
      "sets http://127.0.0.1:8500 as the address of an agent, to which tokens would be sent in plain text. Use its HTTPS port, ",
    ],
    ["has half a store", { ...valid, store: { type: "directory" } }, "The secret store in host.json lacks 'path'."],
  ])("fails if its configuration %s", async (_, host, text) => {
    expect(await says(host, "secrets")).toContain(text);
  });

  test("fails at once if the store is not there, and does not make one of its own", async () => {
    expect(await says(valid, "secrets")).toBe(
      "The secret store /nowhere cannot be reached: No such file or directory. " +
        "Servers share /nowhere, client hosts its folder `client`, all of it only root's (mode 0700).\n",
    );
  });

  test("fails if the store is open to others", async () => {
    const store = { type: "directory", path: root };
    await run("mkdir", ["-p", join(root, "client")]);
    writeFileSync(join(root, "client/client.json"), "{}");
    await run("chmod", ["0755", join(root, "client")]);
    expect(await says({ ...valid, store }, "secrets")).toContain(`${root}/client is open to other users (mode 0755).`);
    await run("chmod", ["0775", root]);
    expect(await says({ ...valid, store }, "secrets")).toContain(
      `Other users may write to the secret store ${root} (mode 0775).`,
    );
  });

  test("lets a client wait for the first server, says so, and gives up in time", async () => {
    const store = { type: "directory", path: root };
    expect(await says({ ...valid, store }, "--wait", "1", "secrets")).toBe(
      "Waiting for the secrets of this host: Secret client is not in the store yet. The first server that boots creates it.\n" +
        "Timed out after 1 s waiting for the secrets of this host. Secret client is not in the store yet. " +
        "The first server that boots creates it.\n",
    );
  });

  describe("as an archive", () => {
    const isRoot = process.getuid?.() === 0;
    let archive: string;

    beforeEach(() => {
      archive = join(root, "meshform-host");
      writeFileSync(archive, hostToolArchive(), { mode: 0o755 });
    });

    const folders = () => (existsSync(`${archive}.d`) ? readdirSync(`${archive}.d`) : []);

    test("is unpacked once by root, for root only, and again if it is replaced", async () => {
      const started = [1, 2, 3].map(() => run(archive, ["--help"]));
      for (const outcome of await Promise.all(started)) expect(outcome).toExit(0);
      const [first, ...more] = folders();
      expect([typeof first, more]).toEqual([isRoot ? "string" : "undefined", []]);
      if (!isRoot) return;
      expect(statSync(`${archive}.d`).mode & 0o777).toBe(0o700);
      expect(readdirSync(join(`${archive}.d`, first, "meshform_host"))).toContain("__pycache__");

      writeFileSync(archive, hostToolArchive("aws"));
      expect(await run(archive, ["--help"])).toExit(0);
      const [second, ...others] = folders();
      expect([second === first, others]).toEqual([false, []]);
    });

    test("does not run what others could have written there", async () => {
      const folder = join(`${archive}.d`, String(statSync(archive, { bigint: true }).ctimeNs), "meshform_host");
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "main.py"), "main = lambda: 3\n");
      chmodSync(`${archive}.d`, 0o777);
      expect(await run(archive, ["--help"])).toExit(0);
      // As root itself would have it.
      chmodSync(`${archive}.d`, 0o700);
      expect(await run(archive, ["--help"])).toExit(isRoot ? 3 : 0);
    });
  });

  test("bootstraps nothing on a client", async () => {
    expect(await says(valid, "acl")).toBe("This host is not a server. Run this command on a server.\n");
  });
});
