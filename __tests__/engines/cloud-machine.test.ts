import { X509Certificate } from "node:crypto";
import { parse } from "yaml";
import { instanceFact, type HostData, type HostRole } from "../../constructs";
import { consulServer } from "../../constructs/linux/consul-server";
import { HOST_TOOL } from "../../constructs/linux/host-tool/host-tool";
import { nomadClient } from "../../constructs/linux/nomad-client";
import { nomadServer } from "../../constructs/linux/nomad-server";
import { secureHost } from "../../constructs/linux/secure-host";
import { CloudMachine, machineAddress } from "../support/cloud-machine";
import { eventually } from "../support/eventually";
import { MachineImage } from "../support/machine-image";

const MINUTE = 60_000;
jest.setTimeout(10 * MINUTE);

const retryJoin = [machineAddress];

/** Every user, directory and file of a host, as the machine has it. */
async function ownersAndModes(machine: CloudMachine, host: HostData): Promise<string[]> {
  const paths = [...host.directories, ...host.files].map(({ path }) => path);
  return (await machine.run("stat", "--format", "%n %U:%G %a", ...paths)).output.trim().split("\n");
}

function wanted({ directories, files }: HostData): string[] {
  const line = ({ path, owner = "root:root", mode = "0755" }: HostData["directories"][number]) =>
    `${path} ${owner} ${mode.replace(/^0/, "")}`;
  return [...directories.map(line), ...files.map((file) => line({ mode: "0644", ...file }))];
}

/** What systemd says of units, in the order asked. */
async function states(machine: CloudMachine, ...units: string[]): Promise<string[]> {
  return (await machine.run("systemctl", "is-active", ...units)).output.trim().split("\n");
}

async function succeed(machine: CloudMachine, ...command: string[]): Promise<string> {
  const { code, output } = await machine.run(...command);
  expect({ code, output }).toExit(0);
  return output;
}

