import type { Construct } from "constructs";
import { Protocol } from "../../consul/protocol";
import { HealthCheck } from "../../nomad/health-check";
import { Template } from "../../nomad/template";
import { Workload, type TaskOptions } from "../../nomad/workload";
import { MeshService, type MeshServiceBaseProps, type MeshServiceProps } from "../mesh-service";
import type { Mesh } from "../mesh";
import type { DurationLike } from "../../core/duration";
import { PROMETHEUS_DURATION, prometheusDuration } from "./prometheus-duration";
import { meshRules, renderRules, RULE_GROUP_SHAPE, type RuleGroup } from "./rules";
import * as is from "../../core/shape";
import { SERVICE_SHAPE } from "../shapes";
import { renderSecrets, renderScrapeConfig, renderTargets, SCRAPE_SHAPE, type ScrapeOptions } from "./scrape-config";

/** What {@link ServiceMesh.addPrometheus} takes: anything of a service, and what Prometheus is to do. */
export interface PrometheusBaseProps
  extends ScrapeOptions, Omit<MeshServiceBaseProps, "port" | "workload" | "protocol"> {
  /**
   * What runs Prometheus, version 2.42 or newer, given its arguments and files.
   *
   * @default (task) => Workload.docker({ image: "prom/prometheus:v3.5.0", ...task })
   */
  readonly workload?: (task: PrometheusTask) => Workload;
  /** How long data is kept, e.g. `30d`. @default "15d" */
  readonly retention?: DurationLike;
  /**
   * Where data is kept. The default moves with the job to its next allocation, from node to node too.
   *
   * @default "${NOMAD_ALLOC_DIR}/data/prometheus"
   */
  readonly dataDirectory?: string;
  /** Disk that the default dataDirectory may take, in MiB. @default 2000 */
  readonly diskMib?: number;
  /** What is recorded and when somebody is called. @default meshRules() */
  readonly rules?: readonly RuleGroup[];
}

/** Props of {@link Prometheus}. */
export interface PrometheusProps extends PrometheusBaseProps {
  /** The mesh that it watches. */
  readonly mesh: Mesh;
}

type ServiceProps = Omit<MeshServiceProps, "port" | "workload" | "protocol">;

const OWN_SHAPE: is.Shape<Omit<PrometheusProps, Exclude<keyof MeshServiceProps, "port" | "workload" | "protocol">>> = {
  ...SCRAPE_SHAPE,
  workload: is.rule(
    "a function",
    "Use a function that returns a Workload for a task.",
    (value) => typeof value === "function",
  ),
  retention: PROMETHEUS_DURATION,
  dataDirectory: is.text,
  diskMib: is.number,
  rules: is.list(is.block(RULE_GROUP_SHAPE)),
};
const PROMETHEUS_SHAPE: is.Shape<PrometheusProps> = { ...is.without(SERVICE_SHAPE, "protocol"), ...OWN_SHAPE };

/** What the program that runs Prometheus is given. */
export interface PrometheusTask extends TaskOptions {
  /** Command line arguments, those for its files included. */
  readonly args: readonly string[];
  readonly templates: readonly Template[];
}

/** Opens an action in files that have none, but texts of Prometheus that look like them. */
const NO_ACTIONS = { leftDelimiter: "<<<", rightDelimiter: ">>>" };

/**
 * Prometheus as a job of the mesh. It finds every sidecar and gateway, Consul's servers and Nomad's agents in Consul's catalog:
 * Nomad renders its lists of targets from there with the job's own identity, so that Prometheus itself needs no way to Consul
 * and no token, whatever the access rules are.
 *
 * It is a service of the mesh like any other: `grafana.connectTo(prometheus)`, or `publish` it for those outside.
 *
 * @example
 * new ServiceMesh(stack, "mesh", { metrics: Metrics.prometheus() }).addPrometheus("prometheus", { publish: 9090 });
 */
export class Prometheus extends MeshService {
  constructor(scope: Construct, id: string, props: PrometheusProps) {
    is.refuseWrongValues(scope, props, PROMETHEUS_SHAPE, "prometheus", id);
    const {
      port = 9090,
      workload = (task: PrometheusTask) => Workload.docker({ image: "prom/prometheus:v3.5.0", ...task }),
    } = props;
    const service = Object.entries(props).filter(([name]) => !Object.hasOwn(OWN_SHAPE, name));
    super(scope, id, {
      healthCheck: HealthCheck.http("/-/ready"),
      ...(Object.fromEntries(service) as unknown as ServiceProps),
      port,
      protocol: Protocol.HTTP,
      workload: workload(renderTask(props, port)),
      ephemeralDisk: props.ephemeralDisk ?? { sticky: true, migrate: true, sizeMib: props.diskMib ?? 2000 },
    });
  }
}

function renderTask(props: PrometheusBaseProps, port: number): PrometheusTask {
  const address = props.publish === undefined ? "127.0.0.1" : "0.0.0.0";
  // Prometheus notices when a list of targets changes.
  const targets = Object.entries(renderTargets(props)).map(([file, text]) =>
    Template.text(text, { destination: `local/${file}`, changeMode: "noop" }),
  );
  const files = {
    "prometheus.yml": renderScrapeConfig(props),
    "rules.yml": renderRules(props.rules ?? meshRules()),
  };
  return {
    args: [
      "--config.file=${NOMAD_TASK_DIR}/prometheus.yml",
      `--storage.tsdb.path=${props.dataDirectory ?? "${NOMAD_ALLOC_DIR}/data/prometheus"}`,
      `--storage.tsdb.retention.time=${prometheusDuration(props.retention ?? "15d")}`,
      `--web.listen-address=${address}:${port}`,
    ],
    templates: [
      ...Object.entries(files).map(([file, text]) =>
        Template.text(text, { destination: `local/${file}`, ...NO_ACTIONS }),
      ),
      ...targets,
      ...renderSecrets(props),
    ],
    resources: { cpuMhz: 200, memoryMib: 512 },
    killSignal: "SIGTERM",
    killTimeout: "30s",
    // Has Nomad give the task a token of its own where Consul asks for one.
    consulCluster: "default",
  };
}
