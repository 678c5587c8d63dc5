/**
 * A statement of an IAM policy, as its JSON has it.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
 */
export interface PolicyStatement {
  /** Names the statement within its policy. */
  readonly Sid: string;
  /** Whether it allows or denies. */
  readonly Effect: "Allow" | "Deny";
  /** e.g. `ssm:StartSession` */
  readonly Action: readonly string[];
  /** ARNs. */
  readonly Resource: string | readonly string[];
  /** The principals, in resource-based policies. */
  readonly Principal?: string | Readonly<Record<string, string | readonly string[]>>;
  /** When it applies. */
  readonly Condition?: Conditions;
}

/** Conditions by operator and key. */
export type Conditions = Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;

/** A policy as text. ARNs in it may be known only to Terraform. */
export function policyDocument(statements: readonly PolicyStatement[]): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: statements });
}

/** A trust policy that allows one AWS service to assume a role. */
export function trustPolicy(service: string, condition?: Conditions): string {
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Service: service },
        Action: "sts:AssumeRole",
        ...(condition && { Condition: condition }),
      },
    ],
  });
}
