import { AllocationPorts, allocateLocalPort, LocalBinds } from "../../constructs/model/local-ports";

const ALL = Array.from({ length: 5000 }, (_, index) => 10_000 + index);

/** All ports but these are taken. */
function takenBut(...free: readonly number[]): ReadonlySet<number> {
  return new Set(ALL.filter((port) => !free.includes(port)));
}

test("a name has the same port, as long as nothing else has it, and then the next", () => {
  const port = allocateLocalPort("api", new Set());
  expect(allocateLocalPort("api", new Set([port + 1]))).toBe(port);
  expect(allocateLocalPort("api", new Set([port]))).toBe(port + 1);
});

test("each port of the range can be had, the first and the last too, and no other", () => {
  expect(allocateLocalPort("api", takenBut(10_000))).toBe(10_000);
  expect(allocateLocalPort("api", takenBut(14_999))).toBe(14_999);
  expect(() => allocateLocalPort("api", takenBut(9_999, 15_000))).toThrow(
    "No local port from 10000 to 14999 is left. Give some upstreams a localBindPort.",
  );
});

test("what shares an upstream has it at one place, and what is given there is taken", () => {
  const ports = new AllocationPorts(8080);
  const binds = new LocalBinds(ports);
  const chosen = binds.bind("api", {}, true);
  expect(binds.bind("api", {}, true)).toEqual(chosen);
  expect(binds.bind("db", { port: 5432, address: "127.0.0.2" }, true)).toEqual({ port: 5432, address: "127.0.0.2" });
  expect(binds.bind("db", {}, true)).toEqual({ port: 5432, address: "127.0.0.2" });
  expect(binds.bind("direct", {}, false)).toEqual({ port: undefined, address: undefined });
  expect([...ports.taken]).toEqual([8080, chosen.port, 5432]);
});
