import type { IConstruct } from "constructs";
import { MeshError } from "../core/errors";
import { order } from "./order";
import { originOf } from "./origin";
import type { GraphData } from "./records";
import { Snapshot, type Emission } from "./snapshot";

/** Shared by all copies of the library that an app may have. */
const GRAPH = Symbol.for("meshform.graph");

/**
 * The graph of an app. Constructs write records to it. At synthesis it is closed: everything is rendered once from its records,
 * and resources and stacks are ordered.
 */
export class Graph {
  private readonly data: GraphData = {
    meshes: new Map(),
    members: new Map(),
    jobs: new Map(),
    instances: new Map(),
    upstreams: new Map(),
    intentions: [],
    traffic: new Map(),
    routes: new Map(),
    outside: new Map(),
    catalogServices: [],
    queries: [],
    allowed: new Set(),
    tokens: new Map(),
    entryStacks: new Map(),
    importedJwtProviders: new Set(),
    scrapers: new Set(),
  };
  private readonly emissions: Emission[] = [];
  private current: Snapshot | undefined;
  private isClosed = false;

  private constructor(private readonly root: IConstruct) {}

  /** Returns the graph of a construct's app. */
  static of(scope: IConstruct): Graph {
    const root = scope.node.root as IConstruct & { [GRAPH]?: Graph };
    return (root[GRAPH] ??= new Graph(root));
  }

  /**
   * Changes the records.
   *
   * @param scope the construct that writes, for messages
   * @throws MeshError if synthesis has begun
   */
  write<T>(scope: IConstruct, change: (data: GraphData) => T): T {
    this.refuseIfClosed(scope);
    this.current = undefined;
    return change(this.data);
  }

  /** Reads the records that have been written so far. */
  read<T>(look: (data: GraphData) => T): T {
    return look(this.data);
  }

  /**
   * Adds a resource that is rendered from the graph.
   * @throws MeshError if synthesis has begun
   */
  emit<Content extends object>(scope: IConstruct, emission: Omit<Emission<Content>, "origin">): void {
    this.refuseIfClosed(scope);
    this.current = undefined;
    const origin = { ...originOf(scope), stack: originOf(emission.resource).stack };
    this.emissions.push({ ...emission, origin } as unknown as Emission);
  }

  /** The current state of the graph. */
  get snapshot(): Snapshot {
    return (this.current ??= Snapshot.of(this.root, this.data, this.emissions));
  }

  /** Closes the graph and writes the rendered contents to the resources. Further calls change nothing. */
  close(): Snapshot {
    const { snapshot } = this;
    if (!this.isClosed) {
      this.isClosed = true;
      snapshot.stackCycles = order(snapshot);
      for (const emission of snapshot.emissions) {
        emission.write(snapshot.contentOf(emission));
      }
    }
    return snapshot;
  }

  private refuseIfClosed(scope: IConstruct): void {
    if (this.isClosed) {
      throw new MeshError(
        scope,
        "The graph is closed: synthesis has begun, and additions would be missing from the rendered jobs and entries.",
        "Add it before app.synth(), not in an aspect or a validation.",
      );
    }
  }
}
