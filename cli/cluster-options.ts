import { Option } from "commander";
import { Cluster } from "../lab/cluster/cluster";
import { enginesOfEnvironment } from "../lab/cluster/engines-of-environment";
import { LabError } from "../lab/core/errors";
import { invocation } from "../lab/core/invocation";
import { Lab } from "../lab/hosts/lab";

/** `--environment`: a cluster that is not a lab's, in place of `--name`. */
export function environmentOption(): Option {
  return new Option(
    "--environment",
    "use the cluster of CONSUL_HTTP_ADDR, NOMAD_ADDR and their tokens instead of a lab",
  ).conflicts("name");
}

/** The cluster of the environment, or all those of a lab. @throws LabError if there is no such lab */
export function clustersOf({ name, environment = false }: { readonly name: string; readonly environment?: boolean }) {
  if (environment) return [enginesOfEnvironment(process.env)];
  const lab = new Lab(name);
  if (!lab.exists) throw new LabError(`There is no lab ${name}.`, `Run \`${invocation("up")}\`, or use --environment.`);
  return Cluster.all(lab);
}
