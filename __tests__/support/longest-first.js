const { default: Sequencer } = require("@jest/test-sequencer");

/** Suites that boot labs, the longest first. */
const LONGEST = [
  "secure-lab",
  "mesh",
  "servers",
  "docker",
  "traffic",
  "metrics",
  "secure-gateways",
  "gateways",
  "secrets",
  "federation",
  "secure-federation",
  "datacenters",
  "race",
  "count-dashboard",
  "up",
  "secure-datacenters",
  "lab",
  "secure-metrics",
];

/**
 * The suites on real engines first, since they mostly wait: whatever runs next to them costs no time. The longest of all come
 * before the others, so that none of them is alone in the end.
 */
module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    return super.sort(tests).sort((left, right) => rank(left) - rank(right));
  }
};

function rank({ path }) {
  const [, name] = /\/engines\/(?:.*\/)?(.*)\.test\.ts$/.exec(path) ?? [];
  if (name === undefined) return LONGEST.length + 1;
  return LONGEST.includes(name) ? LONGEST.indexOf(name) : LONGEST.length;
}
