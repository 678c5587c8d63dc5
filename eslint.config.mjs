import js from "@eslint/js";
import tseslint from "typescript-eslint";

export default tseslint.config(
  {
    ignores: ["cdktf.out", "dist", "coverage", "reference", ".meshform", "meshform-graph", "constructs/*/generated", "cli/project"],
  },
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/no-extraneous-class": ["error", { allowStaticOnly: true }],
      // The provider packages export hundreds of modules from their index; deep imports keep start-up short.
      "no-restricted-imports": [
        "error",
        {
          paths: ["@cdktf/provider-nomad", "@cdktf/provider-consul", "@cdktf/provider-aws"].map((name) => ({
            name,
            message: "Import the one module that is needed, from its lib/ folder.",
          })),
        },
      ],
    },
  },
  {
    // What runs in a browser.
    files: ["graph/page/*.js"],
    languageOptions: {
      sourceType: "script",
      globals: {
        document: "readonly",
        history: "readonly",
        location: "readonly",
        localStorage: "readonly",
        Option: "readonly",
        ResizeObserver: "readonly",
      },
    },
  },
  {
    files: ["**/*.mjs", "**/*.js"],
    languageOptions: {
      globals: {
        process: "readonly",
        console: "readonly",
        module: "writable",
        require: "readonly",
        URL: "readonly",
        fetch: "readonly",
        setTimeout: "readonly",
        setInterval: "readonly",
        clearInterval: "readonly",
        clearTimeout: "readonly",
        Buffer: "readonly",
        AbortSignal: "readonly",
      },
    },
  },
);
