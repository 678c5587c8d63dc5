const {
  projects: [unit],
} = require("../../jest.config.js");

// The unit tests again, with `cdktf` replaced by its living fork.
module.exports = {
  ...unit,
  displayName: "cdktn",
  rootDir: "../..",
  globalSetup: "<rootDir>/__tests__/cdktn/install.ts",
  moduleNameMapper: {
    ...unit.moduleNameMapper,
    "^(cdktf|constructs|@cdktf/[^/]+)(/.*)?$": "<rootDir>/.meshform/cdktn/node_modules/$1$2",
  },
  testPathIgnorePatterns: [
    "/node_modules/",
    // What knows nothing of cdktf, or looks only at what a synthesis has written, need not be repeated.
    // Of AWS the two presets show what could differ.
    "/__tests__/(aws|cli|cluster|connection|engines|faults|graph|import|lab|linux|package)/",
    "/__tests__/(docs|generated-types|imports|licences|prose|reference|stacks/aws|checks/cycles|examples/count-dashboard-services)\\.test\\.ts$",
  ],
};
