import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import manifest from "../../package.json";
import { Consumer, pack, ROOT } from "../support/consumer";
import { writeImageFolder } from "../support/image-folder";
import { blocksOf } from "../support/page";

/** npm, compilers and Node.js, each several times, on a machine that does other things too. */
jest.setTimeout(5 * 60_000);

const { devDependencies: pins, peerDependencies: peers } = manifest;
const [tenLines] = blocksOf("README.md", "ts");
const strict = {
  target: "es2022",
  module: "nodenext",
  moduleResolution: "nodenext",
  types: ["node"],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  // Our own declarations are checked too.
  skipLibCheck: false,
  noEmit: true,
};

const PROVIDER = "@cdktf/provider-aws";
/** Prints which modules of AWS are loaded with those of a mesh, but what hosts know of their cloud, which needs no provider. */
const LOADED = `for (const entry of ["", "/stacks", "/testing"]) require("meshform" + entry);
console.log(Object.keys(require.cache).filter((file) => /provider-aws|constructs.aws.(?!platform.)|constructs.google/.test(file)));`;
const GOOGLE_HOSTS = `import { TerraformStack } from "cdktf";
import { ConsulServers, synthesize } from "meshform";
import { googlePlatform, instanceMetadata, type GoogleSecretStore } from "meshform/google";

const secretStore: GoogleSecretStore = { type: "google-secret-manager", project: "acme", prefix: "prod-", bucket: "current" };
synthesize((app) => {
  const stack = new TerraformStack(app, "google");
  const hosts = new ConsulServers(stack, "servers", { platform: googlePlatform, join: ["provider=gce tag_value=consul"], secretStore });
  const metadata: Record<string, string> = instanceMetadata(hosts.cloudInit({ distribution: "ubuntu-24.04", assets: "gs://assets" }));
  console.log(Object.keys(metadata).join());
});
console.log(Object.keys(require.cache).filter((file) => /provider-aws|constructs.aws.(?!platform.)/.test(file)).length);
`;
const AWS_APP = `import { AwsProvider } from "@cdktf/provider-aws/lib/provider";
import { TerraformStack } from "cdktf";
import { synthesize } from "meshform";
import { AwsCluster, Nat, Network, type NetworkLike } from "meshform/aws";
import { readAwsSettings } from "meshform/stacks";
import { addAwsStacks, type AwsStacks } from "meshform/stacks/aws";

synthesize((app) => {
  app.node.setContext("awsRegion", "eu-central-1");
  const settings = readAwsSettings(app);
  if (settings === undefined) throw new Error();
  const stacks: AwsStacks = addAwsStacks(app, { ...settings, cidr: "10.8.0.0/16" });
  stacks.cluster.cluster.addClientPool("batch", { nodePool: "batch" });

  const stack = new TerraformStack(app, "account");
  new AwsProvider(stack, "aws", { region: "eu-central-1" });
  const network: NetworkLike = Network.fromIds(stack, "company", {
    vpcId: "vpc-0123456789abcdef0",
    privateSubnetIds: ["subnet-0aaa", "subnet-0bbb", "subnet-0ccc"],
  });
  if (Nat.none().gatewaysFor(3) + network.isolatedSubnets.length !== 0) throw new Error();
  new AwsCluster(stack, "shop", { network });
});
`;
/** What a stack has of a type. */
function resourcesIn(project: Consumer, stack: string, type: string): Record<string, unknown>[] {
  const { resource } = JSON.parse(project.read(`cdktf.out/stacks/${stack}/cdk.tf.json`)) as {
    resource: Record<string, Record<string, Record<string, unknown>>>;
  };
  return Object.values(resource[type]);
}
const AWS_COMPILED = ["--strict", "--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext"];

const packed = mkdtempSync(join(tmpdir(), "meshform-package-"));
let tarball: string;
const consumers: Consumer[] = [];
/** The lab of all that runs, one after another. */
const lab = `package-${process.pid}`;

beforeAll(() => {
  tarball = pack(packed);
});

