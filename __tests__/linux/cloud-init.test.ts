import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { parse } from "yaml";
import { TerraformVariable } from "cdktf";
import {
  awsPlatform,
  cloudInit,
  composeHost,
  ConsulServers,
  instanceFact,
  NomadClients,
  NomadServers,
  type CloudInit,
  type CloudInitOptions,
  type HostGroupProps,
  type HostRole,
  type HostVolume,
} from "../../constructs";
import { findingsOf, synthStack, TestStack } from "../support/synth";

interface CloudConfig {
  readonly write_files: readonly { readonly path: string; readonly permissions: string; readonly content: string }[];
  readonly runcmd: readonly string[];
}

function config({ text }: CloudInit): CloudConfig {
  return parse(text, { version: "1.1" }) as CloudConfig;
}

function contentOf(rendered: CloudInit, path: string): string {
  const file = config(rendered).write_files.find((it) => it.path === path);
  if (!file) throw new Error(`There is no ${path}.`);
  return file.content;
}

function render(role: HostRole, options: Partial<CloudInitOptions> = {}): CloudInit {
  return cloudInit(composeHost("group", role), { distribution: "debian-12", ...options });
}

function bootScript(role: HostRole, options: Partial<CloudInitOptions> = {}): string {
  return contentOf(render(role, options), "/usr/local/lib/meshform/boot");
}

const agent = { name: "agent", description: "An agent", command: ["/usr/local/bin/agent"] };

describe("user data", () => {
  test("is what its text says, compressed, in the size that EC2 counts", () => {
    const { text, userData, bytes } = render({ units: [agent] });
    const compressed = Buffer.from(userData, "base64");
    expect(gunzipSync(compressed).toString()).toBe(text);
    expect(compressed).toHaveLength(bytes);
    expect(text).toMatch(/^#cloud-config\n/);
  });

  test("is the same each time, on each machine: no time, no operating system but Unix in its header", () => {
    const header = Buffer.from(render({}).userData, "base64").subarray(0, 10);
    expect([...header]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3]);
  });

  test("carries every content to the letter, whatever is in it", () => {
    const content =
      "yes\n  'it''s' \"quoted\" ${HOME} $(id) \\n é\ttab trailing \n\n#no comment: {}\n\nno newline at the end";
    const rendered = render({ files: [{ path: "/etc/odd", content }] });
    expect(contentOf(rendered, "/usr/local/lib/meshform/files/etc/odd")).toBe(content);
  });

  test("names its parts, the largest first", () => {
    const { parts } = render({ files: [{ path: "/etc/large", content: noise(5000) }], units: [agent] });
    expect(parts[0]).toEqual({ name: "/etc/large", bytes: expect.any(Number) as number });
    expect(parts.map(({ bytes }) => bytes)).toEqual(parts.map(({ bytes }) => bytes).sort((a, b) => b - a));
    expect(parts.map(({ name }) => name)).toContain("/etc/systemd/system/agent.service");
  });
});

