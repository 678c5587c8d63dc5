const common = {
  transform: { "\\.[jt]s$": ["@swc/jest", { jsc: { parser: { syntax: "typescript" }, target: "es2022" } }] },
  // execa, listr2 and what they import are ES modules; jest runs CommonJS, so they are transformed like our own code.
  transformIgnorePatterns: [
    "node_modules/(?!(execa|listr2|get-stream|figures|human-signals|is-.*|npm-run-path|parse-ms|path-key|pretty-ms|strip-final-newline|unicorn-magic|yoctocolors|@sindresorhus)/)",
  ],
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
