import { composeHost, type HostRole, type HostUnit } from "../../constructs";
import { bootUnitFile, unitFiles } from "../../constructs/linux/systemd";

const agent: HostUnit = { name: "agent", description: "An agent", command: ["/usr/local/bin/agent", "run"] };

/** The settings of each unit, by the name of its file. */
function units(...list: HostUnit[]): Record<string, Record<string, string>> {
  return read({ units: list });
}

function read(role: HostRole): Record<string, Record<string, string>> {
  const host = composeHost("group", role);
  return Object.fromEntries(
    [bootUnitFile("/boot", host), ...unitFiles(host)].map(({ path, content }) => [
      path.replace("/etc/systemd/system/", ""),
      Object.fromEntries(content.split("\n").flatMap((line) => (line.includes("=") ? [pair(line)] : []))),
    ]),
  );
}

function pair(line: string): [string, string] {
  const at = line.indexOf("=");
  return [line.slice(0, at), line.slice(at + 1)];
}

test("an agent starts after the host is prepared, at every boot, and again however often it fails", () => {
  expect(units(agent)["agent.service"]).toMatchObject({
    Description: "An agent",
    Requires: "meshform-boot.service",
    After: "network-online.target meshform-boot.service",
    Type: "exec",
    ExecStart: "/usr/local/bin/agent run",
    Restart: "on-failure",
    RestartSec: "2",
    StartLimitIntervalSec: "0",
    KillMode: "control-group",
    KillSignal: "SIGTERM",
    LimitNOFILE: "65536",
    WantedBy: "multi-user.target",
  });
});

test("a host whose preparation fails is prepared again until that succeeds, and then starts its units", () => {
  expect(units(agent, { ...agent, name: "again", everySeconds: 60 })["meshform-boot.service"]).toMatchObject({
    Type: "oneshot",
    RemainAfterExit: "yes",
    ExecStart: "/boot",
    ExecStartPost: "/bin/systemctl start --no-block agent.service again.service again.timer",
    Restart: "on-failure",
    RestartSec: "1",
    StartLimitIntervalSec: "0",
  });
  expect(read({})["meshform-boot.service"]).not.toHaveProperty("ExecStartPost");
});

test("an agent ends as it wants to", () => {
  const settings = units({ ...agent, killMode: "process", killSignal: "SIGINT", restartSeconds: 7 })["agent.service"];
  expect(settings).toMatchObject({ KillMode: "process", KillSignal: "SIGINT", RestartSec: "7", TasksMax: "infinity" });
});

test("an agent that tells when it is ready holds back those after it", () => {
  const settings = units({ ...agent, notify: true }, { ...agent, name: "second", after: ["agent"] });
  expect(settings["agent.service"]).toMatchObject({ Type: "notify", TimeoutStartSec: "infinity" });
  expect(settings["second.service"]).toMatchObject({
    Wants: "network-online.target agent.service",
    After: "network-online.target meshform-boot.service agent.service",
  });
});

test("a unit that names one which the host has not is not held back", () => {
  expect(units({ ...agent, after: ["consul"] })["agent.service"].After).not.toContain("consul");
});

test("an agent waits for ports, for a limited time", () => {
  expect(units({ ...agent, waitForPorts: [8501] })["agent.service"].ExecStartPre).toMatch(
    /^\/usr\/bin\/timeout 60 \/bin\/bash -c ".*for port; do .*\$\$port.*" bash 8501$/,
  );
});

test("each argument and variable means what it says", () => {
  const settings = units({
    ...agent,
    command: ["/bin/agent", "$HOME", "100%", `it's "so"`, "a\\b", "two\nlines", ""],
    environment: { GREETING: `50% $off "now"` },
  })["agent.service"];
  expect(settings.ExecStart).toBe(`/bin/agent $$HOME 100%% "it's \\"so\\"" "a\\\\b" "two\\nlines" ""`);
  expect(settings.Environment).toBe(`"GREETING=50%% $off \\"now\\""`);
});

