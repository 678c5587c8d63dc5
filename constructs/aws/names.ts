import type { IConstruct } from "constructs";
import { MeshError } from "../core/errors";
import { isToken } from "../core/token";

interface Limit {
  readonly least: number;
  readonly most: number;
  readonly pattern: RegExp;
  /** Which characters there may be, in words. */
  readonly characters: string;
}

const IAM = { pattern: /^[\w+=,.@-]+$/, characters: "letters, digits and +=,.@_-" };

/**
 * What AWS lets names be.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
 * @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
 * @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
 */
const LIMITS = {
  role: { ...IAM, least: 1, most: 64 },
  "log group": { least: 1, most: 512, pattern: /^[\w./#-]+$/, characters: "letters, digits and ._/#-" },
  "security group": {
    least: 1,
    most: 255,
    pattern: /^(?!sg-)[\w .:/()#,@[\]+=&;{}!$*-]+$/,
    characters: "letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*, not beginning with sg-",
  },
} satisfies Readonly<Record<string, Limit>>;

/** Something on AWS whose names have limits. */
export type NamedKind = keyof typeof LIMITS;

/**
 * A name for something on AWS.
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
      `The name of the ${kind} would be "${name}", which has ${name.length} characters; AWS takes ${least} to ${most}.`,
      name.length > most ? "Choose a shorter name." : "Choose a longer name.",
    );
  }
  if (!pattern.test(name)) {
    throw new MeshError(
      scope,
      `The name of the ${kind} would be "${name}"; AWS takes ${characters}.`,
      "Choose another name.",
    );
  }
  return name;
}
