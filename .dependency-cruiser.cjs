const FOLDERS = require("./tools/folders.cjs");

const SOURCES = "^(constructs|stacks|testing|lab|graph|cluster|connection|import|cli|examples|bench)/";

/** Paths of what is in a folder; `constructs` alone means its main entry. */
function pathsIn(folder) {
  return folder === "constructs" ? "^constructs/[^/]+$" : `^${folder}/`;
}

module.exports = {
  forbidden: [
    { name: "no-circle", severity: "error", from: {}, to: { circular: true } },
    ...Object.entries(FOLDERS).map(([folder, allowed]) => ({
      name: `imports-of-${folder.replace("/", "-")}`,
      severity: "error",
      from: { path: pathsIn(folder) },
      to: { path: SOURCES, pathNot: [folder, ...allowed].map(pathsIn) },
    })),
  ],
  options: {
    // Types count too: what only a type holds together is held together.
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    exclude: { path: "node_modules" },
  },
};
