import type { Construct } from "constructs";
import * as v from "valibot";
import { flag, readAll, text } from "../read-all";
import { PRESETS, type AwsPreset, type PresetSettings } from "./presets";

/** Which cluster an app creates on AWS, and where. By default the settings are those of the preset. */
export interface AwsSettings extends PresetSettings {
  /** e.g. `eu-central-1`. Without it the app has nothing on AWS. */
  readonly region: string;
  /** The preset that sets the defaults of the other settings. @default "dev" */
  readonly preset: AwsPreset;
  /** Prefix of all names: 1 to 20 lower-case letters, digits and dashes. @default the preset's name */
  readonly name: string;
  /** A private range of addresses from /16 to /23. @default "10.0.0.0/16" */
  readonly cidr: string;
  /** An image of Ubuntu 24.04 for arm64, `ami-…`. @default the newest at each plan */
  readonly imageId?: string;
  /** ARN of an SNS topic that alarms notify. @default no alarms */
  readonly alarmTopicArn?: string;
  /** Whether machines send their logs to CloudWatch, which keeps them for a year. @default false */
  readonly hostLogs?: boolean;
  /** Name under which the gateway of the app is published, e.g. `shop.example.com`. @default the gateway is not published */
  readonly domain?: string;
  /** Name under which the UIs of Consul and Nomad are published, by an internal load balancer. @default they are not */
  readonly uiDomain?: string;
  /** Id of the hosted zone of both names in Route 53. @default none: it is required for each of them */
  readonly zoneId?: string;
  /** ARN of a certificate of ACM for these names. @default ACM issues one for each name */
  readonly certificateArn?: string;
  /** Whether the gateway can be reached from the internet. The UIs never can. @default false */
  readonly internetFacing?: boolean;
  /**
   * Who can connect to the UIs, and to a gateway that is not internet-facing: CIDR blocks, and ids of security groups and of prefix
   * lists.
   * @default [cidr]
   */
  readonly allowFrom?: readonly string[];
  /** The bucket with the state of all other stacks. @default their state is in local files */
  readonly stateBucket?: string;
  /** The region of that bucket. @default region */
  readonly stateRegion?: string;
  /** Whether the app creates that bucket, as its first stack. @default false */
  readonly createStateBucket: boolean;
  /**
   * The region of a second cluster, which is the datacenter `dc2` and is connected to the first one, `dc1`, by mesh gateways.
   * @default there is one cluster
   */
  readonly peerRegion?: string;
  /** Prefix of all names of the second cluster. @default "<name>-2" */
  readonly peerName?: string;
  /** Addresses of the second network, which must not overlap those of the first. @default "10.1.0.0/16" */
  readonly peerCidr?: string;
  /** The image of the second cluster, `ami-…`: each region has its own. @default the newest at each plan */
  readonly peerImageId?: string;
  /** ARN of an SNS topic in its region that alarms of the second cluster notify. @default no alarms */
  readonly peerAlarmTopicArn?: string;
}

const number = (what: string, least: number, most: number) =>
  v.pipe(
    v.union([v.number(), v.string()], what),
    v.transform(Number),
    v.integer(what),
    v.minValue(least, what),
    v.maxValue(most, what),
  );

const SERVERS = [1, 3, 5] as const;
const instanceType = v.pipe(
  text('an instance type such as "t4g.medium"'),
  v.regex(/^[a-z0-9-]+\.[a-z0-9-]+$/, 'an instance type such as "t4g.medium"'),
);
const region = 'a region such as "eu-central-1"';
const bucket = "a name of a bucket: 3 to 63 small letters, digits, dashes and dots";
const clusterName = "1 to 20 small letters, digits and dashes, beginning with a letter";
const image = 'an image such as "ami-0123456789abcdef0"';

const topic = 'an SNS topic such as "arn:aws:sns:eu-central-1:123456789012:alarms"';

const DNS_NAME = /^[a-z\d]([a-z\d-]*[a-z\d])?(\.[a-z\d]([a-z\d-]*[a-z\d])?)+$/;
const dnsName = 'a name such as "shop.example.com"';
const hostedZone = 'the id of a hosted zone such as "Z0123456789ABC"';
const certificate = 'a certificate such as "arn:aws:acm:eu-central-1:123456789012:certificate/…"';
const sources = 'CIDR blocks, security groups and prefix lists such as "10.8.0.0/16, sg-0abc, pl-0abc"';

