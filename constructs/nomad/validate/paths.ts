import { posix } from "node:path";

/** Whether a path, seen from a folder of the allocation, leads out of the allocation. */
export function escapesAllocation(folder: string, path: string): boolean {
  return posix.relative("/alloc-dir/alloc-id", posix.join("/alloc-dir/alloc-id", folder, path)).startsWith("..");
}
