/** Folders of the machine that the host sees as they are and writes to a layer of its own, kept while the lab exists. */
export const KEPT_TREES = ["/etc", "/opt", "/usr/local"];
/** The same, but what the host writes there is lost when it ends. Some are links into /usr, or missing. */
export const SCRATCH_TREES = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/** Whether a host sees a folder of the machine in any case. */
export function isShown(folder: string): boolean {
  return [...KEPT_TREES, ...SCRATCH_TREES].some((tree) => folder === tree || folder.startsWith(`${tree}/`));
}
