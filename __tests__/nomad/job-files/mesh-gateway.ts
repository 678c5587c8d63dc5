import { JobKind, type ServiceMesh } from "../../../constructs";

export function addCrossing(mesh: ServiceMesh): void {
  mesh.addMeshGateway("crossing", {
    kind: JobKind.system(),
    hostNetwork: "public",
    wanAddress: "${attr.unique.platform.aws.public-ipv4}",
    connectTimeout: "10s",
  });
}