const aRegion = v.pipe(text(region), v.regex(/^[a-z]{2}(-[a-z]+)+-\d+$/, region));
const aName = v.pipe(text(clusterName), v.regex(/^[a-z][a-z0-9-]{0,19}$/, clusterName));
const aCidr = text('a private range such as "10.0.0.0/16"');
const anImage = v.pipe(text(image), v.regex(/^ami-[0-9a-f]+$/, image));
const aTopic = v.pipe(text(topic), v.regex(/^arn:[\w-]+:sns:[\w-]+:\d{12}:[\w-]+$/, topic));

const schema = {
  region: aRegion,
  preset: v.picklist(Object.keys(PRESETS) as AwsPreset[], '"dev" or "production"'),
  name: aName,
  cidr: aCidr,
  zones: number("1, 2 or 3", 1, 3),
  serverCount: v.pipe(number("1, 3 or 5", 1, 5), v.picklist(SERVERS, "1, 3 or 5")),
  serverType: instanceType,
  clientType: instanceType,
  minClients: number("a whole number from 1 to 1000", 1, 1000),
  maxClients: number("a whole number from 1 to 1000", 1, 1000),
  imageId: anImage,
  deletionProtection: flag,
  alarmTopicArn: aTopic,
  hostLogs: flag,
  domain: v.pipe(text(dnsName), v.regex(DNS_NAME, dnsName)),
  uiDomain: v.pipe(text(dnsName), v.regex(DNS_NAME, dnsName)),
  zoneId: v.pipe(text(hostedZone), v.regex(/^Z[A-Z0-9]+$/, hostedZone)),
  certificateArn: v.pipe(text(certificate), v.regex(/^arn:[\w-]+:acm:[\w-]+:\d{12}:certificate\/[\w-]+$/, certificate)),
  internetFacing: flag,
  allowFrom: v.pipe(
    v.union([v.string(), v.array(v.string())], sources),
    v.transform((given) => [given].flat().flatMap((it) => it.split(/[\s,]+/).filter((source) => source !== ""))),
    v.minLength(1, sources),
    v.everyItem((source) => /^(sg-[0-9a-z]+|pl-[0-9a-z]+|[0-9.]+\/\d+|[0-9a-f:]+\/\d+)$/.test(source), sources),
  ),
  stateBucket: v.pipe(text(bucket), v.regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, bucket)),
  stateRegion: aRegion,
  createStateBucket: flag,
  peerRegion: aRegion,
  peerName: aName,
  peerCidr: aCidr,
  peerImageId: anImage,
  peerAlarmTopicArn: aTopic,
};

const PREFIX = "aws";

/**
 * Reads the settings for AWS from the app's context, each overruled by its environment variable: `awsRegion` by
 * `MESHFORM_AWS_REGION`, `awsPreset` by `MESHFORM_AWS_PRESET`, and so on. The preset sets the defaults.
 *
 * @returns `undefined` where no region is set: the app has nothing on AWS
 * @throws MeshError that lists every value that a setting cannot have and every misspelled setting, with where it was given
 */
export function readAwsSettings(scope: Construct): AwsSettings | undefined {
  const given = readAll(scope, {
    schema,
    contextName: (key) => `${PREFIX}${key[0].toUpperCase()}${key.slice(1)}`,
    isContextName: (name) => name.toLowerCase().startsWith(PREFIX),
    isVariable: (name) => /^MESHFORM_AWS_/i.test(name),
  });
  return given.region === undefined ? undefined : withDefaults({ ...given, region: given.region });
}

/** Settings with what their preset says. */
export function withDefaults(given: Partial<AwsSettings> & Pick<AwsSettings, "region">): AwsSettings {
  const { preset = "dev" } = given;
  const { minClients, maxClients, ...rest } = PRESETS[preset];
  const fewest = given.minClients ?? Math.min(minClients, given.maxClients ?? minClients);
  return {
    ...{ preset, name: preset, cidr: "10.0.0.0/16", createStateBucket: false },
    ...rest,
    ...given,
    minClients: fewest,
    maxClients: given.maxClients ?? Math.max(maxClients, fewest),
  };
}

/** The settings of the second cluster, or `undefined` if there is one cluster only. Of both, the first is published. */
export function peerSettings(settings: AwsSettings): AwsSettings | undefined {
  const {
    peerRegion,
    peerName,
    peerCidr,
    peerImageId,
    peerAlarmTopicArn,
    name,
    region,
    stateRegion = region,
  } = settings;
  if (peerRegion === undefined) return undefined;
  return {
    ...settings,
    ...{ region: peerRegion, name: peerName ?? `${name}-2`, cidr: peerCidr ?? "10.1.0.0/16" },
    ...{ imageId: peerImageId, alarmTopicArn: peerAlarmTopicArn, domain: undefined, uiDomain: undefined },
    ...{ stateRegion, peerRegion: region },
  };
}
