import type { Rule } from "../rule";
import { aclReplication } from "./acl-replication";
import { bridgeNetwork } from "./bridge-network";
import { bridgeSysctls } from "./bridge-sysctls";
import { clockSkew } from "./clock-skew";
import { cniPlugins } from "./cni-plugins";
import { connectEnabled } from "./connect";
import { consulDns } from "./consul-dns";
import { consulOnNodes } from "./consul-on-nodes";
import { consulProgram } from "./consul-program";
import { defaultIntentions } from "./default-intentions";
import { deployerPermissions } from "./deployer-permissions";
import { drivers } from "./drivers";
import { envoyVersions } from "./envoy-versions";
import { grpcCaFile } from "./grpc-ca-file";
import { grpcPort } from "./grpc-port";
import { hostNetworks } from "./host-networks";
import { jobPlans } from "./job-plans";
import { nodeAddresses } from "./node-addresses";
import { nodePools } from "./node-pools";
import { serverVersions } from "./server-versions";
import { sidecarChecks } from "./sidecar-checks";
import { taskFailures } from "./task-failures";
import { tokens } from "./tokens";
import { versions } from "./versions";
import { workloadIdentity } from "./workload-identity";

/** All rules, in the order in which a deployment meets their causes. */
export const RULES: readonly Rule[] = [
  tokens,
  clockSkew,
  versions,
  serverVersions,
  connectEnabled,
  defaultIntentions,
  aclReplication,
  workloadIdentity,
  consulOnNodes,
  grpcPort,
  grpcCaFile,
  cniPlugins,
  consulDns,
  bridgeNetwork,
  bridgeSysctls,
  nodeAddresses,
  envoyVersions,
  deployerPermissions,
  nodePools,
  drivers,
  hostNetworks,
  jobPlans,
  consulProgram,
  taskFailures,
  sidecarChecks,
];
