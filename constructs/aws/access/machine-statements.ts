import type { IamStatement } from "../platform/secret-store";

/** What every machine may do with the cluster's key: read what is encrypted, by way of the services that encrypt. */
export function decryptStatement(keyArn: string): IamStatement {
  return { Sid: "ReadEncrypted", Effect: "Allow", Action: ["kms:Decrypt"], Resource: [keyArn] };
}

/** Allows a machine that writes secrets to encrypt them. */
export function encryptStatement(keyArn: string): IamStatement {
  return { Sid: "WriteEncrypted", Effect: "Allow", Action: ["kms:GenerateDataKey"], Resource: [keyArn] };
}

/** Allows agents to find the servers by their tags. EC2 does not support resource-level permissions for this action. */
export const FIND_SERVERS: IamStatement = {
  Sid: "FindServers",
  Effect: "Allow",
  Action: ["ec2:DescribeInstances"],
  Resource: ["*"],
};

/**
 * The permissions for shells with Session Manager. AmazonSSMManagedInstanceCore allows more: it can also read every parameter of
 * the account. These actions do not support resource-level permissions.
 *
 * @see https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html
 */
export const SESSIONS: IamStatement = {
  Sid: "AnswerSessions",
  Effect: "Allow",
  Action: [
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
  ],
  Resource: ["*"],
};
