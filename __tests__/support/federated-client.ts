import type { TestLab } from "./lab";

/** Which versions answer the client in dc1 of the app `federation`, at an upstream that a variable of its environment names. */
export async function answersToClient(lab: TestLab, variable: string): Promise<readonly string[]> {
  const url = lab.url("client (dc1)");
  const found = await fetch(`${url}/env?name=${variable}`, { signal: AbortSignal.timeout(10_000) });
  const body = JSON.stringify({ url: ((await found.json()) as { value: string }).value, requests: 20 });
  const response = await fetch(`${url}/load`, { method: "POST", body, signal: AbortSignal.timeout(60_000) });
  return Object.keys(((await response.json()) as { answers: object }).answers);
}