afterAll(() => {
  consumer().must("node", join(ROOT, "cli/meshform.mjs"), "down", "--name", lab);
  for (const folder of [packed, ...consumers.map((it) => it.folder)]) rmSync(folder, { recursive: true, force: true });
});

function consumer(): Consumer {
  const made = new Consumer();
  consumers.push(made);
  return made;
}

/** The newest peers, and what compiles and runs TypeScript. */
function newest(): Record<string, string> {
  return {
    ...{ cdktf: pins.cdktf, constructs: "10.8.1" },
    ...{
      "@cdktf/provider-consul": pins["@cdktf/provider-consul"],
      "@cdktf/provider-nomad": pins["@cdktf/provider-nomad"],
    },
    ...{ "@types/node": pins["@types/node"], tsx: manifest.dependencies.tsx, typescript: pins.typescript },
  };
}

/** A project with README's app. */
function shop(packages: Readonly<Record<string, string>>, more: object = {}): Consumer {
  const made = consumer();
  made.write("package.json", {
    name: "shop",
    private: true,
    dependencies: { meshform: tarball, ...packages },
    ...more,
  });
  made.write("tsconfig.json", { compilerOptions: strict, include: ["*.ts"] });
  made.write("main.ts", tenLines);
  made.install();
  return made;
}

let shopOfNewest: Consumer | undefined;

/** README's app with the newest peers, as an ES module; one project for all who only add files. */
function newestShop(): Consumer {
  return (shopOfNewest ??= shop(newest(), { type: "module" }));
}

/** What README's app becomes; the rest of a stack names its folder, and the versions of the packages. */
function synthesized(project: Consumer, ...command: readonly [string, ...string[]]): unknown {
  rmSync(join(project.folder, "cdktf.out"), { recursive: true, force: true });
  project.must(...command);
  const { resource, provider } = JSON.parse(project.read("cdktf.out/stacks/mesh/cdk.tf.json")) as Record<
    string,
    unknown
  >;
  return { resource, provider };
}

function copiesOf(project: Consumer, name: string): string[] {
  const found = project.must("find", "node_modules", "-path", `*node_modules/${name}/package.json`);
  return found.trim().split("\n");
}

describe("the tarball", () => {
  test("has what users need, and nothing else", () => {
    const files = new Consumer();
    consumers.push(files);
    files.must("tar", "xzf", tarball);
    const names = readdirSync(join(files.folder, "package"), { recursive: true, encoding: "utf8" });
    const sources = names.filter((name) => /\.[cm]?ts$/.test(name) && !name.endsWith(".d.ts"));
    expect(sources.filter((name) => !name.startsWith("dist/cli/project/"))).toEqual([]);
    expect(
      names.filter(
        (name) => /test|bench|typegen|moto|examples/.test(name) && !/^dist\/(testing|cli\/project)/.test(name),
      ),
    ).toEqual([]);
    expect(readdirSync(join(files.folder, "package")).sort()).toEqual([
      ...["CHANGELOG.md", "LICENSE", "README.md"],
      ...["dist", "package.json"],
    ]);
    expect(JSON.parse(files.read("package/dist/sbom.cdx.json"))).toMatchObject({ bomFormat: "CycloneDX" });
  });

  test("is not made of what does not compile", () => {
    const copy = consumer();
    cpSync(join(__dirname, "../.."), copy.folder, {
      recursive: true,
      filter: (path) => !/\/(node_modules|\.git|\.meshform|dist|cdktf\.out)$/.test(path),
    });
    symlinkSync(join(__dirname, "../../node_modules"), join(copy.folder, "node_modules"));
    copy.write("stacks/broken.ts", "export const port: number = '9001';");
    const { code, output } = copy.run("npm", "pack");
    expect(output).toContain("stacks/broken.ts(1,14): error TS2322");
    expect(output).toContain("The package does not compile.");
    expect(code).not.toBe(0);
    expect(existsSync(join(copy.folder, `meshform-${manifest.version}.tgz`))).toBe(false);
  });
});

