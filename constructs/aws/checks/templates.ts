import type { Check } from "../../checks/check";
import { blocksOf, isTrue, resourcesOf } from "./resources";

export const metadataService: Check = {
  id: "metadata-service",
  reason: "With IMDSv1, a server-side request forgery in any service discloses the credentials of the machine.",
  level: "error",
  *find(app) {
    for (const { resource, attributes } of resourcesOf(app, "aws_launch_template", "aws_instance")) {
      const [options = {}] = blocksOf(attributes.metadata_options);
      if (options.http_endpoint !== "disabled" && options.http_tokens !== "required") {
        yield {
          at: resource,
          problem: "Its machines accept IMDSv1.",
          fix: 'Set metadata_options to http_tokens = "required".',
        };
      } else if (Number(options.http_put_response_hop_limit ?? 1) > 1) {
        yield {
          at: resource,
          problem: `Its metadata service has a hop limit of ${Number(options.http_put_response_hop_limit)}, so containers can reach it.`,
          fix: "Set http_put_response_hop_limit to 1.",
        };
      }
    }
  },
};

export const unencryptedDisk: Check = {
  id: "unencrypted-disk",
  reason: "Consul stores tokens and the keys of the mesh on its disk.",
  level: "error",
  *find(app) {
    for (const { resource, attributes } of resourcesOf(app, "aws_launch_template")) {
      const mappings = blocksOf(attributes.block_device_mappings);
      if (mappings.length === 0) {
        yield {
          at: resource,
          problem: "It does not configure its disks, so they are as the image defines them.",
          fix: "Set block_device_mappings with encrypted = true for the root device.",
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
  reason: "Session Manager gives access to machines without an open port, a key pair or a public address.",
  level: "error",
  *find(app) {
    for (const { resource, attributes } of resourcesOf(app, "aws_launch_template", "aws_instance")) {
      const interfaces = [attributes, ...blocksOf(attributes.network_interfaces)];
      if (attributes.key_name !== undefined) {
        yield { at: resource, problem: "Its machines have a key pair for SSH.", fix: "Omit key_name." };
      }
      if (interfaces.some(({ associate_public_ip_address: it }) => isTrue(it))) {
        yield {
          at: resource,
          problem: "Its machines have public addresses.",
          fix: "Omit associate_public_ip_address, and use a load balancer.",
        };
      }
    }
  },
};

export const templateVersion: Check = {
  id: "template-version",
  reason: "Terraform detects no change in $Latest or $Default, so it cannot roll a new version out or back.",
  level: "error",
  *find(app) {
    for (const { resource, attributes } of resourcesOf(app, "aws_autoscaling_group")) {
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
            fix: "Set the version to the template's latest_version.",
          };
        }
      }
    }
  },
};
