/** For each folder, what it may import beside packages and itself; in the order in which they build on each other. */
module.exports = {
  "constructs/core": [],
  "constructs/nomad": ["constructs/core"],
  "constructs/consul": ["constructs/core"],
  "constructs/model": ["constructs/core", "constructs/nomad", "constructs/consul"],
  "constructs/checks": ["constructs/core", "constructs/nomad", "constructs/consul", "constructs/model"],
  "constructs/access": ["constructs/core", "constructs/nomad", "constructs/consul", "constructs/checks"],
  "constructs/mesh": [
    "constructs/core",
    "constructs/nomad",
    "constructs/consul",
    "constructs/model",
    "constructs/checks",
    "constructs/access",
  ],
  "constructs/linux": ["constructs/core", "constructs/consul", "constructs/checks"],
  stacks: ["constructs"],
  lab: ["constructs/nomad", "constructs/consul", "constructs/model", "constructs/checks", "constructs/linux"],
  graph: ["constructs/nomad", "constructs/consul", "constructs/model", "lab"],
  cli: ["constructs/checks", "constructs/linux", "lab", "graph"],
  examples: ["constructs", "stacks"],
  bench: ["constructs", "constructs/model", "lab", "graph"],
};
