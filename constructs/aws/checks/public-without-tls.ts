import type { Check } from "../../checks/check";
import { blocksOf, isTrue, resourcesOf } from "./resources";

/** A public load balancer whose connections are not encrypted, whichever construct created it. */
export const publicWithoutTls: Check = {
  id: "public-without-tls",
  reason: "Anyone between the client and the load balancer can read and change plaintext.",
  level: "error",
  *find(app) {
    const isPublic = resourcesOf(app, "aws_lb", "aws_alb")
      .filter(({ attributes }) => !isTrue(attributes.internal) && attributes.load_balancer_type !== "gateway")
      .map(({ resource }) => `\${${resource.terraformResourceType}.${resource.friendlyUniqueId}.`);
    for (const { resource, attributes } of resourcesOf(app, "aws_lb_listener", "aws_alb_listener")) {
      const { load_balancer_arn: arn, protocol = "HTTP", port } = attributes;
      const redirects = blocksOf(attributes.default_action).some(({ type }) => type === "redirect");
      if (
        isPublic.some((start) => String(arn).startsWith(start)) &&
        !["TLS", "HTTPS"].includes(String(protocol)) &&
        !redirects
      ) {
        yield {
          at: resource,
          problem: `Port ${String(port)} of an internet-facing load balancer accepts ${String(protocol)} without TLS.`,
          fix: "Set certificateArn or domain, use a gateway listener with tls, or omit internetFacing.",
        };
      }
    }
  },
};
