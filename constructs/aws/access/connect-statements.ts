import type { IConstruct } from "constructs";
import { AwsAccount } from "../account";
import type { PolicyStatement } from "./policy";

/** Options of {@link connectStatements}. */
export interface ConnectStatementsOptions {
  /** Name of the cluster. */
  readonly name: string;
  /** The statements with which the secret and its key can be read. */
  readonly secret: readonly PolicyStatement[];
}

/**
 * What a person or a pipeline needs for `meshform connect`: port forwards to servers of one cluster, but no shell on them, and one
 * secret.
 *
 * @see https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-restrict-access-quickstart.html
 */
export function connectStatements(
  scope: IConstruct,
  { name, secret }: ConnectStatementsOptions,
): readonly PolicyStatement[] {
  const { partition, region, id } = AwsAccount.of(scope);
  return [
    {
      Sid: "FindServers",
      Effect: "Allow",
      Action: ["ec2:DescribeInstances"],
      // EC2 does not support resource-level permissions for this action.
      Resource: ["*"],
    },
    {
      Sid: "ConnectToServers",
      Effect: "Allow",
      Action: ["ssm:StartSession"],
      Resource: [`arn:${partition}:ec2:${region}:${id}:instance/*`],
      Condition: {
        StringEquals: { "ssm:resourceTag/meshform:servers": name },
        // Without it, the default document of a session, a shell, would need no permission.
        BoolIfExists: { "ssm:SessionDocumentAccessCheck": "true" },
      },
    },
    {
      Sid: "ForwardPorts",
      Effect: "Allow",
      Action: ["ssm:StartSession"],
      Resource: [`arn:${partition}:ssm:${region}::document/AWS-StartPortForwardingSession`],
    },
    {
      Sid: "EndOwnSessions",
      Effect: "Allow",
      Action: ["ssm:TerminateSession"],
      // Two dollar signs: IAM replaces the variable, not Terraform.
      Resource: [`arn:${partition}:ssm:${region}:${id}:session/$\${aws:userid}-*`],
    },
    ...secret,
  ];
}
