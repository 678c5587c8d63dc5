import { EngineApi, type EngineEndpoint } from "./engine-api";
import type { Cluster } from "./cluster";
import { LabError } from "../core/errors";

/**
 * The Consul and the Nomad that their own variables name, as their commands and Terraform's providers read them.
 *
 * @throws LabError if one of the variables cannot be used
 * @see https://developer.hashicorp.com/consul/commands#environment-variables
 * @see https://developer.hashicorp.com/nomad/commands#environment-variables
 */
export function enginesOfEnvironment(env: NodeJS.ProcessEnv): Pick<Cluster, "consul" | "nomad"> {
  const scheme = env.CONSUL_HTTP_SSL === "true" || env.CONSUL_HTTP_SSL === "1" ? "https" : "http";
  return {
    consul: engineOf("Consul", env, "CONSUL_HTTP_ADDR", "127.0.0.1:8500", scheme, "CONSUL_HTTP_TOKEN"),
    nomad: engineOf("Nomad", env, "NOMAD_ADDR", "http://127.0.0.1:4646", "http", "NOMAD_TOKEN"),
  };
}

/** @param scheme of an address that has none */
function engineOf(
  engine: "Consul" | "Nomad",
  env: NodeJS.ProcessEnv,
  addressVariable: string,
  usual: string,
  scheme: string,
  tokenVariable: string,
): EngineApi {
  // An empty variable is as good as none, for the engines too.
  const valueOf = (variable: string) => env[variable] || undefined;
  const given = valueOf(addressVariable) ?? usual;
  const address = given.includes("://") ? given : `${scheme}://${given}`;
  if (!/^https?:\/\/./.test(address) || !URL.canParse(address)) {
    throw new LabError(
      `${addressVariable} is "${given}", which is not the address of an HTTP API.`,
      `Use for example ${addressVariable}=https://${engine.toLowerCase()}.example.com:${engine === "Consul" ? 8501 : 4646}.`,
    );
  }
  const tls = (what: string) => valueOf(`${engine.toUpperCase()}_${what}`);
  const endpoint: EngineEndpoint = {
    address,
    token: valueOf(tokenVariable),
    caFile: tls("CACERT"),
    certFile: tls("CLIENT_CERT"),
    keyFile: tls("CLIENT_KEY"),
    serverName: tls("TLS_SERVER_NAME"),
  };
  try {
    return new EngineApi(engine, endpoint);
  } catch (error) {
    throw new LabError(
      `A certificate for ${engine} cannot be read: ${(error as Error).message}.`,
      `Check ${["CACERT", "CLIENT_CERT", "CLIENT_KEY"].map((it) => `${engine.toUpperCase()}_${it}`).join(", ")}.`,
      { cause: error },
    );
  }
}
