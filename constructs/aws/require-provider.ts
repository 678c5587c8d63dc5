// The first import of the entry: those after it need the package.

const PACKAGE = "@cdktf/provider-aws";

try {
  require.resolve(`${PACKAGE}/package.json`);
} catch {
  throw new Error(
    `meshform/aws needs the package ${PACKAGE}, which is not installed. ` +
      `Install it next to meshform: npm install ${PACKAGE}@21.22.1`,
  );
}
