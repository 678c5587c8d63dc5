/** TLS 1.2 and 1.3. @see https://docs.aws.amazon.com/elasticloadbalancing/latest/network/describe-ssl-policies.html */
export const TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06";
