import { Port, Template, Workload, type MeshServiceBaseProps, type nomad } from "../../constructs";
import { problemsOfPortLabels } from "../../constructs/nomad/validate/port-labels";
import { findingsOf, synthMesh } from "../support/synth";
import { anyWorkload } from "../support/workload";

/** Where a group with the ports `http` and `my-admin` names others. */
function placesIn(group: nomad.TaskGroup): string[] {
  const job: nomad.Job = {
    ID: "shop",
    TaskGroups: [
      {
        Name: "web",
        Networks: [
          { Mode: "bridge", ReservedPorts: [{ Label: "http", Value: 80 }], DynamicPorts: [{ Label: "my-admin" }] },
        ],
        ...group,
      },
    ],
  };
  return problemsOfPortLabels(job).map(({ place, received }) => `${place}: ${received}`);
}

function placesInTask(task: nomad.Task): string[] {
  return placesIn({ Tasks: [{ Name: "app", Driver: "docker", ...task }] });
}

describe("a label that the group does not have", () => {
  test.each<[string, nomad.Task, string]>([
    ["an environment", { Env: { URL: "http://${NOMAD_ADDR_htpp}/" } }, 'env.URL: "NOMAD_ADDR_htpp"'],
    ["arguments", { Config: { args: ["-p", "${NOMAD_PORT_htpp}"] } }, 'config.args: "NOMAD_PORT_htpp"'],
    [
      "a template",
      { Templates: [{ EmbeddedTmpl: '{{ env "NOMAD_HOST_PORT_htpp" }}' }] },
      'template.data: "NOMAD_HOST_PORT_htpp"',
    ],
    ["metadata", { Meta: { at: "${NOMAD_HOST_ADDR_x}" } }, 'meta.at: "NOMAD_HOST_ADDR_x"'],
    ["ports of a container", { Config: { ports: ["http", "htpp"] } }, 'config.ports: "htpp"'],
    ["an address inside", { Env: { A: "${NOMAD_ALLOC_ADDR_x}" } }, 'env.A: "NOMAD_ALLOC_ADDR_x"'],
  ])("is found in %s", (_, task, found) => {
    expect(placesInTask(task)).toEqual([`group "web" > task "app" > ${found}`]);
  });

  test.each<[string, nomad.Service, string]>([
    ["a service", { PortLabel: "htpp" }, 'port: "htpp"'],
    ["a check", { Checks: [{ Name: "up", PortLabel: "htpp" }] }, 'check "up" > port: "htpp"'],
    [
      "an exposed path",
      { Connect: { SidecarService: { Proxy: { Expose: { Path: [{ Path: "/m", ListenerPort: "htpp" }] } } } } },
      'expose "/m" > listener_port: "htpp"',
    ],
    ["tags", { Tags: ["at=${NOMAD_PORT_htpp}"] }, 'tags: "NOMAD_PORT_htpp"'],
    [
      "what an Envoy is told",
      { Connect: { SidecarService: { Proxy: { Config: { bind: "0.0.0.0:${NOMAD_PORT_htpp}" } } } } },
      'connect.sidecarservice.Proxy.Config.bind: "NOMAD_PORT_htpp"',
    ],
  ])("is found in %s", (_, service, found) => {
    expect(placesIn({ Services: [{ Name: "api", ...service }] })).toEqual([`group "web" > service "api" > ${found}`]);
  });
});

describe("nothing is reported of", () => {
  test.each<[string, nomad.Task]>([
    [
      "labels that are there",
      { Env: { A: "${NOMAD_PORT_http}:${NOMAD_HOST_PORT_http}" }, Config: { ports: ["http"] } },
    ],
    ["a label in the form of a variable", { Env: { A: "${NOMAD_PORT_my_admin} $NOMAD_ADDR_my-admin" } }],
    ["a label with text behind it", { Env: { A: "$NOMAD_PORT_http-suffix" } }],
    ["other variables", { Env: { A: "${NOMAD_ALLOC_ID} ${NOMAD_UPSTREAM_ADDR_api} ${NOMAD_META_x} $NOMAD_ADDR" } }],
    ["a label that is put together later", { Env: { A: "NOMAD_PORT_${x}", B: "NOMAD_PORT_%s" } }],
    ["ports of another driver, which may be anything", { Driver: "java", Config: { ports: ["8080"] } }],
    [
      "a label that a template looks for",
      {
        Templates: [
          { EmbeddedTmpl: '{{ $own := env "NOMAD_HOST_ADDR_x" }}{{ if eq . $own }}{{ env "NOMAD_PORT_x" }}{{ end }}' },
          { EmbeddedTmpl: '{{ if env "NOMAD_PORT_y" }}{{ env "NOMAD_PORT_y" }}{{ end }}' },
          { EmbeddedTmpl: '{{ envOrDefault "NOMAD_PORT_z" "80" }}' },
        ],
      },
    ],
    ["a number among the ports of a container", { Config: { ports: ["8080"] } }],
  ])("%s", (_, task) => {
    expect(placesInTask(task)).toEqual([]);
  });

  test("ports that Nomad adds for an Envoy", () => {
    expect(
      placesIn({
        Services: [{ Name: "api", PortLabel: "9001", Connect: { SidecarService: {} } }],
        Tasks: [{ Name: "app", Env: { A: "${NOMAD_PORT_connect-proxy-api}", B: "${NOMAD_ADDR_connect_proxy_api}" } }],
      }),
    ).toEqual([]);
  });

  test("ports of other tasks in their older form", () => {
    const Resources = { Networks: [{ DynamicPorts: [{ Label: "db" }] }] };
    expect(
      placesIn({
        Tasks: [
          { Name: "base", Resources },
          { Name: "app", Env: { A: "${NOMAD_ADDR_base_db}" } },
        ],
      }),
    ).toEqual([]);
  });
});

test("another group's port is none of this one", () => {
  const job: nomad.Job = {
    TaskGroups: [
      { Name: "a", Networks: [{ DynamicPorts: [{ Label: "http" }] }] },
      { Name: "b", Tasks: [{ Name: "app", Env: { A: "${NOMAD_PORT_http}" } }] },
    ],
  };
  expect(problemsOfPortLabels(job)).toEqual([
    {
      place: 'group "b" > task "app" > env.A',
      received: '"NOMAD_PORT_http"',
      allowed: "must be omitted: the group has no ports",
      fix: "Add the port to the group, or correct the label.",
    },
  ]);
});

describe("undefined-port-label", () => {
  function findingsWith(props: Partial<MeshServiceBaseProps>): readonly string[] {
    return findingsOf(() =>
      synthMesh((mesh) => mesh.addService("web", { port: 8000, workload: anyWorkload, ...props })),
    );
  }

  test("names the place, the variable and the ports that there are", () => {
    const workload = Workload.docker({
      image: "example/web",
      templates: [Template.text('listen {{ env "NOMAD_PORT_htpp" }}', { destination: "local/x" })],
    });
    expect(findingsWith({ workload, ports: { http: Port.dynamic() } })).toEqual([
      'stack/mesh/web: group "web" > task "web" > template.data is "NOMAD_PORT_htpp"; expected one of its ports: "http" or "connect-proxy-web". Add the port to the group, or correct the label. (undefined-port-label)',
    ]);
  });

  test("says nothing where the label is there", () => {
    const workload = Workload.docker({ image: "example/web", config: { ports: ["http"] } });
    expect(findingsWith({ workload, ports: { http: Port.dynamic() } })).toEqual([]);
  });
});
