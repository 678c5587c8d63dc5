const { projects } = require("../../jest.config.js");

// A series of faults that takes a quarter of an hour. What is quick and shows the same is among the suites on engines.
module.exports = {
  ...projects.at(-1),
  displayName: "faults",
  rootDir: "../..",
  testMatch: ["<rootDir>/__tests__/faults/**/*.test.ts"],
};
