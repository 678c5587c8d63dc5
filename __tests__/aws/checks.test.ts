import { AutoscalingGroup } from "@cdktf/provider-aws/lib/autoscaling-group";
import { LaunchTemplate } from "@cdktf/provider-aws/lib/launch-template";
import { SecurityGroup } from "@cdktf/provider-aws/lib/security-group";
import { VpcSecurityGroupIngressRule } from "@cdktf/provider-aws/lib/vpc-security-group-ingress-rule";
import { silence } from "../../constructs";
import {
  AWS_CHECKS,
  AwsCluster,
  MachineImage,
  Nat,
  Network,
  SecurityGroups,
  type AwsClusterProps,
  type ClientPoolProps,
  type NetworkProps,
} from "../../constructs/aws";
import { AwsJson, AwsTestStack } from "../support/aws";
import { readPage } from "../support/page";
import { findingsOf } from "../support/synth";

function stackWith(): AwsTestStack {
  const stack = new AwsTestStack();
  const network = new Network(stack, "net", { flowLogs: false });
  new SecurityGroups(stack, "groups", { network, name: "prod" });
  return stack;
}

test("the page about AWS lists its checks, with their levels and reasons", () => {
  const rows = readPage("docs/aws.md")
    .split("\n")
    .filter((line) => /^\| `[a-z0-9-]+` +\| (error|warning) /.test(line))
    .map((line) => line.split("|").map((cell) => cell.trim().replaceAll("`", "")))
    .map(([, id, level, reason]) => ({ id, level, reason }));
  expect(rows).toEqual(AWS_CHECKS.map(({ id, level, reason }) => ({ id, level, reason })));
});

describe("open-to-the-world", () => {
  test("finds a rule that lets everybody in, in a resource of its own or not", () => {
    const stack = stackWith();
    new VpcSecurityGroupIngressRule(stack, "rpc", {
      securityGroupId: "sg-1",
      ipProtocol: "tcp",
      fromPort: 8300,
      toPort: 8300,
      cidrIpv4: "0.0.0.0/0",
    });
    new SecurityGroup(stack, "inline", {
      ingress: [{ protocol: "-1", fromPort: 0, toPort: 0, cidrBlocks: ["10.0.0.0/8"], ipv6CidrBlocks: ["::/0"] }],
    });
    expect(findingsOf(() => AwsJson.of(stack))).toEqual([
      "stack/rpc: It allows 0.0.0.0/0 to connect to port 8300. Allow a security group instead, or only the addresses that need access. (open-to-the-world)",
      "stack/inline: It allows ::/0 to connect to every port. Allow a security group instead, or only the addresses that need access. (open-to-the-world)",
    ]);
  });

  test("minds neither addresses of one's own nor what leads out, and can be silenced", () => {
    const stack = stackWith();
    const common = { securityGroupId: "sg-1", ipProtocol: "tcp", fromPort: 443, toPort: 443 };
    new VpcSecurityGroupIngressRule(stack, "office", { ...common, cidrIpv4: "198.51.100.0/24" });
    const site = new VpcSecurityGroupIngressRule(stack, "site", { ...common, cidrIpv4: "0.0.0.0/0" });
    silence(site, "open-to-the-world", "It is the site.");
    expect(findingsOf(() => AwsJson.of(stack))).toEqual([]);
  });
});

/** What is found in a stack that has such a launch template or group, in addition to a cluster's. */
function findingsWith(add: (stack: AwsTestStack) => void): string[] {
  const stack = stackWith();
  add(stack);
  return findingsOf(() => AwsJson.of(stack));
}

const sound = {
  metadataOptions: { httpTokens: "required" },
  blockDeviceMappings: [{ deviceName: "/dev/sda1", ebs: { encrypted: "true" } }],
};

test("a sound launch template has no findings", () => {
  expect(findingsWith((stack) => new LaunchTemplate(stack, "own", sound))).toEqual([]);
});

describe("metadata-service", () => {
  test("finds machines that answer IMDSv1", () => {
    expect(findingsWith((stack) => new LaunchTemplate(stack, "own", { ...sound, metadataOptions: undefined }))).toEqual(
      ['stack/own: Its machines accept IMDSv1. Set metadata_options to http_tokens = "required". (metadata-service)'],
    );
  });

  test("finds those whose containers reach it", () => {
    const metadataOptions = { httpTokens: "required", httpPutResponseHopLimit: 2 };
    expect(findingsWith((stack) => new LaunchTemplate(stack, "own", { ...sound, metadataOptions }))).toEqual([
      "stack/own: Its metadata service has a hop limit of 2, so containers can reach it. Set http_put_response_hop_limit to 1. (metadata-service)",
    ]);
  });

  test("lets one pass that is off", () => {
    const metadataOptions = { httpEndpoint: "disabled" };
    expect(findingsWith((stack) => new LaunchTemplate(stack, "own", { ...sound, metadataOptions }))).toEqual([]);
  });
});

