import type { ScrapeOptions } from "./scrape-config";

/**
 * Options for Prometheus to scrape the agents of a secure cluster. They use the document `prometheus` of the secret store (CA certificates,
 * client certificates, Consul token), which you store unchanged in a Nomad variable that the job can read. Until the variable exists,
 * Nomad does not start Prometheus, and reports which variable is missing.
 *
 * @param variable path of the variable, with the document in its item `secrets`; default: the variable of a job `prometheus`
 *
 * @example
 * // nomad var put nomad/jobs/prometheus secrets=@prometheus.json
 * mesh.addPrometheus("prometheus", { publish: 9090, ...secureAgents() });
 */
export function secureAgents(variable = "nomad/jobs/prometheus"): Pick<ScrapeOptions, "consul" | "nomad"> {
  const secret = (field: string) =>
    `{{ with nomadVar "${variable}" }}{{ with .secrets.Value | parseJSON }}{{ .${field} }}{{ end }}{{ end }}`;
  const tls = (engine: string) => ({
    ca: secret(`${engine}.ca`),
    cert: secret(`${engine}.certificate`),
    key: secret(`${engine}.key`),
    // The only name that is in every agent's certificate.
    serverName: "localhost",
  });
  return {
    consul: { scheme: "https", tls: tls("consul"), token: secret("tokens.prometheus") },
    nomad: { scheme: "https", tls: tls("nomad") },
  };
}