describe("a host", () => {
  test("is prepared by a unit at every boot, which starts the others after that", () => {
    const { write_files, runcmd } = config(render({ units: [agent, { ...agent, name: "again", everySeconds: 60 }] }));
    expect(write_files.map(({ path, permissions }) => [path, permissions])).toEqual([
      ["/usr/local/lib/meshform/boot", "0755"],
      ["/etc/systemd/system/meshform-boot.service", "0644"],
      ["/etc/systemd/system/agent.service", "0644"],
      ["/etc/systemd/system/again.service", "0644"],
      ["/etc/systemd/system/again.timer", "0644"],
    ]);
    expect(runcmd).toEqual([
      "set -e",
      "systemctl daemon-reload",
      "systemctl enable meshform-boot.service agent.service again.service again.timer",
      "systemctl start meshform-boot.service",
    ]);
  });

  test("gets its users, directories, files, packages, kernel settings and steps in this order", () => {
    const script = bootScript({
      steps: ["echo a step"],
      kernelModules: ["br_netfilter"],
      sysctls: { "net.a": "1" },
      systemPackages: ["iptables"],
      files: [{ path: "/etc/agent.json", content: "{}\n", mode: "0640", owner: "agent:agent" }],
      directories: [{ path: "/etc/agent", owner: "agent:agent" }],
      users: [{ name: "agent", home: "/etc/agent" }],
    });
    const order = [
      /^id -u agent >\/dev\/null 2>&1 \|\| useradd --system .* agent$/m,
      /^install -d -m 0755 -o agent -g agent \/etc\/agent$/m,
      /^install -D -m 0640 -o agent -g agent \S+\/files\/etc\/agent.json \/etc\/agent.json$/m,
      /^system_packages iptables$/m,
      /^modprobe br_netfilter \|\| echo "Is br_netfilter built in\?" >&2$/m,
      /^sysctl --quiet --write net.a=1$/m,
      /^echo a step$/m,
    ].map((pattern) => script.search(pattern));
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(order).not.toContain(-1);
  });

  test("has its disks mounted before anything is put there, parents first, and their owners once there are users", () => {
    const script = bootScript({
      users: [{ name: "agent", home: "/opt/agent" }],
      directories: [{ path: "/opt/agent/data" }],
      volumes: [
        { name: "data", mountPoint: "/opt/agent/data", sizeGib: 20, device: "/dev/sdg" },
        { name: "agent", mountPoint: "/opt/agent", sizeGib: 10, owner: "agent:agent", mode: "0750" },
      ],
    });
    const order = [
      /^volume \/opt\/agent mf-agent 10737418240 ''$/m,
      /^volume \/opt\/agent\/data mf-data 21474836480 \/dev\/sdg$/m,
      /useradd .* agent$/m,
      /^chown agent:agent \/opt\/agent$/m,
      /^install -d .* \/opt\/agent\/data$/m,
    ].map((pattern) => script.search(pattern));
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(order).not.toContain(-1);
    expect(bootScript({})).not.toContain("mkfs");
  });

  test.each<[string, Partial<HostVolume>]>([
    [
      "the volumes a and b are both mounted at /a. Use a different mount point for each.",
      { mountPoint: "/a", sizeGib: 2 },
    ],
    [
      "the volumes a and b both have 1 GiB, but a machine distinguishes blank disks by their size. Use different sizes, or set the device of each.",
      {},
    ],
  ])("fails if %s", (problem, second) => {
    const volumes = [
      { name: "a", mountPoint: "/a", sizeGib: 1, device: "/dev/sdf" },
      { name: "b", mountPoint: "/b", sizeGib: 1, ...second },
    ];
    expect(() => render({ volumes })).toThrow(`Host group: ${problem}`);
    expect(() =>
      render({ volumes: volumes.map((it, index) => ({ ...it, mountPoint: `/${index}`, device: `/dev/sd${index}` })) }),
    ).not.toThrow();
  });

  test("without packages needs no network", () => {
    expect(bootScript({ steps: ["true"] })).not.toMatch(/apt|curl/);
  });
});

describe("large files", () => {
  const large = { path: "/usr/local/bin/tool", mode: "0755", content: noise(5000) };
  const key = createHash("sha256").update(large.content).digest("hex");
  const role: HostRole = { files: [large, { path: "/etc/small", content: "small" }] };

  test("are in the user data unless there is another place", () => {
    expect(render(role).assets).toEqual([]);
  });

  test("are fetched from there, checked, and put in their places", () => {
    const rendered = render(role, { assets: "https://artifacts.example/meshform/" });
    expect(rendered.assets).toEqual([{ key, base64: Buffer.from(large.content).toString("base64") }]);
    expect(rendered.text).not.toContain(large.content);
    const script = contentOf(rendered, "/usr/local/lib/meshform/boot");
    expect(script).toContain('fetch https://artifacts.example/meshform/"$1" "$2" && matches "$1" "$2"');
    expect(script).toContain(`asset ${key} /usr/local/lib/meshform/files/usr/local/bin/tool\n`);
    expect(script).toMatch(/^install -D -m 0755 .* \/usr\/local\/bin\/tool$/m);
    expect(script).toMatch(/^system_packages ca-certificates curl$/m);
  });

  test("come out of a bucket with the machine's own credentials", () => {
    const script = bootScript(role, { platform: awsPlatform, assets: "s3://artifacts/meshform" });
    expect(script).toContain(`download_file(*sys.argv[1:])' artifacts meshform/"$1" "$2"`);
    expect(script).toContain('boto3.client("s3", region_name=region)');
    expect(script).toMatch(/^system_packages ca-certificates python3-boto3$/m);
  });

  test("bring the functions of the boot script with them, which then are not in the user data either", () => {
    const volumes = [{ name: "data", mountPoint: "/srv/data", sizeGib: 1 }];
    const rendered = render({ ...role, volumes }, { assets: "https://artifacts.example/meshform" });
    const script = contentOf(rendered, "/usr/local/lib/meshform/boot");
    const functions = Buffer.from(rendered.assets[1]?.base64 ?? "", "base64").toString();
    expect(functions).toContain("mkfs.ext4");
    expect(rendered.text).not.toContain("mkfs");
    const order = [
      `asset ${createHash("sha256").update(functions).digest("hex")} /usr/local/lib/meshform/files/usr/local/lib/meshform/boot-functions\n`,
      "\n. /usr/local/lib/meshform/files/usr/local/lib/meshform/boot-functions\n",
      "\nvolume /srv/data ",
    ].map((line) => script.indexOf(line));
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(order).not.toContain(-1);
    expect(bootScript({ ...role, volumes })).toContain("mkfs.ext4");
  });

  test("fails if machines cannot fetch from there", () => {
    const problem =
      'Machines cannot fetch assets from "http://artifacts". Use a location that begins with https://, or ';
    const onAws = { platform: awsPlatform, assets: "http://artifacts" };
    expect(() => render(role, onAws)).toThrow(`${problem}s3://<bucket>/<prefix>.`);
    expect(() => render(role, { assets: "http://artifacts" })).toThrow(
      `${problem}set the platform that supports this location.`,
    );
  });
});

