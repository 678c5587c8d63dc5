import { Construct } from "constructs";
import * as is from "../core/shape";
import { NomadAclPolicy } from "./nomad-acl-policy";
import { NAMESPACE_CAPABILITIES, type NomadNamespaceCapability } from "../nomad/acl-rules";

/** Options of {@link NomadDeployerPolicy}. */
export interface NomadDeployerPolicyOptions {
  /** @default "deployer-<namespace>" */
  readonly name?: string;
  /** Whose jobs it may submit. @default "default" */
  readonly namespace?: string;
  /** Host volumes that its jobs mount, by name or with `*`: `read` mounts them read-only. @default none */
  readonly hostVolumes?: Readonly<Record<string, "read" | "write">>;
  /** What else it may do in the namespace, e.g. `csi-mount-volume`. @default none */
  readonly capabilities?: readonly NomadNamespaceCapability[];
}

const DEPLOYER_SHAPE: is.Shape<NomadDeployerPolicyOptions> = {
  name: is.text,
  namespace: is.text,
  hostVolumes: is.map(is.oneOf(["read", "write"])),
  capabilities: NAMESPACE_CAPABILITIES,
};

/** What the deployer of mesh stacks needs in Nomad: to submit the jobs of one namespace and to see how they come up. */
export class NomadDeployerPolicy extends Construct {
  /** The policy. A token gets it by its name: `nomad acl token create -policy <name>`. */
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
        // A job may name its node pool, and the lab's own apply asks whether that is there.
        nodePool: { "*": "read" },
        hostVolume: hostVolumes,
      },
    });
  }
}
