import {
  Affinity,
  Constraint,
  Template,
  Volume,
  Workload,
  type MeshServiceBaseProps,
  type nomad,
  type TaskOptions,
} from "../../constructs";
import { groupOf, taskOf } from "../support/job";
import { synthMesh } from "../support/synth";

const SECOND = 1e9;

function jobWith(options: TaskOptions, props: Partial<MeshServiceBaseProps> = {}): nomad.Job {
  const workload = Workload.driver("docker", { image: "example/web" }, options);
  return synthMesh((mesh) => mesh.addService("web", { port: 8000, workload, ...props })).jobs.web;
}

function taskWith(options: TaskOptions, props: Partial<MeshServiceBaseProps> = {}): nomad.Task {
  return taskOf(jobWith(options, props));
}

describe("a task", () => {
  test("logs in to Vault", () => {
    expect(taskWith({ vault: {} }).Vault).toEqual({});
    const vault = {
      role: "web",
      policies: ["read"],
      namespace: "shop",
      cluster: "east",
      env: false,
      disableFile: true,
      changeMode: "signal",
      changeSignal: "SIGUSR1",
      allowTokenExpiration: true,
    } as const;
    expect(taskWith({ vault }).Vault).toEqual({
      Role: "web",
      Policies: ["read"],
      Namespace: "shop",
      Cluster: "east",
      Env: false,
      DisableFile: true,
      ChangeMode: "signal",
      ChangeSignal: "SIGUSR1",
      AllowTokenExpiration: true,
    });
  });

  test("has secrets fetched, by name", () => {
    const secrets = {
      db: { provider: "vault", path: "secret/data/db", config: { engine: "kv_v2" } },
      other: { provider: "plugin", path: "x", env: { KEY: "v" } },
    };
    expect(taskWith({ vault: {}, secrets }).Secrets).toEqual([
      { Name: "db", Provider: "vault", Path: "secret/data/db", Config: { engine: "kv_v2" } },
      { Name: "other", Provider: "plugin", Path: "x", Env: { KEY: "v" } },
    ]);
    expect(() => taskWith({ secrets })).toThrow(/vault block/);
  });

  test("has identities, of which one is the default", () => {
    const task = taskWith({
      identities: {
        default: { env: true, file: true },
        aws: {
          audience: ["sts.amazonaws.com"],
          file: true,
          filepath: "secrets/aws.jwt",
          changeMode: "signal",
          changeSignal: "SIGHUP",
          ttl: "1h",
        },
      },
    });
    expect(task.Identity).toEqual({ Name: "default", Env: true, File: true });
    expect(task.Identities).toEqual([
      {
        Name: "aws",
        Audience: ["sts.amazonaws.com"],
        File: true,
        Filepath: "secrets/aws.jwt",
        ChangeMode: "signal",
        ChangeSignal: "SIGHUP",
        TTL: 3600 * SECOND,
      },
    ]);
    expect(() => taskWith({ identities: { "a b": {} } })).toThrow(/identity "a b"/);
  });

  test("has a token of Consul's, for its templates", () => {
    expect(taskWith({ consulCluster: "default" }).Consul).toEqual({ Cluster: "default" });
  });

  test("has actions, which people run in it", () => {
    const actions = { migrate: { command: "/bin/migrate", args: ["--all"] }, ping: { command: "/bin/ping" } };
    expect(taskWith({ actions }).Actions).toEqual([
      { Name: "migrate", Command: "/bin/migrate", Args: ["--all"] },
      { Name: "ping", Command: "/bin/ping" },
    ]);
    expect(() => taskWith({ actions: { "a b": { command: "x" } } })).toThrow(/action "a b"/);
  });

  test("has artifacts fetched, each with all that Nomad knows of it", () => {
    const checksum = `md5:${"0".repeat(32)}`;
    const artifacts = [
      "https://example.com/a.tgz",
      {
        source: "git::https://example.com/b",
        destination: "local/b",
        mode: "dir",
        checksum,
        options: { ref: "v1" },
        headers: { "X-Key": "k" },
        insecure: true,
        chown: true,
      },
      { source: "https://example.com/c", options: { archive: "false" } },
    ] as const;
    expect(taskWith({ artifacts }).Artifacts).toEqual([
      { GetterSource: "https://example.com/a.tgz" },
      {
        GetterSource: "git::https://example.com/b",
        RelativeDest: "local/b",
        GetterMode: "dir",
        GetterOptions: { ref: "v1", checksum },
        GetterHeaders: { "X-Key": "k" },
        GetterInsecure: true,
        Chown: true,
      },
      { GetterSource: "https://example.com/c", GetterOptions: { archive: "false" } },
    ]);
    expect(() => taskWith({ artifacts: [{ source: "https://example.com/a", checksum: "md5:1" }] })).toThrow(
      /options\.checksum/,
    );
  });

  test("keeps as many logs as it is told", () => {
    expect(taskWith({ logs: { maxFiles: 2, maxFileSizeMib: 5, disabled: true } }).LogConfig).toEqual({
      MaxFiles: 2,
      MaxFileSizeMB: 5,
      Disabled: true,
    });
    expect(() => taskWith({ logs: { maxFiles: 100 } })).toThrow(/max_file_size/);
  });

  test("has devices, and cores near them", () => {
    const resources = {
      cores: 2,
      secretsMib: 2,
      devices: {
        "nvidia/gpu": {
          count: 2,
          constraints: [Constraint.of("${device.attr.memory}", ">=", "2 GiB")],
          affinities: [Affinity.equals("${device.model}", "a", 20)],
        },
      },
      numa: { affinity: "prefer", devices: ["nvidia/gpu"] },
    } as const;
    expect(taskWith({ resources }).Resources).toEqual({
      Cores: 2,
      SecretsMB: 2,
      Devices: [
        {
          Name: "nvidia/gpu",
          Count: 2,
          Constraints: [{ LTarget: "${device.attr.memory}", Operand: ">=", RTarget: "2 GiB" }],
          Affinities: [{ LTarget: "${device.model}", Operand: "=", RTarget: "a", Weight: 20 }],
        },
      ],
      NUMA: { Affinity: "prefer", Devices: ["nvidia/gpu"] },
    });
    expect(() => taskWith({ resources: { cores: 1, numa: { devices: ["gpu"] } } })).toThrow(/numa\.devices/);
  });

  test("finds the payload of a dispatch", () => {
    expect(taskWith({ dispatchPayload: "order.json" }).DispatchPayload).toEqual({ File: "order.json" });
  });

  test("can be a plugin for CSI volumes", () => {
    const csiPlugin = {
      id: "ebs",
      type: "node",
      mountDir: "/csi",
      stagePublishBaseDir: "/local/csi",
      healthTimeout: "1m",
    } as const;
    expect(taskWith({ csiPlugin }).CSIPluginConfig).toEqual({
      ID: "ebs",
      Type: "node",
      MountDir: "/csi",
      StagePublishBaseDir: "/local/csi",
      HealthTimeout: 60 * SECOND,
    });
  });

  test("mounts volumes with all that Nomad knows of a mount", () => {
    const job = jobWith(
      {
        volumeMounts: [
          { volume: "data", destination: "/data", propagationMode: "host-to-task", selinuxLabel: "Z" },
          { volume: "kept", destination: "/kept" },
        ],
      },
      {
        volumes: {
          data: Volume.csi("db", { mountOptions: { fsType: "ext4", mountFlags: ["noatime"] } }),
          kept: Volume.host("kept", { sticky: true, accessMode: "single-node-single-writer", perAlloc: false }),
        },
      },
    );
    expect(taskOf(job).VolumeMounts?.[0]).toEqual({
      Volume: "data",
      Destination: "/data",
      PropagationMode: "host-to-task",
      SELinuxLabel: "Z",
    });
    expect(groupOf(job).Volumes).toMatchObject({
      data: { MountOptions: { FSType: "ext4", MountFlags: ["noatime"] } },
      kept: { Type: "host", Sticky: true, AccessMode: "single-node-single-writer", PerAlloc: false },
    });
  });
});

