import type * as consul from "./generated/config-entries";

/** A header that a request must have. All that is given must hold. */
export interface HeaderMatch {
  readonly name: string;
  /** @default any */
  readonly exact?: string;
  /** @default any */
  readonly prefix?: string;
  /** @default any */
  readonly suffix?: string;
  /** RE2. @default any */
  readonly regex?: string;
  /** The header must be there, with whatever value. @default false */
  readonly present?: boolean;
  /** Turns the condition round. @default false */
  readonly invert?: boolean;
}

/** Which requests a permission is about. All that is given must hold. */
export interface HttpMatch {
  /** The path begins so. Excludes the other two. @default any path */
  readonly pathPrefix?: string;
  /** The path is this. @default any path */
  readonly pathExact?: string;
  /** The path matches this (RE2). @default any path */
  readonly pathRegex?: string;
  /** @default any method */
  readonly methods?: readonly string[];
  /** @default any headers */
  readonly headers?: readonly HeaderMatch[];
}

/**
 * Allows or denies certain HTTP requests of a source. The first permission that fits a request decides, and a request
 * that fits none is denied. The destination's protocol must be http, http2 or grpc.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/service-intentions
 */
export class HttpPermission {
  private constructor(
    /** @internal */
    readonly rendered: consul.IntentionPermission,
  ) {}

  /** Allows GET (and HEAD) below a path. */
  static get(pathPrefix = "/"): HttpPermission {
    return HttpPermission.allow({ pathPrefix, methods: ["GET", "HEAD"] });
  }

  /** Allows POST below a path. */
  static post(pathPrefix = "/"): HttpPermission {
    return HttpPermission.allow({ pathPrefix, methods: ["POST"] });
  }

  /** Allows PUT below a path. */
  static put(pathPrefix = "/"): HttpPermission {
    return HttpPermission.allow({ pathPrefix, methods: ["PUT"] });
  }

  /** Allows DELETE below a path. */
  static delete(pathPrefix = "/"): HttpPermission {
    return HttpPermission.allow({ pathPrefix, methods: ["DELETE"] });
  }

  /** Allows whatever matches. */
  static allow(match: HttpMatch): HttpPermission {
    return new HttpPermission({ Action: "allow", HTTP: renderMatch(match) });
  }

  /** Denies whatever matches, before later permissions are asked. */
  static deny(match: HttpMatch): HttpPermission {
    return new HttpPermission({ Action: "deny", HTTP: renderMatch(match) });
  }
}

function renderMatch(match: HttpMatch): consul.IntentionHTTPPermission {
  return {
    PathPrefix: match.pathPrefix,
    PathExact: match.pathExact,
    PathRegex: match.pathRegex,
    Methods: match.methods && [...new Set(match.methods.map((method) => method.toUpperCase()))],
    Header: match.headers?.map(renderHeaderMatch),
  };
}

/** As intentions and service-routers have it. */
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
