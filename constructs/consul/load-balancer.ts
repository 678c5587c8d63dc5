import type { Place } from "../core/problems";
import * as is from "../core/shape";
import { type DurationLike, optionalConsulDuration } from "../core/duration";
import type * as consul from "./generated/config-entries";

/** What every hash policy takes. */
export interface HashPolicyOptions {
  /** Ends the list of policies where this one finds something to hash. @default false */
  readonly terminal?: boolean;
}

/** Options of {@link HashPolicy.cookie}. */
export interface CookieHashPolicyOptions extends HashPolicyOptions {
  /** Envoy gives a client without the cookie one that lasts so long. Excludes `session`. @default none */
  readonly ttl?: DurationLike;
  /** Envoy gives a client without the cookie one that lasts as long as its session. @default false */
  readonly session?: boolean;
  /** Path of the cookie that Envoy gives. @default none */
  readonly path?: string;
}

/** @internal */
export const COOKIE_HASH_POLICY_SHAPE: is.Shape<CookieHashPolicyOptions> = {
  terminal: is.flag,
  ttl: is.durationText,
  session: is.flag,
  path: is.text,
};

/** What of a request decides on the instance that answers it. */
export class HashPolicy {
  private constructor(
    private readonly fields: consul.HashPolicy,
    private readonly options: CookieHashPolicyOptions,
  ) {}

  /** The value of a header. */
  static header(name: string, options: HashPolicyOptions = {}): HashPolicy {
    return new HashPolicy({ Field: "header", FieldValue: name }, options);
  }

  /** The value of a cookie, which Envoy can hand out itself. */
  static cookie(name: string, options: CookieHashPolicyOptions = {}): HashPolicy {
    return new HashPolicy({ Field: "cookie", FieldValue: name }, options);
  }

  /** The value of a query parameter. */
  static queryParameter(name: string, options: HashPolicyOptions = {}): HashPolicy {
    return new HashPolicy({ Field: "query_parameter", FieldValue: name }, options);
  }

  /** The address of the client. The one policy that a tcp service can have. */
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

  /** @internal Whether it looks into a request, which only an Envoy that understands requests can. */
  get isAboutRequests(): boolean {
    return this.fields.SourceIP !== true;
  }
}

/** Options of {@link LoadBalancer.leastRequest}. */
export interface LeastRequestOptions {
  /** Instances, picked at random, of which the least busy one is taken. @default 2 */
  readonly choiceCount?: number;
}

/** Options of {@link LoadBalancer.ringHash}. */
export interface RingHashOptions {
  /** Entries that the ring has at least. @default 1024 */
  readonly minimumRingSize?: number;
  /** Entries that the ring has at most. @default 8388608 */
  readonly maximumRingSize?: number;
}

const LEAST_REQUEST_SHAPE: is.Shape<LeastRequestOptions> = { choiceCount: is.number };
const RING_HASH_SHAPE: is.Shape<RingHashOptions> = { minimumRingSize: is.number, maximumRingSize: is.number };

/**
 * How the Envoys of a service's clients choose among its instances.
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

  /** One after the other; Envoy's default. */
  static roundRobin(): LoadBalancer {
    return new LoadBalancer({ Policy: "round_robin" });
  }

  /** Any. */
  static random(): LoadBalancer {
    return new LoadBalancer({ Policy: "random" });
  }

  /** The least busy of a few. */
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

  /** The same one for the same hash; a change of instances moves few clients. */
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

  /** The same one for the same hash, by a table of fixed size: quicker to look up, and evener, than a ring. */
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