describe("a project of somebody else", () => {
  const oldest = { cdktf: lowest(peers.cdktf), constructs: lowest(peers.constructs) };
  let reference: unknown;

  describe("with the oldest peers, CommonJS, and ts-node", () => {
    let project: Consumer;
    beforeAll(() => {
      project = shop({
        ...oldest,
        "@cdktf/provider-consul": lowest(peers["@cdktf/provider-consul"]),
        "@cdktf/provider-nomad": lowest(peers["@cdktf/provider-nomad"]),
        ...{ "@types/node": pins["@types/node"], "ts-node": "10.9.2", typescript: "5.4.5" },
      });
    });

    test("compiles README's ten lines, as strictly as there is", () => {
      expect(project.run("tsc")).toEqual({ code: 0, output: "" });
    });

    test("runs them", () => {
      reference = synthesized(project, "ts-node", "main.ts");
      expect(reference).toHaveProperty("resource.nomad_job");
    });

    test("has one copy of every class", () => {
      for (const name of Object.keys(peers).filter((name) => !(name in manifest.peerDependenciesMeta)))
        expect(copiesOf(project, name)).toEqual([`node_modules/${name}/package.json`]);
    });

    test.each(["aws", "stacks/aws"])("needs the AWS provider for meshform/%s, which says what to install", (entry) => {
      expect(existsSync(join(project.folder, "node_modules", PROVIDER))).toBe(false);
      const { code, output } = project.run("node", "--eval", `require("meshform/${entry}")`);
      expect(output).toContain(
        `Error: meshform/aws needs the package ${PROVIDER}, which is not installed. Install it next to meshform: npm install ${PROVIDER}@${pins[PROVIDER]}\n`,
      );
      expect(code).toBe(1);
    });

    test("has the stacks on AWS and a cluster in its own VPC where that provider is installed, and loads nothing of AWS for a mesh", () => {
      // 392 MB, which are on this machine already.
      symlinkSync(join(__dirname, "../../node_modules", PROVIDER), join(project.folder, "node_modules", PROVIDER));
      try {
        project.write("aws.ts", AWS_APP);
        project.must("tsc", "--preserveSymlinks", "--skipLibCheck", ...AWS_COMPILED, "aws.ts");
        project.must("node", "--preserve-symlinks", "aws.js");
        expect(project.must("node", "--eval", LOADED)).toBe("[]\n");
        expect(resourcesIn(project, "aws-network", "aws_subnet")).toContainEqual(
          expect.objectContaining({ cidr_block: "10.8.0.0/19" }),
        );
        const groupsIn = (stack: string) =>
          resourcesIn(project, stack, "aws_autoscaling_group").map(({ name }) => name);
        expect(groupsIn("aws-cluster")).toEqual(["dev-batch", "dev-general", "dev-servers"]);
        expect(groupsIn("account")).toEqual(["shop-servers"]);
      } finally {
        rmSync(join(project.folder, "node_modules", PROVIDER));
      }
    });

    test("renders hosts on Google Cloud, for which it needs no provider", () => {
      project.write("google.ts", GOOGLE_HOSTS);
      expect(project.must("ts-node", "google.ts")).toBe("user-data,user-data-encoding\n0\n");
    });

    test("works with constructs of a package that has a copy of its own", () => {
      const own = "node_modules/platform/node_modules/meshform";
      project.must("mkdir", "-p", "node_modules/platform/node_modules");
      project.must("cp", "-r", "node_modules/meshform", own);
      project.write(
        "node_modules/platform/index.js",
        `const { HealthCheck, MeshService, Protocol, Subset, Workload } = require("meshform");
         exports.addOrders = (mesh) => mesh.addService("orders", {
           port: 7001,
           protocol: Protocol.HTTP,
           workload: Workload.docker({ image: "example/orders:1" }),
           healthCheck: HealthCheck.http("/health"),
         });
         exports.newest = (orders) => Subset.of(orders, "newest");
         exports.isService = (it) => it instanceof MeshService;
         exports.copy = require.resolve("meshform");`,
      );
      project.write(
        "two-copies.js",
        `const { MeshService, Protocol, SubsetFilter, synthesize, Workload } = require("meshform");
         const { MeshStack } = require("meshform/stacks");
         const platform = require("platform");
         synthesize((app) => {
           const { mesh } = new MeshStack(app, "mesh", { runtime: "docker" });
           const orders = platform.addOrders(mesh);
           const web = mesh.addService("web", { port: 7002, protocol: Protocol.HTTP, workload: Workload.docker({ image: "example/web:1" }) });
           web.connectTo(orders);
           orders.addSubset("newest", SubsetFilter.meta("version", "2"));
           orders.split([{ to: platform.newest(orders), weight: 100 }]);
           console.log(platform.copy === require.resolve("meshform"), orders instanceof MeshService, platform.isService(web), mesh.services.length);
         });`,
      );
      expect(project.must("node", "two-copies.js")).toBe("false true true 2\n");
      const stack = project.read("cdktf.out/stacks/mesh/cdk.tf.json");
      expect(stack).toContain("service-intentions");
      expect(stack).toMatch(
        /service-splitter.*\\"ServiceSubset\\":\\"newest\\"|\\"ServiceSubset\\":\\"newest\\".*service-splitter/s,
      );
    });
  });

  describe("with the newest peers, ES modules, and tsx", () => {
    let project: Consumer;
    beforeAll(() => {
      project = newestShop();
    });

    test("compiles README's ten lines, as strictly as there is", () => {
      expect(project.run("tsc")).toEqual({ code: 0, output: "" });
    });

    test("runs them, to the same end", () => {
      expect(synthesized(project, "tsx", "main.ts")).toEqual(reference);
    });

    test("runs them as JavaScript", () => {
      project.write("main.js", tenLines);
      expect(synthesized(project, "node", "main.js")).toEqual(reference);
    });

    test("has what the package exports, and nothing else of it", () => {
      project.write(
        "exports.js",
        `import { synthesize } from "meshform";
         import { MeshStack } from "meshform/stacks";
         import { jobOf } from "meshform/testing";
         console.log([synthesize, MeshStack, jobOf].map((it) => typeof it).join());
         await import("meshform/dist/constructs/index.js").catch(({ code }) => console.log(code));`,
      );
      expect(project.must("node", "exports.js")).toBe("function,function,function\nERR_PACKAGE_PATH_NOT_EXPORTED\n");
    });

    test("is told by its own commands how to call them", () => {
      const { code, output } = project.run("meshform", "logs", "nobody", "--name", "no-such-lab");
      expect(output).toBe("There is no lab no-such-lab.\nRun `npx meshform up` to make one.\n");
      expect(code).toBe(1);
      expect(project.must("meshform", "--version")).toBe(`${manifest.version}\n`);
      expect(project.must("meshform", "doctor", "--help")).not.toContain("--tests");
      const { prerequisites } = JSON.parse(project.run("meshform", "doctor", "--json").output) as {
        prerequisites: { id: string }[];
      };
      expect(prerequisites.map(({ id }) => id)).not.toContain("chromium");
    });
  });

  describe("on cdktn", () => {
    test("compiles and runs README's ten lines, to the same end", () => {
      const project = shop(
        {
          ...newest(),
          ...{ cdktf: "npm:cdktn@0.24.0", constructs: pins.constructs },
        },
        { overrides: { cdktf: "$cdktf" } },
      );
      expect(project.run("tsc")).toEqual({ code: 0, output: "" });
      expect(synthesized(project, "tsx", "main.ts")).toEqual(reference);
      expect(copiesOf(project, "cdktf")).toHaveLength(1);
    });
  });
});

