import { Construct } from "constructs";
import * as is from "../core/shape";
import { NomadAclPolicy } from "./nomad-acl-policy";
import { NAMESPACE_CAPABILITIES, type NomadNamespaceCapability } from "../nomad/acl-rules";

/** Options of {@link NomadDeployerPolicy}. */
export interface NomadDeployerPolicyOptions {
  /** Name of the policy. @default "deployer-<namespace>" */
  readonly name?: string;
  /** The namespace in which it can submit jobs. @default "default" */
  readonly namespace?: string;
  /** Host volumes that its jobs can mount, by name or with `*`; with `read`, they are mounted read-only. @default none */
  readonly hostVolumes?: Readonly<Record<string, "read" | "write">>;
  /** Additional capabilities in the namespace, e.g. `csi-mount-volume`. @default none */
  readonly capabilities?: readonly NomadNamespaceCapability[];
}

const DEPLOYER_SHAPE: is.Shape<NomadDeployerPolicyOptions> = {
  name: is.text,
  namespace: is.text,
  hostVolumes: is.map(is.oneOf(["read", "write"])),
  capabilities: NAMESPACE_CAPABILITIES,
};

/** The permissions in Nomad that are needed to deploy mesh stacks: submit the jobs of one namespace and read their state. */
export class NomadDeployerPolicy extends Construct {
  /** The policy. To create a token with it, run `nomad acl token create -policy <name>`. */
  readonly policy: NomadAclPolicy;

  constructor(scope: Construct, id: string, options: NomadDeployerPolicyOptions = {}) {
    super(scope, id);
    is.refuseWrongValues(this, options, DEPLOYER_SHAPE);
    const { namespace = "default", name = `deployer-${namespace}`, hostVolumes, capabilities = [] } = options;
    this.policy = new NomadAclPolicy(this, "Policy", {
      name,
      description: `Deployer of mesh stacks: the jobs of the namespace ${namespace}`,
      rules: {
        namespace: { [namespace]: { capabilities: ["list-jobs", "read-job", "submit-job", ...capabilities] } },
        // A job can set its node pool, and the lab checks whether the pool exists.
        nodePool: { "*": "read" },
        hostVolume: hostVolumes,
      },
    });
  }
}
