import { AcmCertificate } from "@cdktf/provider-aws/lib/acm-certificate";
import { AcmCertificateValidation } from "@cdktf/provider-aws/lib/acm-certificate-validation";
import { Route53Record } from "@cdktf/provider-aws/lib/route53-record";
import type { Construct } from "constructs";
import { tagsOf } from "../tags";
import type { PublicName } from "./publish-options";

/**
 * Adds a certificate for a name, which ACM issues and renews while the record that proves it exists.
 *
 * @returns its ARN once it is issued
 * @see https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html
 */
export function addCertificate(scope: Construct, { name, zoneId }: PublicName): string {
  const certificate = new AcmCertificate(scope, "certificate", {
    domainName: name,
    validationMethod: "DNS",
    tags: tagsOf(scope, name),
    lifecycle: { createBeforeDestroy: true },
  });
  const proof = certificate.domainValidationOptions.get(0);
  const record = new Route53Record(scope, "certificate-record", {
    zoneId,
    name: proof.resourceRecordName,
    type: proof.resourceRecordType,
    records: [proof.resourceRecordValue],
    ttl: 300,
    allowOverwrite: true,
  });
  return new AcmCertificateValidation(scope, "certificate-issued", {
    certificateArn: certificate.arn,
    validationRecordFqdns: [record.fqdn],
  }).certificateArn;
}