describe("unencrypted-disk", () => {
  test("finds a disk that says so, and disks of which nothing is said", () => {
    const blockDeviceMappings = [{ deviceName: "/dev/sdf", ebs: { volumeSize: 10 } }];
    expect(
      findingsWith((stack) => {
        new LaunchTemplate(stack, "own", { ...sound, blockDeviceMappings });
        new LaunchTemplate(stack, "other", { ...sound, blockDeviceMappings: undefined });
      }),
    ).toEqual([
      "stack/own: Its disk /dev/sdf is not encrypted. Set encrypted to true. (unencrypted-disk)",
      "stack/other: It does not configure its disks, so they are as the image defines them. Set block_device_mappings with encrypted = true for the root device. (unencrypted-disk)",
    ]);
  });
});

test("reachable-machine finds a key pair and a public address", () => {
  const networkInterfaces = [{ associatePublicIpAddress: "true" }];
  expect(
    findingsWith((stack) => new LaunchTemplate(stack, "own", { ...sound, keyName: "ops", networkInterfaces })),
  ).toEqual([
    "stack/own: Its machines have a key pair for SSH. Omit key_name. (reachable-machine)",
    "stack/own: Its machines have public addresses. Omit associate_public_ip_address, and use a load balancer. (reachable-machine)",
  ]);
});

test("template-version finds a version that Terraform sees no change of", () => {
  const launchTemplateSpecification = { launchTemplateId: "lt-1", version: "$Default" };
  expect(
    findingsWith((stack) => {
      new AutoscalingGroup(stack, "own", {
        minSize: 1,
        maxSize: 1,
        launchTemplate: { id: "lt-1", version: "$Latest" },
      });
      new AutoscalingGroup(stack, "mixed", {
        ...{ minSize: 1, maxSize: 1 },
        mixedInstancesPolicy: { launchTemplate: { launchTemplateSpecification } },
      });
      new AutoscalingGroup(stack, "pinned", { minSize: 1, maxSize: 1, launchTemplate: { id: "lt-1", version: "3" } });
    }),
  ).toEqual([
    "stack/own: Its version of the launch template is $Latest. Set the version to the template's latest_version. (template-version)",
    "stack/mixed: Its version of the launch template is $Default. Set the version to the template's latest_version. (template-version)",
  ]);
});

/** What is found of a cluster in such a network. */
function findingsOfCluster(network: NetworkProps, props: Partial<AwsClusterProps> = {}, pool?: ClientPoolProps) {
  const stack = new AwsTestStack();
  const cluster = new AwsCluster(stack, "prod", {
    network: new Network(stack, "net", { flowLogs: false, ...network }),
    ...props,
  });
  if (pool) cluster.addClientPool("general", pool);
  return findingsOf(() => AwsJson.of(stack));
}

describe("no-internet-access", () => {
  test("names what machines could not fetch", () => {
    expect(findingsOfCluster({ nat: Nat.none() }, {}, {})).toEqual([
      "stack/prod/server-machines: Its machines have no IPv4 internet access, but must download consul, nomad and packages of the distribution. Add NAT gateways to the network, or use an image that contains the packages (MachineImage.id with prepared). (no-internet-access)",
      "stack/prod/general-machines: Its machines have no IPv4 internet access, but must download consul, nomad, cni-plugins and packages of the distribution. Add NAT gateways to the network, or use an image that contains the packages (MachineImage.id with prepared). (no-internet-access)",
    ]);
  });

  test("lets a prepared image pass", () => {
    const image = MachineImage.id("ami-1", { distribution: "ubuntu-24.04", prepared: true });
    expect(findingsOfCluster({ nat: Nat.none() }, { image }, {})).toEqual([]);
  });
});

test("server-zones finds a zone that would take the quorum with it", () => {
  expect(findingsOfCluster({ zones: 2 })).toEqual([
    "stack/prod/server-machines: Its 3 servers are in 2 zones. Use a network with three zones. (server-zones)",
  ]);
  expect(findingsOfCluster({ zones: 1 }, { serverCount: 5 })).toEqual([
    "stack/prod/server-machines: Its 5 servers are in 1 zone. Use a network with three zones. (server-zones)",
  ]);
});

test("subnet-size finds groups that together may have more machines than there are addresses", () => {
  const cidr = "10.0.0.0/23";
  expect(findingsOfCluster({ cidr }, {}, { size: { min: 0, max: 174 } })).toEqual([]);
  expect(findingsOfCluster({ cidr }, {}, { size: { min: 0, max: 175 } })).toEqual([
    "stack/prod/server-machines: Its network has 177 addresses for machines, but its groups can have up to 178 machines. Use a larger cidr, or smaller groups. (subnet-size)",
  ]);
});