describe("a template", () => {
  function templateWith(options: Partial<Parameters<typeof Template.text>[1]>): nomad.Template | undefined {
    return taskWith({ templates: [Template.text("x", { destination: "local/x", ...options })] }).Templates?.[0];
  }

  test("runs a script when its text changes", () => {
    const changeScript = { command: "/bin/reload", args: ["-q"], timeout: "20s", failOnError: true };
    expect(templateWith({ changeScript })).toEqual({
      EmbeddedTmpl: "x",
      DestPath: "local/x",
      ChangeMode: "script",
      ChangeScript: { Command: "/bin/reload", Args: ["-q"], Timeout: 20 * SECOND, FailOnError: true },
    });
    expect(() => templateWith({ changeMode: "script" })).toThrow(/change_script\.command/);
  });

  test("has an owner, is rendered once, and waits", () => {
    expect(
      templateWith({ uid: 100, gid: 200, once: true, errMissingKey: true, wait: { min: "2s", max: "10s" } }),
    ).toEqual({
      EmbeddedTmpl: "x",
      DestPath: "local/x",
      Uid: 100,
      Gid: 200,
      Once: true,
      ErrMissingKey: true,
      Wait: { Min: 2 * SECOND, Max: 10 * SECOND },
    });
    expect(() => templateWith({ wait: { min: "10s", max: "2s" } })).toThrow(/wait\.min/);
  });
});
