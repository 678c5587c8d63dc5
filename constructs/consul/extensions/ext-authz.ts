import * as is from "../../core/shape";
import {
  EXTENSION_GRPC_SERVICE_SHAPE,
  EXTENSION_HEADERS,
  EXTENSION_LISTENER,
  EXTENSION_TARGET,
  renderGrpcService,
  renderHeaders,
  renderTarget,
  type ExtensionGrpcService,
  type ExtensionHeader,
  type ExtensionListener,
  type ExtensionTarget,
} from "./target";

/** Which headers an authorization service gets or sets. Exactly one of the first five is required. */
export interface HeaderNameMatch {
  /** The name is equal to this text. @default none */
  readonly exact?: string;
  /** The name begins with this text. @default none */
  readonly prefix?: string;
  /** The name ends with this text. @default none */
  readonly suffix?: string;
  /** The name contains this text. @default none */
  readonly contains?: string;
  /** The whole name matches this regular expression (RE2). @default none */
  readonly safeRegex?: string;
  /** Whether upper and lower case are the same. It has no effect on `safeRegex`. @default false */
  readonly ignoreCase?: boolean;
}

const HEADER_NAMES = is.list(
  is.block<HeaderNameMatch>({
    exact: is.name,
    prefix: is.name,
    suffix: is.name,
    contains: is.name,
    safeRegex: is.name,
    ignoreCase: is.flag,
  }),
);

/** An authorization service with an HTTP API: it allows a request with status 200 and denies it with any other. */
export interface ExtAuthzHttpService {
  /** The service. A service of the mesh needs the protocol http. */
  readonly target: ExtensionTarget;
  /** Prefix of the path of each call; the path of the request follows. @default none */
  readonly pathPrefix?: string;
  /** Headers of the request that the service gets, in addition to Host, Method, Path, Content-Length and Authorization. @default none */
  readonly allowedHeaders?: readonly HeaderNameMatch[];
  /** Headers that are added to each call. @default none */
  readonly headersToAdd?: readonly ExtensionHeader[];
  /** Headers of its answer that the request gets, and that replace those of the client. @default none */
  readonly allowedUpstreamHeaders?: readonly HeaderNameMatch[];
  /** Headers of its answer that are appended to the request. @default none */
  readonly allowedUpstreamHeadersToAppend?: readonly HeaderNameMatch[];
  /** Headers of its answer that the client gets with a denial. @default all */
  readonly allowedClientHeaders?: readonly HeaderNameMatch[];
  /** Headers of its answer that the client gets with the response to an allowed request. @default none */
  readonly allowedClientHeadersOnSuccess?: readonly HeaderNameMatch[];
  /** Headers of its answer that become dynamic metadata of Envoy. @default none */
  readonly dynamicMetadataFromHeaders?: readonly HeaderNameMatch[];
}

/** The part of a request's body that an authorization service gets. */
export interface ExtAuthzBody {
  /** Maximum size in bytes. A larger body gets status 413, unless `allowPartialMessage` is true. */
  readonly maxRequestBytes: number;
  /** Whether the service gets the beginning of a larger body. @default false */
  readonly allowPartialMessage?: boolean;
  /** Whether a gRPC service gets the body as bytes, instead of text. @default false */
  readonly packAsBytes?: boolean;
}

/** Options of {@link EnvoyExtension.extAuthz}. Exactly one of `http` and `grpc` is required. */
export interface ExtAuthzOptions {
  /** The authorization service, if it has an HTTP API. Not for services with the protocol tcp. @default none: `grpc` */
  readonly http?: ExtAuthzHttpService;
  /** The authorization service, if it has the API `envoy.service.auth.v3.Authorization`. @default none: `http` */
  readonly grpc?: ExtensionGrpcService;
  /** Which requests it authorizes: those to the service, or those that the service sends. @default "inbound" */
  readonly listener?: ExtensionListener;
  /** Status of the response if the authorization service does not answer. @default 403 */
  readonly statusOnError?: number;
  /** The part of the body that the authorization service gets. @default none */
  readonly withRequestBody?: ExtAuthzBody;
  /** Whether Envoy chooses the route again after the authorization, which can have changed headers. @default false */
  readonly clearRouteCache?: boolean;
  /** Whether a gRPC service gets the certificate of the source. @default false */
  readonly includePeerCertificate?: boolean;
  /** Namespaces of Envoy's dynamic metadata that a gRPC service gets, in addition to `consul`. @default none */
  readonly metadataContextNamespaces?: readonly string[];
  /** Key of the labels in Envoy's bootstrap metadata that a gRPC service gets. @default none */
  readonly bootstrapMetadataLabelsKey?: string;
  /** Prefix of the names of Envoy's statistics. @default "response" */
  readonly statPrefix?: string;
  /** Position of the filter among the filters of the listener. @default before the last filter, after the intentions */
  readonly insert?: FilterPosition;
}

