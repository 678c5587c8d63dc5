/** One series of an answer of Prometheus, and its value. */
export interface Sample {
  readonly metric: Readonly<Partial<Record<string, string>>>;
  readonly value: number;
}

/** The Prometheus of a lab. */
export class PrometheusApi {
  /** @param url asked again each time, since `up` may print another one */
  constructor(private readonly url: () => string) {}

  /** What its API answers at a path below `/api/v1/`. */
  async get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.url()}/api/v1/${path}`, { signal: AbortSignal.timeout(5_000) });
    return ((await response.json()) as { data: T }).data;
  }

  /** The answer of a query as of now. */
  async query(expr: string): Promise<Sample[]> {
    const { result } = await this.get<{ result: { metric: Sample["metric"]; value: [number, string] }[] }>(
      `query?query=${encodeURIComponent(expr)}`,
    );
    return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  /** The same by edge of the graph, `source → destination`. */
  async queryEdges(expr: string): Promise<Record<string, number>> {
    const samples = await this.query(expr);
    return Object.fromEntries(
      samples.map(({ metric, value }) => [
        `${metric.consul_source_service ?? "?"} → ${metric.consul_destination_service ?? "?"}`,
        value,
      ]),
    );
  }

  /** What it scrapes: job, service or node, and whether that answers. */
  async targets(): Promise<string[]> {
    const targets = await this.query("up");
    return targets
      .map(({ metric: { job, service, node }, value }) => `${job ?? ""} ${service ?? node ?? ""} ${value}`)
      .sort();
  }

  /** Of which an alert of this name fires. */
  async firing(name: string, of: (labels: Sample["metric"]) => string): Promise<string[]> {
    const { alerts } = await this.get<{ alerts: { labels: Sample["metric"]; state: string }[] }>("alerts");
    return alerts
      .filter(({ labels, state }) => labels.alertname === name && state === "firing")
      .map(({ labels }) => of(labels))
      .sort();
  }
}