describe("what only Terraform knows", () => {
  const stack = new TestStack();
  const token = new TerraformVariable(stack, "v", {}).stringValue;
  const file = (content: string): HostRole => ({ files: [{ path: "/etc/a.json", content }] });
  const onAws = { platform: awsPlatform };

  test("is refused in user data", () => {
    const problem = "is known only to Terraform, and user data is compressed before Terraform runs.";
    expect(() => render(file(`{"a":"${token}"}`))).toThrow(`host.files[0].content ${problem} Use a literal value.`);
    expect(() => render({}, { assets: `s3://${token}` })).toThrow(`options.assets ${problem}`);
  });

  test("is read from tags at boot where it is an instance fact: in contents, and in the location of assets", () => {
    const content = JSON.stringify({ join: [`a ${instanceFact("join", token)}`] });
    const large = { path: "/etc/large", content: noise(5000) + instanceFact("bucket", token) };
    const rendered = render(
      { files: [{ path: "/etc/a.json", content }, large] },
      { ...onAws, assets: `s3://${instanceFact("bucket", token)}/meshform` },
    );
    expect(rendered.tags).toEqual({ "meshform:join": token, "meshform:bucket": token });
    expect(contentOf(rendered, "/usr/local/lib/meshform/files/etc/a.json")).toBe('{"join":["a <instance-fact:join>"]}');
    expect(Buffer.from(rendered.assets[0]?.base64 ?? "", "base64").toString()).toMatch(/<instance-fact:bucket>$/);
    const script = contentOf(rendered, "/usr/local/lib/meshform/boot");
    expect(script).toContain("instance_tags join=meshform:join bucket=meshform:bucket\n");
    expect(script).toContain("filled /usr/local/lib/meshform/files /etc/a.json /etc/large\n");
    expect(script).toMatch(/^install .* \/run\/meshform\/facts\/files\/etc\/a\.json \/etc\/a\.json$/m);
    expect(script).toContain('"$(cat "$facts/bucket")" meshform/"$1" "$2"');
  });

  test("adds no line and no package to a host without one", () => {
    expect(bootScript(file("{}"), onAws)).not.toMatch(/facts|169\.254/);
    expect(render(file("{}"), onAws).tags).toEqual({});
  });

  test("is refused as a fact where no machine could fill it in, or from where none could read it", () => {
    const fact = instanceFact("zone", token);
    expect(() => render({ steps: [`echo ${fact}`] }, onAws)).toThrow(
      'The instance fact "zone" is in the steps of the host group, where machines cannot insert its value. ' +
        "Use it in the content of a file instead.",
    );
    expect(() => render(file(fact))).toThrow(
      'Machines have no source for the instance fact "zone". Set platform to the cloud that they run in.',
    );
    expect(() => render(file(fact + instanceFact("zone", "b")), onAws)).toThrow(
      'The instance fact "zone" has two values in the same group of hosts. Use a different name for each value.',
    );
    expect(() => instanceFact("Zone", token)).toThrow(
      '"Zone" cannot be the name of an instance fact. Use a lower-case letter, then lower-case letters, digits and dashes, 63 characters at most.',
    );
    expect(() => instanceFact("zone", 1 as unknown as string)).toThrow(
      'The instance fact "zone" is a number, not a string. Convert it with Token.asString(value).',
    );
  });
});

