import type { Place } from "../core/problems";
import * as is from "../core/shape";
import { type DurationLike, optionalConsulDuration } from "../core/duration";
import type * as consul from "./generated/config-entries";

/** Options of all hash policies. */
export interface HashPolicyOptions {
  /** Whether later policies are skipped if this one finds a value to hash. @default false */
  readonly terminal?: boolean;
}

/** Options of {@link HashPolicy.cookie}. */
export interface CookieHashPolicyOptions extends HashPolicyOptions {
  /** Lifetime of the cookie that Envoy sets for clients without it. Excludes `session`. @default none */
  readonly ttl?: DurationLike;
  /** Whether Envoy sets a session cookie for clients without it. @default false */
  readonly session?: boolean;
  /** Path of the cookie that Envoy sets. @default none */
  readonly path?: string;
}

/** @internal */
export const COOKIE_HASH_POLICY_SHAPE: is.Shape<CookieHashPolicyOptions> = {
  terminal: is.flag,
  ttl: is.durationText,
  session: is.flag,
  path: is.text,
};

/** The part of a request whose hash selects the instance that receives it. */
export class HashPolicy {
  private constructor(
    private readonly fields: consul.HashPolicy,
    private readonly options: CookieHashPolicyOptions,
  ) {}

  /** The value of a header. */
  static header(name: string, options: HashPolicyOptions = {}): HashPolicy {
    return new HashPolicy({ Field: "header", FieldValue: name }, options);
  }

  /** The value of a cookie, which Envoy can set. */
  static cookie(name: string, options: CookieHashPolicyOptions = {}): HashPolicy {
    return new HashPolicy({ Field: "cookie", FieldValue: name }, options);
  }

  /** The value of a query parameter. */
  static queryParameter(name: string, options: HashPolicyOptions = {}): HashPolicy {
    return new HashPolicy({ Field: "query_parameter", FieldValue: name }, options);
  }

  /** The address of the client. This is the only policy for tcp services. */
  static sourceIp(options: HashPolicyOptions = {}): HashPolicy {
    return new HashPolicy({ SourceIP: true }, options);
  }

  /** @internal */
  get rendered(): consul.HashPolicy {
    const { terminal, ttl, session, path } = this.options;
    const isGiven = ttl !== undefined || session !== undefined || path !== undefined;
    return {
      ...this.fields,
      CookieConfig: isGiven ? { Session: session, TTL: optionalConsulDuration(ttl), Path: path } : undefined,
      Terminal: terminal,
    };
  }

  /** @internal */
  examine(place: Place): void {
    is.text(place, "name", this.fields.FieldValue);
    is.examineProperties(place, this.options, COOKIE_HASH_POLICY_SHAPE);
  }

  /** @internal Whether it depends on the contents of requests, which Envoy parses only for L7 protocols. */
  get isAboutRequests(): boolean {
    return this.fields.SourceIP !== true;
  }
}

/** Options of {@link LoadBalancer.leastRequest}. */
export interface LeastRequestOptions {
  /** Number of instances that are picked at random. The one with the fewest active requests is used. @default 2 */
  readonly choiceCount?: number;
}

/** Options of {@link LoadBalancer.ringHash}. */
export interface RingHashOptions {
  /** Minimum number of entries of the ring. @default 1024 */
  readonly minimumRingSize?: number;
  /** Maximum number of entries of the ring. @default 8388608 */
  readonly maximumRingSize?: number;
}

const LEAST_REQUEST_SHAPE: is.Shape<LeastRequestOptions> = { choiceCount: is.number };
const RING_HASH_SHAPE: is.Shape<RingHashOptions> = { minimumRingSize: is.number, maximumRingSize: is.number };

/**
 * How the Envoys of a service's clients select one of its instances.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/service-resolver#loadbalancer
 */
export class LoadBalancer {
  private constructor(
    private readonly entry: consul.LoadBalancer,
    /** @internal */
    readonly hashPolicies: readonly HashPolicy[] = [],
    private readonly examineOptions: (place: Place) => void = () => undefined,
  ) {}

  /** Uses the instances in turn. This is Envoy's default. */
  static roundRobin(): LoadBalancer {
    return new LoadBalancer({ Policy: "round_robin" });
  }

  /** Selects an instance at random. */
  static random(): LoadBalancer {
    return new LoadBalancer({ Policy: "random" });
  }

  /** Selects the instance with the fewest active requests from a few random ones. */
  static leastRequest(options: LeastRequestOptions = {}): LoadBalancer {
    const { choiceCount } = is.optionsOf("LoadBalancer.leastRequest", options);
    return new LoadBalancer(
      {
        Policy: "least_request",
        LeastRequestConfig: choiceCount === undefined ? undefined : { ChoiceCount: choiceCount },
      },
      [],
      (place) => {
        is.examineProperties(place, options, LEAST_REQUEST_SHAPE);
      },
    );
  }

  /** Selects the same instance for the same hash. If instances are added or removed, only a few clients move to another one. */
  static ringHash(hashPolicies: readonly HashPolicy[], options: RingHashOptions = {}): LoadBalancer {
    const { minimumRingSize, maximumRingSize } = is.optionsOf("LoadBalancer.ringHash", options);
    const isSized = minimumRingSize !== undefined || maximumRingSize !== undefined;
    return new LoadBalancer(
      {
        Policy: "ring_hash",
        RingHashConfig: isSized ? { MinimumRingSize: minimumRingSize, MaximumRingSize: maximumRingSize } : undefined,
      },
      hashPolicies,
      (place) => {
        is.examineProperties(place, options, RING_HASH_SHAPE);
      },
    );
  }

  /**
   * Selects the same instance for the same hash, with a table of fixed size. It is faster, and distributes requests more evenly,
   * than a ring.
   */
  static maglev(hashPolicies: readonly HashPolicy[]): LoadBalancer {
    return new LoadBalancer({ Policy: "maglev" }, hashPolicies);
  }

  /** @internal */
  examine(place: Place): void {
    this.examineOptions(place);
    is.list(is.made("a HashPolicy, such as HashPolicy.header(…)"))(place, "hashPolicies", this.hashPolicies);
  }

  /** @internal */
  render(): consul.LoadBalancer {
    const { hashPolicies } = this;
    return {
      ...this.entry,
      HashPolicies: hashPolicies.length > 0 ? hashPolicies.map(({ rendered }) => rendered) : undefined,
    };
  }
}
