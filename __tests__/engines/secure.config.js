const { projects, testTimeout, reporters, testSequencer } = require("../../jest.config.js");

/** The suites whose mesh is the same on either profile. Labs are secure where `__tests__/support/profile.ts` finds this. */
process.env.MESHFORM_TEST_PROFILE = "secure";

const SUITES = [
  "count-dashboard",
  "datacenters",
  "federation",
  "gateway-examples",
  "gateways",
  "job-files",
  "metrics",
  "traffic",
];

// One after the other: what is measured depends on the load of the machine.
module.exports = {
  ...projects.at(-1),
  ...{ testTimeout, reporters, testSequencer, maxWorkers: 1 },
  displayName: "secure",
  rootDir: "../..",
  testMatch: SUITES.map((suite) => `<rootDir>/__tests__/engines/${suite}.test.ts`),
};
