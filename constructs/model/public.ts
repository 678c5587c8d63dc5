// What checks of users see of the graph.
export type { Cluster } from "./cluster";
export type { Place, ProviderPlace } from "./place";
export type {
  CatalogServiceRecord,
  ExternalInstanceRecord,
  ExternalServiceRecord,
  ExternalTlsRecord,
  GatewayRecord,
  GatewayRouteRecord,
  GraphData,
  ImportedServiceRecord,
  InstancesRecord,
  IntentionRecord,
  JobRecord,
  ListenerRecord,
  MemberRecord,
  MeshRecord,
  NamedRecord,
  Origin,
  QueryRecord,
  Reference,
  ResolveRecord,
  RouteRecord,
  ServiceRecord,
  SplitRecord,
  SubsetRecord,
  TrafficOwnerRecord,
  TrafficRecord,
  UpstreamRecord,
  VirtualServiceRecord,
} from "./records";
export type { Destination, Snapshot } from "./snapshot";
