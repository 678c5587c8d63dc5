import { execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { freePorts } from "../../lab/core/free-ports";
import { secretNames, type AwsSecretStore } from "../../constructs/aws/platform/secret-store";
import type { BucketSnapshotStore } from "../../constructs/aws/platform/snapshot-store";
import { waitFor } from "../../lab/core/wait";
import { ensurePythonTools } from "./python-tools";

/** An AWS API server on this machine. */
export interface Moto {
  readonly endpoint: string;
  /** The environment of a host: its Python has boto3, and its role credentials. */
  readonly environment: Readonly<Record<string, string>>;
  /** Creates the secrets of a store, without values, as Terraform does. */
  createSecrets(store: AwsSecretStore, ...more: readonly string[]): Promise<void>;
  createBucket(store: BucketSnapshotStore): Promise<void>;
  /** The keys of all objects in a bucket. */
  objects(store: BucketSnapshotStore): Promise<string[]>;
  put(store: BucketSnapshotStore, name: string, content: string): Promise<void>;
  /** The metrics in a namespace of CloudWatch, with all values of the last hour. */
  metrics(namespace: string): Promise<PutMetric[]>;
  /** Creates a log group of CloudWatch, as Terraform does. */
  createLogGroup(name: string): Promise<void>;
  /** What was sent to a log group, as `<stream> <event>`, in the order of the times of the events. */
  logs(group: string): Promise<string[]>;
  stop(): Promise<void>;
}

/** A metric, and how often it was put. */
export interface PutMetric {
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly count: number;
  readonly least: number;
  readonly most: number;
}

/** The environment of a host whose Python has boto3, and whose role has credentials; it is installed first where it is missing. */
export async function ensureMoto(): Promise<Moto["environment"]> {
  const programs = await ensurePythonTools(MOTO);
  return {
    PATH: [programs, process.env.PATH ?? ""].join(delimiter),
    AWS_ACCESS_KEY_ID: "of-the-role",
    AWS_SECRET_ACCESS_KEY: "of-the-role",
  };
}

const MOTO = { name: "moto", distribution: "moto", version: "5.2.5" };

/** Starts moto, which is installed into the cache of the engines first where it is missing. */
export async function startMoto(): Promise<Moto> {
  const environment = await ensureMoto();
  const programs = await ensurePythonTools(MOTO);
  const [port] = await freePorts(1);
  const program = `
import threading
from werkzeug.serving import WSGIRequestHandler, run_simple
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

moto = DomainDispatcherApplication(create_backend_app)
one_at_a_time = threading.Lock()

def atomic(environ, start_response):
    # Otherwise two may create one secret, which AWS never lets happen.
    with one_at_a_time:
        return list(moto(environ, start_response))

WSGIRequestHandler.protocol_version = "HTTP/1.1"  # keeps connections
run_simple("127.0.0.1", ${port}, atomic, threaded=True)`;
  const server = spawn(join(programs, "python3"), ["-c", program], { stdio: "ignore" });
  const endpoint = `http://127.0.0.1:${port}`;
  await waitFor("moto", async () => (await fetch(`${endpoint}/moto-api/`)).ok, { timeoutMs: 60_000 });
  const python = async (program: string, ...args: readonly string[]): Promise<unknown> => {
    const { stdout } = await promisify(execFile)(join(programs, "python3"), ["-c", program, endpoint, ...args], {
      env: { ...process.env, ...environment },
    });
    return JSON.parse(stdout);
  };
  return {
    endpoint,
    environment,
    createSecrets: async (store, ...more) => {
      for (const name of [...Object.values(secretNames(store)), ...more])
        await createSecret(endpoint, store.region, name);
    },
    createBucket: async (store) => {
      await s3(
        store,
        "PUT",
        "",
        `<CreateBucketConfiguration><LocationConstraint>${store.region}</LocationConstraint></CreateBucketConfiguration>`,
      );
    },
    objects: async (store) => {
      const text = await s3(store, "GET", "?list-type=2");
      return [...text.matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key]) => key).sort();
    },
    put: async (store, name, content) => {
      await s3(store, "PUT", `/${store.prefix ?? ""}${name}`, content);
    },
    metrics: async (namespace) => (await python(METRICS, namespace)) as PutMetric[],
    createLogGroup: async (name) => {
      await python(CREATE_LOG_GROUP, name);
    },
    logs: async (group) => (await python(LOGS, group)) as string[],
    stop: async () => {
      const ended = once(server, "exit");
      server.kill();
      await ended;
    },
  };
}

const CREATE_LOG_GROUP = `
import boto3, sys
boto3.client("logs", region_name="eu-central-1", endpoint_url=sys.argv[1]).create_log_group(logGroupName=sys.argv[2])
print("null")`;

const LOGS = `
import boto3, json, sys
client = boto3.client("logs", region_name="eu-central-1", endpoint_url=sys.argv[1])
pages = client.get_paginator("filter_log_events").paginate(logGroupName=sys.argv[2])
print(json.dumps([it["logStreamName"] + " " + it["message"] for page in pages for it in page["events"]]))`;

const METRICS = `
import boto3, datetime, json, sys
endpoint, namespace = sys.argv[1:]
client = boto3.client("cloudwatch", region_name="eu-central-1", endpoint_url=endpoint)
now, hour = datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(hours=1)
found = []
for metric in client.list_metrics(Namespace=namespace)["Metrics"]:
    span = dict(StartTime=now - hour, EndTime=now + hour, Period=7200, Statistics=["SampleCount", "Minimum", "Maximum"])
    [point] = client.get_metric_statistics(**metric, **span)["Datapoints"]
    dimensions = {it["Name"]: it["Value"] for it in metric["Dimensions"]}
    put = dict(name=metric["MetricName"], dimensions=dimensions, count=point["SampleCount"])
    found.append(dict(put, least=point["Minimum"], most=point["Maximum"]))
print(json.dumps(sorted(found, key=lambda it: (it["name"], sorted(it["dimensions"].values())))))`;

async function createSecret(endpoint: string, region: string, name: string): Promise<void> {
  const scope = `of-terraform/20260101/${region}/secretsmanager/aws4_request`;
  const response = await fetch(endpoint, {
    method: "POST",
    headers: {
      "Content-Type": "application/x-amz-json-1.1",
      "X-Amz-Target": "secretsmanager.CreateSecret",
      Authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify({ Name: name, ClientRequestToken: randomUUID() }),
  });
  if (!response.ok) throw new Error(`moto creates no secret ${name}: ${await response.text()}`);
}

async function s3(store: BucketSnapshotStore, method: string, path: string, body?: string): Promise<string> {
  const scope = `of-terraform/20260101/${store.region}/s3/aws4_request`;
  const Authorization = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`;
  const response = await fetch(`${store.endpoint}/${store.bucket}${path}`, {
    method,
    body,
    headers: { Authorization },
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`moto answers ${method} ${path} with ${response.status}: ${text}`);
  return text;
}
