import type { Check } from "../../checks/check";
import { blocksOf, isTrue, resourcesOf } from "./resources";

export const metadataService: Check = {
  id: "metadata-service",
  reason: "IMDSv1 hands the credentials of a machine to any request that a service can be made to send.",
  level: "error",
  *find({ root }) {
    for (const { resource, attributes } of resourcesOf(root, "aws_launch_template", "aws_instance")) {
      const [options = {}] = blocksOf(attributes.metadata_options);
      if (options.http_endpoint !== "disabled" && options.http_tokens !== "required") {
        yield {
          at: resource,
          problem: "Its machines answer IMDSv1.",
          fix: 'Set metadata_options to http_tokens = "required".',
        };
      } else if (Number(options.http_put_response_hop_limit ?? 1) > 1) {
        yield {
          at: resource,
          problem: `Its metadata service answers over ${Number(options.http_put_response_hop_limit)} hops, so that containers reach it.`,
          fix: "Set http_put_response_hop_limit to 1.",
        };
      }
    }
  },
};

export const unencryptedDisk: Check = {
  id: "unencrypted-disk",
  reason: "Consul keeps tokens and keys of the mesh on its disk.",
  level: "error",
  *find({ root }) {
    for (const { resource, attributes } of resourcesOf(root, "aws_launch_template")) {
      const mappings = blocksOf(attributes.block_device_mappings);
      if (mappings.length === 0) {
        yield {
          at: resource,
          problem: "It says nothing of its disks, so that they are as the image has them.",
          fix: "Give block_device_mappings with encrypted = true for the root device.",
        };
      }
      for (const { device_name, ebs } of mappings) {
        for (const disk of blocksOf(ebs)) {
          if (!isTrue(disk.encrypted)) {
            yield {
              at: resource,
              problem: `Its disk ${device_name as string} is not encrypted.`,
              fix: "Set encrypted to true.",
            };
          }
        }
      }
    }
  },
};

export const reachableMachine: Check = {
  id: "reachable-machine",
  reason: "People get in by Session Manager, which needs no port, no key and no address.",
  level: "error",
  *find({ root }) {
    for (const { resource, attributes } of resourcesOf(root, "aws_launch_template", "aws_instance")) {
      const interfaces = [attributes, ...blocksOf(attributes.network_interfaces)];
      if (attributes.key_name !== undefined) {
        yield { at: resource, problem: "Its machines take a key pair for SSH.", fix: "Omit key_name." };
      }
      if (interfaces.some(({ associate_public_ip_address: it }) => isTrue(it))) {
        yield {
          at: resource,
          problem: "Its machines have public addresses.",
          fix: "Omit associate_public_ip_address, and put a load balancer in front.",
        };
      }
    }
  },
};

export const templateVersion: Check = {
  id: "template-version",
  reason:
    "Terraform sees no change in $Latest, so that nothing brings a new version to the machines, and none can be rolled back.",
  level: "error",
  *find({ root }) {
    for (const { resource, attributes } of resourcesOf(root, "aws_autoscaling_group")) {
      const mixed = blocksOf(attributes.mixed_instances_policy).flatMap((it) => blocksOf(it.launch_template));
      const templates = [
        ...blocksOf(attributes.launch_template),
        ...mixed.flatMap((it) => blocksOf(it.launch_template_specification)),
      ];
      for (const { version = "$Default" } of templates) {
        if (["$Latest", "$Default"].includes(version as string)) {
          yield {
            at: resource,
            problem: `Its version of the launch template is ${version as string}.`,
            fix: "Name the template's latest_version.",
          };
        }
      }
    }
  },
};