/** The position of a filter in a listener of Envoy. */
export interface FilterPosition {
  /** Where to insert it. All but `First` and `Last` require `filterName`. */
  readonly location: "First" | "BeforeFirstMatch" | "AfterFirstMatch" | "BeforeLastMatch" | "AfterLastMatch" | "Last";
  /** Name of the filter that the location refers to, such as `envoy.filters.http.router`. @default none */
  readonly filterName?: string;
}

const HTTP_SERVICE_SHAPE: is.Shape<ExtAuthzHttpService> = {
  target: EXTENSION_TARGET,
  pathPrefix: is.text,
  allowedHeaders: HEADER_NAMES,
  headersToAdd: EXTENSION_HEADERS,
  allowedUpstreamHeaders: HEADER_NAMES,
  allowedUpstreamHeadersToAppend: HEADER_NAMES,
  allowedClientHeaders: HEADER_NAMES,
  allowedClientHeadersOnSuccess: HEADER_NAMES,
  dynamicMetadataFromHeaders: HEADER_NAMES,
};

/** @internal */
export const EXT_AUTHZ_SHAPE: is.Shape<ExtAuthzOptions> = {
  http: is.block(HTTP_SERVICE_SHAPE),
  grpc: is.block(EXTENSION_GRPC_SERVICE_SHAPE),
  listener: EXTENSION_LISTENER,
  statusOnError: is.number,
  withRequestBody: is.block<ExtAuthzBody>({
    maxRequestBytes: is.required(is.number),
    allowPartialMessage: is.flag,
    packAsBytes: is.flag,
  }),
  clearRouteCache: is.flag,
  includePeerCertificate: is.flag,
  metadataContextNamespaces: is.list(is.name),
  bootstrapMetadataLabelsKey: is.text,
  statPrefix: is.text,
  insert: is.block<FilterPosition>({
    location: is.required(
      is.oneOf(["First", "BeforeFirstMatch", "AfterFirstMatch", "BeforeLastMatch", "AfterLastMatch", "Last"]),
    ),
    filterName: is.name,
  }),
};

/** Envoy refuses an HTTP service without a timeout. */
const TIMEOUT = "1s";

/** @internal */
export function renderExtAuthz(options: ExtAuthzOptions) {
  const { http, grpc, listener = "inbound", insert, withRequestBody: body } = options;
  return {
    ProxyType: "connect-proxy",
    ListenerType: listener,
    InsertOptions: insert && { Location: insert.location, FilterName: insert.filterName },
    Config: {
      HttpService: http && renderHttpService(http),
      GrpcService: grpc && renderGrpcService(grpc, TIMEOUT),
      StatusOnError: options.statusOnError,
      WithRequestBody: body && {
        MaxRequestBytes: body.maxRequestBytes,
        AllowPartialMessage: body.allowPartialMessage,
        PackAsBytes: body.packAsBytes,
      },
      ClearRouteCache: options.clearRouteCache,
      IncludePeerCertificate: options.includePeerCertificate,
      MetadataContextNamespaces: options.metadataContextNamespaces,
      BootstrapMetadataLabelsKey: options.bootstrapMetadataLabelsKey,
      StatPrefix: options.statPrefix,
    },
  };
}

function renderHttpService(service: ExtAuthzHttpService) {
  return {
    Target: renderTarget(service.target, TIMEOUT),
    PathPrefix: service.pathPrefix,
    AuthorizationRequest: {
      AllowedHeaders: renderNames(service.allowedHeaders),
      HeadersToAdd: renderHeaders(service.headersToAdd),
    },
    AuthorizationResponse: {
      AllowedUpstreamHeaders: renderNames(service.allowedUpstreamHeaders),
      AllowedUpstreamHeadersToAppend: renderNames(service.allowedUpstreamHeadersToAppend),
      AllowedClientHeaders: renderNames(service.allowedClientHeaders),
      AllowedClientHeadersOnSuccess: renderNames(service.allowedClientHeadersOnSuccess),
      DynamicMetadataFromHeaders: renderNames(service.dynamicMetadataFromHeaders),
    },
  };
}

function renderNames(names: readonly HeaderNameMatch[] | undefined) {
  return names?.map(({ exact, prefix, suffix, contains, safeRegex, ignoreCase }) => ({
    ...{
      Exact: exact,
      Prefix: prefix,
      Suffix: suffix,
      Contains: contains,
      SafeRegex: safeRegex,
      IgnoreCase: ignoreCase,
    },
  }));
}
