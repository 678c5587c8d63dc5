import type { IConstruct } from "constructs";
import { MeshError } from "../core/errors";
import { isToken } from "../core/token";

interface Limit {
  readonly least: number;
  readonly most: number;
  readonly pattern: RegExp;
  /** The allowed characters, for messages. */
  readonly characters: string;
}

const IAM = { pattern: /^[\w+=,.@-]+$/, characters: "letters, digits and +=,.@_-" };

/**
 * The limits that AWS sets for names.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
 * @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
 * @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplate.html
 * @see https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateAutoScalingGroup.html
 * @see https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
 * @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
 */
const LIMITS = {
  role: { ...IAM, least: 1, most: 64 },
  "instance profile": { ...IAM, least: 1, most: 128 },
  "launch template": { least: 3, most: 128, pattern: /^[\w()./-]+$/, characters: "letters, digits and ()./_-" },
  "Auto Scaling group": {
    least: 1,
    most: 255,
    pattern: /^[\x20-\x39\x3b-\x7e]+$/,
    characters: "all of ASCII but a colon",
  },
  "alias of a key": {
    least: 7,
    most: 256,
    pattern: /^alias\/(?!aws\/)[\w/-]+$/,
    characters: "letters, digits and /_-",
  },
  "load balancer": {
    least: 1,
    most: 32,
    pattern: /^(?!internal-)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$/,
    characters: "letters, digits and dashes, not beginning with internal-, nor beginning or ending with a dash",
  },
  "log group": { least: 1, most: 512, pattern: /^[\w./#-]+$/, characters: "letters, digits and ._/#-" },
  "security group": {
    least: 1,
    most: 255,
    pattern: /^(?!sg-)[\w .:/()#,@[\]+=&;{}!$*-]+$/,
    characters: "letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*, not beginning with sg-",
  },
} satisfies Readonly<Record<string, Limit>>;

/** A kind of AWS resource whose names have limits. */
export type NamedKind = keyof typeof LIMITS;

/**
 * Checks and returns the name of an AWS resource.
 *
 * @param scope the construct that messages name
 * @throws MeshError if AWS would refuse it
 */
export function awsName(scope: IConstruct, kind: NamedKind, name: string): string {
  if (isToken(name)) {
    return name;
  }
  const { least, most, pattern, characters }: Limit = LIMITS[kind];
  if (name.length < least || name.length > most) {
    throw new MeshError(
      scope,
      `The name of the ${kind} would be "${name}", which has ${name.length} characters; AWS allows ${least} to ${most}.`,
      name.length > most ? "Choose a shorter name." : "Choose a longer name.",
    );
  }
  if (!pattern.test(name)) {
    throw new MeshError(
      scope,
      `The name of the ${kind} would be "${name}"; AWS allows ${characters}.`,
      "Choose another name.",
    );
  }
  return name;
}
