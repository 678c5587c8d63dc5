import { look, type Fact, type Look } from "../cluster/fact";
import type { EngineApi } from "../lab/cluster/engine-api";
import type { RunOnNode } from "./ask-envoys";

/** The longest that an engine may take to answer one request, in milliseconds. */
export const ANSWER_MS = 10_000;

/** One cluster, as it is asked. */
export interface AskedCluster {
  readonly consul: EngineApi;
  readonly nomad: EngineApi;
  /** Runs a program in the network of an allocation. @default by Nomad's exec API */
  readonly run?: RunOnNode;
}

/** Sends one request to an engine of it. */
export function ask<T>(engine: EngineApi, path: string, extra: Omit<Look<T>, "path"> = {}): Promise<Fact<T>> {
  return look<T>(engine, ANSWER_MS, { path, ...extra });
}
