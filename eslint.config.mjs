import js from "@eslint/js";
import markdown from "@eslint/markdown";
import tseslint from "typescript-eslint";
import prose from "./tools/prose/eslint-plugin.mjs";

export default tseslint.config(
  {
    ignores: [
      "cdktf.out",
      "dist",
      "coverage",
      "reference",
      ".meshform",
      "meshform-graph",
      "constructs/*/generated",
      "cli/project",
    ],
  },
  { files: ["**/*.{js,mjs,cjs,ts}"], ...js.configs.recommended },
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
        DOMParser: "readonly",
        history: "readonly",
        location: "readonly",
        localStorage: "readonly",
        navigator: "readonly",
        Option: "readonly",
        performance: "readonly",
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
  {
    // The words of pages.
    files: ["**/*.md"],
    plugins: { markdown, prose },
    language: "markdown/gfm",
    rules: { "prose/words": "error" },
  },
  {
    // And of comments and messages.
    files: ["**/*.ts", "**/*.mjs"],
    ignores: ["tools/prose/*", "__tests__/prose.test.ts"],
    plugins: { prose },
    rules: { "prose/words": "error" },
  },
);
