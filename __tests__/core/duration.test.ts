import { TerraformVariable } from "cdktf";
import { Duration, nanoseconds, ServiceMesh, Workload } from "../../constructs";
import { taskOf } from "../support/job";
import { synthWithVariables, TestStack } from "../support/synth";

test.each([
  ["0", 0],
  ["500ms", 5e8],
  ["10s", 1e10],
  ["1m30s", 9e10],
  ["1.5h", 5.4e12],
])("%s is %d nanoseconds", (duration, expected) => {
  expect(nanoseconds(duration)).toBe(expected);
});

test.each(["", "10", "ten seconds", "10 s", "-5s", "5d"])("refuses %p, and says how to write it", (duration) => {
  expect(() => nanoseconds(duration)).toThrow(
    `"${duration}" is not a duration. Use a number and a unit (ns, us, ms, s, m, h), such as "30s" or "1m30s".`,
  );
});

describe("Duration", () => {
  test.each([
    [Duration.milliseconds(1500), 1.5e9, "1.5s"],
    [Duration.seconds(90), 9e10, "1m30s"],
    [Duration.seconds(0), 0, "0s"],
    [Duration.minutes(1), 6e10, "1m0s"],
    [Duration.hours(1.5), 5.4e12, "1h30m0s"],
    [Duration.days(2), 1.728e14, "48h0m0s"],
    [Duration.parse("1h1ms"), 3.600001e12, "1h0m0.001s"],
  ])("%s is %d nanoseconds", (duration, expected, text) => {
    expect(nanoseconds(duration)).toBe(expected);
    expect(String(duration)).toBe(text);
  });

  test.each([-1, NaN, Infinity, "5", undefined])("of %p seconds is refused", (count) => {
    expect(() => Duration.seconds(count as number)).toThrow("Duration.seconds takes a number, 0 or more, not ");
  });

  test("of a number that only Terraform knows is reckoned by Terraform", () => {
    const stack = new TestStack();
    const number = new TerraformVariable(stack, "number", { type: "number" }).numberValue;
    const mesh = new ServiceMesh(stack, "mesh");
    const api = mesh.addService("api", {
      port: 8080,
      workload: Workload.docker({ image: "a:1", killTimeout: Duration.minutes(number) }),
    });
    api.resolve({ connectTimeout: Duration.days(number) });
    mesh
      .addService("web", { port: 80, workload: Workload.docker({ image: "a:1" }) })
      .connectTo(api, { connectTimeout: Duration.seconds(number) });
    const { jobs, entries } = synthWithVariables(stack, { number: 2 });
    expect(taskOf(jobs.api).KillTimeout).toBe(120e9);
    expect(entries["service-resolver/api"]).toMatchObject({ ConnectTimeout: "48h" });
    expect(entries["service-defaults/web"]).toMatchObject({
      UpstreamConfig: { Overrides: [{ Name: "api", ConnectTimeoutMs: 2000 }] },
    });
  });
});
