import { ValueError } from "../core/errors";
import { HTTP_METHODS, type HttpMethod } from "../core/http-method";
import { itemsOf, type Place } from "../core/problems";
import * as is from "../core/shape";
import { withoutUndefined } from "../core/without-undefined";
import type * as consul from "./generated/config-entries";
import { JWT_REQUIREMENTS, renderJwtRequirement, type JwtRequirement } from "./jwt-requirement";

/** A condition on a header of a request. All conditions that are set must be met. */
export interface HeaderMatch {
  /** Name of the header, not case-sensitive. */
  readonly name: string;
  /** @default any */
  readonly exact?: string;
  /** @default any */
  readonly prefix?: string;
  /** @default any */
  readonly suffix?: string;
  /** RE2. @default any */
  readonly regex?: string;
  /** The header must be present, with any value. @default false */
  readonly present?: boolean;
  /**
   * Inverts the condition. A request without the header matches only an inverted `present`: to deny requests without a certain value, allow
   * those that have it instead.
   *
   * @default false
   */
  readonly invert?: boolean;
}

/** @internal */
export const HEADER_MATCH_SHAPE: is.Shape<HeaderMatch> = {
  name: is.required(is.text),
  exact: is.text,
  prefix: is.text,
  suffix: is.text,
  regex: is.text,
  present: is.flag,
  invert: is.flag,
};

/** Conditions on requests. All conditions that are set must be met. */
export interface HttpMatch {
  /** The path starts with this text: `/v1/orders` also matches `/v1/ordersprivate`. Excludes the other two. @default any path */
  readonly pathPrefix?: string;
  /** The path is exactly this text. @default any path */
  readonly pathExact?: string;
  /** The path matches this regular expression (RE2). @default any path */
  readonly pathRegex?: string;
  /** @default any method */
  readonly methods?: readonly HttpMethod[];
  /** @default any headers */
  readonly headers?: readonly HeaderMatch[];
}

const LOWER_CASE = new RegExp(`^(?:${HTTP_METHODS.join("|").toLowerCase()})$`);

/** @internal */
export const HTTP_MATCH_SHAPE: is.Shape<HttpMatch> = {
  pathPrefix: is.text,
  pathExact: is.text,
  pathRegex: is.text,
  methods: is.list(is.oneOf(HTTP_METHODS, LOWER_CASE)),
  headers: is.list(is.block(HEADER_MATCH_SHAPE)),
};

/** A condition on a header of a request, in a permission. All conditions that are set must be met. */
export interface PermissionHeaderMatch extends HeaderMatch {
  /** The value contains this text. @default any */
  readonly contains?: string;
  /** Whether `exact`, `prefix`, `suffix` and `contains` ignore case. Consul refuses it with `regex` and `present`. @default false */
  readonly ignoreCase?: boolean;
}

const PERMISSION_HEADER_MATCH_SHAPE: is.Shape<PermissionHeaderMatch> = {
  ...HEADER_MATCH_SHAPE,
  contains: is.text,
  ignoreCase: is.flag,
};

/** The requests to which a permission applies. All conditions that are set must be met. Query parameters are ignored. */
export interface PermissionMatch extends Omit<HttpMatch, "headers"> {
  /** @default any headers */
  readonly headers?: readonly PermissionHeaderMatch[];
  /**
   * The path is this text, or continues after it with a slash: `/v1/orders` matches `/v1/orders` and `/v1/orders/7`, but not
   * `/v1/ordersprivate`. Excludes the other three. Consul has no such field, so it is rendered as two permissions, one with the
   * exact path and one with a prefix.
   *
   * @default any path
   */
  readonly pathSeparatedPrefix?: string;
}

/** @internal */
export const PERMISSION_MATCH_SHAPE: is.Shape<PermissionMatch> = {
  ...HTTP_MATCH_SHAPE,
  headers: is.list(is.block(PERMISSION_HEADER_MATCH_SHAPE)),
  pathSeparatedPrefix: is.text,
};

/**
 * Allows or denies certain HTTP requests of a source. The first permission that matches a request applies. A request that matches
 * none is denied. The destination's protocol must be http, http2 or grpc.
 *
 * Prefer permissions that allow what a source needs over permissions that deny a part of it: an application may interpret a path
 * as the denied one while Envoy does not. {@link MeshConfig.requestNormalization} sets how Envoys normalize requests.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/service-intentions
 */
export class HttpPermission {
  private constructor(
    /** @internal */
    readonly action: "allow" | "deny",
    /** @internal */
    readonly match: PermissionMatch,
    /** @internal The tokens of which a request needs one. */
    readonly tokens: readonly JwtRequirement[] = [],
  ) {}

  /** Allows GET and HEAD for a path and everything below it: `/v1/orders` and `/v1/orders/7`, but not `/v1/ordersprivate`. */
  static get(path = "/"): HttpPermission {
    return allowBelow(path, ["GET", "HEAD"]);
  }

