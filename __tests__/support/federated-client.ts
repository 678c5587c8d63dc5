import type { TestLab } from "./lab";

/** Which versions answer the client in dc1 of the app `federation`, at an upstream that a variable of its environment names. */
export async function answersToClient(lab: TestLab, variable: string): Promise<readonly string[]> {
  return answersAt(lab, await upstreamOfClient(lab, variable), 20);
}

/** The URL of an upstream of the client. */
export async function upstreamOfClient(lab: TestLab, variable: string): Promise<string> {
  const found = await fetch(`${lab.url("client (dc1)")}/env?name=${variable}`, { signal: AbortSignal.timeout(10_000) });
  return ((await found.json()) as { value: string }).value;
}

/** Has the client send one request to a URL; @returns the status, or the code of an error */
export async function askClient(lab: TestLab, url: string): Promise<number | string> {
  const [answer] = await answersAt(lab, url, 1);
  const [status] = answer.split(" ");
  return /^\d+$/.test(status) ? Number(status) : status;
}

async function answersAt(lab: TestLab, url: string, requests: number): Promise<readonly string[]> {
  const body = JSON.stringify({ url, requests });
  const signal = AbortSignal.timeout(60_000);
  const response = await fetch(`${lab.url("client (dc1)")}/load`, { method: "POST", body, signal });
  return Object.keys(((await response.json()) as { answers: object }).answers);
}
