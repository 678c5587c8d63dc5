import { posix } from "node:path";

/** Whether a path, relative to a directory of the allocation, is outside the allocation. */
export function escapesAllocation(folder: string, path: string): boolean {
  return posix.relative("/alloc-dir/alloc-id", posix.join("/alloc-dir/alloc-id", folder, path)).startsWith("..");
}