describe("meshform init", () => {
  let typescript: Consumer;
  /** Somebody who has installed the tarball, and nothing else. */
  let installed: Consumer;

  /** Makes a project with the installed package, which it gets from the same tarball. */
  function init(...options: readonly string[]): Consumer {
    const made = consumer();
    made.must(join(installed.folder, "node_modules/.bin/meshform"), "init", ".", "--no-install", ...options);
    return made;
  }

  /** The commands of the project's CI workflow after its packages are installed. */
  function stepsOf(project: Consumer): readonly string[] {
    const { jobs } = parse(project.read(".github/workflows/ci.yml")) as {
      jobs: Record<string, { steps: { run?: string }[] }>;
    };
    const [install, ...steps] = jobs.test.steps.flatMap(({ run }) => run ?? []);
    expect(install).toBe("npm ci");
    return steps;
  }

  beforeAll(() => {
    installed = consumer();
    installed.write("package.json", { private: true, dependencies: { meshform: tarball } });
    installed.install();
    typescript = init();
    typescript.install();
  });

  test("makes a project in TypeScript whose CI workflow passes", () => {
    const steps = stepsOf(typescript);
    expect(steps).toEqual(["npm test", "npm run synth", "npx meshform checks"]);
    for (const step of steps) typescript.must("sh", "-c", step);
    expect(existsSync(join(typescript.folder, "cdktf.out/stacks/mesh/cdk.tf.json"))).toBe(true);
  });

  test("makes one in JavaScript whose CI workflow passes", () => {
    const javascript = init("--language", "javascript");
    symlinkSync(join(typescript.folder, "node_modules"), join(javascript.folder, "node_modules"));
    for (const step of stepsOf(javascript)) javascript.must("sh", "-c", step);
    expect(existsSync(join(javascript.folder, "cdktf.out/stacks/mesh/cdk.tf.json"))).toBe(true);
  });

  test("touches no folder that has something in it", () => {
    const { code, output } = typescript.run("meshform", "init", ".");
    expect(output).toBe(`${typescript.folder} is not empty.\nUse a new or empty directory.\n`);
    expect(code).toBe(1);
  });

  test("makes a project that runs in a lab", () => {
    expect(typescript.must("npx", "meshform", "up", "--name", lab)).toMatch(/^The mesh runs\.$/m);
    expect(answerOf(typescript, "hello", "/")).toBe("Hello from the mesh!\n");
  });
});