  /** Allows POST to a path and everything below it. */
  static post(path = "/"): HttpPermission {
    return allowBelow(path, ["POST"]);
  }

  /** Allows PUT to a path and everything below it. */
  static put(path = "/"): HttpPermission {
    return allowBelow(path, ["PUT"]);
  }

  /** Allows DELETE for a path and everything below it. */
  static delete(path = "/"): HttpPermission {
    return allowBelow(path, ["DELETE"]);
  }

  /** Allows all requests that match. */
  static allow(match: PermissionMatch): HttpPermission {
    return new HttpPermission("allow", match);
  }

  /**
   * Denies all requests that match; later permissions are not evaluated for them. A check warns about requests that bypass such a
   * permission.
   */
  static deny(match: PermissionMatch): HttpPermission {
    return new HttpPermission("deny", match);
  }

  /**
   * The same permission, for requests that have one of these tokens. A request that the permission matches and that has none of them is
   * denied with status 403; later permissions are not evaluated for it.
   *
   * @example
   * HttpPermission.get("/admin").requireJwt({ provider: login, claims: [{ path: ["role"], value: "admin" }] })
   * @throws ValueError for a permission that denies: Consul denies with and without a token
   */
  requireJwt(...tokens: readonly [JwtRequirement, ...JwtRequirement[]]): HttpPermission {
    if (this.action === "deny") {
      throw new ValueError(
        "A permission that denies requires a token, which Consul ignores.",
        "Require the token in a permission that allows, and omit what it allows from the others.",
      );
    }
    return new HttpPermission(this.action, this.match, tokens);
  }

  /** @internal A permission of a config entry that is written manually. */
  static fromEntry({ Action, HTTP = {}, JWT }: consul.IntentionPermission): HttpPermission {
    const { PathPrefix, PathExact, PathRegex, Methods, Header } = HTTP;
    return new HttpPermission(
      Action === "deny" ? "deny" : "allow",
      withoutUndefined({
        pathPrefix: PathPrefix || undefined,
        pathExact: PathExact || undefined,
        pathRegex: PathRegex || undefined,
        methods: Methods?.length ? (Methods as readonly HttpMethod[]) : undefined,
        headers: Header?.map(({ Name = "", Exact, Prefix, Suffix, Contains, Regex, Present, Invert, IgnoreCase }) =>
          withoutUndefined({
            ...{ name: Name, exact: Exact, prefix: Prefix, suffix: Suffix, contains: Contains, regex: Regex },
            ...{ present: Present, invert: Invert, ignoreCase: IgnoreCase },
          }),
        ),
      }),
      itemsOf(JWT?.Providers).map(({ Name = "", VerifyClaims }) => ({
        provider: { providerName: Name },
        claims:
          VerifyClaims && itemsOf(VerifyClaims).map(({ Path = [], Value = "" }) => ({ path: Path, value: Value })),
      })),
    );
  }

  /** @internal */
  examine(place: Place): void {
    is.examineProperties(place, this.match, PERMISSION_MATCH_SHAPE);
    JWT_REQUIREMENTS(place, "tokens", this.tokens);
  }

  /** @internal In Consul's format, in order. */
  get rendered(): readonly consul.IntentionPermission[] {
    const jwt = this.tokens.length === 0 ? {} : { JWT: renderJwtRequirement(this.tokens) };
    return pathsOf(this.match).map((path) => ({
      ...{ Action: this.action, HTTP: renderMatch({ ...this.match, ...path }) },
      ...jwt,
    }));
  }
}

function allowBelow(path: string, methods: readonly HttpMethod[]): HttpPermission {
  return HttpPermission.allow({ pathSeparatedPrefix: path, methods });
}

function pathsOf({ pathSeparatedPrefix: path }: PermissionMatch): readonly Omit<HttpMatch, "headers">[] {
  if (path === undefined) {
    return [{}];
  }
  return path.endsWith("/") ? [{ pathPrefix: path }] : [{ pathExact: path }, { pathPrefix: `${path}/` }];
}

function renderMatch(match: PermissionMatch): consul.IntentionHTTPPermission {
  return {
    PathPrefix: match.pathPrefix,
    PathExact: match.pathExact,
    PathRegex: match.pathRegex,
    Methods: match.methods && [...new Set(match.methods.map((method) => method.toUpperCase()))],
    Header: match.headers?.map((header) => ({
      ...renderHeaderMatch(header),
      Contains: header.contains,
      IgnoreCase: header.ignoreCase,
    })),
  };
}

/** Renders a header match for intentions and service-routers. */
export function renderHeaderMatch(
  header: HeaderMatch,
): consul.IntentionHTTPHeaderPermission & consul.ServiceRouteHTTPMatchHeader {
  return {
    Name: header.name,
    Exact: header.exact,
    Prefix: header.prefix,
    Suffix: header.suffix,
    Regex: header.regex,
    Present: header.present,
    Invert: header.invert,
  };
}