test("a unit that runs once is tried until it succeeds, and those after it wait for that", () => {
  const settings = units(
    { ...agent, oneshot: true, restartSeconds: 5 },
    { ...agent, name: "second", after: ["agent"] },
  );
  expect(settings["agent.service"]).toMatchObject({
    Type: "oneshot",
    RemainAfterExit: "yes",
    TimeoutStartSec: "infinity",
    ExecStart: `/bin/sh -c "until \\"$$@\\"; do sleep 5; done" sh /usr/local/bin/agent run`,
  });
  expect(settings["agent.service"]).not.toHaveProperty("Restart");
  expect(settings["second.service"]).toMatchObject({
    Requires: "meshform-boot.service agent.service",
    After: "network-online.target meshform-boot.service agent.service",
  });
});

test("a unit that runs again and again has a timer, which counts from its end", () => {
  const settings = units({ ...agent, everySeconds: 3600 });
  expect(settings["agent.service"]).toMatchObject({ Type: "oneshot", RemainAfterExit: "no" });
  expect(settings["agent.timer"]).toMatchObject({ OnUnitInactiveSec: "3600", WantedBy: "timers.target" });
});

test("an agent that is not root may write only what belongs to it", () => {
  const settings = read({
    users: [{ name: "agent", home: "/etc/agent" }],
    directories: [
      { path: "/etc/agent", owner: "agent:agent" },
      { path: "/opt/agent", owner: "agent:agent" },
      { path: "/opt/other" },
    ],
    units: [{ ...agent, user: "agent" }],
  })["agent.service"];
  expect(settings).toMatchObject({
    User: "agent",
    ProtectSystem: "strict",
    ReadWritePaths: "/etc/agent /opt/agent",
    NoNewPrivileges: "yes",
    CapabilityBoundingSet: "",
  });
});

test("a unit of root that names its rights is shut in like the others, but for these", () => {
  const rights = { capabilities: ["CAP_KILL", "CAP_CHOWN"], writablePaths: ["/etc/agent", "/opt/agent"] };
  const settings = units({ ...agent, rights })["agent.service"];
  expect(settings).toMatchObject({
    ProtectSystem: "strict",
    ReadWritePaths: "-/etc/agent -/opt/agent",
    NoNewPrivileges: "yes",
    CapabilityBoundingSet: "CAP_KILL CAP_CHOWN",
    RuntimeDirectory: "meshform",
  });
  expect(settings).not.toHaveProperty("User");
});

test("a unit hands over before those that it comes after are stopped, and has as long as it says for it", () => {
  const settings = units({ ...agent, stopCommand: ["/bin/leave", "it's $5"], stopSeconds: 360 })["agent.service"];
  expect(settings).toMatchObject({ ExecStop: `/bin/leave "it's $$5"`, TimeoutStopSec: "360" });
  expect(units(agent)["agent.service"]).toMatchObject({ TimeoutStopSec: "30" });
  expect(units(agent)["agent.service"]).not.toHaveProperty("ExecStop");
});

test("containers are there until the units that hand them over have ended", () => {
  const settings = read({ systemPackages: ["docker.io"], units: [agent] })["agent.service"];
  expect(settings.After).toBe("network-online.target docker.service meshform-boot.service");
});

test("an agent of a host that has left its cluster stays down", () => {
  const settings = units({ ...agent, downAfterLeave: true })["agent.service"];
  expect(settings.ConditionPathExists).toBe("!/run/meshform/left");
  expect(units(agent)["agent.service"]).not.toHaveProperty("ConditionPathExists");
});

test("preparing a host needs none of what would hide its mounts from the others, nor rights that no package needs", () => {
  const settings = units(agent)["meshform-boot.service"];
  expect(settings.CapabilityBoundingSet).toMatch(/^~.*CAP_SYS_TIME/);
  for (const key of ["PrivateTmp", "ProtectSystem", "ProtectHome", "PrivateDevices", "NoNewPrivileges"]) {
    expect(settings).not.toHaveProperty(key);
  }
});

test("an agent that is root is left alone: a Nomad client mounts, makes networks and starts what jobs want", () => {
  const settings = units({ ...agent, user: "root" })["agent.service"];
  for (const key of ["ProtectSystem", "NoNewPrivileges", "PrivateTmp"]) expect(settings).not.toHaveProperty(key);
});