describe("README's ten lines, in a project of somebody else", () => {
  /** The images of README: one of a folder with a Dockerfile, one of a script. */
  function withImages(): Consumer {
    const example = join(__dirname, "../../examples/count-dashboard");
    const project = newestShop();
    writeImageFolder(
      join(project.folder, "api"),
      process.execPath,
      ["/counter-api.mjs"],
      [join(example, "counter-api.mjs")],
    );
    cpSync(join(example, "counter-dashboard.mjs"), join(project.folder, "dashboard.mjs"));
    project.write("cdktf.json", {
      app: "npx tsx main.ts",
      context: {
        images: { "hashicorpdev/counter-api:v3": "./api", "hashicorpdev/counter-dashboard:v3": "./dashboard.mjs" },
      },
    });
    return project;
  }

  // In the lab that is there already: it comes to run containers, and loses the app of before.
  test("run in a lab as containers, with Nomad's own sidecars", () => {
    const project = withImages();
    expect(project.must("npx", "meshform", "up", "--name", lab)).toMatch(/^The mesh runs\.$/m);
    expect(JSON.parse(answerOf(project, "count-dashboard", "/api"))).toMatchObject({
      mesh: "reachable",
      count: expect.any(Number) as number,
    });
    const images = ["client-1", "client-2"].flatMap((host) =>
      project
        .must("npx", "meshform", "exec", "--name", lab, host, "--", "docker", "ps", "--format", "{{.Image}}")
        .trim()
        .split("\n"),
    );
    expect(images.filter((image) => /envoy|counter/.test(image)).sort()).toEqual([
      ...["envoyproxy/envoy:v1.38.3", "envoyproxy/envoy:v1.38.3"],
      ...["hashicorpdev/counter-api:v3", "hashicorpdev/counter-dashboard:v3"],
    ]);
  });
});

/** What a published service of the lab answers. */
function answerOf(project: Consumer, service: string, path: string): string {
  const status = project.must("npx", "meshform", "status", "--name", lab, "--json");
  const { listeners } = JSON.parse(status) as { listeners: { name: string; port: number }[] };
  const port = listeners.find(({ name }) => name === service)?.port;
  return project.must("curl", "--silent", "--fail", `http://127.0.0.1:${port}${path}`);
}

/** The lowest version of a range such as `^10.4.2` or `>=0.21.0 <0.25.0`. */
function lowest(range: string): string {
  return /\d+\.\d+\.\d+/.exec(range)?.[0] ?? range;
}
