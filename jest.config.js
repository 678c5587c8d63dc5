const common = {
  transform: { "\\.[jt]s$": ["@swc/jest", { jsc: { parser: { syntax: "typescript" }, target: "es2022" } }] },
  // listr2 is an ES module; jest runs CommonJS, so it is transformed like our own code.
  transformIgnorePatterns: ["node_modules/(?!(listr2)/)"],
  modulePathIgnorePatterns: ["<rootDir>/cdktf.out", "<rootDir>/\\.meshform"],
};

module.exports = {
  projects: [
    {
      ...common,
      displayName: "unit",
      testMatch: ["<rootDir>/__tests__/**/*.test.ts"],
      testPathIgnorePatterns: ["/node_modules/", "/__tests__/engines/", "/__tests__/cdktn/"],
    },
    "<rootDir>/__tests__/cdktn/jest.config.js",
    // The tests on real engines boot whole labs: one after the other, see `maxWorkers`.
    { ...common, displayName: "engines", testMatch: ["<rootDir>/__tests__/engines/**/*.test.ts"] },
  ],
};
