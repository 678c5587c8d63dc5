import type { TestLab } from "./lab";

/** Runs a program inside a task of a job's instance that runs, in a lab with several datacenters; @returns what it prints */
export async function inTaskOf(
  lab: TestLab,
  datacenter: string,
  job: string,
  task: string,
  command: readonly string[],
): Promise<string> {
  const listed = await lab.api<{ readonly ID: string; readonly ClientStatus: string }[]>(
    `Nomad (${datacenter})`,
    `/v1/job/${job}/allocations`,
  );
  const { ID = "" } = listed.find(({ ClientStatus }) => ClientStatus === "running") ?? {};
  const { code, output } = await lab.inTask(ID, task, command, datacenter);
  if (code !== 0) throw new Error(`${job} in ${datacenter}: ${output}`);
  return output;
}

/** What the admin interface of the Envoy of a job answers. */
async function envoyOf(lab: TestLab, datacenter: string, job: string, path: string): Promise<unknown> {
  const script = `
    const [, admin] = Object.entries(process.env).find(([name]) => name.startsWith("NOMAD_ENVOY_ADMIN_ADDR_"));
    fetch("http://" + admin + ${JSON.stringify(path)}).then(async (it) => console.log(await it.text()));`;
  return JSON.parse(await inTaskOf(lab, datacenter, job, `connect-proxy-${job}`, ["node", "-e", script]));
}

/** Since when the certificate is valid that the Envoy of a job has, in milliseconds. */
export async function certificateSince(lab: TestLab, datacenter: string, job: string): Promise<number> {
  const { certificates } = (await envoyOf(lab, datacenter, job, "/certs")) as {
    certificates: { cert_chain: { valid_from: string }[] }[];
  };
  return Math.max(...certificates.flatMap((it) => it.cert_chain).map((it) => Date.parse(it.valid_from)));
}

/** The certificates that the Envoy of a job shows to callers, as PEM: its own, and those that signed it. */
export async function chainOf(lab: TestLab, datacenter: string, job: string): Promise<readonly string[]> {
  const found: string[] = [];
  JSON.stringify(await envoyOf(lab, datacenter, job, "/config_dump"), (name, value: unknown) => {
    if (name === "certificate_chain") found.push((value as { inline_string: string }).inline_string);
    return value;
  });
  return found[0]?.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}