describe("packages", () => {
  const packages = (...list: NonNullable<HostRole["packages"]>): HostRole => ({ packages: list });
  const consul = packages({ name: "consul", version: "1.21.0", installTo: "/usr/local/bin" });
  const envoy = (version: string) => packages({ name: "envoy", version, installTo: "/usr/local/bin" });

  test("of HashiCorp come from the release of the distribution, under the key with the pinned fingerprint", () => {
    const releases = (["debian-12", "ubuntu-24.04"] as const).map((distribution) => {
      const script = bootScript(consul, { distribution });
      expect(script).toContain('[ "$keys" = 798AEC654E5C15428C8E42EEAA16FCBCA621E701 ]');
      expect(script).toContain("hashicorp_program consul consul 1.21.0 /usr/local/bin");
      return /deb \[signed-by=\S+\] (.*)" >/.exec(script)?.[1];
    });
    expect(releases).toEqual([
      "https://apt.releases.hashicorp.com bookworm main",
      "https://apt.releases.hashicorp.com noble main",
    ]);
  });

  test("of an enterprise version have another name", () => {
    const script = bootScript(packages({ name: "nomad", version: "1.11.3+ent", installTo: "/usr/local/bin" }));
    expect(script).toContain("hashicorp_program nomad nomad-enterprise 1.11.3+ent /usr/local/bin");
  });

  test("may come from mirrors", () => {
    const script = bootScript(
      { packages: [...(consul.packages ?? []), ...(envoy("1.38.3").packages ?? [])] },
      {
        hashicorp: { url: "https://mirror.example/hashicorp", keyFingerprint: "A".repeat(40) },
        github: "https://mirror.example/github",
      },
    );
    expect(script).toContain("fetch https://mirror.example/hashicorp/gpg ");
    expect(script).toContain(`[ "$keys" = ${"A".repeat(40)} ]`);
    expect(script).toContain("https://mirror.example/github/envoyproxy/envoy/releases/download/v1.38.3/");
    expect(script).not.toContain("apt.releases.hashicorp.com");
  });

  test("of a release have a checksum for each architecture", () => {
    const script = bootScript(envoy("1.38.3"));
    expect(script).toMatch(/amd64\) set -- https:\S+\/envoy-1\.38\.3-linux-x86_64 [0-9a-f]{64} ;;/);
    expect(script).toMatch(/arm64\) set -- https:\S+\/envoy-1\.38\.3-linux-aarch_64 [0-9a-f]{64} ;;/);
  });

  test("of a release that is not known take the checksum that the user gives", () => {
    const script = bootScript(envoy("1.99.0"), { checksums: { envoy: { arm64: "0".repeat(64) } } });
    expect(script).toContain(`envoy-1.99.0-linux-aarch_64 ${"0".repeat(64)} ;;`);
    expect(script).not.toContain("amd64)");
  });

  test("fails if no checksum is known", () => {
    expect(() => render(envoy("1.99.0"))).toThrow(
      'The checksum of envoy 1.99.0 is unknown. Known versions: 1.38.3. Set the SHA-256 of the release: checksums: { "envoy": { amd64: "…", arm64: "…" } }.',
    );
  });

  test("fails if a checksum is no SHA-256", () => {
    expect(() => render(envoy("1.38.3"), { checksums: { envoy: { amd64: "d41d8cd9" } } })).toThrow(
      'The checksum of envoy 1.38.3 for amd64 is "d41d8cd9". Use its SHA-256: 64 lower-case hexadecimal digits.',
    );
  });
});

