import {
  JobKind,
  MeshService,
  Protocol,
  Sidecar,
  Workload,
  type IMeshService,
  type ServiceMesh,
} from "../../../constructs";

const RESOURCES = { cpuMhz: 50, memoryMib: 64 };

const TOUR = `const { env, exit } = process;
const wanted = {
  [env.NOMAD_UPSTREAM_ADDR_shop_page]: "page of stored",
  [env.NOMAD_UPSTREAM_ADDR_accounts]: "accounts, stored",
  [env.NOMAD_UPSTREAM_ADDR_accounts_admin]: "admin, prepared",
  [env.NOMAD_UPSTREAM_ADDR_catalogue]: "catalogue",
};
const ask = async (address) => {
  for (let left = 60; ; left--) {
    const text = await fetch("http://" + address).then((answer) => answer.text(), ({ message }) => message);
    if (text === wanted[address]) return;
    if (left === 0) throw new Error(address + " answers " + text);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
};
Promise.all(Object.keys(wanted).map(ask)).then(() => exit(0), (error) => { console.error(error); exit(1); });
`;

/** What it reaches, in this order. */
export const STATIONS = ["shop-page", "accounts", "accounts-admin", "catalogue"] as const;

/** @param services those of {@link STATIONS}. Default: such as another app has */
export function addTour(mesh: ServiceMesh, services?: readonly IMeshService[]): MeshService {
  const tour = mesh
    .addJob("tour", {
      kind: JobKind.periodic({ crons: ["0 3 1 1 *"], timeZone: "Europe/Berlin", prohibitOverlap: true }),
    })
    .addGroup("tour", {
      restart: { attempts: 0 },
      reschedule: { attempts: 0, unlimited: false },
      tasks: {
        tour: Workload.exec({ driver: "raw_exec", command: "node", args: ["-e", TOUR], resources: RESOURCES }),
      },
    })
    .addService("tour", { sidecar: Sidecar.exec({ resources: RESOURCES }) });
  const stations =
    services ?? STATIONS.map((name) => MeshService.fromServiceName(mesh, name, name, { protocol: Protocol.HTTP }));
  stations.forEach((station, index) => tour.addUpstream(station, { localBindPort: 7130 + index }));
  return tour;
}
