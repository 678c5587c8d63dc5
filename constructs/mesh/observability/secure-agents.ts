import type { ScrapeOptions } from "./scrape-config";

/**
 * How the agents of a secure cluster are scraped, with what its secret store holds for Prometheus: the document `prometheus`
 * (authorities, certificates, Consul token), which somebody puts as it is into a Nomad variable that the job may read.
 * Until it is there, Nomad does not start Prometheus, and says which variable is missing.
 *
 * @param variable path of the variable, with the document in its item `secrets`; default: the one of a job `prometheus`
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
    // The one name that is in every agent's certificate.
    serverName: "localhost",
  });
  return {
    consul: { scheme: "https", tls: tls("consul"), token: secret("tokens.prometheus") },
    nomad: { scheme: "https", tls: tls("nomad") },
  };
}
