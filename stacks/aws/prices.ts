import { gatewayCount } from "./gateways";
import type { AwsSettings } from "./settings";

/** A price in US dollars. */
export interface Price {
  readonly usd: number;
  readonly per: "hour" | "month" | "GiB and month";
  /** Where it was read: a page, or answers that others have recorded. */
  readonly source: string;
}

/**
 * The region and the day of the prices. They are from pages of others, not from AWS's price list itself, and AWS changes them:
 * https://aws.amazon.com/pricing/
 */
export const PRICES_OF = { region: "us-east-1", date: "2026-06-17" } as const;

const RECORDED =
  "answers of AWS's Price List API for us-east-1 that public repositories have recorded independently, the last ones on 2026-09-13 and 2026-09-16";

const NAT_AND_ENDPOINTS = "https://www.zacfukuda.com/blog/aws-nat-gateway-vs-vpc-endpoint";

/** On-demand prices without traffic and requests. */
export const PRICES = {
  "t4g.small": { usd: 0.0168, per: "hour", source: RECORDED },
  "t4g.medium": { usd: 0.0336, per: "hour", source: RECORDED },
  "m7g.large": {
    usd: 0.0816,
    per: "hour",
    source: "https://www.factualminds.com/blog/amazon-ec2-on-demand-pricing-instance-families-2026/",
  },
  "gp3 disk": { usd: 0.08, per: "GiB and month", source: RECORDED },
  "NAT gateway": { usd: 0.045, per: "hour", source: NAT_AND_ENDPOINTS },
  "public IPv4 address": { usd: 0.005, per: "hour", source: "https://cloudburn.io/blog/aws-nat-gateway-pricing" },
  "interface endpoint in a zone": { usd: 0.01, per: "hour", source: NAT_AND_ENDPOINTS },
  "load balancer": {
    usd: 0.0225,
    per: "hour",
    source: "https://clustercost.com/blog/network-load-balancer-pricing-2025",
  },
  "KMS key": { usd: 1, per: "month", source: "https://cloudburn.io/blog/aws-kms-pricing" },
  secret: {
    usd: 0.4,
    per: "month",
    source: "https://hivebook.wiki/wiki/aws-secrets-manager-rotated-secrets-dynamic-db-credentials-kms",
  },
} satisfies Readonly<Record<string, Price>>;

/** AWS's own number for estimates. */
const HOURS_PER_MONTH = 730;

/** A line of an estimate. */
export interface EstimatedCost {
  readonly what: string;
  readonly count: number;
  /** Dollars per month, of all of them. */
  readonly usd: number;
}

/** The minimum cost of a month: no traffic, no requests, no logs, and the fewest clients. */
export interface Estimate {
  readonly costs: readonly EstimatedCost[];
  /** Dollars per month. */
  readonly usd: number;
  /** Instance types without a known price, which are not in the sum. */
  readonly unknown: readonly string[];
}

/** Sizes of the disks, in GiB, which are the defaults of `AwsCluster`. */
const DISKS = { server: 30, client: 40 };

/** Secrets of a cluster. */
const SECRETS = 5;

/** What a cluster costs in a month, at the prices of {@link PRICES_OF}. */
export function estimateOf(settings: AwsSettings): Estimate {
  const { serverCount, serverType, minClients, clientType, zones, preset, domain, uiDomain } = settings;
  const balancers = [domain, uiDomain].filter((it) => it !== undefined).length;
  const gateways = preset === "production" ? zones : 1;
  const peers = gatewayCount(settings);
  const machines = [
    { what: `servers, ${serverType}`, type: serverType, count: serverCount },
    { what: `clients, ${clientType}`, type: clientType, count: minClients },
    ...(peers === 0 ? [] : [{ what: `mesh gateways, ${clientType}`, type: clientType, count: peers }]),
  ];
  const known = machines.flatMap(({ what, type, count }) => {
    const price = (PRICES as Readonly<Record<string, Price>>)[type] as Price | undefined;
    return price === undefined ? [] : [{ what, count, price }];
  });
  const gib = serverCount * DISKS.server + (minClients + peers) * DISKS.client;
  const costs = [
    ...known,
    { what: "GiB of disks", count: gib, price: PRICES["gp3 disk"] },
    { what: "NAT gateways", count: gateways, price: PRICES["NAT gateway"] },
    { what: "public addresses of the NAT gateways", count: gateways, price: PRICES["public IPv4 address"] },
    ...(balancers === 0 ? [] : [{ what: "load balancers", count: balancers, price: PRICES["load balancer"] }]),
    { what: "KMS keys", count: 1, price: PRICES["KMS key"] },
    { what: "secrets", count: SECRETS, price: PRICES.secret },
  ].map(({ what, count, price }) => ({ what, count, usd: cents(count * perMonth(price)) }));
  return {
    costs,
    usd: cents(costs.reduce((sum, { usd }) => sum + usd, 0)),
    unknown: machines.map(({ type }) => type).filter((type) => !(type in PRICES)),
  };
}

/** What interface endpoints cost in a month. */
export function endpointCost(services: number, zones: number): number {
  return cents(services * zones * perMonth(PRICES["interface endpoint in a zone"]));
}

function perMonth({ usd, per }: Price): number {
  return per === "hour" ? usd * HOURS_PER_MONTH : usd;
}

function cents(usd: number): number {
  return Math.round(usd * 100) / 100;
}
