import type { Construct } from "constructs";
import { Protocol } from "../../consul/protocol";
import { Graph } from "../../model/graph";
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

/** Props of {@link ServiceMesh.addPrometheus}: those of a service, and those of Prometheus. */
export interface PrometheusBaseProps
  extends ScrapeOptions, Omit<MeshServiceBaseProps, "port" | "workload" | "protocol"> {
  /**
   * Returns the workload that runs Prometheus 2.42 or newer, with the passed arguments, files and task options.
   *
   * @default (task) => Workload.docker({ image: "prom/prometheus:v3.5.0", ...task })
   */
  readonly workload?: (task: PrometheusTask) => Workload;
  /** How long Prometheus keeps data, such as `"30d"`. @default "15d" */
  readonly retention?: DurationLike;
  /**
   * Directory for data. The default is on the ephemeral disk, which Nomad moves to the next allocation, to another node too.
   *
   * @default "${NOMAD_ALLOC_DIR}/data/prometheus"
   */
  readonly dataDirectory?: string;
  /** Size of the ephemeral disk, which contains the default `dataDirectory`, in MiB. @default 2000 */
  readonly diskMib?: number;
  /** Recording and alerting rules. @default meshRules() */
  readonly rules?: readonly RuleGroup[];
}

/** Props of {@link Prometheus}. */
export interface PrometheusProps extends PrometheusBaseProps {
  /** The mesh that Prometheus scrapes, and of which it is a service. */
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

/** Options for the task that runs Prometheus. */
export interface PrometheusTask extends TaskOptions {
  /** Command line arguments, including the paths of files. */
  readonly args: readonly string[];
  /** Configuration, rules, lists of targets and secrets of Prometheus. */
  readonly templates: readonly Template[];
}

/** Delimiters for files without template actions, in which Prometheus' own `{{ … }}` must stay unchanged. */
const NO_ACTIONS = { leftDelimiter: "<<<", rightDelimiter: ">>>" };

/**
 * Prometheus as a job of the mesh. It scrapes every sidecar and gateway, Consul's servers and Nomad's agents. Nomad renders the lists of
 * targets from Consul's catalog with the identity of the job, so Prometheus itself needs neither access to Consul nor a token, whatever the
 * ACLs are.
 *
 * It is also a service of the mesh. Call `grafana.connectTo(prometheus)`, or set `publish` for clients outside the mesh.
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
    if (props.consul !== false || props.nomad !== false) {
      Graph.of(this).write(this, ({ scrapers }) => scrapers.add(this.node.path));
    }
  }
}

function renderTask(props: PrometheusBaseProps, port: number): PrometheusTask {
  const address = props.publish === undefined ? "127.0.0.1" : "0.0.0.0";
  // Prometheus detects changes of the lists of targets.
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
    // Makes Nomad give the task a Consul token, in a cluster with ACLs.
    consulCluster: "default",
  };
}
