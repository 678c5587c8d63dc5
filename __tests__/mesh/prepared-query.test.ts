import { PreparedQuery } from "@cdktf/provider-consul/lib/prepared-query";
import type { PreparedQueryBaseProps } from "../../constructs";
import { synthMesh } from "../support/synth";
import { anyWorkload } from "../support/workload";

function queryWith(props: Omit<PreparedQueryBaseProps, "service"> & { service?: string }): unknown {
  const { terraform } = synthMesh((mesh) => {
    const api = mesh.addService("api", { port: 8000, workload: anyWorkload });
    mesh.addPreparedQuery("near", { ...props, service: props.service ?? api });
  });
  return terraform.resource?.[PreparedQuery.tfResourceType];
}

test("a prepared query has the name of its construct and of its service", () => {
  expect(queryWith({})).toEqual({ near: expect.objectContaining({ name: "near", service: "api" }) as object });
});

test("each option is rendered", () => {
  const targets = [{ peer: "partner" }, { datacenter: "dc2" }];
  const { "other-name": query } = queryWith({
    queryName: "other-name",
    failover: { targets },
    tags: ["v1", "!old"],
    onlyPassing: true,
    ignoreCheckIds: ["a"],
    nodeMeta: { zone: "a" },
    serviceMeta: { version: "1" },
    near: "_agent",
    connect: true,
    dnsTtl: "1m",
  }) as Record<string, unknown>;
  expect(query).toMatchObject({
    ...{ name: "other-name", service: "api", tags: ["v1", "!old"], only_passing: true, ignore_check_ids: ["a"] },
    ...{ node_meta: { zone: "a" }, service_meta: { version: "1" }, near: "_agent", connect: true },
    failover: { targets },
    dns: { ttl: expect.stringMatching(/^1m/) as string },
  });
  expect(queryWith({ failover: { nearest: 2, datacenters: ["dc3"] } })).toMatchObject({
    near: { failover: { nearest_n: 2, datacenters: ["dc3"] } },
  });
});

test("variables of a template are Consul's and not Terraform's", () => {
  const template = { regexp: "^near-(.+)$", removeEmptyTags: true };
  expect(queryWith({ service: "${match(1)}", tags: ["${agent.segment}"], template })).toMatchObject({
    near: {
      service: "$${match(1)}",
      tags: ["$${agent.segment}"],
      template: { type: "name_prefix_match", regexp: "^near-(.+)$", remove_empty_tags: true },
    },
  });
});

test.each<[Parameters<typeof queryWith>[0], string]>([
  [
    { failover: { nearest: 1, targets: [{ peer: "a" }] } },
    "Its failover has targets and datacenters, of which Consul accepts only one. Add the datacenters to the targets, in order.",
  ],
  [{ failover: { targets: [{}] } }, "A target of its failover needs a peer or a datacenter, and not both. Set one."],
  [
    { service: "${match(1)}" },
    'Without a template, it looks up a service with the name "${match(1)}". Set `template`, such as { regexp: "^near-(.+)$" }, or the name of a service.',
  ],
])("refuses %j", (props, problem) => {
  expect(() => queryWith(props)).toThrow(`stack/mesh/near: ${problem}`);
});