describe("a server of a secure cluster", () => {
  let machine: CloudMachine;
  let host: HostData;
  const agents = ["meshform-boot", "consul", "nomad", "meshform-acl"];
  const store = "/var/lib/meshform/store";
  // As if only Terraform knew them.
  const join = [instanceFact("join", machineAddress)];
  const large = {
    path: "/etc/large",
    content: `${"A long file.\n".repeat(400)}${instanceFact("join", machineAddress)}\n`,
  };

  beforeAll(async () => {
    machine = await CloudMachine.create();
    const { consul, nomad, envoy, cni } = machine.engines;
    host = machine.host(
      consulServer({ version: consul.version, retryJoin: join, bootstrapExpect: 1 }),
      nomadServer({ version: nomad.version, retryJoin: join, bootstrapExpect: 1 }),
      secureHost({
        store: { type: "directory", path: store },
        roles: ["consul-server", "nomad-server"],
        snapshots: { everySeconds: 3, retain: 2 },
      }),
      {
        // What finds and mounts it is fetched, too.
        volumes: [{ name: "consul", mountPoint: "/opt/consul", sizeGib: 1 }],
        files: [large],
        directories: [{ path: "/opt/cni/bin" }],
        packages: [
          { name: "envoy", version: envoy.version, installTo: "/usr/local/bin" },
          { name: "cni-plugins", version: cni.version, installTo: "/opt/cni/bin" },
        ],
      },
    );
    await machine.launch(machine.render(host, { assets: `https://127.0.0.1/${instanceFact("folder", "assets")}` }));
    await machine.prepare("mkdir", "--mode=0700", "--parents", store);
    await machine.attachDisk("consul", 1);
  }, 20 * MINUTE);

  afterAll(() => machine.stop());

  test("comes up from its user data alone, through cloud-init and systemd", async () => {
    const { output } = await machine.boot();
    expect(output).toMatch(/^status: done$/m);
    await eventually(async () => {
      expect(await states(machine, ...agents)).toEqual(agents.map(() => "active"));
    }, MINUTE);
    expect(await succeed(machine, "systemctl", "--failed", "--quiet")).toBe("");
  });

  test("has read what only Terraform knew from its own tags, in small files and in those that it fetched", async () => {
    expect(await succeed(machine, "jq", "--compact-output", ".retry_join", "/etc/consul.d/consul.json")).toBe(
      `${JSON.stringify([machineAddress])}\n`,
    );
    expect(await succeed(machine, "tail", "--lines=1", large.path)).toBe(`${machineAddress}\n`);
    expect(await machine.run("grep", "--recursive", "instance-fact:", "/etc/consul.d", "/etc/nomad.d")).toExit(1);
  });

  test("has its disk mounted by functions that it fetched", async () => {
    expect(await mounted(machine, "/opt/consul")).toMatch(/^\/dev\/loop\d+ ext4 973/);
    const script = await succeed(machine, "cat", "/usr/local/lib/meshform/boot");
    expect(script).not.toContain("mkfs");
  });

  test("has its files and directories with their owners and modes", async () => {
    expect(await ownersAndModes(machine, host)).toEqual(wanted(host));
  });

  test("has the programs in their versions, and nothing else of their packages", async () => {
    const { consul, nomad, cni } = machine.engines;
    expect(await succeed(machine, "/usr/local/bin/consul", "version")).toContain(`Consul v${consul.version}`);
    expect(await succeed(machine, "/usr/local/bin/nomad", "version")).toContain(`Nomad v${nomad.version}`);
    expect(await succeed(machine, "sh", "-c", "/opt/cni/bin/bridge 2>&1 || true")).toContain(cni.version);
    expect((await succeed(machine, "ls", "/opt/cni/bin")).trim().split("\n")).not.toContain("README.md");
    expect(await machine.run("dpkg-query", "--show", "nomad")).toExit(1);
    expect(await succeed(machine, "find", "/var/tmp", "-name", "meshform.*")).toBe("");
  });

  test("has configuration that the engines themselves find right, and units that systemd finds right", async () => {
    expect(await succeed(machine, "consul", "validate", "/etc/consul.d")).toContain("Configuration is valid!");
    expect(await succeed(machine, "nomad", "config", "validate", "/etc/nomad.d")).toContain("Configuration is valid!");
    const units = [...agents.map((name) => `${name}.service`), "meshform-snapshot.timer"];
    expect(await succeed(machine, "systemd-analyze", "verify", "--man=no", ...units)).toBe("");
  });

  test.each([
    ["consul", 2],
    ["nomad", 2],
    // It also puts back the state of new servers, as their users.
    ["meshform-acl", 2.8],
    ["meshform-repair", 2.2],
    ["meshform-snapshot", 2.2],
    ["meshform-renewal", 3],
    ["meshform-boot", 8],
  ])("shuts %s in: systemd rates what it could do with %d of 10 at most", async (unit, most) => {
    const rated = await succeed(machine, "systemd-analyze", "security", "--no-pager", `${unit}.service`);
    expect(Number(/Overall exposure level for \S+: ([\d.]+)/.exec(rated)?.[1])).toBeLessThanOrEqual(most);
  });

  test("has a name that no other machine has, for both agents, and keeps it", async () => {
    const name = (await succeed(machine, "cat", "/etc/meshform/node-name")).trim();
    expect(name).toMatch(/^cloud-1-[0-9a-f]{12}$/);
    expect(JSON.parse(await succeed(machine, "cat", "/etc/consul.d/node-name.json"))).toEqual({ node_name: name });
    expect(JSON.parse(await succeed(machine, "cat", "/etc/nomad.d/node-name.json"))).toEqual({ name });
  });

  test("signs keys of clients with what little its unit may do, and gives them none of the names of a server", async () => {
    const path = "meshform/hosts/client-1";
    const request = `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 | openssl pkey -pubout |
      python3 -c 'import json, sys; print(json.dumps({"consul": sys.stdin.read()}), end="")' | consul kv put ${path}/keys -
      until consul kv get ${path}/certificates 2>/dev/null; do sleep 0.2; done`;
    const why = ["--reason", "to test certificates", "--consul", "global-management"];
    const said = await succeed(machine, "timeout", "60", HOST_TOOL, "access", ...why, "--", "sh", "-c", request);
    const { consul } = JSON.parse(said.slice(said.indexOf("{"), said.lastIndexOf("}") + 1)) as { consul: string };
    expect(new X509Certificate(consul).subjectAltName?.split(", ")).toEqual([
      "DNS:client-1.client.dc1.consul",
      "DNS:client.dc1.consul",
      "DNS:localhost",
      "IP Address:127.0.0.1",
    ]);
  });

  test("saves snapshots again and again", async () => {
    const newest = async () => (await succeed(machine, "ls", "/var/lib/meshform/snapshots")).trim().split("\n").at(-1);
    const first = await eventually(async () => {
      const name = await newest();
      expect(name).toMatch(/^nomad-/);
      return name;
    });
    await eventually(async () => {
      expect(await newest()).not.toBe(first);
    });
  });

  test("comes up again without network, once its secret store is there, and corrects what was changed", async () => {
    await succeed(machine, "sh", "-c", "echo '{' > /etc/consul.d/consul.json; chmod 666 /etc/nomad.d/nomad.json");
    await succeed(machine, "mkdir", "--parents", "/var/log/journal");
    await succeed(machine, "journalctl", "--flush");
    expect(await succeed(machine, "systemctl", "show", "--property=Result", "--value", "meshform-renewal")).toBe(
      "success\n",
    );
    await machine.shutDown();
    await machine.prepare("mv", store, `${store}.away`);
    await machine.disconnect();
    const { output } = await machine.boot();
    // It handed over before its agents were stopped.
    const before = await succeed(machine, "journalctl", "--output=cat");
    const moments = [
      "No other server of Nomad can become leader. There is no leader until this host is back.",
      "Stopping nomad.service",
    ].map((line) => before.lastIndexOf(line));
    expect(moments[0]).toBeGreaterThan(0);
    expect(moments[1]).toBeGreaterThan(moments[0]);
    expect(output).toMatch(/^status: done$/m);
    const attempts = async () => {
      const journal = await succeed(machine, "journalctl", "--boot", "--unit=meshform-boot", "--output=cat");
      expect(await bootProgress(machine)).toMatchObject({ stage: "steps" });
      return journal.split(`The secret store ${store} cannot be reached: No such file or directory.`).length - 1;
    };
    await eventually(async () => expect(await attempts()).toBeGreaterThan(1), MINUTE);
    expect(await states(machine, "consul", "nomad", "meshform-acl")).toEqual(["inactive", "inactive", "inactive"]);

    await succeed(machine, "mv", `${store}.away`, store);

    await eventually(async () => {
      expect(await states(machine, ...agents)).toEqual(agents.map(() => "active"));
    }, MINUTE);
    expect(await ownersAndModes(machine, host)).toEqual(wanted(host));
  });
});

