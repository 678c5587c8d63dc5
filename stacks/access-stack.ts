import { ConsulProvider } from "@cdktf/provider-consul/lib/provider";
import { NomadProvider, type NomadProviderConfig } from "@cdktf/provider-nomad/lib/provider";
import { TerraformStack, TerraformVariable } from "cdktf";
import type { Construct } from "constructs";
import {
  AnonymousPolicy,
  ConsulDeployerPolicy,
  NomadAnonymousPolicy,
  NomadDeployerPolicy,
  NomadOperatorPolicy,
  RolePolicies,
  WorkloadIdentityAuthMethod,
  type AnonymousPolicyOptions,
  type ConsulDeployerPolicyOptions,
  type NomadAnonymousPolicyOptions,
  type NomadDeployerPolicyOptions,
  type NomadOperatorPolicyOptions,
  type RolePoliciesOptions,
  type TaskAccess,
} from "../constructs";
import { MeshError } from "../constructs/core/errors";
import * as is from "../constructs/core/shape";
import { requireTerraform } from "./require-terraform";
import { ANY_SETTINGS_SHAPE, type Settings } from "./settings";

/** Props of {@link AccessStack}. */
export interface AccessStackProps extends Pick<
  Settings,
  "consulAddress" | "consulDatacenter" | "consulPrimaryDatacenter" | "nomadAddress" | "nomadRegion" | "nomadNamespace"
> {
  /** What can be read in Consul without a token; `false` for nothing. @default all services and nodes */
  readonly consulAnonymous?: AnonymousPolicyOptions | false;
  /** What can be read in Nomad without a token. @default nothing */
  readonly nomadAnonymous?: NomadAnonymousPolicyOptions;
  /** What agents, Prometheus and operators may do in Consul. @default {} */
  readonly roles?: RolePoliciesOptions;
  /** What the tasks of each Nomad namespace may read in Consul. @default services and nodes, for the tasks of nomadNamespace */
  readonly tasks?: Readonly<Record<string, TaskAccess>>;
  /** What operators may do in Nomad. @default {} */
  readonly nomadOperator?: NomadOperatorPolicyOptions;
  /** What a pipeline that applies mesh stacks may do in Consul. @default {} */
  readonly consulDeployer?: ConsulDeployerPolicyOptions;
  /** What a pipeline that applies mesh stacks may do in Nomad, for each namespace. @default [{ namespace: nomadNamespace }] */
  readonly nomadDeployers?: readonly NomadDeployerPolicyOptions[];
}

const ACCESS_STACK_SHAPE: is.Shape<AccessStackProps & Settings> = {
  ...ANY_SETTINGS_SHAPE,
  consulAnonymous: is.falseOr(is.fields),
  nomadAnonymous: is.fields,
  roles: is.fields,
  tasks: is.map(is.fields),
  nomadOperator: is.fields,
  consulDeployer: is.fields,
  nomadDeployers: is.list(is.fields),
};

/** What the primary datacenter of a WAN federation has, and the others copy. */
const COPIED = ["consulAnonymous", "roles", "tasks", "consulDeployer"] as const;

/**
 * The access rules of Consul and Nomad; both must run with ACLs enabled. Apply it with a management token of each, in
 * `CONSUL_HTTP_TOKEN` and `NOMAD_TOKEN`. It creates no tokens, so that no secret passes through Terraform.
 *
 * In a WAN federation, each datacenter needs one. That of the primary has all policies and roles of Consul, which the other datacenters
 * copy, and is applied first. The others have only the auth method of their own Nomad, and Nomad's policies.
 *
 * When you apply it, set Nomad's JWKS URL as reached from Consul's servers, and the CA certificate, in `TF_VAR_nomad_jwks_url` and
 * `TF_VAR_nomad_ca_certificate`.
 */
export class AccessStack extends TerraformStack {
  /** The tokens of workloads: gateways are allowed here. */
  readonly workloads: WorkloadIdentityAuthMethod;
  private readonly ownRoles: RolePolicies | undefined;
  private readonly ownDeployer: ConsulDeployerPolicy | undefined;

  /** @throws MeshError if a datacenter outside the primary of a WAN federation has options that belong to the primary */
  constructor(scope: Construct, id: string, props: AccessStackProps = {}) {
    super(scope, id);
    is.refuseWrongValues(this, props, ACCESS_STACK_SHAPE);
    requireTerraform(this);
    new ConsulProvider(this, "consul", { address: props.consulAddress, datacenter: props.consulDatacenter });
    // The bindings ask for an address; the provider itself takes it from NOMAD_ADDR when the block has none.
    new NomadProvider(this, "nomad", { address: props.nomadAddress, region: props.nomadRegion } as NomadProviderConfig);
    const { nomadNamespace: namespace = "default", consulAnonymous = {}, consulPrimaryDatacenter: primary } = props;
    const isSecondary = primary !== undefined && primary !== props.consulDatacenter;
    const misplaced = COPIED.find((name) => isSecondary && props[name] !== undefined);
    if (misplaced !== undefined) throw new MeshError(this, ...belongsToPrimary(misplaced, primary));

    if (!isSecondary) {
      if (consulAnonymous !== false) {
        new AnonymousPolicy(this, "anonymous", consulAnonymous);
      }
      const roles = primary === undefined ? props.roles : { ...props.roles, replication: true };
      this.ownRoles = new RolePolicies(this, "roles", roles);
      this.ownDeployer = new ConsulDeployerPolicy(this, "deployer", props.consulDeployer);
    }
    this.workloads = new WorkloadIdentityAuthMethod(this, "workloads", {
      jwksUrl: this.variable(
        "nomad_jwks_url",
        "URL from which Consul's servers fetch the keys of Nomad's workload identities: https://<a Nomad server>:4646/.well-known/jwks.json",
      ),
      jwksCaCertificate: this.variable("nomad_ca_certificate", "PEM of the CA that signed Nomad's certificate"),
      tasks: isSecondary ? {} : (props.tasks ?? { [namespace]: {} }),
    });

    if (props.nomadAnonymous !== undefined) {
      new NomadAnonymousPolicy(this, "nomad-anonymous", props.nomadAnonymous);
    }
    new NomadOperatorPolicy(this, "nomad-operator", props.nomadOperator);
    for (const deployer of props.nomadDeployers ?? [{ namespace }]) {
      new NomadDeployerPolicy(this, `nomad-deployer-${deployer.name ?? deployer.namespace ?? "default"}`, deployer);
    }
  }

  /**
   * The policies of agents, Prometheus and operators in Consul.
   * @throws MeshError outside the primary of a WAN federation
   */
  get roles(): RolePolicies {
    return this.ownRoles ?? this.refuse("roles");
  }

  /**
   * The policy in Consul for pipelines that apply mesh stacks.
   * @throws MeshError outside the primary of a WAN federation
   */
  get consulDeployer(): ConsulDeployerPolicy {
    return this.ownDeployer ?? this.refuse("consulDeployer");
  }

  private refuse(name: string): never {
    throw new MeshError(this, ...belongsToPrimary(name));
  }

  private variable(name: string, description: string): string {
    const variable = new TerraformVariable(this, name, { type: "string", description });
    // Whatever the app's scheme of names is: this one is typed by people.
    variable.overrideLogicalId(name);
    return variable.stringValue;
  }
}

function belongsToPrimary(name: string, primary = "the primary"): readonly [problem: string, fix: string] {
  return [
    `${name} belongs to the primary datacenter of the WAN federation, whose policies and roles the others copy.`,
    `Use ${name} of the AccessStack of ${primary}.`,
  ];
}
