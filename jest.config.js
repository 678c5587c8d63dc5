const { availableParallelism } = require("node:os");

const common = {
  transform: { "\\.[jt]s$": ["@swc/jest", { jsc: { parser: { syntax: "typescript" }, target: "es2022" } }] },
  // listr2 is an ES module; jest runs CommonJS, so it is transformed like our own code.
  transformIgnorePatterns: ["node_modules/(?!(listr2)/)"],
  // `./forwarder` is forwarder.ts, not the program forwarder.mjs beside it.
  moduleFileExtensions: ["ts", "js", "mjs", "cjs", "json", "node"],
  // As the paths of tsconfig.json have it: the examples import the package by its name.
  moduleNameMapper: {
    "^meshform$": "<rootDir>/constructs",
    "^meshform/(aws|google)$": "<rootDir>/constructs/$1",
    "^meshform/(stacks|stacks/aws|testing)$": "<rootDir>/$1",
  },
  setupFilesAfterEnv: ["<rootDir>/__tests__/support/exit-code.ts"],
  modulePathIgnorePatterns: ["<rootDir>/cdktf.out", "<rootDir>/\\.meshform", "<rootDir>/dist"],
};

module.exports = {
  // When to give a test up as hanging: several suites share a core. Of a project jest does not read it.
  testTimeout: 30_000,
  // The suites on real engines wait for a part of their time, and each has a lab, or ports, of its own.
  maxWorkers: availableParallelism() + 1,
  reporters: ["default", "<rootDir>/__tests__/support/running-suites.js"],
  testSequencer: "<rootDir>/__tests__/support/longest-first.js",
  projects: [
    {
      ...common,
      displayName: "unit",
      testMatch: ["<rootDir>/__tests__/**/*.test.ts", "<rootDir>/examples/**/*.test.ts"],
      testPathIgnorePatterns: ["/node_modules/", "/__tests__/(engines|cdktn|faults|package)/"],
    },
    "<rootDir>/__tests__/cdktn/jest.config.js",
    // The package in projects of other people.
    { ...common, displayName: "package", testMatch: ["<rootDir>/__tests__/package/**/*.test.ts"] },
    { ...common, displayName: "engines", testMatch: ["<rootDir>/__tests__/engines/**/*.test.ts"] },
  ],
};