describe("a client", () => {
  let image: MachineImage;
  let machine: CloudMachine;
  let envoy: HostRole;
  const program = "/usr/local/bin/envoy";

  beforeAll(async () => {
    image = await MachineImage.with("systemd-resolved");
    machine = await CloudMachine.create({ image });
    const { engines } = machine;
    envoy = { packages: [{ name: "envoy", version: engines.envoy.version, installTo: "/usr/local/bin" }] };
    const host = machine.host(
      consulServer({
        ...{ version: engines.consul.version, profile: "plain", retryJoin, bootstrapExpect: 1 },
        ...{ dnsForwarding: true, taskDns: true },
      }),
      nomadClient({ version: engines.nomad.version, profile: "plain", retryJoin, cniVersion: engines.cni.version }),
      envoy,
      { volumes: [{ name: "nomad", mountPoint: "/opt/nomad", sizeGib: 2 }] },
    );
    await machine.launch(machine.render(host));
    await machine.attachDisk("nomad", 2);
    await machine.boot();
  }, 20 * MINUTE);

  afterAll(async () => {
    await machine.stop();
    image.remove();
  });

  test("starts Nomad as root, once its Consul agent has met another and answers", async () => {
    await eventually(async () => {
      expect(await states(machine, "consul", "nomad")).toEqual(["active", "active"]);
    }, MINUTE);
    const times = await Promise.all(
      ["consul", "nomad"].map((unit) =>
        succeed(machine, "systemctl", "show", "--property=ActiveEnterTimestampMonotonic", "--value", unit),
      ),
    );
    expect(Number(times[0])).toBeLessThan(Number(times[1]));
    expect(await succeed(machine, "sh", "-c", "ps -o user= -C nomad")).toBe("root\n");
  });

  test("has Nomad's data on a disk of its own, mounted before directories were made", async () => {
    expect(await mounted(machine, "/opt/nomad")).toMatch(/^\/dev\/loop\d+ ext4 1\.9G$/);
    expect(await succeed(machine, "stat", "--format=%n %U %a", "/opt/nomad", "/opt/nomad/data")).toBe(
      "/opt/nomad root 755\n/opt/nomad/data root 700\n",
    );
    await succeed(machine, "sh", "-c", "echo kept > /opt/nomad/data/of-the-first-boot");
  });

  test("shows iptables the traffic of bridges", async () => {
    expect(await succeed(machine, "sysctl", "--values", "net.bridge.bridge-nf-call-iptables")).toBe("1\n");
  });

  test("asks Consul for names below .consul, and answers tasks, which ask on the standard port", async () => {
    const name = "consul.service.consul";
    const answer = expect.stringMatching(/^10\.99\.0\.5 +STREAM /) as string;
    expect(await succeed(machine, "readlink", "--canonicalize", "/etc/resolv.conf")).toBe(
      "/run/systemd/resolve/stub-resolv.conf\n",
    );
    await eventually(async () => expect(await succeed(machine, "getent", "ahostsv4", name)).toEqual(answer));
    // The network namespace of an allocation, with the resolv.conf that Nomad gives its tasks.
    const allocation = `ip netns add task
      ip link add task0 type veth peer name eth0 netns task
      ip address add 10.98.0.1/24 dev task0
      ip link set task0 up
      ip --netns task address add 10.98.0.2/24 dev eth0
      ip --netns task link set eth0 up
      ip --netns task route add default via 10.98.0.1
      mkdir --parents /etc/netns/task
      echo nameserver ${machineAddress} > /etc/netns/task/resolv.conf`;
    await succeed(machine, "sh", "-ec", allocation);
    expect(await succeed(machine, "ip", "netns", "exec", "task", "getent", "ahostsv4", name)).toEqual(answer);
    // TCP too, as for answers that are too long for UDP.
    const byTcp = `options use-vc\nnameserver ${machineAddress}\n`;
    await succeed(machine, "sh", "-c", `printf '${byTcp}' > /etc/netns/task/resolv.conf`);
    expect(await succeed(machine, "ip", "netns", "exec", "task", "getent", "ahostsv4", name)).toEqual(answer);
    await succeed(machine, "ip", "netns", "delete", "task");

    await succeed(machine, "systemctl", "restart", "meshform-boot");
    const rules = await succeed(machine, "iptables", "--table", "nat", "--list-rules", "PREROUTING");
    expect(rules.match(/--to-destination :8600/g)).toHaveLength(2);
  });

  test("installs nothing that has not its checksum, and says so", async () => {
    const { text } = machine.render(machine.host({ packages: envoy.packages }), {
      checksums: { envoy: { amd64: "0".repeat(64), arm64: "0".repeat(64) } },
    });
    const script = machine.put(
      "wrong-checksum",
      bootScriptOf(text).replaceAll("/var/lib/meshform/packages", "/tmp/none"),
    );
    const before = await succeed(machine, "sha256sum", program);

    const { code, output } = await machine.run("bash", "-c", `sleep() { :; }; export -f sleep; exec ${script}`);

    expect(code).toBe(1);
    expect(output).toContain("computed checksum did NOT match");
    expect(output).toContain("Given up after 5 attempts: release https://127.0.0.1/github/envoyproxy/envoy/");
    expect(output).toMatch(/^Line \d+ of \S+ failed: return 1$/m);
    expect(await succeed(machine, "sha256sum", program)).toBe(before);
  });

  test("takes no package that another key has signed, and says so", async () => {
    const { text } = machine.render(
      machine.host({ packages: [{ name: "consul", version: "9.9.9", installTo: "/usr/local/bin" }] }),
      { hashicorp: { url: "https://127.0.0.1/hashicorp", keyFingerprint: "0".repeat(40) } },
    );
    const script = machine.put("wrong-key", bootScriptOf(text));

    const { code, output } = await machine.run("bash", "-c", `sleep() { :; }; export -f sleep; exec ${script}`);

    expect(code).toBe(1);
    expect(output).toMatch(/^The key of https:\/\/127\.0\.0\.1\/hashicorp is [0-9A-F]{40} instead of 0{40}\.$/m);
    expect(output).not.toContain("Get:1");
  });

  test("waits for a tag that it lacks, and says which", async () => {
    const { text } = machine.render(
      machine.host({ files: [{ path: "/etc/zone", content: instanceFact("zone", "a") }] }),
    );
    const script = machine.put("no-tag", bootScriptOf(text));

    const without = await machine.run("bash", script);
    machine.tag("meshform:zone", 'a"');
    const kept = "/usr/local/lib/meshform/files/etc";
    await succeed(machine, "sh", "-c", `mkdir -p ${kept} && echo '<instance-fact:zone>' > ${kept}/zone`);
    const withQuote = await machine.run("bash", script);
    machine.tag("meshform:zone", "a");
    const withTag = await machine.run("bash", script);

    expect(without).toMatchObject({ code: 1, output: expect.stringContaining("no tag meshform:zone (404)") as string });
    expect(withQuote).toMatchObject({
      code: 1,
      output: expect.stringContaining("The instance fact zone has a quotation mark,") as string,
    });
    expect(withTag).toExit(0);
    expect(await succeed(machine, "cat", "/etc/zone")).toBe("a\n");
  });

  test("makes a file system on a blank disk only, finds it again by its label, and lets it grow", async () => {
    const volumes = [{ name: "data", mountPoint: "/srv/data", sizeGib: 1, owner: "consul:consul", mode: "0700" }];
    const script = machine.put("volumes", bootScriptOf(machine.render(machine.host({ volumes })).text));
    const bootScript = () => machine.run("bash", script);

    const without = await bootScript();
    expect(without).toExit(1);
    expect(without.output).toMatch(
      /^Of the disks 0 are blank and 1073741824 bytes large, and none has the label mf-data\. There are: \/dev\/loop\d+ of 2147483648 bytes\.$/m,
    );

    const device = await machine.attachDisk("data", 1);
    await succeed(machine, "bash", script);
    expect(await mounted(machine, "/srv/data")).toBe(`${device} ext4 973.4M`);
    expect(await succeed(machine, "stat", "--format=%U:%G %a", "/srv/data")).toBe("consul:consul 700\n");
    // Full is that disk, and nothing else.
    const fill = await machine.run("fallocate", "--length=1100M", "/srv/data/full");
    expect(fill.output).toContain("No space left on device");
    await succeed(machine, "rm", "--force", "/srv/data/full");
    await succeed(machine, "sh", "-c", "echo kept > /srv/data/file");
    await succeed(machine, "bash", script);

    await succeed(machine, "umount", "/srv/data");
    await machine.attachDisk("data", 3);
    await succeed(machine, "bash", script);
    expect(await mounted(machine, "/srv/data")).toBe(`${device} ext4 2.9G`);
    expect(await succeed(machine, "cat", "/srv/data/file")).toBe("kept\n");
    await succeed(machine, "umount", "/srv/data");
    await machine.detachDisk("data");
  });

  test("leaves a disk alone that holds anything, and takes the one that replaces it", async () => {
    const volumes = [{ name: "data", mountPoint: "/srv/data", sizeGib: 1 }];
    const script = machine.put("replaced", bootScriptOf(machine.render(machine.host({ volumes })).text));
    const beginning = (device: string) => succeed(machine, "sh", "-c", `head -c 4M ${device} | sha256sum`);
    for (const [name, ...command] of [
      ["file-system", "mkfs.ext4", "-q", "-L", "of-another"],
      // Neither file system nor partitions, but something.
      ["text", "sh", "-c", 'echo precious > "$0"'],
    ]) {
      const device = await machine.attachDisk(name, 1);
      await succeed(machine, ...command, device);
      const before = await beginning(device);
      expect(await machine.run("bash", script)).toExit(1);
      expect(await beginning(device)).toBe(before);
      await machine.detachDisk(name);
    }
    await succeed(machine, "sh", "-c", "mkdir -p /srv/data && echo old > /srv/data/file");
    const device = await machine.attachDisk("data", 1);
    expect((await machine.run("bash", script)).output).toMatch(/^\/srv\/data is not empty: the volume would hide/m);
    await succeed(machine, "rm", "/srv/data/file");
    await succeed(machine, "bash", script);
    expect(await mounted(machine, "/srv/data")).toBe(`${device} ext4 973.4M`);
    await succeed(machine, "umount", "/srv/data");
    await machine.detachDisk("data");
  });

  test("starts no agent when it could not be prepared, and cloud-init and the journal say why", async () => {
    const boot = "/usr/local/lib/meshform/boot";
    await succeed(machine, "sh", "-c", `echo 'echo "it went wrong \\"here\\""; false "\\\\here"' >> ${boot}`);
    await machine.powerOff();
    await machine.boot();
    await eventually(async () => {
      expect(await states(machine, "meshform-boot", "consul", "nomad")).toEqual(["activating", "inactive", "inactive"]);
      expect(await succeed(machine, "systemctl", "show", "--property=NRestarts", "meshform-boot")).not.toMatch(/=0$/m);
    }, MINUTE);
    const journal = await succeed(machine, "journalctl", "--boot", "--unit=meshform-boot", "--output=cat");
    expect(journal).toMatch(/^it went wrong "here"$/m);
    expect(journal).toMatch(/^Line \d+ of \/usr\/local\/lib\/meshform\/boot failed: false "\\here"$/m);
    // Each attempt waits longer than the one before, and says so.
    expect(journal).toMatch(/^Attempt 2 to prepare this host begins in 5 s\./m);
    expect(await bootProgress(machine)).toMatchObject({
      state: expect.stringMatching(/^(failed|running)$/) as string,
      attempt: expect.any(Number) as number,
      since: expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string,
    });
    await eventually(async () => {
      const { reason } = await bootProgress(machine);
      expect(reason).toMatch(/^Line \d+ of \/usr\/local\/lib\/meshform\/boot failed: false "\\here"$/);
    });
  });

  test("starts them when what was wrong is corrected, and nobody has to say so", async () => {
    await succeed(machine, "sed", "--in-place", 's/^echo "it went wrong.*//', "/usr/local/lib/meshform/boot");
    await eventually(async () => {
      expect(await states(machine, "meshform-boot", "consul", "nomad")).toEqual(["active", "active", "active"]);
    }, MINUTE);
    expect(await succeed(machine, "cat", "/opt/nomad/data/of-the-first-boot")).toBe("kept\n");
    expect(await bootProgress(machine)).toMatchObject({ state: "done", reason: "" });
  });
});

/** Device, file system and size of what is mounted at a directory. */
async function mounted(machine: CloudMachine, directory: string): Promise<string> {
  const output = await succeed(machine, "findmnt", "--noheadings", "--output=SOURCE,FSTYPE,SIZE", directory);
  return output.trim().replaceAll(/\s+/g, " ");
}

/** How far the machine says its boot is. */
async function bootProgress(machine: CloudMachine): Promise<{ readonly reason: string }> {
  return JSON.parse(await succeed(machine, "cat", "/run/meshform/boot.json")) as { reason: string };
}

/** The script that prepares a host, out of its user data. */
function bootScriptOf(text: string): string {
  const { write_files } = parse(text, { version: "1.1" }) as { write_files: { path: string; content: string }[] };
  const file = write_files.find(({ path }) => path.endsWith("/boot"));
  if (file === undefined) throw new Error("The user data has no boot script.");
  return file.content;
}
