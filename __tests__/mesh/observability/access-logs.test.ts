import { AccessLogs, type ServiceMeshProps } from "../../../constructs";
import { synthMesh } from "../../support/synth";

function proxyDefaults(props: ServiceMeshProps) {
  return synthMesh(() => undefined, props).entries["proxy-defaults/global"];
}

test("without access logs the entry has the empty block that Consul answers with", () => {
  expect(proxyDefaults({})).toMatchObject({ AccessLogs: {} });
});

test.each([
  ["stdout", AccessLogs.stdout(), { Enabled: true, Type: "stdout" }],
  ["stderr", AccessLogs.stderr({ text: "%PROTOCOL%" }), { Enabled: true, Type: "stderr", TextFormat: "%PROTOCOL%" }],
  ["a file", AccessLogs.file("/alloc/logs/a.log"), { Enabled: true, Type: "file", Path: "/alloc/logs/a.log" }],
  [
    "JSON of one's own",
    AccessLogs.stdout({ json: { path: "%REQ(:PATH)%" } }),
    { Enabled: true, Type: "stdout", JSONFormat: '{"path":"%REQ(:PATH)%"}' },
  ],
  [
    "no lines of listeners",
    AccessLogs.stdout({ disableListenerLogs: true }),
    { Enabled: true, Type: "stdout", DisableListenerLogs: true },
  ],
  ["what is false is omitted", AccessLogs.stdout({ disableListenerLogs: false }), { Enabled: true, Type: "stdout" }],
])("access logs: %s", (_, accessLogs, rendered) => {
  expect((proxyDefaults({ accessLogs }) as { AccessLogs: object }).AccessLogs).toEqual(rendered);
});

test("fails if a line is to be both JSON and text", () => {
  expect(() => {
    synthMesh(() => undefined, { accessLogs: AccessLogs.stdout({ json: {}, text: "%PROTOCOL%" }) });
  }).toThrow('stack/mesh: accessLogs.text is "%PROTOCOL%"; it cannot be set with json. Set json or text, not both.');
});

test("fails if somebody else owns proxy-defaults", () => {
  expect(() => proxyDefaults({ accessLogs: AccessLogs.stdout(), proxyDefaults: false })).toThrow(
    "stack/mesh: Access logs are configured in proxy-defaults, which another stack or team owns. Set it in that entry, or omit proxyDefaults: false.",
  );
});
