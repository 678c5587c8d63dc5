import type { IamStatement } from "../platform/secret-store";

/** What every machine may do with the cluster's key: read what is encrypted, by way of the services that encrypt. */
export function decryptStatement(keyArn: string): IamStatement {
  return { Sid: "ReadEncrypted", Effect: "Allow", Action: ["kms:Decrypt"], Resource: [keyArn] };
}

/** What a machine may do in addition that writes secrets. */
export function encryptStatement(keyArn: string): IamStatement {
  return { Sid: "WriteEncrypted", Effect: "Allow", Action: ["kms:GenerateDataKey"], Resource: [keyArn] };
}

/** How agents find the servers by their tags. EC2 takes no resource for it. */
export const FIND_SERVERS: IamStatement = {
  Sid: "FindServers",
  Effect: "Allow",
  Action: ["ec2:DescribeInstances"],
  Resource: ["*"],
};

/**
 * What a shell by Session Manager takes, which is less than AmazonSSMManagedInstanceCore allows: that also reads every parameter of the
 * account. These actions take no resource.
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
