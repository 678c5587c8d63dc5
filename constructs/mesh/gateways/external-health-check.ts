import { createHash } from "node:crypto";
import { isIPv6 } from "node:net";
import type { ServiceCheck } from "@cdktf/provider-consul/lib/service";
import { Fn, Tokenization } from "cdktf";
import { consulDuration, isDuration, nanoseconds, type DurationLike } from "../../core/duration";
import { HTTP_METHODS, type HttpMethod } from "../../core/http-method";
import type { Place } from "../../core/problems";
import * as is from "../../core/shape";
import { jsonText } from "../../core/terraform-json";
import { isToken } from "../../core/token";
import { problemOfRequestPath } from "../../nomad/request-path";

/**
 * Options of all health checks of instances outside the mesh.
 *
 * @see https://developer.hashicorp.com/consul/docs/register/external/esm
 */
export interface ExternalHealthCheckOptions {
  /** Name of the check in Consul. @default `<service> <kind>`, such as "billing-db tcp" */
  readonly name?: string;
  /** Time between two checks, at least 1 s. @default "10s" */
  readonly interval?: DurationLike;
  /** Maximum duration of a check. @default "5s" */
  readonly timeout?: DurationLike;
  /** TCP port of the check, from 1 to 65535. @default the port of the instance */
  readonly port?: number;
  /** Status in Consul until the check has run. Without Consul ESM, it remains. @default "passing" */
  readonly initialStatus?: "passing" | "warning" | "critical";
  /** Text about the check in Consul's UI. @default none */
  readonly notes?: string;
}

/** Options of {@link ExternalHealthCheck.http}. */
export interface ExternalHttpHealthCheckOptions extends ExternalHealthCheckOptions {
  /** Method of the request. @default "GET" */
  readonly method?: HttpMethod;
  /** Headers of the request: a list of values by name. They are not secret: Consul's catalog shows them. @default none */
  readonly headers?: Readonly<Record<string, readonly string[]>>;
  /** Whether the check uses TLS. Consul ESM verifies the certificate with its setting `https_ca_file`. @default false */
  readonly tls?: boolean;
  /** Whether the certificate is not verified. @default false */
  readonly tlsSkipVerify?: boolean;
}

/** Consul ESM waits longer than it is told to if that is less than a second. */
const atLeastOneSecond: is.Rule = (place, property, value) => {
  is.duration(place, property, value);
  if (isDuration(value) && !isToken(value) && nanoseconds(value) < 1e9) {
    place.refuse(property, value, "at least 1 s", "Use a longer one: Consul ESM checks at most once a second.");
  }
};

/** @internal */
export const EXTERNAL_HEALTH_CHECK_SHAPE: is.Shape<ExternalHealthCheckOptions> = {
  name: is.text,
  interval: atLeastOneSecond,
  timeout: is.duration,
  port: is.number,
  initialStatus: is.oneOf(["passing", "warning", "critical"]),
  notes: is.text,
};

/** @internal */
export const EXTERNAL_HTTP_HEALTH_CHECK_SHAPE: is.Shape<ExternalHttpHealthCheckOptions> = {
  ...EXTERNAL_HEALTH_CHECK_SHAPE,
  method: is.oneOf(HTTP_METHODS),
  headers: is.map(is.list(is.text)),
  tls: is.flag,
  tlsSkipVerify: is.flag,
};

/** @internal What a check is of. */
export interface ExternalHealthCheckTarget {
  readonly serviceName: string;
  readonly address: string;
  readonly port: number;
}

/**
 * A health check of the instances of an external service, which Consul ESM runs: Consul only stores it in its catalog. The terminating gateway
 * sends no requests to an instance whose check is critical, as long as another one is healthy.
 *
 * @example
 * mesh.addExternalService("billing-db", { instances, plaintext, healthCheck: ExternalHealthCheck.tcp({ interval: "5s" }) });
 * @see https://developer.hashicorp.com/consul/docs/register/external/esm
 */
export class ExternalHealthCheck {
  private constructor(
    private readonly kind: string,
    private readonly options: ExternalHealthCheckOptions,
    private readonly fields: (place: string) => Partial<ServiceCheck>,
    private readonly examineGiven: (place: Place) => void,
  ) {}

  /**
   * An HTTP request. The check passes with a status from 200 to 299; 429 is a warning.
   *
   * @param path path of the request, such as `/health`
   * @throws RangeError for a path that cannot be requested
   */
  static http(path: string, options: ExternalHttpHealthCheckOptions = {}): ExternalHealthCheck {
    const problem = typeof path !== "string" || isToken(path) ? undefined : problemOfRequestPath(path, true);
    if (problem !== undefined) {
      throw new RangeError(`An HTTP health check cannot pass: ${problem.join(" ")}`);
    }
    return new ExternalHealthCheck(
      "http",
      options,
      (place) => ({
        http: `${options.tls === true ? "https" : "http"}://${place}${path}`,
        method: options.method,
        header: Object.entries(options.headers ?? {}).map(([name, value]) => ({ name, value: [...value] })),
        tlsSkipVerify: options.tlsSkipVerify,
      }),
      (place) => {
        is.required(is.text)(place, "path", path);
        is.examineProperties(place, options, EXTERNAL_HTTP_HEALTH_CHECK_SHAPE);
      },
    );
  }

  /** A TCP connection. The check passes if it opens. */
  static tcp(options: ExternalHealthCheckOptions = {}): ExternalHealthCheck {
    return new ExternalHealthCheck(
      "tcp",
      options,
      (place) => ({ tcp: place }),
      (place) => {
        is.examineProperties(place, options, EXTERNAL_HEALTH_CHECK_SHAPE);
      },
    );
  }

  /** @internal */
  examine(place: Place): void {
    this.examineGiven(place);
  }

  /**
   * @internal The check of an instance, and the ID of the instance.
   *
   * Consul ESM writes the status of the check, so Terraform must ignore the check after its creation. Therefore the ID depends on the
   * definition: with another definition, Terraform replaces the instance.
   */
  render({ serviceName, address, port: own }: ExternalHealthCheckTarget): { serviceId: string; check: ServiceCheck } {
    const { name, interval = "10s", timeout = "5s", port = own, initialStatus = "passing", notes } = this.options;
    const host = !isToken(address) && isIPv6(address) ? `[${address}]` : address;
    const definition = {
      ...{ name: name ?? `${serviceName} ${this.kind}`, notes, status: initialStatus },
      ...{ interval: consulDuration(interval), timeout: consulDuration(timeout) },
      ...this.fields(`${host}:${Tokenization.stringifyNumber(port)}`),
      // Otherwise the provider would have Consul ESM remove the instance after 30 s.
      deregisterCriticalServiceAfter: "0s",
    };
    const serviceId = `${serviceName}-${hashOf(definition)}`;
    return { serviceId, check: { ...definition, checkId: `service:${serviceId}` } };
  }
}

/** Terraform calculates the hash of what only it knows. */
function hashOf(definition: object): string {
  const text = jsonText(definition);
  if (isToken(text)) return Fn.substr(Fn.sha1(text), 0, 8);
  return createHash("sha1").update(text).digest("hex").slice(0, 8);
}