describe("the user data of a group", () => {
  const join = ["provider=aws tag_key=consul tag_value=prod"];
  const secretStore = { type: "aws-secrets-manager", prefix: "meshform/prod/", region: "eu-central-1" } as const;
  const assets = "s3://artifacts/meshform";

  function cluster(extra: HostRole = {}, versions = {}) {
    const stack = new TestStack();
    const consul = new ConsulServers(stack, "servers", { platform: awsPlatform, join, secretStore, extra, versions });
    const nomad = new NomadServers(stack, "schedulers", { consul });
    const clients = new NomadClients(stack, "clients", { nomad, docker: false, consulCni: true });
    return { stack, consul, clients };
  }

  test.each(["debian-12", "ubuntu-24.04"] as const)("of a whole cluster has room enough on %s", (distribution) => {
    const { stack, consul, clients } = cluster();
    for (const group of [consul, clients]) {
      const rendered = group.cloudInit({ distribution, assets });
      expect(rendered.bytes).toBeLessThan(6000);
      expect(rendered.assets).toHaveLength(2);
    }
    expect(findingsOf(() => synthStack(stack))).toEqual([]);
  });

  const bucket = instanceFact("assets", new TerraformVariable(new TestStack(), "bucket", {}).stringValue);
  const options: Readonly<Record<string, Pick<HostGroupProps, "volumes" | "lifecycleNotices">>> = {
    "nothing else": {},
    volumes: {
      volumes: [
        { name: "consul", mountPoint: "/opt/consul", sizeGib: 10, owner: "consul:consul", mode: "0750" },
        { name: "nomad", mountPoint: "/opt/nomad", sizeGib: 20 },
      ],
    },
    notices: { lifecycleNotices: true },
  };
  const snapshots = {
    store: { type: "s3", bucket: "meshform-snapshots", prefix: "prod/", region: "eu-central-1" },
  } as const;
  const cases = ["volumes", "notices", "snapshots", "an unknown bucket of assets"].reduce<string[][]>(
    (sets, name) => sets.flatMap((set) => [set, [...set, name]]),
    [[]],
  );

  test.each(cases.map((names) => [names.join(", ") || "none of these", names] as const))(
    "of every role is below 6 KB with %s",
    (_, names) => {
      const stack = new TestStack();
      const extra: (typeof options)[string] = Object.assign({}, ...names.map((name) => options[name] ?? {})) as object;
      const props = { ...extra, platform: awsPlatform, join, secretStore };
      const kept = names.includes("snapshots") ? { snapshots } : {};
      const consul = new ConsulServers(stack, "servers", { ...props, ...kept });
      const nomad = new NomadServers(stack, "schedulers", { consul, count: 3, join, ...extra });
      const both = new ConsulServers(stack, "both", { ...props, ...kept });
      const scheduler = new NomadServers(stack, "scheduler", { consul: both });
      const groups = {
        "Consul servers": consul,
        "Nomad servers": nomad.hosts,
        servers: scheduler.hosts,
        clients: new NomadClients(stack, "clients", { nomad, ...extra }),
        "clients with all": new NomadClients(stack, "more", { nomad, ...extra, docker: true, consulCni: true }),
      };
      const location = names.includes("an unknown bucket of assets") ? `s3://${bucket}/hosts` : assets;
      const sizes = Object.entries(groups).map(([role, group]) => {
        const { bytes } = group.cloudInit({ distribution: "ubuntu-24.04", assets: location });
        return [role, bytes] as const;
      });
      expect(sizes.filter(([, bytes]) => bytes >= 6000)).toEqual([]);
    },
  );

  test("fails if it is larger than EC2 takes, and tells what takes the room", () => {
    const files = Array.from({ length: 10 }, (_, nth) => ({ path: `/etc/part-${nth}`, content: noise(4000, nth + 1) }));
    const { stack, consul } = cluster({ files });
    consul.cloudInit({ distribution: "debian-12", assets });
    expect(findingsOf(() => synthStack(stack))).toEqual([
      expect.stringMatching(
        /^stack\/servers: The compressed user data has \d{5} bytes; the limit is 16384\. EC2 limits user data to 16 KiB, after compression and before base64\. Reduce a part, or combine small files into one of more than 4 KiB, which machines fetch from `assets`. The largest parts, each compressed separately: \/etc\/part-\d \d+, .*\. \(user-data-size\)$/,
      ),
    ]);
  });

  test("fails with the name of the group if a package cannot be installed", () => {
    const { clients } = cluster({}, { envoy: "1.37.0" });
    expect(() => clients.cloudInit({ distribution: "debian-12", assets })).toThrow(
      "stack/clients: The checksum of envoy 1.37.0 is unknown",
    );
  });

  test("fails without assets, in which the tool is that fetches the secrets of a host", () => {
    const { clients } = cluster();
    // @ts-expect-error TypeScript refuses it first.
    expect(() => clients.cloudInit({ distribution: "debian-12" })).toThrow(
      "stack/clients: assets is not set; expected a value. Set it.",
    );
  });

  test("fails if something is added to the hosts afterwards", () => {
    const stack = new TestStack();
    const consul = new ConsulServers(stack, "servers", { platform: awsPlatform, join, secretStore });
    consul.cloudInit({ distribution: "debian-12", assets });
    expect(() => new NomadServers(stack, "schedulers", { consul })).toThrow(
      "stack/servers: These hosts were changed after cloudInit rendered their user data. Call cloudInit last.",
    );
  });
});

/** Text that hardly compresses, the same each time. */
function noise(length: number, seed = 1): string {
  let state = seed;
  const next = () => (state = (state * 48271) % 0x7fffffff);
  return Array.from({ length }, () => String.fromCharCode(33 + (next() % 90))).join("");
}
